package report

// Comparison is what a study of strategies found: compare.json, and the page
// made of it. Intervals are Student-t at Level unless they are called otherwise,
// over seeds, searches and the items of the test files; null where there are too
// few runs, or where runs are all equal and nothing is known of their items.
type Comparison struct {
	Title    string   `json:"title"`
	Version  string   `json:"version"`
	Machine  string   `json:"machine"`
	Level    float64  `json:"level"`
	Seeds    []uint64 `json:"seeds"`    // of the target runs, the same for every strategy
	Searches int      `json:"searches"` // independent searches of a strategy
	Proxy    Model    `json:"proxy"`
	Target   Model    `json:"target"`
	Domains  []string `json:"domains"`
	Epochs   float64  `json:"epochs"` // times a target run may repeat a domain

	Objectives []Objective `json:"objectives"`
	Ranks      []Ranking   `json:"ranks,omitempty"`

	// CoreSeconds are what the runs took in all: those that strategies have in
	// common count once, which is less than the sum of the strategies' costs.
	CoreSeconds float64  `json:"core_seconds"`
	Notes       []string `json:"notes,omitempty"`
}

// Model is a size of model and what it is trained on.
type Model struct {
	Parameters int   `json:"parameters"`
	Tokens     int64 `json:"tokens"`
}

// Objective is the outcome for one target.
type Objective struct {
	Name       string     `json:"name"`
	Validation []string   `json:"validation"` // TASK:METRIC, seen by the searches
	Test       []string   `json:"test"`       // TASK:METRIC, read at the end
	Lower      bool       `json:"lower"`      // the measure is bits per byte: lower is better
	Verdict    string     `json:"verdict"`
	Warnings   []string   `json:"warnings,omitempty"` // what the intervals do not cover
	Rows       []Compared `json:"rows"`               // best first
	Pairs      []Versus   `json:"pairs"`              // of all rows; the better one first
	// Reference is the test bits per byte of models trained on the text of the
	// validation files themselves.
	Reference *Stat `json:"reference,omitempty"`
}

// Compared is a strategy's row.
type Compared struct {
	Strategy string   `json:"strategy"`
	Searches bool     `json:"searches"` // it has a budget of proxies
	Answers  []Answer `json:"answers"`  // of each search; of random, of each seed
	Measure  Stat     `json:"measure"`  // the objective on the test files, as usually written
	BPB      Stat     `json:"test_bpb"` // weighted mean over the test files
	Acc      Stat     `json:"test_acc"` // ... of those that have an accuracy
	// Excess is the test bits per byte above the reference; Reduction is how much
	// less of it there is than with each strategy that does not search, as a share
	// of theirs. The interval takes the denominator as known.
	Excess    float64         `json:"excess,omitempty"`
	Reduction map[string]Stat `json:"reduction,omitempty"`
	// Gain is the better test measure than that of each strategy that does not
	// search, paired by seed; positive is better.
	Gain  map[string]Stat    `json:"gain"`
	Tasks map[string]float64 `json:"tasks"` // means over the seeds by TASK:METRIC, of the test files
	// Elsewhere is the test bits per byte on the other objectives.
	Elsewhere map[string]Stat `json:"elsewhere,omitempty"`
	Curve     []CurvePoint    `json:"curve,omitempty"`
	Cost      Cost            `json:"cost"`
	Failed    []string        `json:"failed,omitempty"`
}

// Answer is a mixture and how many target runs it had.
type Answer struct {
	Hash    string    `json:"hash"`
	Mixture []float64 `json:"mixture"`
	Runs    int       `json:"runs"`
}

// Stat is a mean over the seeds with its interval.
type Stat struct {
	Mean     float64     `json:"mean"`
	Interval *[2]float64 `json:"interval"`
	Values   []float64   `json:"values,omitempty"` // by seed
}

// Versus is the difference of two strategies, paired by seed: A's measure less
// B's, oriented so that positive means that A is better.
type Versus struct {
	A         string      `json:"a"`
	B         string      `json:"b"`
	Mean      float64     `json:"mean"`
	Interval  *[2]float64 `json:"interval"`
	Bootstrap *[2]float64 `json:"bootstrap"` // percentiles of resampled means
	P         float64     `json:"p"`         // paired t-test, two-sided, by the error of the interval
	Holm      float64     `json:"p_holm"`    // corrected for all pairs of the objective
	Verdict   string      `json:"verdict"`   // better, probably better, no difference shown
}

// CurvePoint is the objective on the validation files during the target runs.
type CurvePoint struct {
	Tokens  int64 `json:"tokens"`
	Measure Stat  `json:"measure"`
}

// Cost is what one search and the target runs of a strategy take, if it is run
// on its own.
type Cost struct {
	ProxyRuns         int     `json:"proxy_runs"`
	ProxyTokens       int64   `json:"proxy_tokens"`
	BaseTokens        int64   `json:"base_tokens,omitempty"`
	ProxyFLOPs        float64 `json:"proxy_flops"`
	ProxyCoreSeconds  float64 `json:"proxy_core_seconds"` // evaluation included
	TargetRuns        int     `json:"target_runs"`
	TargetTokens      int64   `json:"target_tokens"`
	TargetFLOPs       float64 `json:"target_flops"`
	TargetCoreSeconds float64 `json:"target_core_seconds"`
}

// A Ranking is the rank correlation between the scores of a kind of proxy and
// those of the target, over the mixtures of the target runs, for one objective.
type Ranking struct {
	Name      string     `json:"name"` // of the kind of proxy
	Model     Model      `json:"model"`
	Objective string     `json:"objective"`
	Mixtures  int        `json:"mixtures"`
	Spearman  float64    `json:"spearman"`
	Kendall   float64    `json:"kendall"`
	Interval  [2]float64 `json:"interval"` // of Spearman's over the mixtures; see predict.SpearmanInterval
	Proxy     []float64  `json:"proxy"`    // scores on the validation files, higher is better
	Target    []float64  `json:"target"`   // scores on the test files, mean over the seeds
}
