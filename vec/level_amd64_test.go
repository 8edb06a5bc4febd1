//go:build amd64 && !purego

package vec

// levels lists the implementations this machine can run.
func levels() (all []int) {
	for l := portable; l <= detect(); l++ {
		all = append(all, l)
	}
	return all
}

func setLevel(l int) { level = l }
