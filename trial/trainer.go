package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// Files of a stage whose proxies another program trains.
const (
	trainerName = "trainer.json" // where and how it runs, as the last command said
	programName = "trainer.py"   // its text, which names the stage
)

// Counted is what of the options counts in a stage's name: where and how fast
// proxies are trained does not, and what trains them is told by its program.
func (p ProxyConfig) Counted() (ProxyConfig, string, error) {
	program, err := p.Method().Program()
	return p.Here(), program, err
}

// Here is the proxy as it is trained in this program, whatever the configuration
// says of trainers.
func (p ProxyConfig) Here() ProxyConfig {
	p.Trainer, p.Rate, p.Fields = train.Choice{}, 0, nil
	return p
}

// Method is the trainer: a command is one even where nothing else says so.
func (p *ProxyConfig) Method() train.Method {
	if len(p.Command) > 0 {
		return &train.External{Fields: p.Fields}
	}
	return p.Trainer.Value()
}

// Check reports a trainer that cannot train the proxies.
func (p *ProxyConfig) Check() error {
	switch name := p.Trainer.Name(); {
	case p.Repeat != "" && !p.Matched():
		return &option.ConfigError{Text: fmt.Sprintf("proxy.repetition: is %q; write target, or leave it out", p.Repeat)}
	case len(p.Fields) > 0 && len(p.Command) == 0:
		return &option.ConfigError{Text: "proxy.command_fields: is of the program of proxy.command, and that is empty"}
	case name == "command" && len(p.Command) == 0:
		return &option.ConfigError{Text: "proxy.trainer: is command, and proxy.command is empty; give the program and its arguments"}
	case name != "command" && name != "builtin" && len(p.Command) > 0:
		return &option.ConfigError{Text: fmt.Sprintf("proxy.trainer: is %s, and there is a proxy.command too; leave one of them out", name)}
	}
	err := p.checks(func(*train.Job) {})
	if err == nil && p.Matched() && p.checks(func(j *train.Job) { j.TargetTokens = p.Tokens }) != nil {
		return &option.ConfigError{Text: fmt.Sprintf("proxy.repetition: is target, and the trainer %s does not know target_tokens of a job; leave it out, train with builtin, or name target_tokens in proxy.command_fields if your program has it", p.Trainer.Name())}
	}
	return err
}

// checks asks the trainer whether it can train a job.
func (p *ProxyConfig) checks(with func(*train.Job)) error {
	m, ok := p.Method().(train.Checker)
	if !ok {
		return nil
	}
	j := train.Job{Model: p.Model, Tokens: p.Tokens, Batch: p.Batch, Optim: p.Optim}
	with(&j)
	return m.Check(&j)
}

// knows reports a trainer that cannot train in phases.
func (p *ProxyConfig) knows(phases mix.Phases) error {
	if p.checks(func(*train.Job) {}) == nil && p.checks(func(j *train.Job) { j.Phases = phases }) != nil {
		return &option.ConfigError{Text: fmt.Sprintf("search.phases: the trainer %s does not know phases of a job; leave them out, train with builtin, or name phases in proxy.command_fields if your program has them", p.Trainer.Name())}
	}
	return nil
}

