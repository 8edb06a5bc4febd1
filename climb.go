// Package climb finds the data mixture that a language model should be
// pre-trained on, and writes the mixed dataset: CLIMB (Diao et al. 2025,
// arXiv 2504.13161) as a library. A Run takes a Config through the stages of
// the pipeline; every stage is a plan of tasks (package task), so a run that
// was killed goes on where it was, and the same tasks can run anywhere.
package climb

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/dataset"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// Version is the version of the program; formats have their own.
const Version = "0.1.0"

// Targets are the names that Run.Until takes, with the stages they end at.
var Targets = map[string]string{
	"corpus": "rows", "embed": "embed", "cluster": "cluster", "label": "label", "domains": "assign",
	"tokens": "tokens", "search": "search", "confirm": "confirm", "mix": "dataset", "dataset": "dataset",
}

// Stages are the stages of the pipeline as a worker needs them (stage.RunTask).
func Stages() stage.Table {
	return slices.Concat(curate.Stages(), trial.Stages(), dataset.Stages(), handover.Stages())
}

// A Run is one run directory and the configuration that fills it.
type Run struct {
	*stage.Run
	Config *Config
	Shared Shared // set before the run is opened

	// The parts of the pipeline, once the run is open.
	Curation *curate.Curation // documents to domains and tokens
	Trials   *trial.Trials    // search and confirmation
	Dataset  *dataset.Dataset

	opened bool
	err    error // of opening
}

// Shared is what the runs of one study have in common, in one directory.
type Shared struct {
	Beside  *stage.Run   // another of them
	Apart   []eval.Term  // target files of them all, which the corpus must not hold
	Scored  []eval.Term  // validation files of them all: a proxy is scored on each, so that no mixture is trained twice
	HoldOut bool         // some of them are scored on held-out documents
	Targets *stage.Cache // of the target files that were read
}

// NewRun makes a run of the configuration. It reads and writes nothing.
func NewRun(c *Config) *Run { return &Run{Run: stage.New(c.Out, c.Workers), Config: c} }

// Remote is what runs tasks where the configuration says, nil in this process. It
// is made on the first call, and is then the launcher of the run.
func (r *Run) Remote() (*launch.Remote, error) {
	if remote, ok := r.Launcher.(*launch.Remote); ok || r.Launcher != nil {
		return remote, nil
	}
	remote, err := r.Config.Launch.Remote(Version, r.Config.resources)
	if remote == nil || err != nil {
		return nil, err
	}
	remote.Warn = func(text string) { r.Warn("run", "%s", text) }
	r.Launcher = remote
	return remote, nil
}

// Open lists the inputs, reads the target files and names the stages. The methods
// that are given a context do it where it was not done; a run that was opened
// stays as it is.
func (r *Run) Open(ctx context.Context) error {
	if !r.opened {
		r.opened, r.err = true, r.openParts(ctx)
	}
	return r.err
}

func (r *Run) openParts(ctx context.Context) (err error) {
	if r.Shared.Targets == nil {
		r.Shared.Targets = &stage.Cache{}
	}
	if r.Config, err = r.Config.weighed(r.Shared.Targets); err != nil {
		return err
	}
	if _, err := r.Remote(); err != nil {
		return err
	}
	if other := r.Shared.Beside; other != nil {
		watch := r.Watch
		r.Run = other.Beside()
		r.Watch = watch
	}
	if r.Curation, err = curate.Open(ctx, r.Run, r.Config.curation(r.Shared), r.Shared.Targets); err != nil {
		return err
	}
	if r.Trials, err = trial.Open(r.Curation, r.Config.trials(r.Shared), r.Shared.Targets); err != nil {
		return err
	}
	r.Dataset, err = dataset.Open(r.Curation, r.Config.dataset())
	return err
}

