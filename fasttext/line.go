package fasttext

import "strings"

// hash is FNV-1a with every byte sign-extended, as the original has it.
func hash[T string | []byte](text T) uint32 {
	h := uint32(2166136261)
	for i := range len(text) {
		h = (h ^ uint32(int8(text[i]))) * 16777619
	}
	return h
}

// A line reads texts; its memory is used again.
type line struct {
	rows   []int32 // of the input matrix
	labels []int32
	hashes []int32 // of the words
	word   []byte
}

// read splits text into words and finds its rows and labels. It ends behind the
// first newline, which is the word </s>; a text without a newline has no such
// word. White space is what it is in the original: the six ASCII characters and
// the zero byte.
func (l *line) read(d *Dictionary, text string) {
	l.rows, l.labels, l.hashes = l.rows[:0], l.labels[:0], l.hashes[:0]
	for i := 0; ; {
		word, h, next := nextWord(text, i)
		if word == "" {
			break
		}
		l.add(d, word, h)
		if word == endOfLine {
			break
		}
		i = next
	}
	l.addWordNGrams(d)
}

// nextWord finds the first word of text from byte i on, its hash, and where it
// ends; "" if there is none.
func nextWord(text string, i int) (word string, h uint32, next int) {
	for ; i < len(text) && space(text[i]); i++ {
		if text[i] == '\n' {
			return endOfLine, hash(endOfLine), i + 1
		}
	}
	start := i
	h = 2166136261
	for ; i < len(text) && !space(text[i]); i++ {
		h = (h ^ uint32(int8(text[i]))) * 16777619
	}
	return text[start:i], h, i
}

func space(c byte) bool {
	return c <= ' ' && (c == ' ' || c >= '\t' && c <= '\r' || c == 0)
}

func (l *line) add(d *Dictionary, word string, h uint32) {
	entry := d.find(word, h)
	switch {
	case entry < 0 && strings.HasPrefix(word, labelPrefix):
	case entry >= d.words:
		l.labels = append(l.labels, int32(entry-d.words))
	default:
		l.rows = l.addWord(d, l.rows, word, entry)
		l.hashes = append(l.hashes, int32(h))
	}
}

// addWord appends the rows of a word, entry -1 if the dictionary has it not.
func (l *line) addWord(d *Dictionary, rows []int32, word string, entry int) []int32 {
	if entry >= 0 {
		rows = append(rows, int32(entry))
	}
	if d.args.MaxN <= 0 || word == endOfLine {
		return rows
	}
	l.word = append(append(append(l.word[:0], '<'), word...), '>')
	return d.appendSubwords(rows, l.word)
}

// appendSubwords appends the rows of the character n-grams of word, which has
// its "<" and ">". Characters are counted as UTF-8 has them.
func (d *Dictionary) appendSubwords(rows []int32, word []byte) []int32 {
	minN, maxN := int(d.args.MinN), int(d.args.MaxN)
	for i := range word {
		if word[i]&0xc0 == 0x80 {
			continue
		}
		h := uint32(2166136261)
		for j, n := i, 1; j < len(word) && n <= maxN; n++ {
			h = (h ^ uint32(int8(word[j]))) * 16777619
			for j++; j < len(word) && word[j]&0xc0 == 0x80; j++ {
				h = (h ^ uint32(int8(word[j]))) * 16777619
			}
			if n >= minN && (n > 1 || i > 0 && j < len(word)) {
				rows = d.appendBucket(rows, int32(h%uint32(d.args.Buckets)))
			}
		}
	}
	return rows
}

func (d *Dictionary) appendBucket(rows []int32, bucket int32) []int32 {
	if d.pruned != nil {
		row, ok := d.pruned[bucket]
		if !ok {
			return rows
		}
		bucket = row
	}
	return append(rows, int32(d.words)+bucket)
}

// addWordNGrams appends the rows of the n-grams of 2 words and more.
func (l *line) addWordNGrams(d *Dictionary) {
	n, buckets := int(d.args.WordNGrams), uint64(d.args.Buckets)
	if n <= 1 {
		return
	}
	for i, first := range l.hashes {
		h := uint64(first)
		for _, next := range l.hashes[i+1 : min(i+n, len(l.hashes))] {
			h = h*116049371 + uint64(next)
			l.rows = d.appendBucket(l.rows, int32(h%buckets))
		}
	}
}

// AppendRows appends the rows of the input matrix that word stands for: its own,
// if the dictionary has it, and those of its sub-words.
func (d *Dictionary) AppendRows(rows []int32, word string) []int32 {
	entry := d.Find(word)
	if entry >= d.words { // a label has no row
		entry = -1
	}
	return new(line).addWord(d, rows, word, entry)
}
