package launchtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/launch/launchtest"
	"github.com/climb-go/climb/task"
)

// A cluster is what stands behind the kubectl of these tests: a folder with one for each job, and a process for each job that runs its
// indexes as the Job controller and a node would.
type cluster string

type object = map[string]any

// job is what the cluster reads of a manifest.
type job struct {
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Completions, Parallelism int
		Template                 struct {
			Spec struct{ Containers []struct{ Command []string } }
		}
	}
}

// newCluster puts a kubectl on PATH.
func newCluster(t *testing.T) cluster {
	t.Helper()
	dir := launchtest.Folder(t)
	bin := filepath.Join(dir, "bin")
	script := fmt.Sprintf("#!/bin/sh\nexec %s kubectl %s \"$@\"\n", task.Quoted(os.Args[0]), task.Quoted(dir))
	if err := errors.Join(os.Mkdir(bin, 0o777), os.WriteFile(filepath.Join(bin, "kubectl"), []byte(script), 0o777)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return cluster(dir)
}

// kubectl does what a command line asks for, and returns what it prints.
func (c cluster) kubectl(args []string) (string, error) {
	args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "--request-timeout=") })
	switch args[0] {
	case "create":
		return c.create()
	case "get":
		return c.get(strings.TrimPrefix(args[2], "--selector="), args[3])
	case "delete":
		return "", os.WriteFile(c.path(args[2], "deleted"), nil, 0o666)
	}
	return "", fmt.Errorf("error: unknown command %q", args)
}

func (c cluster) path(name, file string) string { return filepath.Join(string(c), name, file) }

func (c cluster) create() (string, error) {
	data, err := io.ReadAll(os.Stdin)
	var j job
	if err := errors.Join(err, json.Unmarshal(data, &j)); err != nil {
		return "", err
	}
	name := j.Metadata.Name
	if err := os.Mkdir(c.path(name, ""), 0o777); errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("Error from server (AlreadyExists): error when creating \"STDIN\": jobs.batch %q already exists", name)
	} else if err != nil {
		return "", err
	}
	if err := task.WriteFile(c.path(name, "job.json"), data); err != nil {
		return "", err
	}
	controller := exec.Command(os.Args[0], "kube-job", string(c), name)
	controller.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return "job.batch/" + name, controller.Start()
}

// get lists jobs that were not deleted, and pods.
func (c cluster) get(selector, output string) (string, error) {
	entries, err := os.ReadDir(string(c))
	if err != nil {
		return "", err
	}
	items := []object{}
	for _, e := range entries {
		if data, err := os.ReadFile(c.path(e.Name(), "job.json")); err == nil && strings.Contains(selector, e.Name()) {
			items = append(items, c.items(e.Name(), data)...)
		}
	}
	if output == "--output=name" {
		return "", nil
	}
	data, err := json.Marshal(object{"items": items})
	return string(data), err
}

// items are a job and its pods.
func (c cluster) items(name string, data []byte) (items []object) {
	var j job
	if json.Unmarshal(data, &j) != nil {
		return nil
	}
	lists := map[string][]string{}
	for i := range j.Spec.Completions {
		var status struct{ Phase string }
		raw, err := os.ReadFile(c.path(name, fmt.Sprintf("pod-%d", i)))
		if err != nil || json.Unmarshal(raw, &status) != nil {
			continue
		}
		lists[status.Phase] = append(lists[status.Phase], strconv.Itoa(i))
		items = append(items, object{"kind": "Pod", "status": json.RawMessage(raw), "spec": object{"nodeName": "n1"}, "metadata": object{
			"name": fmt.Sprintf("%s-%d-abcde", name, i), "labels": object{"job-name": name},
			"annotations": object{"batch.kubernetes.io/job-completion-index": strconv.Itoa(i)}, "creationTimestamp": time.Now().UTC().Format(time.RFC3339)}})
	}
	if _, err := os.Stat(c.path(name, "deleted")); err != nil {
		items = append(items, object{"kind": "Job", "metadata": object{"name": name, "creationTimestamp": time.Now().UTC().Format(time.RFC3339)},
			"status": object{"completedIndexes": strings.Join(lists["Succeeded"], ","), "failedIndexes": strings.Join(lists["Failed"], ",")}})
	}
	return items
}

// run does the indexes of a job, until it is deleted.
func (c cluster) run(name string) error {
	data, err := os.ReadFile(c.path(name, "job.json"))
	var j job
	if err := errors.Join(err, json.Unmarshal(data, &j)); err != nil {
		return err
	}
	next := make(chan int)
	var all sync.WaitGroup
	for range j.Spec.Parallelism {
		all.Go(func() {
			for i := range next {
				c.pod(name, i, j.Spec.Template.Spec.Containers[0].Command)
			}
		})
	}
	for i := range j.Spec.Completions {
		if _, err := os.Stat(c.path(name, "deleted")); err != nil {
			next <- i
		}
	}
	close(next)
	all.Wait()
	return nil
}

// pod runs one index, and takes its pod away if the job was deleted.
func (c cluster) pod(name string, i int, command []string) {
	path, deleted := c.path(name, fmt.Sprintf("pod-%d", i)), c.path(name, "deleted")
	if _, err := os.Stat(deleted); err == nil {
		return
	}
	p := exec.Command(command[0], strings.ReplaceAll(command[1], "$$(", "$("), strings.ReplaceAll(command[2], "$$(", "$("))
	p.Env = append(os.Environ(), fmt.Sprint("JOB_COMPLETION_INDEX=", i))
	if p.Start() != nil || task.WriteFile(path, []byte(`{"phase":"Running"}`)) != nil {
		os.Exit(1)
	}
	end := make(chan error)
	go func() { end <- p.Wait() }()
	for told := false; ; {
		select {
		case <-end:
			phase := "Succeeded"
			if p.ProcessState.ExitCode() != 0 {
				phase = "Failed"
			}
			if told {
				os.Remove(path)
				return
			}
			state := object{"terminated": object{"exitCode": p.ProcessState.ExitCode(), "reason": "Error"}}
			data, _ := json.Marshal(object{"phase": phase, "containerStatuses": []object{{"name": "climb", "state": state}}})
			if task.WriteFile(path, data) != nil {
				os.Exit(1)
			}
			return
		case <-time.After(10 * time.Millisecond):
			if _, err := os.Stat(deleted); err == nil && !told {
				told = true
				p.Process.Signal(syscall.SIGTERM)
			}
		}
	}
}

// Indexed Jobs, by a kubectl that has no cluster behind it.
func TestKubernetes(t *testing.T) {
	newCluster(t)
	launchtest.Suite{Patience: 30 * time.Second, New: func(_ *testing.T, workers, retries int) launch.Launcher {
		engine := &launch.Kubernetes{Image: "climb", Volumes: []launch.Volume{{Mount: os.TempDir(), HostPath: os.TempDir()}}, GPUResource: "nvidia.com/gpu", Keep: 60}
		return &launch.Remote{Engine: engine, Program: []string{os.Args[0]}, Version: "test", Throttle: workers, Retries: retries,
			Poll: 20 * time.Millisecond, Settle: 100 * time.Millisecond}
	}}.Run(t)
}

// kubernetesMain is the test binary as kubectl, and as what runs a job.
func kubernetesMain() {
	switch {
	case len(os.Args) > 3 && os.Args[1] == "kubectl":
		answer, err := cluster(os.Args[2]).kubectl(os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(answer)
		os.Exit(0)
	case len(os.Args) == 4 && os.Args[1] == "kube-job":
		if err := cluster(os.Args[2]).run(os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}
