package launch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/climb-go/climb/task"
)

// Slurm runs batches as job arrays, by sbatch, squeue and scancel. It needs no accounting: squeue is asked for liveness alone, and
// shows what has ended for MinJobAge, five minutes by default.
type Slurm struct {
	Partition  string   `json:"partition" doc:"partition; empty = the default one"`
	Account    string   `json:"account" doc:"account that is charged"`
	QOS        string   `json:"qos" doc:"quality of service"`
	Constraint string   `json:"constraint" doc:"features of the nodes"`
	Extra      []string `json:"extra,omitempty" doc:"more #SBATCH options, such as --exclude=n7"`
	Setup      []string `json:"setup,omitempty" doc:"lines of shell before the worker, such as module load cuda"`
}

// Engine implements Method.
func (s *Slurm) Engine() Engine { return s }

// Limit implements Engine: MaxArraySize.
func (s *Slurm) Limit(ctx context.Context) (int, error) {
	text, err := ask(ctx, "", "scontrol", "show", "config")
	if err != nil {
		return 0, slurmError(fmt.Errorf("ask Slurm for MaxArraySize: %w", err))
	}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "MaxArraySize" {
			if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 1 {
				return n - 1, nil // the largest index is one less, and a site may count it either way
			}
		}
	}
	return 0, fmt.Errorf("ask Slurm for MaxArraySize: scontrol show config does not name it")
}

// script is the batch script of the array.
func (s *Slurm) script(b *Batch) string {
	var out strings.Builder
	out.WriteString("#!/bin/bash\n")
	option := func(format string, args ...any) { fmt.Fprintf(&out, "#SBATCH "+format+"\n", args...) }
	option("--job-name=%s", b.Name)
	array := fmt.Sprintf("--array=0-%d", len(b.Elements)-1)
	if b.Throttle > 0 {
		array += fmt.Sprintf("%%%d", b.Throttle)
	}
	option("%s", array)
	option("--nodes=1")
	option("--ntasks=1")
	option("--cpus-per-task=%d", b.Resources.CPUs)
	option("--mem=%dM", b.Resources.Memory)
	if b.Resources.GPUs > 0 {
		option("--gres=gpu:%d", b.Resources.GPUs)
	}
	for _, o := range []struct{ name, value string }{{"time", b.Resources.Time}, {"partition", s.Partition}, {"account", s.Account}, {"qos", s.QOS}, {"constraint", s.Constraint}} {
		if o.value != "" {
			option("--%s=%s", o.name, o.value)
		}
	}
	option("--requeue")
	option("--open-mode=append")
	option("--signal=B:TERM@60")
	option("--output=%s", strings.ReplaceAll(filepath.Join(b.Folder, "element-%a.log"), " ", "\\ "))
	for _, extra := range s.Extra {
		option("%s", extra)
	}
	for _, line := range s.Setup {
		out.WriteString(line + "\n")
	}
	command := b.Command("$SLURM_ARRAY_TASK_ID")
	for i, arg := range command[:len(command)-1] {
		command[i] = task.Quoted(arg)
	}
	command[len(command)-1] = `"$SLURM_ARRAY_TASK_ID"`
	out.WriteString("exec " + strings.Join(command, " ") + "\n")
	return out.String()
}

// Manifest implements Writer.
func (s *Slurm) Manifest(b *Batch) (string, error) { return s.script(b), nil }

// Submit implements Engine.
func (s *Slurm) Submit(ctx context.Context, b *Batch) (string, error) {
	script := s.script(b)
	if err := task.WriteFile(filepath.Join(b.Folder, "job.sh"), []byte(script)); err != nil {
		return "", task.Permanent(err)
	}
	living, err := ask(ctx, "", "squeue", "--noheader", "--me", "--name="+b.Name, "--format=%F")
	if err != nil {
		return "", slurmError(fmt.Errorf("look for an earlier job of %s: %w", b.Name, err))
	}
	if job, _, _ := strings.Cut(strings.TrimSpace(living), "\n"); job != "" {
		return strings.TrimSpace(job), nil
	}
	answer, err := ask(ctx, script, "sbatch", "--parsable", "--chdir="+b.Folder)
	if err != nil {
		return "", slurmError(fmt.Errorf("submit %s: %w; see launch in climb.yaml and %s", b.Name, err, filepath.Join(b.Folder, "job.sh")))
	}
	job, _, _ := strings.Cut(strings.TrimSpace(answer), ";") // ;CLUSTER
	if _, err := strconv.ParseUint(job, 10, 64); err != nil {
		return "", task.Permanent(fmt.Errorf("submit %s: sbatch answers %q, which is no job", b.Name, answer))
	}
	return job, nil
}

