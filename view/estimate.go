package view

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// An Estimate is the predicted cost of a run, before anything is spent. Rates are
// measured on this machine. Sizes are extrapolated from a sample, or taken from
// the stages that are done.
type Estimate struct {
	Out         string          `json:"out"`
	Files       int             `json:"files"`
	Bytes       int64           `json:"bytes"`             // of the input files
	Documents   int64           `json:"documents"`         // copies left out
	Guessed     bool            `json:"guessed,omitempty"` // documents and text_bytes are extrapolated
	TextBytes   int64           `json:"text_bytes"`
	Tokens      int64           `json:"tokens"` // of the text
	Shards      int             `json:"shards"`
	Cores       int             `json:"cores"`
	ProxyParams int             `json:"proxy_params"`
	ProxyRate   float64         `json:"proxy_rate"`             // training tokens per second on one core, or of one process of another trainer; 0 is unknown
	AtOnce      int             `json:"at_once"`                // proxies, or processes of another trainer, at the same time
	DeviceHours float64         `json:"device_hours,omitempty"` // of the proxies that are left, by another trainer: GPU-hours where it has GPUs
	ProxyRuns   int             `json:"proxy_runs"`
	ProxyTokens int64           `json:"proxy_tokens"`    // of one run
	Price       float64         `json:"price,omitempty"` // of a device-hour
	Cost        float64         `json:"cost,omitempty"`  // of them all
	Stages      []StageEstimate `json:"stages"`
	Seconds     float64         `json:"seconds"` // of the stages that are left
	Disk        int64           `json:"disk"`    // bytes the stages that are left will write
	Free        int64           `json:"free"`    // bytes free where they are written
	Warnings    []string        `json:"warnings,omitempty"`

	made int // proxy runs of the confirmation that an earlier one has made
}

// StageEstimate is one part of an Estimate.
type StageEstimate struct {
	Stage   string  `json:"stage"`
	Work    string  `json:"work"`
	Seconds float64 `json:"seconds"`                  // wall time on all cores
	Devices float64 `json:"device_seconds,omitempty"` // of a trainer that is not this program
	Disk    int64   `json:"disk"`                     // bytes
	Done    bool    `json:"done"`
}

const (
	sampleDocs    = 400  // spread over the corpus
	keptDocs      = 8000 // likewise, by which is told how many the floors keep
	bytesPerToken = 3.8  // of English text with a vocabulary of several thousand
)

// Estimate measures and adds up.
func (r *View) Estimate(ctx context.Context) (*Estimate, error) {
	proxy, target, d := r.Trials.Config.Proxy, r.Trials.Config.Search, r.Trials.Config.Dataset
	e := &Estimate{Out: r.Out, Files: len(r.Curation.Inputs), Bytes: int64(r.Curation.InputBytes()), Shards: len(r.Curation.Shards), Cores: r.Cores(),
		ProxyTokens: proxy.Tokens, Free: freeBytes(r.Out)}
	rates, err := r.measureText(ctx, e)
	if err != nil {
		return nil, err
	}
	if err := r.measureProxy(e); err != nil {
		return nil, err
	}
	if e.made, err = r.Trials.ConfirmMade(); err != nil {
		return nil, err
	}
	r.addStages(e, rates)
	doubts, err := r.Trials.Doubts()
	if err != nil {
		return nil, err
	}
	e.Warnings = append(e.Warnings, doubts...)
	if r.Curation.Skipped != "" {
		e.Warnings = append(e.Warnings, "files left out of the corpus: "+r.Curation.Skipped)
	}
	earlier, err := r.EarlierText()
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		e.Warnings = append(e.Warnings, earlier)
	}
	for _, s := range e.Stages {
		if !s.Done {
			e.Seconds += s.Seconds
			e.DeviceHours += s.Devices / 3600
			e.Disk += s.Disk
		}
	}
	if e.Free > 0 && e.Disk > e.Free {
		e.Warnings = append(e.Warnings, "the disk is too small; choose another run directory with --out")
	}
	if most := int64(target.Epochs * float64(e.Tokens)); target.TargetTokens > most {
		e.Warnings = append(e.Warnings, fmt.Sprintf("search.target_tokens %d is more than search.epochs times the text (%d tokens)", target.TargetTokens, most))
	}
	if most := int64(d.Epochs * float64(e.Tokens)); d.Tokens > most {
		e.Warnings = append(e.Warnings, fmt.Sprintf("dataset.tokens %d is more than dataset.epochs times the text (%d tokens)", d.Tokens, most))
	}
	return e, nil
}

