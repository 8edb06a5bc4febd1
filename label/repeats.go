package label

// repeats counts characters of repeated n-grams of words. Element n-2 is, for
// n of 2..4, the characters in all occurrences of the n-gram that takes up
// most among those that occur at least twice, and for n of 5..10 the
// characters under an n-gram that has occurred before, those under several
// counted once. It takes the place of counting by 9 maps of strings: one hash
// table of at most twice the words is filled anew for each n, and when no
// n-gram repeats, no longer one does.
func (d *doc) repeats() (chars [9]int) {
	d.gram = append(d.gram[:0], d.hash...)
	for n := 2; n <= 10 && n <= len(d.hash); n++ {
		d.seen.reset(len(d.hash) - n + 1)
		width := 0 // characters of the n-gram at i
		for _, size := range d.size[:n-1] {
			width += int(size)
		}
		top, covered, end := 0, 0, 0 // words before end are covered or passed
		for i := range len(d.hash) - n + 1 {
			width += int(d.size[i+n-1])
			d.gram[i] = mix(d.gram[i], d.hash[i+n-1])
			if count := int(d.seen.add(d.gram[i])); count > 1 {
				top = max(top, count*width)
				for end = max(end, i); end < i+n; end++ {
					covered += int(d.size[end])
				}
			}
			width -= int(d.size[i])
		}
		if covered == 0 {
			break
		}
		if chars[n-2] = covered; n <= 4 {
			chars[n-2] = min(top, d.chars)
		}
	}
	return chars
}

// sameWords counts the words of four characters or more, and the pairs of equal ones
// among them.
func (d *doc) sameWords() (pairs, words int) {
	d.seen.reset(len(d.hash))
	for i, h := range d.hash {
		if d.size[i] >= 4 {
			words++
			pairs += int(d.seen.add(h)) - 1
		}
	}
	return pairs, words
}
