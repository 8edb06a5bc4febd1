package train

import (
	"context"
	"errors"

	"github.com/climb-go/climb/option"
)

// A Method is a kind of trainer; its fields are what can be set about it. They
// change how long a run takes and where it runs, not what is trained, so they
// name no stage: Program does.
type Method interface {
	// Program names what trains where that is not this program: it is part of the
	// name of what was trained. "" is this program.
	Program() (string, error)
	// AtOnce is how many runs it trains at the same time on a machine of so many
	// cores.
	AtOnce(cores int) int
	// Trainer makes a trainer that works at p.
	Trainer(p Place) Trainer
}

// A Checker is a method that refuses a job that it cannot train, before any is
// trained.
type Checker interface {
	Check(j *Job) error
}

// A Foreign method trains with a program that a run keeps the text of.
type Foreign interface {
	Method
	Checker
	Source() ([]byte, error)  // of the program
	From(path string) Foreign // with the program that is kept there
	Together() int            // runs that it trains side by side
	Devices() int             // that one process has
}

// A Stacker trains several jobs of one shape side by side, to the results that
// they have one by one, but for rounding.
type Stacker interface {
	TrainAll(ctx context.Context, jobs []Job, watch func(job int, g Progress)) ([]*Result, error)
}

// A Place is where a trainer works.
type Place struct {
	Workers func() int // cores that it may use now; nil is one
	Dir     string     // where its files may be until a run has ended; "" = a folder of the system's
	Command Arguments  // of the method command
	Slot    int        // which of the runs that are trained at once on this machine, from 0
}

// Methods lists the trainers.
var Methods = option.Family[Method]{
	{Name: "builtin", Summary: "In this program, on the CPU.", New: func() Method { return &Builtin{} }},
	{Name: "torch", Summary: "PyTorch, on the CPU or on GPUs: the same model, data order, schedules and AdamW as builtin.", New: func() Method { return &Torch{} }},
	{Name: "command", Summary: "The program that command names.", New: func() Method { return &External{} }},
}

type table struct{}

func (table) Family() option.Family[Method] { return Methods }

// A Choice is a trainer with its options, as a configuration names it.
type Choice = option.Choice[Method, table]

// Choose returns the choice of m, such as &Torch{}.
func Choose(m Method) Choice { return option.Choose[Method, table](m) }

// Builtin trains in this process; see Proxy.
type Builtin struct{}

// Program implements Method.
func (*Builtin) Program() (string, error) { return "", nil }

// AtOnce implements Method.
func (*Builtin) AtOnce(cores int) int { return cores }

// Trainer implements Method.
func (*Builtin) Trainer(p Place) Trainer { return Proxy{Workers: p.Workers} }

// External trains with a program of the user's; see Command.
type External struct {
	Fields []string `json:"-"` // of a Job that the program understands, as proxy.command_fields has them; none is all
}

// Program implements Method: the command itself is an option of the stage.
func (*External) Program() (string, error) { return "", nil }

// Check implements Checker.
func (e *External) Check(j *Job) error {
	if len(e.Fields) == 0 {
		return nil
	}
	allowed, err := stated(e.Fields)
	if err != nil {
		return err
	}
	return j.within(allowed, "set it to nothing, or name it in proxy.command_fields if the program understands it")
}

// AtOnce implements Method.
func (*External) AtOnce(cores int) int { return cores }

// Trainer implements Method.
func (*External) Trainer(p Place) Trainer { return Command{Args: p.Command, Dir: p.Dir} }

// errNoFile is of a term that only a harness's results have.
var errNoFile = errors.New("has no file; its results come from proxy.command")