// textRates are bytes of text per second on one core, and what vectors cost.
type textRates struct {
	read, label float64
	embed       embedding.Cost
}

// measureText times reading on the first documents, and the other stages that read
// text on some of all.
func (r *View) measureText(ctx context.Context, e *Estimate) (textRates, error) {
	var texts []string
	var size int64 // bytes of text
	var bad corpus.Bad
	start := time.Now()
	for _, shard := range r.Curation.Shards {
		for d, err := range corpus.Read(ctx, shard, r.Curation.Config.Corpus, &bad) {
			if err != nil {
				return textRates{}, err
			}
			texts = append(texts, d.Text)
			if size += int64(len(d.Text)); len(texts) == sampleDocs {
				break
			}
		}
		if len(texts) >= sampleDocs {
			break
		}
	}
	if len(texts) == 0 {
		return textRates{}, fmt.Errorf("the corpus holds no document among %d lines; check corpus.text_field (%q)", bad.Lines, r.Curation.Config.Corpus.TextField)
	}
	rates := textRates{read: perSecond(size, start)}
	z, err := r.sizes(ctx, e)
	if err != nil {
		return rates, err
	}
	texts = z.some(sampleDocs)
	size = textBytes(texts)
	if rates.embed, err = r.Curation.Config.Embed.Method.Value().Cost(ctx, embedding.Sample{Texts: texts, Bytes: size, Documents: e.Documents, TextBytes: e.TextBytes, Seed: r.Curation.Config.Seed}); err != nil {
		return rates, err
	}
	if rates.embed.Unknown != "" {
		e.Warnings = append(e.Warnings, rates.embed.Unknown)
	}
	labeler, err := r.Curation.Config.Label.Labeler(ctx)
	if err != nil {
		return rates, err
	}
	texts = z.some(keptDocs)
	kept, seconds, err := r.kept(ctx, labeler, texts)
	if err != nil {
		return rates, err
	}
	rates.label = float64(textBytes(texts)) / max(1e-6, seconds)
	return rates, r.tokens(e, texts, kept)
}

// tokens sets the tokens of the text: counted, if that was done, else by a tokenizer
// like the run's on those of some texts that are kept.
func (r *View) tokens(e *Estimate, texts []string, kept []bool) error {
	if d, err := r.Curation.Domains(); err == nil {
		if tokens, _, err := r.Curation.Supply(len(d.Domains)); err == nil {
			for _, t := range tokens {
				e.Tokens += t
			}
			return nil
		}
	}
	var left []string
	for i, text := range texts {
		if kept[i] {
			left = append(left, text)
		}
	}
	if len(left) == 0 && len(texts) > 0 {
		left = texts
		e.Warnings = append(e.Warnings, fmt.Sprintf("the floors of prune keep none of %d texts that were tried: the run would have nothing left; tokens are counted as if all were kept (climb label preview shows what floors do)", len(texts)))
	}
	t := r.Curation.Config.Tokens
	each, err := tokensPerByte(left, int64(float64(e.TextBytes)*share(left, texts)), t.Tokenizer, t.BPE)
	e.Tokens = int64(float64(e.TextBytes) * share(left, texts) * (1 - r.Curation.Config.Holdout) * each)
	return err
}

// share is that of the bytes of texts that some of them have.
func share(some, texts []string) float64 {
	return float64(textBytes(some)) / float64(max(1, textBytes(texts)))
}

func textBytes(texts []string) (n int64) {
	for _, text := range texts {
		n += int64(len(text))
	}
	return n
}

func perSecond(n int64, start time.Time) float64 {
	return float64(n) / max(1e-6, time.Since(start).Seconds())
}

