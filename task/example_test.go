package task_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A plan lists tasks; a task that has its manifest is done, and is not run
// again, whatever became of the process that ran it.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plan := &task.Plan{Kind: "square", Tasks: []json.RawMessage{[]byte("3"), []byte("4"), []byte("5")}}
	if err := plan.Save(filepath.Join(dir, "square-1")); err != nil {
		log.Fatal(err)
	}
	square := func(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
		var x int
		if err := p.Task(n, &x); err != nil {
			return err
		}
		fmt.Println("task", n)
		return a.WriteJSON(fmt.Sprintf("part-%05d.json", n), x*x)
	}
	ctx := context.Background()
	if _, err := plan.Run(ctx, 1, square); err != nil { // and then the machine is lost
		log.Fatal(err)
	}
	if err := (launch.Local{Workers: 1}).Run(ctx, plan, square, nil); err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile(plan.Path("part-00002.json"))
	fmt.Print(string(data), err, "\n")
	// Output:
	// task 1
	// task 0
	// task 2
	// 25
	// <nil>
}
