package train

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
)

// world writes a tokenizer and one token file for each text.
func world(t *testing.T, texts ...string) (tokenizer string, domains []string, tok *token.Tokenizer) {
	t.Helper()
	dir := t.TempDir()
	tok, err := token.Train(slices.Values(texts), token.TrainOptions{Vocab: 300})
	if err != nil {
		t.Fatal(err)
	}
	tokenizer = filepath.Join(dir, "tokenizer.json")
	write(t, tokenizer, func(f *os.File) error { return tok.Save(f) })
	for i, text := range texts {
		prefix := filepath.Join(dir, string(rune('a'+i)))
		write(t, prefix+".bin", func(bin *os.File) error {
			idx, err := os.Create(prefix + ".idx")
			if err != nil {
				return err
			}
			defer idx.Close()
			w, err := token.NewIndexWriter(bin, idx, token.Dtype(tok.Vocab()))
			if err != nil {
				return err
			}
			if err := w.Add(append(tok.Encode(nil, text), tok.EOD())); err != nil {
				return err
			}
			return w.Close()
		})
		domains = append(domains, prefix)
	}
	return tokenizer, domains, tok
}

func write(t *testing.T, path string, use func(*os.File) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPermute(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 4, 5, 17, 64, 1000} {
		seen := make([]bool, n)
		for i := range n {
			j := permute(i, n, 42)
			if j >= n || seen[j] {
				t.Fatalf("n %d: %d goes to %d, which is outside or taken", n, i, j)
			}
			seen[j] = true
		}
	}
}

// After any number of draws each domain is within two sequences of its share.
func TestSamplerKeepsShares(t *testing.T) {
	_, domains, _ := world(t, strings.Repeat("alpha beta ", 500), strings.Repeat("gamma delta ", 300), strings.Repeat("x ", 50))
	files, err := openDomains(domains)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	rapid.Check(t, func(t *rapid.T) {
		w, err := mix.Normalize([]float64{rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b"), 0.01})
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSampler(files, w, 8, rapid.Uint64().Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]uint32, 9)
		for i := range 200 {
			s.Next(dst)
			for d, n := range s.Tokens() {
				if off := math.Abs(float64(n)/8 - w[d]*float64(i+1)); off > 2 {
					t.Fatalf("after %d draws domain %d is %.2f sequences off its share %g", i+1, d, off, w[d])
				}
			}
		}
	})
}

// One epoch reads every token of a domain once, but for the few that the wrap
// at the end repeats.
func TestSamplerReadsAnEpoch(t *testing.T) {
	_, domains, _ := world(t, "the quick brown fox jumps over the lazy dog and runs away from the big bad wolf of the woods")
	files, err := openDomains(domains)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	s, err := NewSampler(files, mix.Mixture{1}, 4, 9)
	if err != nil {
		t.Fatal(err)
	}
	n := files[0].Tokens()
	var got, want []uint32
	dst := make([]uint32, 5)
	for range (n + 3) / 4 {
		s.Next(dst)
		got = append(got, dst[:4]...)
	}
	all := make([]uint32, n)
	files[0].At(all, 0)
	want = append(want, all...)
	for _, x := range want {
		i := slices.Index(got, x)
		if i < 0 {
			t.Fatalf("token %d of the domain was not read in the first epoch", x)
		}
		got = slices.Delete(got, i, i+1)
	}
	if len(got) >= 4 {
		t.Errorf("%d tokens were read twice, want fewer than a sequence", len(got))
	}
}

func testJob(tokenizer string, domains []string, target string) Job {
	var o Options
	option.Fill(&o)
	return Job{Mixture: mix.Mixture{0.5, 0.5}, Optim: o, Seed: 3, Domains: domains, Tokenizer: tokenizer,
		Model: lm.Config{Layers: 1, Width: 16, Heads: 2, Context: 16}, Tokens: 2000, Batch: 4,
		Target: []eval.Term{{File: target, Metric: "bpb", Weight: 1}}}
}

func targetFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "target.jsonl")
	line, err := json.Marshal(map[string]string{"id": "1", "text": text})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(line, '\n'), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A proxy trained on the target's own language scores better than one trained
