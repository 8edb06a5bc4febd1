// Package launch runs the tasks of a plan. It knows where they run and not what they do.
package launch

import (
	"context"

	"github.com/climb-go/climb/task"
)

// A Launcher runs the tasks of a plan, in this process or elsewhere. Package launchtest has the tests of what is promised here.
type Launcher interface {
	// Run does the tasks of the plan that are not done, and returns when they are. The plan's manifests alone say what is done, so a
	// plan may be run by several launchers at once, and again after any end of this one. f does a task in this process; a launcher
	// whose tasks run elsewhere has a program there that knows f by the plan's kind. Results depend on neither.
	//
	// A task whose error asks for it (task.Retry) is tried again; if it keeps failing, the others go on. After any other error no
	// task begins that has not been handed out. The error of the lowest task that failed is returned, with its number. When ctx
	// ends, running attempts are dropped, and once they have ended ctx.Err() is returned.
	//
	// watch may be nil; its calls never overlap, none comes after Run has returned, and it must be quick.
	Run(ctx context.Context, p *task.Plan, f task.Func, watch func(Event)) error
}

// Event tells what happened to a task.
type Event struct {
	Task     int            // -1 in the first event, which tells what was done before
	Done     int            // tasks of the plan that are done
	Total    int            // tasks of the plan
	Fraction float64        // of this task, 0 to 1, as far as it reports it
	Manifest *task.Manifest // set when the task has just been done
	Err      error          // set when an attempt has failed, also if another one follows
}
