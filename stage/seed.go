package stage

import "encoding/json"

// SplitMix hashes two numbers to one: the output function of SplitMix64 (Steele,
// Lea and Flood 2014). A seed and a number give what is drawn for that number,
// on whatever machine.
func SplitMix(a, b uint64) uint64 {
	x := (a ^ b*0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Marshal is json.Marshal for values of ours that cannot fail.
func Marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