// on another; the same job gives the same result.
func TestProxyLearnsItsMixture(t *testing.T) {
	a, b := strings.Repeat("red green blue yellow red blue. ", 80), strings.Repeat("17 + 25 = 42; 9 * 8 = 72; ", 80)
	tokenizer, domains, _ := world(t, a, b)
	j := testJob(tokenizer, domains, targetFile(t, a[:200]))
	scores := map[string]float64{}
	for name, w := range map[string]mix.Mixture{"a": {0.95, 0.05}, "b": {0.05, 0.95}, "a again": {0.95, 0.05}} {
		j.Mixture = w
		r, err := Proxy{}.Train(context.Background(), j, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Failed != "" {
			t.Fatal(r.Failed)
		}
		scores[name] = r.Score
		total := r.Tokens[0] + r.Tokens[1]
		if want := int64(j.Steps() * j.Batch * j.Model.Context); total != want {
			t.Errorf("%d tokens consumed, want %d", total, want)
		}
		if off := float64(r.Tokens[0]) - w[0]*float64(total); math.Abs(off) > 2*16 {
			t.Errorf("mixture %v: domain 0 is %.0f tokens off", w, off)
		}
	}
	if scores["a"] <= scores["b"] {
		t.Errorf("score %.4f of the target's language, %.4f of the other: the mixture has no effect", scores["a"], scores["b"])
	}
	if scores["a"] != scores["a again"] {
		t.Errorf("the same job scored %v and %v", scores["a"], scores["a again"])
	}
}

// TestWorkersDoNotMatter: the result is the same, to the bit, on one worker and
// on a number that changes from step to step.
func TestWorkersDoNotMatter(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 200)
	tokenizer, domains, _ := world(t, a, strings.Repeat("one two three four. ", 200))
	j := testJob(tokenizer, domains, targetFile(t, a[:200]))
	j.Tokens /= 4
	want, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	got, err := Proxy{Workers: func() int { n++; return n%3 + 1 }}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n <= want.Steps {
		t.Errorf("the number of workers was asked for %d times in %d steps and the evaluation", n, want.Steps)
	}
}

// A run with an absurd learning rate is set aside, not scored.
func TestDivergedRunIsSetAside(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 40)
	tokenizer, domains, _ := world(t, a, a)
	j := testJob(tokenizer, domains, targetFile(t, a[:100]))
	j.Optim.LR, j.Optim.MinLR = 1e4, 1e4
	r, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed == "" || len(r.Validate) > 0 {
		t.Errorf("failed %q, %d results; want a reason and none", r.Failed, len(r.Validate))
	}
}

// A model saved as a base is continued: it starts where the other ended.
func TestContinueFromBase(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 40)
	tokenizer, domains, _ := world(t, a, a)
	j := testJob(tokenizer, domains, targetFile(t, a[:100]))
	j.Stable, j.Save, j.Target = true, filepath.Join(t.TempDir(), "base"), nil
	base, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Init, j.Save, j.Stable, j.Optim.LR = j.Save, "", false, 1e-5
	var first float64
	if _, err := (Proxy{}).Train(context.Background(), j, func(p Progress) {
		if p.Step == 1 {
			first = p.Loss
		}
	}); err != nil {
		t.Fatal(err)
	}
	if math.Abs(first-base.Loss) > 0.5 {
		t.Errorf("the continued run starts at loss %.3f, the base ended at %.3f", first, base.Loss)
	}
}

