package report

import "fmt"

// colours are those of Okabe and Ito (2008), which people with any colour vision
// tell apart; page.css has them as --k0 to --k7.
const colours = 8

// paletteClass is the class of the i-th of things that are told apart by colour.
func paletteClass(i int) string { return fmt.Sprintf("k%d", i%colours) }

// palette gives every domain a colour. There are more domains than colours, so two
// of one colour are as far apart on the map as may be, where each has its name:
// the domains, in order, take the colour whose nearest bearer is farthest, the
// first of equals.
func palette(domains []Domain, points []Point) map[string]string {
	at := map[string][2]float64{}
	for _, c := range centres(points) {
		at[c.name] = [2]float64{c.x, c.y}
	}
	out := map[string]string{}
	var bearers [colours][][2]float64
	for i, d := range domains {
		p, placed := at[d.Name]
		best, far := i%colours, -1.0
		for k := range colours {
			near := 1e300
			for _, q := range bearers[k] {
				near = min(near, (p[0]-q[0])*(p[0]-q[0])+(p[1]-q[1])*(p[1]-q[1]))
			}
			if placed && near > far {
				best, far = k, near
			}
		}
		if placed {
			bearers[best] = append(bearers[best], p)
		}
		out[d.Name] = paletteClass(best)
	}
	return out
}
