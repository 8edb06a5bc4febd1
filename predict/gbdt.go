package predict

// GBDT is gradient-boosted regression trees.
type GBDT struct {
	Trees     int     `json:"trees" default:"1000" min:"1" doc:"most trees"`
	Rate      float64 `json:"rate" default:"0.01" min:"1e-6" max:"1" doc:"learning rate: share of a tree's correction that is kept"`
	MaxDepth  int     `json:"max_depth" default:"4" min:"1" max:"30" doc:"most splits between the root and a leaf"`
	Leaves    int     `json:"leaves" default:"31" min:"2" doc:"most leaves of a tree"`
	MinLeaf   int     `json:"min_leaf" default:"5" min:"1" doc:"fewest runs in a leaf"`
	Bins      int     `json:"bins" default:"255" min:"2" max:"255" doc:"most histogram bins a feature"`
	L1        float64 `json:"l1" default:"1" min:"0" doc:"L1 penalty on leaf values"`
	L2        float64 `json:"l2" default:"1" min:"0" doc:"L2 penalty on leaf values"`
	Patience  int     `json:"patience" default:"20" min:"1" doc:"stop when the cross-validated error has not fallen for this many trees"`
	Folds     int     `json:"folds" default:"5" min:"2" doc:"folds of the inner cross-validation that chooses the number of trees"`
	Seed      uint64  `json:"seed" default:"1" doc:"seed of the folds"`
	RawTarget bool    `json:"raw_target" doc:"fit the scores in their own unit, as LightGBM does; by default they are standardised, because the penalties are in the score's unit"`
}

func (g *GBDT) Fit(x [][]float64, y []float64) error { panic("unfitted") }
func (g *GBDT) Predict(x []float64) float64          { panic("unfitted") }
func (g *GBDT) Std(x []float64) float64              { panic("unfitted") }