// sizes sets the size of the text: counted, if the corpus was scanned or is small,
// else extrapolated from parts of it.
func (r *View) sizes(ctx context.Context, e *Estimate) (*Size, error) {
	z, err := measureSize(ctx, r.Curation.Shards, r.Curation.Inputs, r.Curation.Config.Corpus, wholeBytes)
	if err != nil {
		return nil, err
	}
	if err := z.Bad.Check(r.Curation.Config.Corpus.BadLineLimit); err != nil && !z.Guessed {
		return nil, task.Permanent(err) // as the run would say
	} else if err != nil {
		e.Warnings = append(e.Warnings, "the run will stop where too many lines are bad, as they are in the parts that were read: "+err.Error())
	}
	e.Documents, e.TextBytes, e.Guessed = z.Documents, z.Bytes, z.Guessed
	if s, err := r.Curation.Scan(); err == nil {
		e.Documents, e.TextBytes, e.Guessed = s.Documents, s.TextBytes, false
	}
	return z, nil
}

// measureProxy times training steps of the proxy on one core.
func (r *View) measureProxy(e *Estimate) error {
	p := r.Trials.Config.Proxy
	strategy := r.Trials.Config.Search.New()
	problem := search.Problem{Rounds: r.Trials.Config.Search.Rounds}
	if d, err := r.Curation.Domains(); err == nil {
		for i := range d.Domains {
			problem.Domains = append(problem.Domains, d.Domains[i].Name)
		}
	}
	for _, n := range search.Rounds(problem, strategy) {
		e.ProxyRuns += n
	}
	e.ProxyRuns += r.Trials.Config.Confirm.Runs()
	e.ProxyParams = p.Model.NumParams()
	if len(p.Command) > 0 {
		if e.ProxyRate = p.Rate; p.Rate == 0 {
			e.Warnings = append(e.Warnings, "proxies are trained by proxy.command, whose time is not known; tell their speed in proxy.rate, in tokens a second")
		}
		return nil
	}
	if e.ProxyRate = p.Rate; p.Rate > 0 {
		return nil
	}
	if name := p.Trainer.Name(); name != "builtin" {
		e.Warnings = append(e.Warnings, fmt.Sprintf("the speed of the trainer %s is not known: run climb lm rate where the proxies will be trained, and set proxy.rate to what it prints", name))
		return nil
	}
	var err error
	e.ProxyRate, err = TrainingRate(p.Model, p.Batch)
	return err
}

// trial is the time of one proxy run and of its evaluation, a third of a training
// step's work a token; 0 where the speed is not known.
func (e *Estimate) trial(tokens float64, terms []eval.Term) float64 {
	if e.ProxyRate == 0 {
		return 0
	}
	return (tokens + EvalTokens(terms)/3) / e.ProxyRate
}

// TrainingRate times training steps of a model: tokens per second on one core.
func TrainingRate(model lm.Config, size int) (float64, error) {
	m, err := lm.New(model, 1)
	if err != nil {
		return 0, err
	}
	batch := max(1, min(size, 4096/model.Context))
	ws := lm.NewWorkspace(m, batch, model.Context)
	tokens := make([]uint32, batch*(model.Context+1))
	for i := range tokens {
		tokens[i] = uint32(stage.SplitMix(1, uint64(i)) % uint64(model.Vocab))
	}
	grad := make([]float32, m.NumParams())
	m.LossGrad(ws, tokens, grad) // touches the memory
	start, steps := time.Now(), 0
	for steps == 0 || time.Since(start) < time.Second {
		m.LossGrad(ws, tokens, grad)
		steps++
	}
	return perSecond(int64(steps*batch*model.Context), start), nil
}

