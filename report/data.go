// Package report explains a run: one HTML page that needs no network and no other file, and the same numbers as JSON.
package report

import (
	"fmt"
	"time"
)

// Data is what a report tells. The zero value is a run that has done nothing yet; every part may be missing, and its section then
// says so. Shares are of tokens, from 0 to 1. Scores are oriented so that higher is better. A float that is NaN counts as unknown.
type Data struct {
	Run             Run          `json:"run"`
	Corpus          Corpus       `json:"corpus"`
	Domains         []Domain     `json:"domains"`  // the order of every Mixture below
	Clusters        []Cluster    `json:"clusters"` // that stay
	PrunedClusters  []Cluster    `json:"pruned_clusters"`
	PrunedDocuments []Reason     `json:"pruned_documents"`
	PrunedSamples   []Pruned     `json:"pruned_samples"`
	Objective       string       `json:"objective"` // what a score is, as a sentence
	Trials          []Trial      `json:"trials"`    // proxies of the search, in the order they were proposed
	Predictor       Predictor    `json:"predictor"`
	Confirmed       Confirmation `json:"confirmed"`
	Curves          []Curve      `json:"curves"`
	Map             []Point      `json:"map"`
	Dataset         Dataset      `json:"dataset"`
	Cost            []Stage      `json:"cost"`
	Notes           []Note       `json:"notes"`
}

// Run says what was run.
type Run struct {
	Title   string    `json:"title"`
	Command string    `json:"command"` // makes the same numbers again
	Preset  string    `json:"preset"`
	Seed    uint64    `json:"seed"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Machine string    `json:"machine"` // class of machine: "2 cores, avx512, linux/amd64"
}

// Corpus counts what was read.
type Corpus struct {
	Files      int64     `json:"files"`
	Documents  int64     `json:"documents"` // accepted
	Tokens     int64     `json:"tokens"`
	Bytes      int64     `json:"bytes"`
	Duplicates int64     `json:"duplicates"` // documents dropped as copies
	Near       int64     `json:"near_duplicates"`
	BadLines   []Reason  `json:"bad_lines"`
	BadSamples []BadLine `json:"bad_samples"`
	Repaired   int64     `json:"repaired"`  // documents with U+FFFD in place of bytes that are not UTF-8
	IDReused   int64     `json:"id_reused"` // documents with the id of an earlier one and another text
	Skipped    string    `json:"skipped"`   // files of the input folders that are not read, in words

	// In = Kept + the sum of Dropped.
	In      int64    `json:"in"`      // lines and files that were read
	Kept    int64    `json:"kept"`    // documents that belong to a domain, as far as the run has come
	Dropped []Reason `json:"dropped"` // all others, by reason

	Sources []Source `json:"sources"`
	Pairs   []Pair   `json:"pairs"` // a sample of the near-duplicates

	Overlaps []Overlap `json:"overlaps"` // with the target files
}

// Overlap counts the documents that share a run of words with a target file.
type Overlap struct {
	File      string    `json:"file"`
	Items     int64     `json:"items"`
	Short     int64     `json:"short"` // items with fewer words than a run, which cannot be found
	Documents int64     `json:"documents"`
	Samples   []Snippet `json:"samples"` // ids of documents, and the words
}

// Source says what became of the documents of a source.
type Source struct {
	Name       string `json:"name"`
	Documents  int64  `json:"documents"`
	Duplicates int64  `json:"duplicates"`
	Near       int64  `json:"near_duplicates"`

	Tokens  []int64 `json:"tokens,omitempty"`  // of the documents that belong to a domain, by domain
	Dataset int64   `json:"dataset,omitempty"` // tokens of them in the dataset, repeated as often as there
}

// Pair shows two documents that are alike.
type Pair struct {
	Kept       Snippet `json:"kept"`
	Dropped    Snippet `json:"dropped"`
	Similarity float64 `json:"similarity"` // from 0 to 1
}

// Reason counts what was dropped for one reason.
type Reason struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`  // documents or lines
	Tokens int64  `json:"tokens"` // 0 where tokens were not counted
}

