package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
)

func newLM(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "lm", GroupID: "tool", Args: args(cobra.NoArgs),
		Short:   "About the proxy models",
		Example: "  climb lm sizes\n  climb lm rate climb.yaml",
	}
	c.AddCommand(newLMSizes(std), newLMRate(std))
	return c
}

// lmSizesOptions are the flags of climb lm sizes.
type lmSizesOptions struct {
	Tokens, Seconds, Largest float64
	JSON                     bool
}

// AddFlags adds the flags to a command's.
func (o *lmSizesOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.Float64Var(&o.Tokens, "tokens", 0, "training tokens of one proxy; 0 is the default of proxy.tokens")
	f.Float64Var(&o.Seconds, "seconds", 0.5, "time for each measurement")
	f.Float64Var(&o.Largest, "largest", 20e6, "parameters of the largest model to train")
}

func newLMSizes(std streams) *cobra.Command {
	var o lmSizesOptions
	c := &cobra.Command{
		Use: "sizes", Args: args(cobra.NoArgs),
		Short: "List the model presets with their speed on this machine",
		Long: `Print the presets of proxy models: parameters, shape, training speed on this machine,
and the time of a search of 64, 32 and 16 proxies.

Each is trained for a moment. Models above --largest are not: their speed is
extrapolated from the largest that was, and marked ~.`,
		Example: `  climb lm sizes
  climb lm sizes --tokens 2e6 --largest 400e6
  climb lm sizes --json`,
		RunE: func(c *cobra.Command, args []string) error { return runLMSizes(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runLMSizes(ctx context.Context, o lmSizesOptions, _ []string, std streams) error {
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIZE\tPARAMETERS\tLAYERS\tWIDTH\tHEADS\tVOCAB\tCONTEXT\tBATCH\tLEARNING RATE\tTOKENS/S, ONE CORE\tALL CORES\tPROXY TOKENS\tSEARCH")
	sizes, err := trial.MeasureSizes(ctx, trial.SizesOptions{Tokens: o.Tokens, Seconds: o.Seconds, Largest: int(o.Largest)}, func(s trial.SizeSpeed) {
		about := ""
		if !s.Measured {
			about = "~"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.3g\t%s%.0f\t%s%.0f\t%.3g\t%s%s\n", s.Name, s.Params, s.Model.Layers,
			s.Model.Width, s.Model.Heads, s.Model.Vocab, s.Model.Context, s.Batch, s.LearningRate, about, s.OneCore, about, s.AllCores,
			s.Tokens, about, durationText(time.Duration(s.Search*float64(time.Second))))
	})
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(sizes)
	}
	return t.Flush()
}

// lmRateOptions are the flags of climb lm rate.
type lmRateOptions struct {
	configOptions
	Seconds float64
	Size    string
}

// AddFlags adds the flags to a command's.
func (o *lmRateOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.Float64Var(&o.Seconds, "seconds", 10, "time for the measurement")
	f.StringVar(&o.Size, "size", "", "model of a preset (climb lm sizes) in the place of the configuration's")
}

func newLMRate(std streams) *cobra.Command {
	var o lmRateOptions
	c := &cobra.Command{
		Use: "rate [climb.yaml]", Args: args(cobra.MaximumNArgs(1)),
		Short: "Measure how fast the trainer of a configuration is on this machine",
		Long: `Train the proxies of a configuration on random tokens for a moment, with its trainer
(proxy.trainer: torch), and print tokens a second of one process with all its models
and devices. Run it where the proxies will be trained, such as in a job on a GPU, and
put the figure into proxy.rate: climb plan counts device-hours with it.

climb lm sizes does the same for the builtin trainer.`,
		Example: `  climb lm rate climb.yaml
  climb lm rate climb.yaml --set proxy.torch.batch_of_models=16 --json
  climb lm rate climb.yaml --size 350m --set proxy.batch=8 --set proxy.torch.micro_batch=2
  srun --gpus 1 climb lm rate climb.yaml --seconds 30`,
		RunE: func(c *cobra.Command, args []string) error { return runLMRate(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

// An lmRate is what climb lm rate prints as JSON.
type lmRate struct {
	Params int `json:"params"`
	Batch  int `json:"batch"`  // sequences
	Models int `json:"models"` // side by side
	*train.Speed
}

func runLMRate(ctx context.Context, o lmRateOptions, args []string, std streams) error {
	cfg, err := o.load(args)
	if err != nil {
		return err
	}
	p := cfg.Proxy
	if o.Size != "" {
		s, ok := lm.SizeByName(o.Size)
		if !ok {
			return task.Usage(fmt.Errorf("--size: no preset is called %s; climb lm sizes lists them", o.Size))
		}
		p.Model = s.Config
	}
	torch, ok := p.Method().(*train.Torch)
	if !ok {
		return &option.ConfigError{Text: "proxy.trainer: is not torch; climb lm sizes measures the builtin trainer, and a command's speed is its own to tell"}
	}
	job := train.Job{Model: p.Model, Tokens: p.Tokens, Batch: p.Batch, Optim: p.Optim, Seed: 1}
	cores := cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0))
	at := train.Place{Workers: func() int { return max(1, cores/torch.AtOnce(cores)) }}
	speed, err := torch.Trainer(at).(*train.Torch).Rate(ctx, job, o.Seconds)
	if err != nil {
		return err
	}
	r := lmRate{p.Model.NumParams(), p.Batch, torch.Together(), speed}
	if o.JSON {
		return std.out.JSON(r)
	}
	where := fmt.Sprintf("%s, %d threads", speed.Device, speed.Threads)
	if speed.Memory > 0 {
		where = fmt.Sprintf("%s, %s at the peak", speed.Device, bytesText(float64(speed.Memory)))
	}
	fmt.Fprintf(std.out, "model  %s parameters, %d sequences of %d tokens, %d side by side\n", countText(float64(r.Params)), r.Batch, p.Model.Context, r.Models)
	fmt.Fprintf(std.out, "on     %s (PyTorch %s)\n", where, speed.Torch)
	fmt.Fprintf(std.out, "rate   %.0f tokens a second, %.3g GFLOP/s\n", speed.Rate, speed.Flops/1e9)
	fmt.Fprintf(std.out, "for climb.yaml:  proxy: {rate: %s}\n", strings.TrimSuffix(fmt.Sprintf("%.4g", speed.Rate), ".0"))
	return nil
}
