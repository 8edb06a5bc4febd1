package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/climb-go/climb/task"
)

// Command hands batches to any scheduler by three commands of the user's, each a template. It was made for PBS, LSF, SGE and
// SkyPilot.
type Command struct {
	Submit string   `json:"submit" doc:"shell command that submits a batch and prints the job's name, and exits with 75 to be run again later: {script} is a script that runs the element whose number is its first argument or the variable {index}, {elements} their number, {last} the last one, {name} {cpus} {memory} (MiB) {gpus} {time} {throttle} what they say, {log} a file for what the scheduler itself prints; qsub -t 1-{elements} -o {log} -N {name} -terse {script}"`
	State  string   `json:"state" doc:"shell command that prints a line for each element that waits or runs: its number and queued or running, or only queued or running for the whole job; {job} is the job's name, {name} the batch's. An empty answer means that nothing runs"`
	Cancel string   `json:"cancel" doc:"shell command that ends {job}"`
	Index  string   `json:"index" doc:"variable in which the scheduler puts the number of an element: SGE_TASK_ID, PBS_ARRAY_INDEX, LSB_JOBINDEX; empty = the script's first argument"`
	First  int      `json:"first" default:"0" min:"0" max:"1" doc:"number of the scheduler's first element"`
	Most   int      `json:"most" default:"1000" min:"1" doc:"largest number of elements of one job"`
	Setup  []string `json:"setup,omitempty" doc:"lines of shell before the worker"`
}

// Engine implements Method.
func (c *Command) Engine() Engine { return commandEngine{c} }

// commandEngine is apart from Command, whose fields have the names of the methods.
type commandEngine struct{ *Command }

// Limit implements Engine.
func (c commandEngine) Limit(context.Context) (int, error) {
	if c.Command.Submit == "" || c.State == "" || c.Command.Cancel == "" {
		return 0, task.Usage(errors.New("launch.method: command needs launch.command with submit, state and cancel"))
	}
	return c.Most, nil
}

// script is what runs an element. It writes the element's log. Signals that a scheduler sends before it kills are handed on as SIGTERM, and the exit code is left
// behind, since not every scheduler keeps it: 137 tells of a kill, most often for memory.
func (c commandEngine) script(b *Batch) string {
	index := `$1`
	if c.Index != "" {
		index = "$" + c.Index
	}
	if c.First > 0 {
		index = fmt.Sprintf("$((%s - %d))", index, c.First)
	}
	command := b.Command("")
	for i, arg := range command[:len(command)-1] {
		command[i] = task.Quoted(arg)
	}
	command[len(command)-1] = `"$element"`
	var setup strings.Builder
	for _, line := range c.Setup {
		setup.WriteString(line + "\n")
	}
	return fmt.Sprintf(`#!/bin/sh
%selement=%s
exit=%s/element-$element.exit
rm -f "$exit"
exec >>"${exit%%.exit}.log" 2>&1 </dev/null
%s &
worker=$!
trap 'kill -TERM $worker 2>/dev/null' TERM INT USR1 USR2 XCPU
wait $worker
code=$?
while kill -0 $worker 2>/dev/null; do # a signal has ended the wait
	wait $worker
	code=$?
done
echo $code >"$exit.new" && mv "$exit.new" "$exit"
exit $code
`, setup.String(), index, task.Quoted(b.Folder), strings.Join(command, " "))
}

// exits adds the exit codes of elements that have ended to what the scheduler knows.
func (s *State) exits(b *Batch) {
	for i := range b.Elements {
		if s.Elements[i].Phase == Queued || s.Elements[i].Phase == Running {
			continue
		}
		data, err := os.ReadFile(filepath.Join(b.Folder, fmt.Sprintf("element-%d.exit", i)))
		if err != nil {
			continue
		}
		if code, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			s.Elements[i] = Element{Phase: Ended, Exit: code}
		}
	}
}

// fill puts values in the place of {names}, quoted for a shell.
func (c commandEngine) fill(template string, b *Batch, job string) string {
	r := b.Resources
	return strings.NewReplacer("{script}", task.Quoted(filepath.Join(b.Folder, "job.sh")), "{elements}", strconv.Itoa(len(b.Elements)),
		"{last}", strconv.Itoa(len(b.Elements)-1+c.First), "{name}", task.Quoted(b.Name), "{cpus}", strconv.Itoa(r.CPUs), "{memory}", strconv.FormatInt(r.Memory, 10),
		"{gpus}", strconv.Itoa(r.GPUs), "{time}", task.Quoted(r.Time), "{log}", task.Quoted(filepath.Join(b.Folder, "job.log")), "{job}", task.Quoted(job),
		"{folder}", task.Quoted(b.Folder), "{throttle}", strconv.Itoa(b.Throttle), "{first}", strconv.Itoa(c.First)).Replace(template)
}

// Manifest implements Writer.
func (c commandEngine) Manifest(b *Batch) (string, error) { return c.script(b), nil }

// Submit implements Engine.
func (c commandEngine) Submit(ctx context.Context, b *Batch) (string, error) {
	if err := task.WriteFile(filepath.Join(b.Folder, "job.sh"), []byte(c.script(b))); err != nil {
		return "", task.Permanent(err)
	}
	answer, err := ask(ctx, "", "sh", "-c", c.fill(c.Command.Submit, b, ""))
	if err != nil {
		err = fmt.Errorf("submit %s by launch.command.submit: %w", b.Name, err)
		if exit := (&exec.ExitError{}); errors.As(err, &exit) && exit.ExitCode() != task.ExitRetry { // that one asks to be run again
			err = task.Permanent(err)
		}
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	job := strings.TrimSpace(lines[len(lines)-1])
	if job == "" || len(job) > 200 || strings.ContainsFunc(job, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", task.Permanent(fmt.Errorf("submit %s: launch.command.submit printed %q, which is no name of a job", b.Name, job))
	}
	return job, nil
}

// States implements Engine.
func (c commandEngine) States(ctx context.Context, jobs []Submitted) ([]State, error) {
	out := make([]State, len(jobs))
	for i, j := range jobs {
		answer, err := ask(ctx, "", "sh", "-c", c.fill(c.State, j.Batch, j.Job))
		if err != nil {
			return nil, fmt.Errorf("launch.command.state: %w", err)
		}
		out[i] = c.state(answer, len(j.Batch.Elements))
		out[i].exits(j.Batch)
	}
	return out, nil
}

// state reads the answer of the command state.
func (c commandEngine) state(answer string, elements int) State {
	s := State{Elements: map[int]Element{}}
	for line := range strings.Lines(answer) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		phase := Ended
		switch strings.ToLower(f[len(f)-1]) {
		case "queued":
			phase = Queued
		case "running":
			phase = Running
		}
		if len(f) == 1 { // of the whole job
			for i := range elements {
				s.Elements[i] = Element{Phase: phase}
			}
			continue
		}
		if n, err := strconv.Atoi(f[0]); err == nil && n-c.First >= 0 && n-c.First < elements {
			s.Elements[n-c.First] = Element{Phase: phase}
		}
	}
	s.Gone = len(s.Elements) == 0
	return s
}

// Cancel implements Engine.
func (c commandEngine) Cancel(ctx context.Context, j Submitted) error {
	_, err := ask(ctx, "", "sh", "-c", c.fill(c.Command.Cancel, j.Batch, j.Job))
	return err
}