// Pruned is a document that was left out of every mixture, and the rule that took it.
type Pruned struct {
	Snippet
	Rule string `json:"rule"`
}

// BadLine is an example of a line that could not be used.
type BadLine struct {
	Path    string `json:"path"`
	Line    int64  `json:"line"` // 1-based; 0 is unknown
	Reason  string `json:"reason"`
	Excerpt string `json:"excerpt"`
}

// Domain is a group of documents that gets one weight.
type Domain struct {
	Name      string    `json:"name"`
	Terms     []string  `json:"terms"` // what sets its texts apart, best first
	About     string    `json:"about"` // what it holds and where that comes from, in a line
	Clusters  int       `json:"clusters"`
	Documents int64     `json:"documents"`
	Tokens    int64     `json:"tokens"`
	Bytes     int64     `json:"bytes"`
	Quality   []Score   `json:"quality"` // means over its documents, the same names in every domain
	Natural   float64   `json:"natural"` // share of the tokens that were read
	Chosen    float64   `json:"chosen"`  // share in the mixture of the dataset, which the run recommends
	Epochs    float64   `json:"epochs"`  // how often the dataset repeats its tokens
	Examples  []Snippet `json:"examples"`
	Lengths   []Bin     `json:"lengths"`          // of its documents, by powers of two
	Effect    *Effect   `json:"effect,omitempty"` // of more of it; nil: unknown
}

// A Bin counts documents of From or more and less than To bytes.
type Bin struct {
	From      int64 `json:"from"`
	To        int64 `json:"to"`
	Documents int64 `json:"documents"`
}

// An Effect is what one more percentage point of a domain is expected to change in
// the score, the others giving it up in proportion.
type Effect struct {
	From     string     `json:"from"` // the mixture that it starts from, in words
	Mean     float64    `json:"mean"`
	Interval [2]float64 `json:"interval"` // of the function, without the noise of a run
	Level    float64    `json:"level"`    // of the interval
	Runs     int        `json:"runs"`     // that it was fitted to
}

// Score is a named number.
type Score struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Snippet is the beginning of a document.
type Snippet struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Cluster is a group of documents that pruning removed, or let stay.
type Cluster struct {
	ID        int      `json:"id"`
	Documents int64    `json:"documents"`
	Tokens    int64    `json:"tokens"`
	Scores    []Score  `json:"scores"`
	Reasons   []string `json:"reasons"`
	Terms     []string `json:"terms"`
	Domain    string   `json:"domain,omitempty"` // "" if pruned
}

// Trial is one proxy of the search.
type Trial struct {
	Round   int       `json:"round"` // 1-based
	Hash    string    `json:"hash"`
	Seed    uint64    `json:"seed"`
	Mixture []float64 `json:"mixture"`
	Score   float64   `json:"score"`
	Failed  string    `json:"failed,omitempty"` // why it has no score
	Seconds float64   `json:"seconds"`

	Predicted *float64    `json:"predicted,omitempty"`          // by a predictor that has not seen it (out of fold); nil where it was not cross-validated
	Interval  *[2]float64 `json:"predicted_interval,omitempty"` // of Predicted: 80 % of its errors are within
}

// Curve is the training loss of a proxy.
type Curve struct {
	Name   string    `json:"name"`
	Kind   string    `json:"kind"` // chosen, natural, or "" for the others
	Seed   uint64    `json:"seed"`
	Tokens []int64   `json:"tokens"`
	Loss   []float64 `json:"loss"` // nats per token, of text of its own mixture
}

// Predictor says how well mixtures predict scores. Measured and Predicted are out of fold, one pair per mixture.
type Predictor struct {
	Name      string    `json:"name"`
	Folds     int       `json:"folds"`
	Spearman  float64   `json:"spearman"`
	RMSE      float64   `json:"rmse"` // in units of the score
	Measured  []float64 `json:"measured"`
	Predicted []float64 `json:"predicted"`
}

