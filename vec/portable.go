package vec

import (
	"encoding/binary"
	"math"
)

// The kernels in portable Go. They are the definition of what the assembly does.

func dotGo(a, b []float32) float32 {
	var s [4]float32
	n := len(a) &^ 3
	for i := 0; i < n; i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s[0] += x[0] * y[0]
		s[1] += x[1] * y[1]
		s[2] += x[2] * y[2]
		s[3] += x[3] * y[3]
	}
	for i := n; i < len(a); i++ {
		s[i-n] += a[i] * b[i]
	}
	return (s[0] + s[2]) + (s[1] + s[3])
}

func dotBytesGo(a []float32, b []byte) float32 {
	var s [4]float32
	for i, x := range a {
		s[i&3] += x * floatAt(b, i)
	}
	return (s[0] + s[2]) + (s[1] + s[3])
}

func addBytesGo(dst []float32, src []byte) {
	for i := range dst {
		dst[i] += floatAt(src, i)
	}
}

// floatAt is element i of little-endian float32 numbers.
func floatAt(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

func dot3Go(a, b, c []float32) (s float32) {
	for i := range a {
		s += a[i] * b[i] * c[i]
	}
	return s
}

func squaredDistanceGo(a, b []float32) (s float32) {
	for i := range a {
		d := a[i] - b[i]
		s += d * d
	}
	return s
}

func maximumGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func screenGo(low []float32, ld, panels, quads int, rows []int8, stride int, cols []uint8, columns, row, least []float32) {
	mr, nr, _ := screenTile()
	for p := range panels {
		panel, c := cols[p*quads*nr*4:], columns[p*4*nr:]
		for i := range mr {
			x, r := rows[i*stride:][:4*quads], row[4*i:]
			for j := range nr {
				dot := int32(math.Float32bits(r[0]))
				for k, v := range x {
					dot += int32(v) * int32(panel[(k/4*nr+j)*4+k%4])
				}
				value := c[j] - r[1]*c[nr+j]*float32(dot)
				width := r[2]*c[2*nr+j] + r[3]*c[3*nr+j]
				low[i*ld+p*nr+j] = value - width
				if at := &least[i*(nr/2)+j%(nr/2)]; value+width < *at {
					*at = value + width
				}
			}
		}
	}
}

func peaksGo(x []float32) (high, group float32) {
	for i := 0; i < len(x); i += 16 {
		var sum [2]float32
		for j, v := range x[i : i+16] {
			v = max(v, -v)
			high = max(high, v)
			sum[j/2%2] += v
		}
		group = max(group, sum[0], sum[1])
	}
	return high, group
}

func belowGo(low []float32, mask []byte, limit float32) float32 {
	rest := float32(math.Inf(1))
	clear(mask[:len(low)/8])
	for j, v := range low {
		if v <= limit {
			mask[j/8] |= 1 << (j % 8)
		} else if v < rest {
			rest = v
		}
	}
	return rest
}

func quantizeGo(x []float32, dst []int8, inverse, step float32) (squaredError, total float32) {
	for i, v := range x {
		q := float32(math.RoundToEven(float64(v * inverse)))
		dst[i] = int8(q)
		total += q
		squaredError += (v - q*step) * (v - q*step)
	}
	return squaredError, total
}

func axpyGo(alpha float32, x, y []float32) {
	for i := range x {
		y[i] += alpha * x[i]
	}
}

func scaleGo(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

func addGo(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func mulScaleGo(dst, x, w []float32, alpha float32) {
	for i := range dst {
		dst[i] = x[i] * alpha * w[i]
	}
}

func exp32(x float32) float32 { return float32(math.Exp(float64(x))) }

func expGo(dst, x []float32) {
	for i := range dst {
		dst[i] = exp32(x[i])
	}
}

func expSumGo(dst, x []float32, shift float32) (s float32) {
	for i := range dst {
		dst[i] = exp32(x[i] - shift)
		s += dst[i]
	}
	return s
}

func softmaxBackGo(p, dp []float32, shift, mean, alpha float32) {
	for i := range p {
		p[i] = exp32(p[i] - shift)
		dp[i] = (dp[i] - mean) * (p[i] * alpha)
	}
}

func swigluGo(dst, gate, up []float32) {
	for i := range dst {
		dst[i] = gate[i] / (1 + exp32(-gate[i])) * up[i]
	}
}

func swigluBothGo(act, dgate, dup, gate, up, dy []float32) {
	for i := range dy {
		g, u, d := gate[i], up[i], dy[i]
		s := 1 / (1 + exp32(-g))
		gs := g * s
		act[i] = gs * u
		dup[i] = d * gs
		dgate[i] = d * u * (s + gs*(1-s))
	}
}

func rotateGo(x, y, cos, sin []float32) {
	for i := range x {
		a, b := x[i], y[i]
		x[i] = a*cos[i] - b*sin[i]
		y[i] = b*cos[i] + a*sin[i]
	}
}

func rmsGradGo(dx, dw, dy, x, w []float32, r, beta float32) {
	for i := range dx {
		d := r * dy[i]
		dx[i] += d*w[i] + beta*x[i]
		dw[i] += d * x[i]
	}
}

func adamwGo(p, g, m, v []float32, beta1, alpha1, beta2, alpha2, keep, step, rscale, eps float32) {
	for i := range p {
		m[i] = beta1*m[i] + alpha1*g[i]
		v[i] = beta2*v[i] + alpha2*(g[i]*g[i])
		d := float32(math.Sqrt(float64(v[i])))*rscale + eps
		p[i] = keep*p[i] + step*m[i]/d
	}
}

func halfFromFloatGo(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = halfBits(x)
	}
}

func floatFromHalfGo(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = halfValue(h)
	}
}

// halfBits rounds by adding numbers so large that the float32 adder drops just
// the bits that binary16 does not have.
func halfBits(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN: quiet, upper bits of the payload kept
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // 65520 and up
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal, in units of 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1
	return sign | uint16((b-0x38000000)>>13)
}

func halfValue(h uint16) float32 {
	sign, e, f := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&0x3ff)
	switch e {
	case 0:
		v := float32(f) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		if f != 0 {
			f |= 0x200
		}
		return math.Float32frombits(sign | 0x7f800000 | f<<13)
	}
	return math.Float32frombits(sign | (e+112)<<23 | f<<13)
}

