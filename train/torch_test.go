package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
)

const debianPython = "/usr/bin/python3"

// hasTorch is asked once: importing PyTorch takes seconds.
var hasTorch = sync.OnceValue(func() error {
	return exec.Command(debianPython, "-c", "import torch.nn, numpy").Run() // torch alone is the folder beside this test too
})

// withTorch is a trainer by Debian's PyTorch, on the CPU.
func withTorch(t *testing.T) Torch {
	t.Helper()
	if err := hasTorch(); err != nil {
		t.Skipf("needs %s with torch and numpy (Debian: python3-torch): %v", debianPython, err)
	}
	m, err := Methods.New("torch")
	if err != nil {
		t.Fatal(err)
	}
	torch := *m.(*Torch)
	torch.Python, torch.Device, torch.place.Dir = debianPython, "cpu", t.TempDir()
	return torch
}

// torchJob has two domains, 20 steps, and targets of every kind.
func torchJob(t *testing.T) Job {
	t.Helper()
	a, b := strings.Repeat("red green blue yellow red blue. ", 300), strings.Repeat("17 + 25 = 42; 9 * 8 = 72; ", 250)
	tokenizer, domains, _ := world(t, a, b)
	j := testJob(tokenizer, domains, targetFile(t, a[:300]))
	j.Model = lm.Config{Layers: 2, Width: 32, Heads: 2, Context: 24}
	j.Mixture, j.Tokens, j.Batch, j.Items, j.Curve = mix.Mixture{0.7, 0.3}, 20*6*24, 6, true, 3
	dir := t.TempDir()
	files := map[string]string{
		"choice.jsonl": `{"id":"1","query":"red green","choices":["blue yellow","42; 9"],"gold":0}` + "\n" +
			`{"id":"2","query":"17 + 25","choices":["red","= 42; 9 * 8 = 72; 17 + 25 = 42","= 9"],"gold":1}` + "\n",
		"target.jsonl": `{"id":"1","context":"9 * 8 =","target":"72"}` + "\n" + `{"id":"2","context":"yellow red","target":"blue."}` + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	j.Target = append(j.Target, eval.Term{File: at("choice.jsonl"), Metric: "bpb", Weight: 2}, eval.Term{File: at("choice.jsonl"), Metric: "acc", Weight: 1})
	j.Test = []eval.Term{{File: at("target.jsonl"), Metric: "bpb", Weight: 1}, {File: at("choice.jsonl"), Metric: "brier_score", Weight: 1}}
	return j
}

// a trained run with the steps that it told.
type told struct {
	*Result
	steps []Progress
}

func trained(t *testing.T, by Trainer, j Job) told {
	t.Helper()
	var out told
	var err error
	if out.Result, err = by.Train(t.Context(), j, func(g Progress) { out.steps = append(out.steps, g) }); err != nil {
		t.Fatal(err)
	}
	if out.Failed != "" {
		t.Fatal(out.Failed)
	}
	return out
}

// agree compares two runs of one job: losses, rates, gradient norms, and every
// metric, within tol of their size, and tokens and steps exactly.
func agree(t *testing.T, what string, a, b told, tol float64) string {
	t.Helper()
	worst, where := 0.0, "nothing"
	near := func(name string, x, y float64) {
		t.Helper()
		off := math.Abs(x-y) / max(0.05, math.Abs(x))
		if off > worst {
			worst, where = off, name
		}
		if !(off <= tol) {
			t.Errorf("%s: %s is %.8g and %.8g, %.2g apart", what, name, x, y, off)
		}
	}
	if len(a.steps) != len(b.steps) || len(a.steps) == 0 || a.Steps != b.Steps {
		t.Fatalf("%s: %d and %d steps told, %d and %d taken", what, len(a.steps), len(b.steps), a.Steps, b.Steps)
	}
	for i, x := range a.steps {
		y := b.steps[i]
		if x.Step != y.Step || x.Steps != y.Steps || x.Tokens != y.Tokens {
			t.Errorf("%s: step %+v and %+v", what, x, y)
		}
		near(fmt.Sprintf("loss of step %d", x.Step), x.Loss, y.Loss)
		near(fmt.Sprintf("rate of step %d", x.Step), x.LR, y.LR)
		near(fmt.Sprintf("gradient norm of step %d", x.Step), x.Norm, y.Norm)
	}
	if fmt.Sprint(a.Tokens) != fmt.Sprint(b.Tokens) {
		t.Errorf("%s: tokens %v and %v", what, a.Tokens, b.Tokens)
	}
	near("loss", a.Loss, b.Loss)
	near("score", a.Score, b.Score)
	near("test mean", a.TestMean, b.TestMean)
	tasks := func(at string, x, y []*eval.TaskResult) {
		if len(x) != len(y) {
			t.Fatalf("%s: %s has %d and %d files", what, at, len(x), len(y))
		}
		for i := range x {
			if x[i].Task != y[i].Task || x[i].Kind != y[i].Kind || x[i].Items != y[i].Items || len(x[i].Metrics) != len(y[i].Metrics) || len(x[i].Scores) != len(y[i].Scores) {
				t.Errorf("%s: %s: %+v and %+v", what, at, x[i], y[i])
			}
			for name, v := range x[i].Metrics {
				near(at+" "+x[i].Task+" "+name, v, y[i].Metrics[name])
			}
			for k, v := range x[i].LogProbs {
				near(fmt.Sprintf("%s %s item %d", at, x[i].Task, k), v, y[i].LogProbs[k])
			}
		}
	}
	tasks("target", a.Validate, b.Validate)
	tasks("test", a.Test, b.Test)
	if len(a.Curve) != len(b.Curve) {
		t.Fatalf("%s: curves of %d and %d points", what, len(a.Curve), len(b.Curve))
	}
	for i, p := range a.Curve {
		q := b.Curve[i]
		if p.Tokens != q.Tokens {
			t.Errorf("%s: point %d after %d and %d tokens", what, i, p.Tokens, q.Tokens)
		}
		near("rate of the curve", p.LR, q.LR)
		near("score of the curve", p.Score, q.Score)
		tasks("curve", p.Validate, q.Validate)
	}
	return fmt.Sprintf("%s: at most %.2g apart (%s)", what, worst, where)
}

// The same job gives the same losses, step by step, and the same metrics,
// whatever trains it: 1e-4.
func TestTorchAgrees(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	builtin := trained(t, Proxy{}, j)
	if first, last := builtin.steps[0].Loss, builtin.steps[19].Loss; len(builtin.steps) != 20 || last > first-0.5 || len(builtin.Curve) != 3 {
		t.Fatalf("losses %.3f to %.3f in %d steps: nothing to compare", first, last, len(builtin.steps))
	}
	single := trained(t, &torch, j)
	t.Log(agree(t, "builtin and torch, float32, 20 steps", builtin, single, 1e-4))

	micro := torch
	micro.MicroBatch, micro.ScoreTokens = 4, 50
	t.Log(agree(t, "micro-batches of 4 and 2", single, trained(t, &micro, j), 1e-4))

	half := j
	half.Optim.Precision = "bfloat16"
	a, b := trained(t, Proxy{}, half), trained(t, &torch, half)
	t.Logf("bfloat16: losses end at %.4f and %.4f, scores %.4f and %.4f", a.Loss, b.Loss, a.Score, b.Score)
	if math.Abs(a.Loss-b.Loss) > 0.02*a.Loss || b.steps[0].Loss == single.steps[0].Loss {
		t.Errorf("bfloat16: losses end at %.4f and %.4f; %.6f in the first step, %.6f in float32", a.Loss, b.Loss, b.steps[0].Loss, single.steps[0].Loss)
	}
}

// A base model and a run that continues it agree; weights go from climb to
// PyTorch and back.
func TestTorchWeights(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	j.Test, j.Curve, j.Tokens = nil, 0, 12*6*24
	j.Stable = true
	ours, theirs := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "theirs")
	j.Save = ours
	a := trained(t, Proxy{}, j)
	j.Save = theirs
	agree(t, "a base model", a, trained(t, &torch, j), 1e-4)
	x, err1 := lm.Load(ours)
	y, err2 := lm.Load(theirs)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if x.Config != y.Config {
		t.Errorf("shapes %+v and %+v", x.Config, y.Config)
	}
	for i, p := range x.Params() {
		if math.Abs(float64(p-y.Params()[i])) > 1e-4 {
			t.Fatalf("parameter %d is %g and %g", i, p, y.Params()[i])
		}
	}
	// A model that PyTorch wrote goes on here and there.
	j.Stable, j.Save, j.Init = false, "", theirs
	agree(t, "continued", trained(t, Proxy{}, j), trained(t, &torch, j), 1e-4)
	// A rate of 0 leaves what was loaded as it is: written again, bit for bit.
	j.Optim.LR, j.Optim.MinLR, j.Save = 1e-30, 0, filepath.Join(t.TempDir(), "again")
	trained(t, &torch, j)
	z, err := lm.Load(j.Save)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range y.Params() {
		if p != z.Params()[i] {
			t.Fatalf("parameter %d is %g, and %g when it was read and written", i, p, z.Params()[i])
		}
	}
}

