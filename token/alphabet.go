package token

// The byte-level alphabet of GPT-2 (Radford et al. 2019, bytes_to_unicode):
// every byte is written in tokenizer.json as one printable rune. The bytes
// '!'..'~', 0xA1..0xAC and 0xAE..0xFF stand for themselves; the other 68 are
// U+0100, U+0101, ... in order of the byte, so that a space is U+0120 'Ġ'.
var alphabet, alphabetBytes = makeAlphabet()

func makeAlphabet() (runes [256]rune, bytes map[rune]byte) {
	bytes = make(map[rune]byte, 256)
	shifted := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || 0xA1 <= r && r <= 0xAC || 0xAE <= r) {
			r, shifted = shifted, shifted+1
		}
		runes[b], bytes[r] = r, byte(b)
	}
	return runes, bytes
}

// alphabetIndex is alphabetBytes, plus 1, for speed.
var alphabetIndex = func() (index [0x144]uint16) {
	for r, b := range alphabetBytes {
		index[r] = uint16(b) + 1
	}
	return index
}()

// unspell gives the bytes that a name in the alphabet stands for. A name with a
// rune outside the alphabet is taken as it is, as Hugging Face's ByteLevel decoder does.
func unspell(name string) string {
	b := make([]byte, 0, len(name))
	for _, r := range name {
		if int(r) >= len(alphabetIndex) || alphabetIndex[r] == 0 {
			return name
		}
		b = append(b, byte(alphabetIndex[r]-1))
	}
	return string(b)
}

// spelled tells whether a name is in the alphabet.
func spelled(name string) bool {
	for _, r := range name {
		if _, ok := alphabetBytes[r]; !ok {
			return false
		}
	}
	return true
}