// The scorer agrees with a token-by-token sum over single rows, for texts that
// fit the context and texts that do not.
func TestScorerAgainstSingleRows(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 40)
	_, _, tok := world(t, a)
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Layers: 2, Width: 16, Heads: 2, Context: 16}, 1)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("7 8 9 q z ", 12)
	reqs := []eval.Request{{Context: "red", Continuation: " green"}, {Context: "", Continuation: "blue"},
		{Context: "7 8 9 q z 7", Continuation: " 9 z"}, {Context: "7 8 9 q z 7", Continuation: " red"}, {Context: "7 8 9 q z 7", Continuation: " q"},
		{Context: long, Continuation: " red blue"}, {Context: "red", Continuation: " " + long}, {Context: "", Continuation: long}}
	got, err := (&Scorer{Tokenizer: tok, Model: m}).LogLikelihood(context.Background(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range reqs {
		want, n := reference(m, tok, r)
		if math.Abs(got[i].LogProb-want) > 1e-3*math.Abs(want) || got[i].Tokens != n || got[i].Bytes != len(r.Continuation) {
			t.Errorf("request %d: %.6f over %d tokens, want %.6f over %d", i, got[i].LogProb, got[i].Tokens, want, n)
		}
	}
}

// TestScorerHeads: questions after the same examples share them, and score as
// they do one by one; questions without a long head are left where they were.
func TestScorerHeads(t *testing.T) {
	_, _, tok := world(t, strings.Repeat("red green blue yellow red blue. ", 40))
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Layers: 2, Width: 16, Heads: 2, Context: 256}, 1)
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Repeat("q 1 z: 7.\n", 12) // the tokenizer knows few of its words
	var reqs []eval.Request
	for i := range 40 {
		question := strings.Repeat(string(rune('a'+i)), 1+i%5) + ":"
		for _, answer := range []string{" red", " blue yellow", " x"} {
			reqs = append(reqs, eval.Request{Context: examples + question, Continuation: answer})
		}
	}
	reqs = append(reqs, eval.Request{Context: "red", Continuation: " green"}, eval.Request{Context: examples, Continuation: " q"})
	s := &Scorer{Tokenizer: tok, Model: m}
	got, err := s.LogLikelihood(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	var rows []window
	for i, r := range reqs {
		ids := tok.Encode([]uint32{tok.EOD()}, r.Context)
		at := len(ids)
		rows = s.windows(rows, i, tok.Encode(ids, r.Continuation), at)
		alone, err := s.LogLikelihood(t.Context(), reqs[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[i].LogProb-alone[0].LogProb) > 1e-5*math.Abs(alone[0].LogProb) || got[i].Greedy != alone[0].Greedy || got[i].Tokens != alone[0].Tokens {
			t.Errorf("request %d: %+v, alone %+v", i, got[i], alone[0])
		}
	}
	head := len(tok.Encode([]uint32{tok.EOD()}, examples)) - 1 // the last line end may join what follows
	heads, rest := s.heads(rows)
	if len(heads) != 1 || len(heads[0].rows) != 121 || heads[0].head < head || head < leastHead || len(rest) != 1 || rest[0].request != 120 {
		t.Errorf("%d heads, the first of %d tokens; %d rows without", len(heads), heads[0].head, len(rest))
	}
	if heads, rest = s.heads(rest); len(heads) != 0 || len(rest) != 1 {
		t.Errorf("%d heads among rows without", len(heads))
	}
}

// reference scores each continuation token in a row of its own: the context
// that the scorer's documentation promises, then the token.
func reference(m *lm.Model, tok *token.Tokenizer, r eval.Request) (sum float64, n int) {
	T := m.Config.Context
	ids := tok.Encode([]uint32{tok.EOD()}, r.Context)
	at := len(ids)
	ids = tok.Encode(ids, r.Continuation)
	n = len(ids) - at
	ws := lm.NewWorkspace(m, 1, T)
	for k := at; k < len(ids); k++ {
		from := max(0, len(ids)-T-1)
		if n > T { // windows of T tokens that see one token before
			from = at + (k-at)/T*T - 1
		}
		row := ids[from : k+1]
		dst := make([]float32, len(row))
		m.LogProbs(ws, row, []int{len(row)}, dst, nil)
		sum += float64(dst[len(row)-1])
	}
	return sum, n
}

func TestCancel(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 40)
	tokenizer, domains, _ := world(t, a, a)
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	_, err := Proxy{}.Train(ctx, testJob(tokenizer, domains, targetFile(t, a[:100])), func(Progress) { steps++; cancel() })
	if err != context.Canceled || steps != 1 {
		t.Errorf("error %v after %d steps, want context.Canceled after 1", err, steps)
	}
}