// Two processes that share every batch train what one does.
func TestTorchTwoProcesses(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	j.Batch, j.Tokens = 5, 20*5*24 // 2 and 3 sequences
	one := trained(t, &torch, j)
	torch.Processes, torch.MicroBatch = 2, 2
	t.Log(agree(t, "gloo, two processes", one, trained(t, &torch, j), 1e-4))
}

// A stack of proxies gives what they give one by one, and one that diverges
// leaves the others alone.
func TestTorchStack(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	jobs := make([]Job, 3)
	for k := range jobs {
		jobs[k] = j
		jobs[k].Seed = uint64(k + 5)
		jobs[k].Mixture = []mix.Mixture{{0.7, 0.3}, {0.1, 0.9}, {1, 0}}[k]
	}
	stacked := make([]told, len(jobs))
	results, err := torch.TrainAll(t.Context(), jobs, func(k int, g Progress) { stacked[k].steps = append(stacked[k].steps, g) })
	if err != nil {
		t.Fatal(err)
	}
	for k := range jobs {
		stacked[k].Result = results[k]
		t.Log(agree(t, fmt.Sprintf("job %d of a stack of 3", k), trained(t, &torch, jobs[k]), stacked[k], 1e-3))
	}

	// The second one begins with a weight that is no number.
	base := make([]string, 3)
	tok, err := token.Load(j.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for k := range jobs {
		m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Layers: 1, Width: 16, Heads: 1, Context: 24}, uint64(k))
		if err != nil {
			t.Fatal(err)
		}
		if k == 1 {
			m.Params()[7*16] = float32(math.NaN())
		}
		base[k] = filepath.Join(t.TempDir(), "model")
		if err := m.Save(base[k]); err != nil {
			t.Fatal(err)
		}
		jobs[k].Init = base[k]
	}
	if results, err = torch.TrainAll(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	alone, err := (&torch).Train(t.Context(), jobs[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := Proxy{}.Train(t.Context(), jobs[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := results[1]
	if !strings.HasPrefix(bad.Failed, "diverged at step ") || bad.Score != 0 || len(bad.Validate) > 0 {
		t.Errorf("a model with NaN: %+v", bad)
	}
	if builtin.Steps != bad.Steps || fmt.Sprint(builtin.Tokens) != fmt.Sprint(bad.Tokens) || !strings.HasPrefix(builtin.Failed, strings.Split(bad.Failed, ":")[0]) {
		t.Errorf("it failed with %q after %d steps and %v tokens; here %q, %d, %v", bad.Failed, bad.Steps, bad.Tokens, builtin.Failed, builtin.Steps, builtin.Tokens)
	}
	if results[0].Failed != "" || math.Abs(results[2].Score-alone.Score) > 1e-3 {
		t.Errorf("beside it %q, score %g; alone %g", results[0].Failed, results[2].Score, alone.Score)
	}
	jobs[1].Batch++
	if _, err := torch.TrainAll(t.Context(), jobs, nil); err == nil || !strings.Contains(err.Error(), "other batch") {
		t.Errorf("two shapes in a stack: %v", err)
	}
}

// inTorch calls Python with trainer.py as t and the arguments as a, and reads the
// JSON that it prints.
func inTorch(t *testing.T, arguments any, expression string, got any) {
	t.Helper()
	withTorch(t)
	args, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	script := "import json, sys; sys.path.insert(0, 'torch'); sys.dont_write_bytecode = True\n" +
		"import trainer as t\na = json.loads(sys.argv[1])\nprint(json.dumps(" + expression + "))"
	out, err := exec.Command(debianPython, "-c", script, string(args)).Output()
	if err == nil {
		err = json.Unmarshal(out, got)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The sampler draws the same sequences, over several epochs and any seed.
func TestTorchSampler(t *testing.T) {
	_, domains, _ := world(t, strings.Repeat("alpha beta ", 120), strings.Repeat("gamma delta ", 70), "x y z", strings.Repeat("never ", 9))
	type drawn struct {
		Domains []string    `json:"domains"`
		Mixture mix.Mixture `json:"mixture"`
		Seed    uint64      `json:"seed"`
	}
	asked := []drawn{{domains, mix.Mixture{0.5, 0.25, 0.25, 0}, 1}, {domains, mix.Mixture{0.1, 0.2, 0.7, 0}, 1<<63 + 12345}, {domains, mix.Mixture{0.333, 0.333, 0.334, 0}, math.MaxUint64}}
	var got [][][]uint32
	inTorch(t, asked, `[[row for n in (1, 7, 392) for row in s.batch(n).tolist()] for s in
		(t.Sampler([t.Tokens(p) for p in x["domains"]], x["mixture"], 11, x["seed"]) for x in a)]`, &got)
	for k, a := range asked {
		files, err := openDomains(domains)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSampler(files, a.Mixture, 11, a.Seed)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]uint32, 12)
		for i, row := range got[k] {
			if s.Next(want); fmt.Sprint(row) != fmt.Sprint(want) {
				t.Fatalf("seed %d: sequence %d is %v, want %v", a.Seed, i, row, want)
			}
		}
		closeAll(files)
		if len(got[k]) != 400 {
			t.Errorf("%d sequences", len(got[k]))
		}
	}
}

// Every schedule has the same rates, of a whole run, a base model and one that
// goes on from it.
func TestTorchSchedules(t *testing.T) {
	var jobs []Job
	for _, s := range []optim.Scheduler{&optim.Cosine{}, &optim.Linear{}, &optim.Constant{}, &optim.WSD{Decay: 0.5, Shape: "linear"}, &optim.WSD{Decay: 1, Shape: "cosine"},
		&optim.WSD{Decay: 0.6, Shape: "sqrt"}, &optim.WSD{Decay: 0.9, Shape: "exponential"}, &optim.WSD{Shape: "linear"}} {
		for _, part := range []Job{{}, {Stable: true}, {Init: "base"}} {
			for _, o := range []Options{{LR: 0.01, MinLR: 1e-4, Warmup: 0.1}, {MinLR: 0, Warmup: 0}, {LR: 1e-5, MinLR: 1e-4, Warmup: 1}} {
				j := part
				j.Optim, j.Tokens, j.Batch, j.Model = o, 37*16, 1, lm.Config{Context: 16, Width: 64}
				j.Optim.Schedule = optim.ChooseSchedule(s)
				jobs = append(jobs, j)
			}
		}
	}
	var got [][]float64
	inTorch(t, jobs, `[[t.schedule(j)(k) for k in range(t.steps_of(j))] for j in a]`, &got)
	for i, j := range jobs {
		want := j.schedule()
		if len(got[i]) != 37 {
			t.Fatalf("%d steps", len(got[i]))
		}
		for step, rate := range got[i] {
			if math.Abs(rate-want(step)) > 1e-12 {
				t.Errorf("%s %+v, stable %v, init %q: step %d is at %g, want %g", j.Optim.Schedule.Name(), j.Optim, j.Stable, j.Init, step, rate, want(step))
			}
		}
	}
}

// What cannot be trained is said with the remedy.
func TestTorchRefuses(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		change func(*Torch, *Job)
		want   string
	}{
		"no python":         {func(t *Torch, _ *Job) { t.Python = filepath.Join(dir, "none") }, "name a Python that has PyTorch in proxy.torch.python"},
		"no python on PATH": {func(t *Torch, _ *Job) { t.Python = "no-such-python" }, "name a Python that has PyTorch in proxy.torch.python"},
		"no PyTorch":        {func(t *Torch, _ *Job) { t.Python = script("bare", "#!/bin/sh\nexec "+debianPython+" -S -I \"$@\"\n") }, "apt install python3-torch"},
		"no GPU":            {func(t *Torch, _ *Job) { t.Device = "cuda" }, "sees no GPU"},
		"no torch.compile":  {func(t *Torch, _ *Job) { t.Compile = true }, "set proxy.torch.compile to false"},
		"killed":            {func(t *Torch, _ *Job) { t.Python = script("dies", "#!/bin/sh\nkill -9 $$\n") }, "was killed"},
		"out of memory": {func(t *Torch, j *Job) {
			t.Python = script("small", "#!/bin/sh\nulimit -v 3000000\nexec "+debianPython+" \"$@\"\n")
			j.Batch, j.Tokens, j.Model = 20_000, 1<<30, lm.Config{Layers: 1, Width: 1024, Heads: 2, Hidden: 32, Context: 24} // 2 GB of embeddings
		}, "set proxy.torch.micro_batch"},
		"an exception":      {func(t *Torch, _ *Job) { t.Python = script("raises", "#!/bin/sh\necho Traceback: oh >&2; exit 1\n") }, "Traceback: oh"},
		"nothing left":      {func(t *Torch, _ *Job) { t.Python = script("idle", "#!/bin/sh\nexit 0\n") }, "left no result"},
		"too many devices":  {func(t *Torch, _ *Job) { t.Processes = 7 }, "a batch has 6 sequences"},
		"a named task":      {func(_ *Torch, j *Job) { j.Target = append(j.Target, eval.Term{Task: "arc", Metric: "acc", Weight: 1}) }, "has no file"},
		"another program":   {func(t *Torch, _ *Job) { t.File = script("own.py", "print(1)\n") }, "has no ACCEPTS"},
		"no such file":      {func(t *Torch, _ *Job) { t.File = filepath.Join(dir, "gone.py") }, "gone.py"},
		"another base":      {func(_ *Torch, j *Job) { j.Init = dir }, "config.json"},
		"an unknown choice": {func(t *Torch, _ *Job) { t.File = without(script, `"adamw"`, `"muon"`) }, `optim.optimizer.method = "adamw"`},
		"an unknown field":  {func(t *Torch, _ *Job) { t.File = without(script, `"warmup": true,`, "") }, "optim.warmup = 0.05"},
	} {
		t.Run(name, func(t *testing.T) {
			by, job := torch, j
			c.change(&by, &job)
			_, err := by.Train(t.Context(), job, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if left, _ := os.ReadDir(torch.place.Dir); len(left) > 0 {
				t.Errorf("left %v behind", left)
			}
		})
	}
}

// without is a copy of trainer.py with a text replaced.
func without(script func(name, text string) string, old, now string) string {
	return script("copy.py", strings.Replace(string(torchProgram), old, now, 1))
}

// A run that is cancelled ends with its processes.
func TestTorchCancelled(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	j.Tokens = 1 << 40
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err := torch.Train(ctx, j, func(Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Minute {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
}

// A rate is of whole steps.
func TestTorchRate(t *testing.T) {
	torch, j := withTorch(t), torchJob(t)
	j.Model.Vocab = 300
	torch.BatchOfModels = 2
	s, err := torch.Rate(t.Context(), j, 0.2)
	if err != nil || s.Rate <= 0 || s.Device != "CPU" || s.Threads != 1 || s.Torch == "" || s.Flops <= s.Rate {
		t.Errorf("%+v, %v", s, err)
	}
}

// The options name no stage, and the text of the program does.
func TestTorchProgram(t *testing.T) {
	plain, err := (&Torch{}).Program()
	if err != nil || !strings.HasPrefix(plain, "torch ") {
		t.Fatal(plain, err)
	}
	other, err := (&Torch{Device: "cuda", MicroBatch: 3, Python: "x"}).Program()
	if err != nil || other != plain {
		t.Errorf("%s and %s: %v", plain, other, err)
	}
	path := filepath.Join(t.TempDir(), "own.py")
	if err := os.WriteFile(path, append([]byte("# mine\n"), torchProgram...), 0o666); err != nil {
		t.Fatal(err)
	}
	if changed, err := (&Torch{File: path}).Program(); err != nil || changed == plain {
		t.Errorf("a changed file is %s: %v", changed, err)
	}
}

// What Accepts takes of a job is what a job has.
func TestTorchAccepts(t *testing.T) {
	var o Options
	option.Fill(&o)
	for _, name := range optim.Methods.Names() {
		err := o.Optimizer.Set(name)
		if err != nil {
			t.Fatal(err)
		}
		err = Accepts(torchProgram, &Job{Optim: o})
		if (err == nil) != (name == "adamw") || err != nil && !strings.Contains(err.Error(), "choose one of adamw") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "\nACCEPTS = json.loads(\"\"\"{\"\"\")"} {
		if err := Accepts([]byte(text), &Job{}); err == nil {
			t.Errorf("%q is taken for a statement", text)
		}
	}
	if err := Accepts([]byte("\nACCEPTS = json.loads(\"\"\"{}\"\"\")"), &Job{}); err == nil || !strings.Contains(err.Error(), "choose one of") && !strings.Contains(err.Error(), "proxy.trainer") {
		t.Errorf("a program that understands nothing: %v", err)
	}
}