// Keep writes down what trains the runs of a plan, for the tasks and for the
// record. How it runs may change from command to command; its program does not,
// for it names the stage.
func (c *ProxyConfig) Keep(p *task.Plan) error {
	m, ok := c.Method().(train.Foreign)
	if !ok {
		return nil
	}
	text, err := m.Source()
	if err != nil {
		return err
	}
	how, err := json.MarshalIndent(c.Trainer, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(task.WriteFile(p.Path(programName), text), task.WriteFile(p.Path(trainerName), append(how, '\n')))
}

// trainerOf is what trains the proxies of a plan whose options name a program.
func trainerOf(p *task.Plan, program string, command train.Arguments) (train.Method, error) {
	switch {
	case len(command) > 0:
		return &train.External{}, nil
	case program == "":
		return &train.Builtin{}, nil
	}
	var c train.Choice
	if err := task.ReadJSON(p.Path(trainerName), &c); err != nil {
		return nil, fmt.Errorf("read what trains the proxies: %w; the next climb run writes the file again", err)
	}
	m, ok := c.Value().(train.Foreign)
	if !ok {
		return nil, task.Permanent(fmt.Errorf("%s names the trainer %s, and the plan %s", p.Path(trainerName), c.Name(), program))
	}
	m = m.From(p.Path(programName))
	if is, err := m.Program(); err != nil || is != program {
		return nil, task.Permanent(errors.Join(err, fmt.Errorf("%s is not the program that the plan was made for (%s): remove it, and the next climb run writes it again", p.Path(programName), program)))
	}
	return m, nil
}

// A Bench is what the tasks of a plan share in this process: the command of the
// configuration, which the plan has with the secrets taken out, and the places of
// the runs that are trained at once. nil is a worker: one task alone, and what its
// plan says.
type Bench struct {
	command train.Arguments
	slots   chan int
}

// Bench makes the bench of a process of so many cores.
func (c *ProxyConfig) Bench(cores int) *Bench {
	b := &Bench{command: c.Command, slots: make(chan int, c.Method().AtOnce(cores))}
	for i := range cap(b.slots) {
		b.slots <- i
	}
	return b
}

func (b *Bench) sit(ctx context.Context) (slot int, leave func(), err error) {
	if b == nil {
		return 0, func() {}, nil
	}
	select {
	case slot = <-b.slots:
		return slot, func() { b.slots <- slot }, nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// A Run is a job with the folder, below its stage, that its files are in.
type Run struct {
	Dir string
	Job train.Job
}

// Train trains the runs of a task by what its plan names (Counted: the proxy and the
// program), side by side where that can. It writes their job.json and
// progress.jsonl, and counts tokens, failures and core seconds, which it returns
// too: the cores that the runs had, over time.
func (b *Bench) Train(ctx context.Context, p *task.Plan, a *task.Attempt, proxy *ProxyConfig, program string, runs ...Run) ([]*train.Result, float64, error) {
	command := proxy.Command
	if b != nil && len(b.command) > 0 {
		command = b.command
	}
	by, err := trainerOf(p, program, command)
	if err != nil {
		return nil, 0, err
	}
	slot, leave, err := b.sit(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	return runJobs(ctx, a, by, train.Place{Command: command, Slot: slot}, runs)
}

func runJobs(ctx context.Context, a *task.Attempt, by train.Method, at train.Place, runs []Run) (results []*train.Result, coreSeconds float64, err error) {
	cores := &coreMeter{cores: func() int { return launch.Cores(ctx) }}
	at.Workers, at.Dir = cores.workers, a.Dir()
	logs := make([]*progressLog, len(runs))
	for i, r := range runs {
		if err := writeJob(a, r.Dir, r.Job); err != nil {
			return nil, 0, err
		}
		f, err := a.Create(path.Join(r.Dir, progressName))
		if err != nil {
			return nil, 0, err
		}
		defer f.Close()
		logs[i] = &progressLog{file: f, enc: json.NewEncoder(f)}
	}
	cores.workers()
	results, err = trainAll(ctx, by.Trainer(at), runs, func(i int, g train.Progress) {
		a.Report(int64(g.Step), int64(g.Steps)+1) // the evaluation counts as a step
		logs[i].add(g)
	})
	cores.workers()
	for _, l := range logs {
		err = errors.Join(err, l.err, l.file.Close())
	}
	if err != nil {
		return nil, 0, err
	}
	coreSeconds = cores.used.Seconds()
	a.Spend(coreSeconds)
	for i, result := range results {
		if err := result.Check(&runs[i].Job); err != nil {
			return nil, 0, fmt.Errorf("the result of the run %w", err)
		}
		if result.Failed != "" {
			failed.Add(a, 1)
		}
		for _, t := range result.Tokens {
			Tokens.Add(a, t)
		}
	}
	return results, coreSeconds, nil
}

// trainAll trains several jobs together where the trainer can.
func trainAll(ctx context.Context, by train.Trainer, runs []Run, watch func(int, train.Progress)) ([]*train.Result, error) {
	jobs := make([]train.Job, len(runs))
	for i, r := range runs {
		jobs[i] = r.Job
	}
	if s, ok := by.(train.Stacker); ok {
		return s.TrainAll(ctx, jobs, watch)
	}
	out := make([]*train.Result, len(jobs))
	for i, j := range jobs {
		var err error
		if out[i], err = by.Train(ctx, j, func(g train.Progress) { watch(i, g) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A progressLog is a run's progress.jsonl: some 50 lines.
type progressLog struct {
	file io.Closer
	enc  *json.Encoder
	err  error
}

func (l *progressLog) add(g train.Progress) {
	if every := max(1, g.Steps/50); g.Step%every == 0 || g.Step == g.Steps {
		l.err = errors.Join(l.err, l.enc.Encode(g))
	}
}

// A coreMeter adds up the cores that a run was told to use, over time, in
// milliseconds.
type coreMeter struct {
	cores func() int
	used  time.Duration
	last  time.Time
	n     int
}

// workers is how many cores the run may use from now on.
func (m *coreMeter) workers() int {
	now := time.Now()
	if m.n > 0 {
		m.used += now.Sub(m.last) * time.Duration(m.n)
	}
	m.last, m.n = now, m.cores()
	return m.n
}

// A trialGroup is a task of a plan whose proxies are trained side by side.
type trialGroup struct {
	Trials []trialSpec `json:"trials"`
}

// grouped are the tasks of a round: one a proxy, or one for as many as are
// trained side by side.
func grouped(specs []trialSpec, together int) (tasks []json.RawMessage) {
	if together <= 1 {
		for _, s := range specs {
			tasks = append(tasks, stage.Marshal(s))
		}
		return tasks
	}
	for len(specs) > 0 {
		n := min(together, len(specs))
		tasks = append(tasks, stage.Marshal(trialGroup{specs[:n]}))
		specs = specs[n:]
	}
	return tasks
}

// trialsOf lists the proxies of task n.
func trialsOf(p *task.Plan, n int) ([]trialSpec, error) {
	var g trialGroup
	if err := p.Task(n, &g); err != nil || len(g.Trials) > 0 {
		return g.Trials, err
	}
	one := make([]trialSpec, 1)
	return one, p.Task(n, &one[0])
}

// A placed is a proxy of a plan, with the task that trains it.
type placed struct {
	trialSpec
	task int
}

// allTrials lists the proxies of a plan, in order.
func allTrials(p *task.Plan) (out []placed, err error) {
	for n := range p.Tasks {
		specs, err := trialsOf(p, n)
		if err != nil {
			return nil, err
		}
		for _, s := range specs {
			out = append(out, placed{s, n})
		}
	}
	return out, nil
}
