// Command trainer is the smallest trainer of one's own: it reads a Job, trains
// it with climb's library, and writes the Result. Put your own training in the
// place of train.Proxy; any language will do, both files are plain JSON.
//
//	proxy:
//	  command: [go, run, ./examples/trainer, "{job}", "{result}"]
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"os/signal"

	"github.com/climb-go/climb/train"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: trainer JOB RESULT")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, jobPath, resultPath string) error {
	data, err := os.ReadFile(jobPath)
	if err != nil {
		return err
	}
	var job train.Job
	if err := json.Unmarshal(data, &job); err != nil {
		return err
	}
	result, err := train.Proxy{}.Train(ctx, job, nil)
	if err != nil {
		return err
	}
	if data, err = json.Marshal(result); err != nil {
		return err
	}
	return os.WriteFile(resultPath, data, 0o666)
}