// Confirmation compares the recommended mixture with others in fresh runs with the same seeds and budget.
type Confirmation struct {
	Verdict     string      `json:"verdict"`     // one sentence
	Chosen      string      `json:"chosen"`      // name of the candidate with the best mean
	Level       float64     `json:"level"`       // of the intervals; 0 is 0.95
	Comparisons int         `json:"comparisons"` // that what is called significant is corrected for (Bonferroni); 0 is unknown
	Tokens      int64       `json:"tokens"`      // budget of one run
	Candidates  []Candidate `json:"candidates"`
}

// Candidate is a mixture that was confirmed.
type Candidate struct {
	Name        string       `json:"name"`
	Baseline    bool         `json:"baseline"` // natural, uniform, random: what the recommendation has to beat
	Mixture     []float64    `json:"mixture"`
	Seeds       []uint64     `json:"seeds"`
	Scores      []float64    `json:"scores"` // one per seed
	Mean        float64      `json:"mean"`
	Interval    [2]float64   `json:"interval"`
	Differences []Difference `json:"differences"`
	Metrics     []Metric     `json:"metrics"`
}

// Difference is that of a candidate's mean score to another's.
type Difference struct {
	To          string     `json:"to"` // name of the other candidate
	Mean        float64    `json:"mean"`
	Interval    [2]float64 `json:"interval"`
	Significant bool       `json:"significant"`
}

// Metric is one measure of one evaluation task.
type Metric struct {
	Task  string  `json:"task"`
	Name  string  `json:"name"`  // "bpb", "acc_norm"
	Split string  `json:"split"` // "validation" (what the search saw) or "test" (what it did not)
	Mean  float64 `json:"mean"`  // over the seeds, as the metric is usually written
	Error float64 `json:"error"` // standard error; 0 is unknown
}

// Point is a cluster on the map.
type Point struct {
	ID     int     `json:"id"` // of its Cluster
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Size   float64 `json:"size"`   // tokens
	Domain string  `json:"domain"` // "" if pruned
	Name   string  `json:"name"`
	Pruned bool    `json:"pruned"`
}

// Dataset is what was written.
type Dataset struct {
	Path      string  `json:"path"`
	Mixture   string  `json:"mixture"` // which one it has, how often it repeats the text, and why
	Format    string  `json:"format"`
	Documents int64   `json:"documents"`
	Tokens    int64   `json:"tokens"`
	Bytes     int64   `json:"bytes"`
	Shards    int     `json:"shards"`
	Parts     []Share `json:"parts"`
}

// Share is a domain's part in the dataset.
type Share struct {
	Domain    string  `json:"domain"`
	Asked     float64 `json:"asked"`
	Achieved  float64 `json:"achieved"`
	Documents int64   `json:"documents"`
	Tokens    int64   `json:"tokens"`
	Repeated  int64   `json:"repeated"` // documents written more than once
	Epochs    float64 `json:"epochs"`
}

// Stage is what a part of the pipeline took.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // of work, summed over the tasks
	Wall    float64 `json:"wall"`    // seconds from the first task's start to the last one's end; 0 is unknown
	Tasks   int     `json:"tasks"`
	Bytes   int64   `json:"bytes"` // written
}

// Warn adds a note that the reader must not overlook.
func (d *Data) Warn(format string, args ...any) {
	d.Notes = append(d.Notes, Note{Warning: true, Text: fmt.Sprintf(format, args...)})
}

// Warnings are the texts of these notes: what the page, summary.json, climb run
// and climb report warn of.
func (d *Data) Warnings() []string {
	var out []string
	for _, n := range d.Notes {
		if n.Warning {
			out = append(out, n.Text)
		}
	}
	return out
}

// Note is something the reader has to know.
type Note struct {
	Warning bool   `json:"warning"`
	Text    string `json:"text"`
}