// addStages adds up the stages, several of the pipeline's in one row.
func (r *View) addStages(e *Estimate, rates textRates) {
	c, t, cores := r.Curation.Config, r.Trials.Config, float64(e.Cores)
	text := float64(e.TextBytes) / cores
	docs, dim := e.Documents, int64(rates.embed.Dim)
	fit := min(docs, int64(c.Cluster.Sample))
	// Lloyd runs near 100 GFLOP/s a core, and takes about 30 iterations.
	shape := c.Cluster.Method.Value().Shape()
	kmeans := 2 * float64(fit) * min(shape.Comparisons, float64(docs)) * float64(dim) * 30 / (1e11 * cores)
	e.AtOnce = t.Proxy.Method().AtOnce(e.Cores)
	trial, together, devices := e.trial(float64(t.Proxy.Tokens), t.Target.Validation), 1, 0
	if m, ok := t.Proxy.Method().(train.Foreign); ok {
		together, devices = m.Together(), m.Devices()
	}
	runs := func(n int) float64 { // whole waves of so many processes at once, of so many runs each
		processes := (n + together - 1) / together
		return float64((processes+e.AtOnce-1)/max(1, e.AtOnce)) * trial * float64(min(n, together))
	}
	confirm := t.Confirm.Runs()
	proxyDisk := int64(50_000)
	names := int64(len(c.Label.Names()))
	add := func(name, last, work string, seconds float64, disk int64) {
		e.Stages = append(e.Stages, StageEstimate{Stage: name, Work: work, Seconds: seconds, Disk: disk, Done: r.Done(last)})
	}
	add("corpus", "rows", fmt.Sprintf("%d documents", docs), text/rates.read, 28*docs)
	if c.Corpus.Dedup == "fuzzy" {
		// Reading apart, signing and matching take about 0.1 ns for each hash and byte.
		hashes := int64(c.Corpus.MinHash.Buckets * c.Corpus.MinHash.Hashes)
		add("duplicates", "rows", fmt.Sprintf("%d hashes of every %d words", hashes, c.Corpus.MinHash.Words), text*(1/rates.read+float64(hashes)*1e-10), docs*(28*int64(c.Corpus.MinHash.Buckets)+hashes))
	}
	add("embed", "embed", fmt.Sprintf("%d vectors of %d", docs, dim), rates.embed.Seconds(float64(e.TextBytes), cores), docs*(2*dim+40))
	add("cluster", "cluster", fmt.Sprintf("%d clusters on %d vectors", shape.K, fit), kmeans, 8*docs)
	add("label", "label", fmt.Sprintf("%d scores", names), text/rates.label, docs*4*(names+1))
	add("domains", "assign", "prune, merge, name", 2+text/rates.read, 2*docs)
	add("tokens", "tokens", fmt.Sprintf("%d tokens", e.Tokens), text/6e6+3, 4*e.Tokens+16*docs)
	proxies := func(seconds float64) { // the device time of the stage that was added last
		e.Stages[len(e.Stages)-1].Devices = seconds * float64(devices)
	}
	base := e.trial(float64(t.Proxy.Base.Tokens), nil)
	add("base", "base", fmt.Sprintf("%d tokens", t.Proxy.Base.Tokens), base, int64(4*e.ProxyParams)*int64(min(1, t.Proxy.Base.Tokens)))
	proxies(base)
	add("search", "search", fmt.Sprintf("%d proxy runs", e.ProxyRuns-confirm), runs(e.ProxyRuns-confirm), int64(e.ProxyRuns-confirm)*proxyDisk)
	proxies(trial * float64(e.ProxyRuns-confirm))
	work := fmt.Sprintf("%d proxy runs", confirm)
	if e.made > 0 {
		work += fmt.Sprintf(", %d of them made before", e.made)
	}
	add("confirm", "confirm", work, runs(confirm-e.made), int64(confirm)*proxyDisk)
	proxies(trial * float64(confirm-e.made))
	add("dataset", "dataset", "draw, shuffle, write", text/rates.read+text/2e7, e.TextBytes)
}

// EvalTokens guesses the tokens of the files of terms. Packed ones, and those
// with a limit, are read to know.
func EvalTokens(terms []eval.Term) (n float64) {
	for _, t := range terms {
		full, err := eval.LoadTask(t.File)
		if err != nil {
			continue // the run will say what is wrong
		}
		for _, item := range full.Limit(t.Limit).Items {
			for i, q := range item.Requests {
				if i == 0 || q.Context != item.Requests[0].Context { // a context of several choices is read once
					n += float64(len(q.Context)) / bytesPerToken
				}
				n += float64(len(q.Continuation)) / bytesPerToken
			}
		}
	}
	return n
}

// freeBytes is the space left where dir is, or will be; 0 if that is unknown.
func freeBytes(dir string) int64 {
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * int64(s.Bsize)
		}
		up := filepath.Dir(dir)
		if up == dir || err != unix.ENOENT {
			return 0
		}
		dir = up
	}
}