func TestCommand(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh to play the user's trainer")
	}
	j := Job{Mixture: mix.Mixture{0.25, 0.75}, Domains: []string{"a", "b"}, Tokens: 1, Batch: 1}
	for name, c := range map[string]struct{ script, err string }{
		"good":       {`grep -q '0.25' "$0" && echo '{"score": -1.5, "tokens": [1, 3]}' > "$1"`, ""},
		"no result":  {`true`, "left no result"},
		"no score":   {`echo '{}' > "$1"`, "has no score"},
		"not JSON":   {`echo 'score 1' > "$1"`, "its result"},
		"exits 3":    {`echo trouble >&2; exit 3`, "trouble"},
		"bad tokens": {`echo '{"score": 1, "tokens": [1]}' > "$1"`, "not 2"},
	} {
		r, err := Command{Args: []string{"sh", "-c", c.script, "{job}", "{result}"}}.Train(context.Background(), j, nil)
		switch {
		case c.err == "" && (err != nil || r.Score != -1.5):
			t.Errorf("%s: %v, %v", name, r, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want one with %q", name, err, c.err)
		}
	}
}

func TestSchedule(t *testing.T) {
	j := Job{Tokens: 1600, Batch: 1, Model: lm.Config{Context: 16}, Optim: Options{LR: 1, MinLR: 0.1, Warmup: 0.1}}
	want := func(what string, rates map[int]float64) {
		t.Helper()
		for step, rate := range rates {
			if got := j.schedule()(step); math.Abs(got-rate) > 1e-12 {
				t.Errorf("%s: step %d is at %g, want %g", what, step, got, rate)
			}
		}
	}
	want("10 + 40 + 50 steps", map[int]float64{0: 0.1, 9: 1, 49: 1, 50: 1 - 0.9/50, 99: 0.1})
	j.Stable = true
	want("a base model", map[int]float64{0: 0.1, 9: 1, 99: 1})
	j.Stable, j.Init = false, "base"
	want("continued: 10 + 90 steps", map[int]float64{0: 0.1, 9: 1, 10: 1 - 0.9/90, 99: 0.1})
	j.Init, j.Optim.Schedule = "", optim.ChooseSchedule(&optim.Linear{})
	want("linear", map[int]float64{0: 0.1, 9: 1, 10: 1 - 0.9/90, 99: 0.1})
}

// Every optimizer and every schedule of the tables trains a proxy: the loss
// falls, and the rates are the schedule's. One value of the options serves
// several runs.
func TestEveryOptimizerAndSchedule(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 40)
	tokenizer, domains, _ := world(t, a, a)
	for _, o := range optim.Methods.Names() {
		for _, s := range optim.Schedules.Names() {
			j := testJob(tokenizer, domains, targetFile(t, a[:100]))
			if err := errors.Join(j.Optim.Optimizer.Set(o), j.Optim.Schedule.Set(s)); err != nil {
				t.Fatal(err)
			}
			var results []*Result
			for range 2 {
				var losses []float64
				r, err := Proxy{}.Train(t.Context(), j, func(p Progress) {
					losses = append(losses, p.Loss)
					if p.LR != j.schedule()(p.Step-1) {
						t.Errorf("%s, %s: step %d is at %g", o, s, p.Step-1, p.LR)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if r.Failed != "" || !(r.Loss < 0.8*losses[0]) {
					t.Errorf("%s, %s: the loss went from %.3f to %.3f %s", o, s, losses[0], r.Loss, r.Failed)
				}
				results = append(results, r)
			}
			if d := cmp.Diff(results[0], results[1]); d != "" {
				t.Errorf("%s, %s: a second run differs: %s", o, s, d)
			}
		}
	}
}

// A learning curve changes nothing of a run: its last point is the result, and
// the first was scored before the end.
func TestCurve(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 80)
	tokenizer, domains, _ := world(t, a, strings.Repeat("one two three four. ", 80))
	j := testJob(tokenizer, domains, targetFile(t, a[:200]))
	want, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Curve = 3
	got, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	curve := got.Curve
	got.Curve = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with a curve another result: %s", diff)
	}
	if len(curve) != 3 || curve[2].Score != want.Score || curve[0].Score >= curve[2].Score || len(curve[0].Validate[0].LogProbs) > 0 {
		t.Fatalf("curve %+v, score %v", curve, want.Score)
	}
	per := int64(j.Batch * j.Model.Context)
	for i, p := range curve {
		if want := float64(i+1) / 3 * float64(int64(j.Steps())*per); math.Abs(float64(p.Tokens)-want) > float64(per) {
			t.Errorf("point %d is at %d tokens, want about %.0f", i, p.Tokens, want)
		}
	}
}

