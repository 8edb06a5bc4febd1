package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// configOptions are the flags of the commands that work on the run of a
// configuration.
type configOptions struct {
	Out     string
	Workers int
	Set     []string
	JSON    bool
}

// AddFlags adds the flags to a command's.
func (o *configOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Out, "out", "", "run directory, instead of the one in the configuration")
	f.IntVar(&o.Workers, "workers", 0, "cores to use, instead of the number in the configuration; 0 = all")
	f.StringArrayVar(&o.Set, "set", nil, "an option instead of the configuration's, such as proxy.tokens=1e6; the value is YAML; may be repeated")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

// load reads the configuration named by the arguments: a file or a run directory,
// climb.yaml if there are none.
func (o *configOptions) load(args []string) (*climb.Config, error) {
	c, err := loadRun(args, o.Set...)
	if err != nil {
		return nil, err
	}
	return c, o.apply(c)
}

// open prepares the run of the configuration named by the arguments.
func (o *configOptions) open(ctx context.Context, args []string) (*climb.Run, error) {
	cfg, err := o.load(args)
	if err != nil {
		return nil, err
	}
	r := climb.NewRun(cfg)
	return r, r.Open(ctx)
}

// look opens it to be looked at.
func (o *configOptions) look(ctx context.Context, args []string) (*view.View, error) {
	r, err := o.open(ctx, args)
	if err != nil {
		return nil, err
	}
	return r.View(ctx)
}

// apply lets the flags overrule the configuration.
func (o *configOptions) apply(c *climb.Config) error {
	if o.Out != "" {
		var err error
		if c.Out, err = filepath.Abs(o.Out); err != nil {
			return err
		}
	}
	if o.Workers != 0 {
		c.Workers = o.Workers
	}
	return useWorkers(c.Workers)
}

// useWorkers sets the number of cores of this process, 0 being all. A number that
// no machine has is refused: to start so many threads takes minutes.
func useWorkers(n int) error {
	if n < 0 || n > 4096 {
		return task.Usage(fmt.Errorf("--workers: %d is not between 0 (all cores) and 4096", n))
	}
	if n > 0 {
		runtime.GOMAXPROCS(n)
	}
	return nil
}

// stageOptions are the flags of the commands that run stages.
type stageOptions struct {
	configOptions
	Quiet  bool
	detach bool // leave the jobs of a scheduler
	take   bool // the run directory, from a controller on a host that is gone
	serve  bool // show the run in a browser
	port   int
}

// AddFlags adds the flags to a command's.
func (o *stageOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.Lookup("json").Usage = "print one JSON object per event and, at the end, the summary"
	f.BoolVar(&o.take, "take-over", false, "take the run directory from a climb run on a host that is gone, whose lock the file server keeps")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "print no progress: warnings, and what comes of it")
}

// until runs the pipeline up to a target, showing progress, and prints what
// came of it.
func (o *stageOptions) until(ctx context.Context, cfg *climb.Config, target string, std streams) error {
	r := climb.NewRun(cfg)
	if err := r.Open(ctx); err != nil {
		return err
	}
	if remote, err := r.Remote(); err != nil {
		return err
	} else if remote != nil {
		remote.Detach = o.detach
	}
	if o.take {
		if err := task.TakeOver(cfg.Out); err != nil {
			return err
		}
	}
	show := newDisplay(std.out, std, o.JSON)
	show.silent = o.Quiet
	r.Watch = show.event
	stop := func() {}
	if o.serve {
		var err error
		if stop, err = serveBeside(ctx, cfg, o.port, r, std); err != nil {
			return err
		}
	}
	err := r.Until(ctx, target)
	stop()
	show.close()
	if err != nil {
		return err
	}
	if target != "" {
		stage := climb.Targets[target]
		return show.result(map[string]string{"stage": stage, "dir": r.Dir(stage)}, "%s is in %s", target, near(r.Dir(stage)))
	}
	d, err := r.Report(ctx)
	if err != nil {
		return err
	}
	show.summary(d, cfg.Out)
	return nil
}

// runOptions are the flags of climb run.
type runOptions struct {
	stageOptions
	Until       string
	Detach      bool
	PrintConfig bool
	Serve       bool
	Port        int
}

// AddFlags adds the flags to a command's.
func (o *runOptions) AddFlags(f *pflag.FlagSet) {
	o.stageOptions.AddFlags(f)
	f.StringVar(&o.Until, "until", "", "stop after a stage: "+strings.Join(targets(), ", "))
	f.BoolVar(&o.Detach, "detach", false, "leave the jobs of a scheduler when climb is interrupted; climb run goes on with them, climb cancel ends them")
	f.BoolVar(&o.Serve, "serve", false, "show the run in a browser as it goes, at the address that is printed; see climb serve")
	f.IntVar(&o.Port, "port", 0, "port on 127.0.0.1 for --serve; 0 = any that is free")
	f.BoolVar(&o.PrintConfig, "print-config", false, "print the configuration with every default and stop")
}

func newRun(std streams) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use: "run [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Run the whole pipeline, or resume it",
		Long: `Run the whole pipeline. In the run directory you get the mixture, the verdict
whether it beats the baselines, the mixed dataset (dataset/) and the report
(report/index.html).

Run the same command to resume, after Ctrl-C or kill -9 at any moment: the result
is the same. What is done is not done again. A stage's directory is named by the
hash of its options and inputs, so a changed option redoes the stages that depend
on it, and no others.`,
		Example: `  climb run climb.yaml
  climb run climb.yaml --out runs/2 --workers 8
  climb run climb.yaml --until domains  # no proxies yet
  climb run climb.yaml --serve          # and watch it in a browser
  climb run climb.yaml --set proxy.tokens=1e6 --set search.rounds=[32,16]
  climb run climb.yaml --print-config   # every option with its value`,
		RunE: func(c *cobra.Command, args []string) error { return runRun(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	_ = c.RegisterFlagCompletionFunc("until", cobra.FixedCompletions(targets(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	return c
}

func runRun(ctx context.Context, o runOptions, args []string, std streams) error {
	cfg, err := o.load(args)
	if err != nil {
		return err
	}
	if o.PrintConfig {
		return cfg.WriteYAML(std.out.data())
	}
	if o.Until != "" && !slices.Contains(targets(), o.Until) {
		return task.Usage(fmt.Errorf("--until: no stage is called %q%s; stages are %s", o.Until, meant(o.Until, targets()), strings.Join(targets(), ", ")))
	}
	o.detach, o.serve, o.port = o.Detach, o.Serve, o.Port
	return o.until(ctx, cfg, o.Until, std)
}

// targets lists what climb run --until stops after, in the order of the pipeline.
func targets() []string {
	return []string{"corpus", "embed", "cluster", "label", "domains", "tokens", "search", "confirm", "dataset"}
}

// meant asks whether one of the names was meant by a misspelt one.
func meant(misspelt string, names []string) string {
	if name := option.Nearest(misspelt, names); name != "" {
		return fmt.Sprintf("; did you mean %s?", name)
	}
	return ""
}
