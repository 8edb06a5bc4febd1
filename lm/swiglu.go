package lm

import "github.com/climb-go/climb/vec"

// swigluForward sets act, rows x hid, to silu(gate) * up of gu, rows x 2 hid,
// gate first.
func swigluForward(act, gu []float32, hid int) {
	for i := range len(act) / hid {
		row := gu[2*i*hid : 2*(i+1)*hid]
		vec.SwiGLU(act[i*hid:(i+1)*hid], row[:hid], row[hid:])
	}
}

// swigluBackward overwrites gu with the gradients by gate and up, given dact,
// the gradient by what swigluForward wrote.
func swigluBackward(gu, dact []float32, hid int) {
	for i := range len(dact) / hid {
		row := gu[2*i*hid : 2*(i+1)*hid]
		vec.SwiGLUGrad(row[:hid], row[hid:], row[:hid], row[hid:], dact[i*hid:(i+1)*hid])
	}
}
