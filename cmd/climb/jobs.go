package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A jobStatus is what a scheduler has of a run, and what its workers say.
type jobStatus struct {
	Stage    string    `json:"stage"`
	Job      string    `json:"job"`
	Batch    string    `json:"batch"`
	Since    time.Time `json:"since"`
	Elements int       `json:"elements"`
	Queued   int       `json:"queued"`
	Running  int       `json:"running"`
	Ended    int       `json:"ended"`
	Why      string    `json:"why,omitempty"` // why elements wait
	Hosts    []string  `json:"hosts,omitempty"`
	Failed   []string  `json:"failed,omitempty"` // what workers said
	Error    string    `json:"error,omitempty"`  // why the scheduler could not be asked
}

// mostHosts bounds the hosts that are named.
const mostHosts = 8

// A submission is a job of a stage.
type submission struct {
	launch.Submitted
	stage string
	ended bool // and so noted; the others may still be alive
}

// submissions lists the jobs that a stage has handed to a scheduler, the oldest first; "" is of all stages.
func submissions(r *climb.Run, stage string) (out []submission, err error) {
	for _, s := range r.Stages() {
		if stage != "" && s.Name != stage {
			continue
		}
		plans, err := r.Plans(s.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range plans {
			jobs, ended, err := launch.Submissions(p)
			if err != nil {
				return nil, err
			}
			for i, j := range jobs {
				out = append(out, submission{j, s.Name, ended[i]})
			}
		}
	}
	return out, nil
}

// living lists the jobs of a run that may still be alive.
func living(r *climb.Run) ([]submission, error) {
	all, err := submissions(r, "")
	return slices.DeleteFunc(all, func(j submission) bool { return j.ended }), err
}

// jobStatuses asks the scheduler of a run for its jobs; none where tasks run in
// the process.
func jobStatuses(ctx context.Context, r *climb.Run) (out []jobStatus, err error) {
	remote, err := r.Remote()
	if remote == nil || err != nil {
		return nil, err
	}
	jobs, err := living(r)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	asking := make([]launch.Submitted, len(jobs))
	for i, j := range jobs {
		asking[i] = j.Submitted
	}
	states, asked := remote.Engine.States(ctx, asking)
	for i, j := range jobs {
		s := jobStatus{Stage: j.stage, Job: j.Job, Batch: j.Batch.Name, Since: j.At, Elements: len(j.Batch.Elements)}
		if asked != nil {
			s.Error = asked.Error()
		} else {
			s.count(j.Submitted, states[i])
		}
		for _, tasks := range j.Batch.Elements {
			for _, n := range tasks {
				if f := j.Batch.Failure(n); f != nil && len(s.Failed) < mostHosts {
					s.Failed = append(s.Failed, fmt.Sprintf("task %d: %s", n, f.Message))
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// count sums what the scheduler knows of the elements.
func (s *jobStatus) count(j launch.Submitted, state launch.State) {
	hosts := map[string]bool{}
	for i := range j.Batch.Elements {
		switch e := state.Elements[i]; e.Phase {
		case launch.Queued:
			s.Queued++
			s.Why = e.Why
		case launch.Running:
			s.Running++
			if p := j.Batch.Pulse(i); e.Host == "" && p != nil {
				e.Host = p.Host
			}
			if e.Host != "" && !hosts[e.Host] && len(s.Hosts) < mostHosts {
				hosts[e.Host] = true
				s.Hosts = append(s.Hosts, e.Host)
			}
		default:
			s.Ended++
		}
	}
}

// writeJobs prints the jobs of a run.
func writeJobs(w io.Writer, jobs []jobStatus) {
	if len(jobs) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\njob\tstage\tqueued\trunning\tended\tfor\twhere, why")
	for _, j := range jobs {
		about := j.Why
		if len(j.Hosts) > 0 {
			about = fmt.Sprint(j.Hosts)
		}
		if j.Error != "" {
			about = j.Error
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", j.Job, j.Stage, j.Queued, j.Running, j.Ended, durationText(time.Since(j.Since)), about)
	}
	t.Flush()
	for _, j := range jobs {
		for _, f := range j.Failed {
			fmt.Fprintf(w, "! job %s, %s: %s\n", j.Job, j.Stage, f)
		}
	}
}

func newCancel(std streams) *cobra.Command {
	var o configOptions
	c := &cobra.Command{
		Use: "cancel [climb.yaml]", GroupID: "tool", Args: args(cobra.MaximumNArgs(1)),
		Short: "Cancel the jobs that a run has handed to a scheduler",
		Long: `Cancel every job of a run that a scheduler still has: those that climb run
--detach, or a controller that was killed, has left. What is done stays done; climb
run goes on from there.`,
		Example: `  climb cancel climb.yaml`,
		RunE:    func(c *cobra.Command, args []string) error { return runCancel(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runCancel(ctx context.Context, o configOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	remote, err := r.Remote()
	if err != nil {
		return err
	}
	if remote == nil {
		return task.Usage(errors.New("launch.method is local: the tasks run in the process of climb run, and end with it"))
	}
	jobs, err := living(r)
	if err != nil {
		return err
	}
	var errs []error
	for _, j := range jobs {
		if err := remote.Engine.Cancel(ctx, j.Submitted); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, j.End())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(map[string]int{"cancelled": len(jobs)})
	}
	fmt.Fprintf(std.out, "%s cancelled\n", plural(len(jobs), "job", "jobs"))
	return nil
}

func newLogs(std streams) *cobra.Command {
	var o configOptions
	c := &cobra.Command{
		Use: "logs [STAGE [TASK]] [climb.yaml]", GroupID: "tool", Args: args(cobra.MaximumNArgs(3)),
		Short: "Print what a task has printed, wherever it ran",
		Long: `Print the log of the worker that ran a task, or ran it last, where a scheduler has
put it. Without TASK the logs of a stage are listed, without STAGE those of all.`,
		Example: `  climb logs
  climb logs search 12
  climb logs embed 0 runs/a.yaml`,
		RunE: func(c *cobra.Command, args []string) error { return runLogs(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

// A logEntry is the log of an element.
type logEntry struct {
	Stage   string `json:"stage"`
	Job     string `json:"job"`
	Element int    `json:"element"`
	Tasks   []int  `json:"tasks"`
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
}

func runLogs(ctx context.Context, o configOptions, args []string, std streams) error {
	var config []string
	stageName, number := "", -1
	for i, arg := range args {
		n, err := strconv.Atoi(arg)
		switch {
		case err == nil && i == 1 && n >= 0:
			number = n
		case i == 0 && climb.Stages().Find(arg) != nil:
			stageName = arg
		case i == len(args)-1:
			config = []string{arg}
		default:
			return task.Usage(fmt.Errorf("%q is neither a stage, nor the number of a task, nor the configuration", arg))
		}
	}
	r, err := o.open(ctx, config)
	if err != nil {
		return err
	}
	logs, err := findLogs(r, stageName, number)
	if err != nil {
		return err
	}
	if len(logs) == 0 {
		return task.Usage(errors.New("no log of that: tasks of launch.method: local print where climb run prints"))
	}
	if number >= 0 {
		return printLog(logs[len(logs)-1], std)
	}
	if o.JSON {
		return std.out.JSON(logs)
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tjob\telement\ttasks\tbytes\tlog")
	for _, l := range logs {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d to %d\t%d\t%s\n", l.Stage, l.Job, l.Element, l.Tasks[0], l.Tasks[len(l.Tasks)-1], l.Bytes, near(l.Path))
	}
	return t.Flush()
}

// findLogs lists logs, the oldest first; "" is of all stages, -1 of all tasks.
func findLogs(r *climb.Run, stage string, number int) (out []logEntry, err error) {
	jobs, err := submissions(r, stage)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		for i, tasks := range j.Batch.Elements {
			path := j.Batch.LogPath(i)
			st, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) || number >= 0 && j.Batch.ElementOf(number) != i {
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, logEntry{j.stage, j.Job, i, tasks, path, st.Size()})
		}
	}
	return out, nil
}

// printLog prints a log as it is, but for what would steer a terminal.
func printLog(l logEntry, std streams) error {
	f, err := os.Open(l.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(std.out, f)
	return err
}