// tilesGo does a column of tiles, whose panels of A are next elements apart.
func tilesGo(panels, next, k int, a, b, c []float32, ldc int, alpha, beta float32) {
	for r := range panels {
		tileGo(k, a[r*next:], b, c[4*r*ldc:], ldc, alpha, beta)
	}
}

// tileGo does C = alpha*A*B + beta*C for a 4 x 4 block of C, A and B packed with
// 4 elements for each of k. Named sums, because the compiler keeps those in
// registers.
func tileGo(k int, a, b, c []float32, ldc int, alpha, beta float32) {
	var s00, s01, s02, s03 float32
	var s10, s11, s12, s13 float32
	var s20, s21, s22, s23 float32
	var s30, s31, s32, s33 float32
	for ; k > 0; k-- {
		x, y := (*[4]float32)(a), (*[4]float32)(b)
		s00 += x[0] * y[0]
		s01 += x[0] * y[1]
		s02 += x[0] * y[2]
		s03 += x[0] * y[3]
		s10 += x[1] * y[0]
		s11 += x[1] * y[1]
		s12 += x[1] * y[2]
		s13 += x[1] * y[3]
		s20 += x[2] * y[0]
		s21 += x[2] * y[1]
		s22 += x[2] * y[2]
		s23 += x[2] * y[3]
		s30 += x[3] * y[0]
		s31 += x[3] * y[1]
		s32 += x[3] * y[2]
		s33 += x[3] * y[3]
		a, b = a[4:], b[4:]
	}
	for i, s := range [4][4]float32{{s00, s01, s02, s03}, {s10, s11, s12, s13}, {s20, s21, s22, s23}, {s30, s31, s32, s33}} {
		row := (*[4]float32)(c[i*ldc:])
		for j := range row {
			if v := alpha * s[j]; beta == 0 {
				row[j] = v
			} else {
				row[j] = v + beta*row[j]
			}
		}
	}
}
