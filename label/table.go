package label

import "math/bits"

// table counts keys. It is an open hash table with a power of two of slots, at
// most half of them used.
type table struct {
	key   []uint64
	count []int32 // 0 = free
}

// reset empties the table and makes room for n keys.
func (t *table) reset(n int) {
	slots := 1 << bits.Len(uint(2*n))
	if cap(t.key) < slots {
		t.key, t.count = make([]uint64, slots), make([]int32, slots)
	}
	t.key, t.count = t.key[:slots], t.count[:slots]
	clear(t.count)
}

// add returns how often key has been added, this time included.
func (t *table) add(key uint64) int32 {
	mask := uint64(len(t.key) - 1)
	i := (key ^ key>>32) & mask
	for t.count[i] > 0 && t.key[i] != key {
		i = (i + 1) & mask
	}
	t.key[i] = key
	t.count[i]++
	return t.count[i]
}

// slot finds the place of key, -1 if it was never added.
func (t *table) slot(key uint64) int {
	mask := uint64(len(t.key) - 1)
	i := (key ^ key>>32) & mask
	for t.count[i] > 0 {
		if t.key[i] == key {
			return int(i)
		}
		i = (i + 1) & mask
	}
	return -1
}

// get returns how often key was added.
func (t *table) get(key uint64) int32 {
	if i := t.slot(key); i >= 0 {
		return t.count[i]
	}
	return 0
}

// compact gives the table no more room than its keys need.
func (t *table) compact() {
	old := *t
	n := 0
	for _, c := range old.count {
		if c > 0 {
			n++
		}
	}
	*t = table{}
	t.reset(n)
	for i, c := range old.count {
		if c > 0 {
			t.add(old.key[i])
			t.count[t.slot(old.key[i])] = c
		}
	}
}
