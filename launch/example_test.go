package launch_test

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

// Run the tasks of a plan in this process, and watch how far they are.
func ExampleLocal() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plan := &task.Plan{Kind: "copy", Tasks: []json.RawMessage{[]byte(`"a"`), []byte(`"b"`)}}
	if err := plan.Save(filepath.Join(dir, "copy-1")); err != nil {
		log.Fatal(err)
	}
	write := func(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
		return a.WriteFile(fmt.Sprintf("part-%05d", n), p.Tasks[n])
	}
	var l launch.Launcher = launch.Local{Workers: 1, Retries: 2}
	err = l.Run(context.Background(), plan, write, func(e launch.Event) {
		fmt.Println(e.Done, "of", e.Total)
	})
	fmt.Println(err)
	// Output:
	// 0 of 2
	// 1 of 2
	// 2 of 2
	// <nil>
}
