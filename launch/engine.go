package launch

import (
	"context"
	"time"

	"github.com/climb-go/climb/option"
)

// An Engine is a scheduler: it runs the elements of a batch as jobs of its own, on other machines if need be. Remote asks it for
// nothing but liveness; what is done, manifests say.
type Engine interface {
	// Limit is the largest number of elements of one batch.
	Limit(ctx context.Context) (int, error)
	// Submit hands a batch over and returns the scheduler's name of the job. Where the scheduler knows a living job of the
	// batch's name, that one is returned and nothing is doubled: a controller was killed right after it had submitted.
	Submit(ctx context.Context, b *Batch) (job string, err error)
	// States tells of each job what the scheduler knows, in the same order. A job that it has forgotten is Gone. An error means
	// that it could not be asked.
	States(ctx context.Context, jobs []Submitted) ([]State, error)
	// Cancel ends a job. One that has ended, or that the scheduler has forgotten, is no error.
	Cancel(ctx context.Context, job Submitted) error
}

// A Speaker is an engine that keeps what its elements print, for where their log is not there.
type Speaker interface {
	// Output is the last lines that an element has printed, "" if they cannot be had.
	Output(ctx context.Context, job Submitted, element, lines int) string
}

// A Writer is an engine that can say what it would submit.
type Writer interface {
	// Manifest is what the scheduler is given for a batch: a script, or an object of its.
	Manifest(b *Batch) (string, error)
}

// A Batch is some tasks of a plan, dealt to the elements of one job of a scheduler. It is batch.json in its folder, from which each
// element learns its tasks.
type Batch struct {
	Name      string    `json:"name"`    // from the plan and the tasks, for the scheduler: letters, digits, dashes
	Version   string    `json:"version"` // of the program that planned it; elements of another one refuse
	Kind      string    `json:"kind"`    // of the plan
	Plan      string    `json:"plan"`    // path
	Folder    string    `json:"-"`       // of batch.json, logs, errors
	Elements  [][]int   `json:"elements"`
	Throttle  int       `json:"throttle,omitempty"` // elements that run at once; 0 = as many as the scheduler likes
	Resources Resources `json:"resources"`
	Program   []string  `json:"program"` // command line up to the arguments of the worker
}

// Command is the command line of an element; index is its number, or what the scheduler puts in its place.
func (b *Batch) Command(index string) []string {
	return append(append([]string{}, b.Program...), "task", "run", "--batch", b.Folder, "--element", index)
}

// Resources are what one element is given.
type Resources struct {
	CPUs   int    `json:"cpus" default:"1" min:"1" max:"4096" doc:"cores"`
	Memory int64  `json:"memory" default:"4096" min:"16" doc:"memory, MiB"`
	GPUs   int    `json:"gpus" min:"0" max:"64" doc:"GPUs"`
	Time   string `json:"time,omitempty" doc:"time limit, as the scheduler writes it: 04:00:00 for Slurm, seconds for Kubernetes; empty = its default"`
}

// Submitted is a batch that a scheduler has been given.
type Submitted struct {
	Batch *Batch
	Job   string // the scheduler's name; "" if the controller was killed before it had noted it
	At    time.Time
}

// A State is what a scheduler knows of a job.
type State struct {
	Gone     bool            // it does not know the job, any more
	Elements map[int]Element // of those that it knows
}

// Alive tells whether element i may still run.
func (s State) Alive(i int) bool {
	return !s.Gone && (s.Elements[i].Phase == Queued || s.Elements[i].Phase == Running)
}

// A Phase is where an element is. The zero Phase is of one that the scheduler does not know, any more.
type Phase int

// The phases.
const (
	Forgotten Phase = iota
	Queued
	Running
	Ended
)

// String names the phase.
func (p Phase) String() string { return [...]string{"forgotten", "queued", "running", "ended"}[p] }

// An Element is what a scheduler knows of an element.
type Element struct {
	Phase Phase
	Host  string
	Since time.Time // of running
	Why   string    // why it waits, or has ended: the scheduler's word
	Exit  int       // of one that has ended, if it is known; 128 and the number of a signal
}

// Methods lists where tasks can run.
var Methods = option.Family[Method]{
	{Name: "local", Summary: "Tasks run in this process.", New: func() Method { return &Here{} }},
	{Name: "slurm", Summary: "Tasks run as arrays of Slurm jobs.", New: func() Method { return &Slurm{} }},
	{Name: "kubernetes", Summary: "Tasks run as Indexed Jobs of Kubernetes, by kubectl.", New: func() Method { return &Kubernetes{} }},
	{Name: "command", Summary: "Tasks run where three commands of yours put them: PBS, LSF, SGE, SkyPilot, anything.", New: func() Method { return &Command{} }},
}

// A Method is a way to run tasks. Its engine is nil where they run in this process.
type Method interface{ Engine() Engine }

// Here is the method local.
type Here struct{}

// Engine implements Method: there is none.
func (*Here) Engine() Engine { return nil }

type methodTable struct{}

func (methodTable) Family() option.Family[Method] { return Methods }

// A Choice is a method with its options, as a configuration names it.
type Choice = option.Choice[Method, methodTable]
