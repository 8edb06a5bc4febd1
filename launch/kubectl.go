package launch

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
)

// kubectl asks the cluster.
func (k *Kubernetes) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	argv := []string{"kubectl", "--request-timeout=30s"}
	if k.Context != "" {
		argv = append(argv, "--context="+k.Context)
	}
	if k.Namespace != "" {
		argv = append(argv, "--namespace="+k.Namespace)
	}
	answer, err := ask(ctx, stdin, append(argv, args...)...)
	return answer, k.remedied(err)
}

// remedied says what to do about an error that stays.
func (k *Kubernetes) remedied(err error) error {
	where := "the namespace of kubectl's context"
	if k.Namespace != "" {
		where = "namespace " + k.Namespace
	}
	switch {
	case said(err, "(forbidden)", "is forbidden:"):
		return task.Permanent(fmt.Errorf("%w; in %s climb has to create, get, list and delete jobs, and to get and list pods and pods/log: docs/cluster.md has a Role for it", err, where))
	case said(err, "namespaces \""):
		return task.Permanent(fmt.Errorf("%w; see launch.kubernetes.namespace", err))
	case said(err, "(unauthorized)", "must be logged in"):
		return task.Permanent(fmt.Errorf("%w; log in to the cluster again", err))
	case said(err, "localhost:8080", "no configuration has been provided", "does not exist", "no context exists", "current-context"):
		return task.Usage(fmt.Errorf("%w; kubectl knows no cluster: log in, or set KUBECONFIG or launch.kubernetes.context", err))
	}
	return err
}

// Submit implements Engine. The listing before it finds a lack of permission that would leave a job that cannot be followed.
func (k *Kubernetes) Submit(ctx context.Context, b *Batch) (string, error) {
	manifest, err := k.Manifest(b)
	if err != nil {
		return "", err
	}
	path, name := filepath.Join(b.Folder, "kubernetes.json"), jobName(b)
	if err := task.WriteFile(path, []byte(manifest)); err != nil {
		return "", err
	}
	if _, err = k.kubectl(ctx, "", "get", "jobs,pods", "--selector=job-name="+name, "--output=name"); err == nil {
		_, err = k.kubectl(ctx, manifest, "create", "--filename=-", "--output=name")
	}
	switch {
	case err == nil, said(err, "already exists") && !said(err, "object is being deleted"):
		return name, nil
	case said(err, "is invalid", "(badrequest)", "(invalid)", "unknown field", "error validating"):
		return "", task.Permanent(fmt.Errorf("submit %s: %w; see launch in climb.yaml and %s", name, err, path))
	}
	return "", fmt.Errorf("submit %s: %w", name, err)
}

// States implements Engine.
func (k *Kubernetes) States(ctx context.Context, jobs []Submitted) ([]State, error) {
	var names []string
	for _, j := range jobs {
		names = append(names, named(j))
	}
	answer, err := k.kubectl(ctx, "", "get", "jobs,pods", "--selector=app.kubernetes.io/instance in ("+strings.Join(names, ",")+")", "--output=json")
	if err != nil {
		return nil, err
	}
	return k.states(answer, jobs, time.Now())
}

// Cancel implements Engine.
func (k *Kubernetes) Cancel(ctx context.Context, j Submitted) error {
	_, err := k.kubectl(ctx, "", "delete", "job", named(j), "--cascade=background", "--wait=false", "--ignore-not-found")
	return err
}

// Output implements Speaker.
func (k *Kubernetes) Output(ctx context.Context, j Submitted, element, lines int) string {
	answer, err := k.kubectl(ctx, "", "logs", fmt.Sprintf("--selector=job-name=%s,batch.kubernetes.io/job-completion-index=%d", named(j), element), fmt.Sprintf("--tail=%d", lines))
	if err != nil {
		return ""
	}
	var out []string
	for line := range strings.Lines(answer) {
		out = append(out, escape.Line(strings.TrimRight(line, "\r\n")))
	}
	return strings.Join(out[max(0, len(out)-lines):], "\n")
}
