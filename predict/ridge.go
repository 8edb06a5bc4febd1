package predict

// Ridge is linear regression with an L2 penalty.
type Ridge struct {
	Features string  `json:"features" default:"weights" choices:"weights,log,both" doc:"regress on the shares, on log(share + epsilon), or on both"`
	Epsilon  float64 `json:"epsilon" default:"0.01" min:"1e-12" doc:"added to a share before its logarithm"`
	Lambda   float64 `json:"lambda" min:"0" doc:"penalty per run on standardised features; 0 chooses it by leave-one-out"`
}

func (r *Ridge) Fit(x [][]float64, y []float64) error { panic("unfitted") }
func (r *Ridge) Predict(x []float64) float64          { panic("unfitted") }
func (r *Ridge) Std(x []float64) float64              { panic("unfitted") }