// Until runs or resumes the pipeline up to a target ("" = all of it), and
// holds the lock of the run directory for as long.
func (r *Run) Until(ctx context.Context, target string) error {
	last := ""
	if target != "" {
		var ok bool
		if last, ok = Targets[target]; !ok {
			return fmt.Errorf("no stage is called %q", target)
		}
	}
	if err := r.Open(ctx); err != nil {
		return err
	}
	if err := r.Foresee(ctx, last); err != nil {
		return err
	}
	return r.Hold(func() error {
		if err := r.inTheWay(); err != nil {
			return err
		}
		if err := r.saveConfig(); err != nil {
			return err
		}
		if err := r.tellDoubts(last); err != nil {
			return err
		}
		if r.Config.Report.TensorBoard {
			defer r.board(filepath.Join(r.Out, "tensorboard"))()
		}
		return r.Run.Until(ctx, last)
	})
}

// Foresee finds what a run up to a stage ("" = all of it) would find only after hours
// of work: fields that no document has (see curate.Curation.Foresee), and a
// proxy.command that is not there.
func (r *Run) Foresee(ctx context.Context, last string) error {
	if err := r.Open(ctx); err != nil {
		return err
	}
	if c := r.Config.Proxy.Command; trains(last) && len(c) > 0 && r.Config.Launch.Method.Name() == "local" && !r.Done("confirm") {
		if _, err := exec.LookPath(c[0]); err != nil {
			return &ConfigError{Text: fmt.Sprintf("proxy.command: %v", err)}
		}
	}
	return r.Curation.Foresee(ctx)
}

// trains tells whether a run up to a stage trains proxies.
func trains(last string) bool {
	return last == "" || slices.Contains([]string{"search", "confirm", "dataset"}, last)
}

// tellDoubts warns of what is doubtful of the proxies, before a run that will train
// some.
func (r *Run) tellDoubts(last string) error {
	if !trains(last) || r.Done("confirm") {
		return nil
	}
	doubts, err := r.Trials.Doubts()
	for _, text := range doubts {
		r.Warn("run", "%s", text)
	}
	return err
}

// inTheWay reports a file or folder of the user's at the path of the run's dataset
// link or report, before anything is spent.
func (r *Run) inTheWay() error {
	link, report := filepath.Join(r.Out, "dataset"), filepath.Join(r.Out, "report")
	if st, err := os.Lstat(link); err == nil && st.Mode().Type() != os.ModeSymlink {
		return task.Permanent(fmt.Errorf("%s is in the way of a link to the dataset; move it, or set another out", link))
	}
	if st, err := os.Stat(report); err == nil && !st.IsDir() {
		return task.Permanent(fmt.Errorf("%s is in the way of the folder of the report; move it, or set another out", report))
	}
	return nil
}

// saveConfig records the resolved configuration in the run directory.
func (r *Run) saveConfig() error {
	var b bytes.Buffer
	if err := r.Config.WriteYAML(&b); err != nil {
		return err
	}
	return task.WriteFile(filepath.Join(r.Out, "climb.yaml"), b.Bytes())
}

// Model opens what the run has fitted, to be used on new text.
func (r *Run) Model(ctx context.Context) (*curate.Model, error) {
	if err := r.Open(ctx); err != nil {
		return nil, err
	}
	return r.Curation.Model(ctx, Version)
}

// View opens the run to be looked at.
func (r *Run) View(ctx context.Context) (*view.View, error) {
	if err := r.Open(ctx); err != nil {
		return nil, err
	}
	return &view.View{Run: r.Run, Curation: r.Curation, Trials: r.Trials, Dataset: r.Dataset, Preset: r.Config.Preset, Version: Version, Launched: r.Config.Launch.Method.Name()}, nil
}

// Report gathers what the run has done so far, writes report/index.html and
// report/summary.json, and returns the numbers.
func (r *Run) Report(ctx context.Context) (*report.Data, error) {
	v, err := r.View(ctx)
	if err != nil {
		return nil, err
	}
	d, err := v.Gather(ctx)
	if err != nil {
		return nil, err
	}
	return d, report.Write(filepath.Join(r.Out, "report"), d)
}