// Items of every file are kept where the job asks for them, and they alone
// differ; without the question the result has none.
func TestItems(t *testing.T) {
	a := strings.Repeat("red green blue yellow red blue. ", 80)
	tokenizer, domains, _ := world(t, a, strings.Repeat("one two three four. ", 80))
	j := testJob(tokenizer, domains, targetFile(t, a[:200]))
	want, err := Proxy{}.Train(t.Context(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Items, j.Curve = true, 1
	got, err := Proxy{}.Train(t.Context(), j, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got.Validate {
		if len(want.Validate[i].Scores) != 0 || len(r.Scores) != 1 || len(r.Scores["bpb"]) != r.Items || len(got.Curve[0].Validate[i].Scores) != 0 {
			t.Errorf("%s: scores %v of %d items", r.Task, r.Scores, r.Items)
		}
		r.Scores = want.Validate[i].Scores
	}
	got.Curve = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with items another result: %s", diff)
	}
}

// TestCommandLeavesHarnessResults has the command leave what lm_eval writes, as
// a file and as a folder.
func TestCommandLeavesHarnessResults(t *testing.T) {
	job := Job{Mixture: mix.Mixture{1}, Domains: []string{"a"}, Batch: 1, Tokens: 1,
		Target: []eval.Term{{Task: "arc_easy", Metric: "acc_norm", Weight: 3}, {Task: "wikitext", Metric: "word_perplexity", Weight: 1}, {Task: "arc_easy", Metric: "acc", Weight: 1}},
		Test:   []eval.Term{{File: "piqa.jsonl", Metric: "acc", Weight: 1}, {File: "sciq.jsonl", Metric: "acc", Weight: 1}}}
	const results = `{"results":{"arc_easy":{"acc,none":0.5,"acc_norm,none":0.25},"wikitext":{"word_perplexity,none":2},"sciq":{"acc,none":0.75}}}`
	for _, script := range []string{
		`cat > "$0" <<'X'` + "\n" + results + "\nX",
		`mkdir -p "$0/model" && cat > "$0/model/results_2026-11-26T20-00-00.000000.json" <<'X'` + "\n" + results + "\nX",
	} {
		r, err := Command{Args: []string{"sh", "-c", script, "{result}"}}.Train(t.Context(), job, nil)
		if err != nil {
			t.Fatal(err)
		}
		// (3*0.25 - 2 + 0.5) / 5; of the tests only sciq was measured.
		if math.Abs(r.Score+0.15) > 1e-12 || r.TestMean != 0.75 || len(r.Validate) != 2 || len(r.Test) != 1 {
			t.Errorf("%+v", r)
		}
	}
	job.Target[0].Task = "hellaswag"
	_, err := Command{Args: []string{"sh", "-c", "echo '" + results + "' > \"$0\"", "{result}"}}.Train(t.Context(), job, nil)
	if err == nil || !strings.Contains(err.Error(), `no results of a task "hellaswag"; there are arc_easy, sciq, wikitext`) {
		t.Error(err)
	}
	if _, _, err := job.evaluate(t.Context(), nil, job.Target); err == nil || !strings.Contains(err.Error(), "hellaswag has no file; its results come from proxy.command") {
		t.Error(err)
	}
}
