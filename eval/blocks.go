package eval

// Blocks is r with the items of every part averaged in n blocks, item i in block
// i mod n, for records that need not hold every item: paired differences and the
// error of the items can be told from the blocks' means as from the items, with
// fewer degrees of freedom. The mean of a part stays what it was. Parts with n items
// or fewer, and those without scores of the items, stay as they are.
func (r Run) Blocks(n int) Run {
	out := r
	out.Parts = nil
	for _, p := range r.Parts {
		if len(p.Scores) > n {
			p.Scores = blockMeans(p.Scores, n)
			p.Items, p.Span = n, 0
		}
		out.Parts = append(out.Parts, p)
	}
	return out
}

// blockMeans are the means of blocks, moved so that their mean is that of x.
func blockMeans(x []float64, n int) []float64 {
	out, size := make([]float64, n), make([]float64, n)
	all := 0.0
	for i, v := range x {
		out[i%n] += v
		size[i%n]++
		all += v / float64(len(x))
	}
	mean := 0.0
	for b := range out {
		out[b] /= size[b]
		mean += out[b] / float64(n)
	}
	for b := range out {
		out[b] += all - mean
	}
	return out
}