// unreachable is what Slurm's commands say when its controller is down, restarted, or too busy: another time they may not.
var unreachable = []string{"unable to contact", "timed out", "connection refused", "connection reset", "zero bytes were transmitted",
	"transport endpoint", "temporarily unable", "communication connection failure", "backup controller", "resource temporarily unavailable",
	"munge", "socket", "queue submission limit", "job limit"}

// slurmError marks an error that is Slurm's answer, and not its silence.
func slurmError(err error) error {
	var answered *commandError
	if !errors.As(err, &answered) || said(err, unreachable...) {
		return err
	}
	return task.Permanent(err)
}

// States implements Engine. Elements that Slurm holds since their node would not start them are released, and those that it makes
// wait after a requeue (two minutes, by default) are let go.
func (s *Slurm) States(ctx context.Context, jobs []Submitted) ([]State, error) {
	text, err := ask(ctx, "", "squeue", "--noheader", "--me", "--array", "--states=all", "--Format=ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,Reason:|,NodeList:|")
	if err != nil {
		return nil, err
	}
	states := slurmStates(text, jobs)
	for i, j := range jobs {
		for n, e := range states[i].Elements {
			if err := s.letGo(ctx, fmt.Sprintf("%s_%d", j.Job, n), e); err != nil {
				return nil, err
			}
		}
	}
	return states, nil
}

// letGo lets a queued element begin that waits for nothing but Slurm's caution. One that has begun by then, or has ended, is no error.
func (s *Slurm) letGo(ctx context.Context, element string, e Element) error {
	var err error
	switch {
	case e.Phase != Queued:
		return nil
	case strings.Contains(strings.ToLower(e.Why), "launch failed requeued held"), e.Why == "JobHoldMaxRequeue":
		_, err = ask(ctx, "", "scontrol", "release", element)
	case e.Why == "BeginTime":
		_, err = ask(ctx, "", "scontrol", "update", "JobId="+element, "StartTime=now")
	}
	var answered *commandError
	if errors.As(err, &answered) { // the site keeps that to itself, or it has begun
		return nil
	}
	return err
}

// slurmStates reads what squeue prints.
func slurmStates(text string, jobs []Submitted) []State {
	at := map[string]int{}
	out := make([]State, len(jobs))
	for i, j := range jobs {
		at[j.Job], out[i] = i, State{Gone: true}
	}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 6 {
			continue
		}
		i, ours := at[strings.TrimSpace(f[0])]
		n, err := strconv.Atoi(strings.TrimSpace(f[1]))
		if !ours || err != nil {
			continue
		}
		if out[i].Elements == nil {
			out[i] = State{Elements: map[int]Element{}}
		}
		out[i].Elements[n] = slurmElement(strings.TrimSpace(f[2]), strings.TrimSpace(f[3]), strings.TrimSpace(f[4]), strings.TrimSpace(f[5]))
	}
	return out
}

func slurmElement(state, exit, reason, host string) Element {
	e := Element{Host: host}
	if host == "(null)" || host == "n/a" {
		e.Host = ""
	}
	switch state {
	case "PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "SUSPENDED", "STOPPED":
		e.Phase, e.Why = Queued, reason
	case "RUNNING", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT":
		e.Phase = Running
	default: // COMPLETED, FAILED, TIMEOUT, CANCELLED, NODE_FAIL, PREEMPTED, BOOT_FAIL, DEADLINE, OUT_OF_MEMORY, REVOKED
		e.Phase, e.Why = Ended, state
		code, signal, _ := strings.Cut(exit, ":")
		e.Exit, _ = strconv.Atoi(code)
		if n, _ := strconv.Atoi(signal); n > 0 {
			e.Exit = 128 + n
		}
		if state == "COMPLETED" {
			e.Why = ""
		}
	}
	return e
}

// Cancel implements Engine.
func (s *Slurm) Cancel(ctx context.Context, j Submitted) error {
	_, err := ask(ctx, "", "scancel", j.Job)
	if said(err, "invalid job id", "already completing", "already completed") {
		return nil
	}
	return err
}
