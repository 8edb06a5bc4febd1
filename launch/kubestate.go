package launch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
)

// A kubeItem is what is read of a Job or a Pod.
type kubeItem struct {
	Kind     string
	Metadata struct {
		Name                                 string
		Labels, Annotations                  map[string]string
		CreationTimestamp, DeletionTimestamp time.Time // of the deletion: when its grace period ends
	}
	Spec struct {
		NodeName    string
		Suspend     bool
		Parallelism int
	}
	Status struct {
		Phase, Reason, Message          string // of a pod
		CompletedIndexes, FailedIndexes string // of a job
		Conditions                      []struct{ Type, Status, Reason, Message string }
		ContainerStatuses               []struct {
			Name  string
			State struct {
				Waiting    *struct{ Reason, Message string }
				Running    *struct{ StartedAt time.Time }
				Terminated *struct {
					ExitCode        int
					Reason, Message string
				}
			}
		}
	}
}

// condition finds a condition that is true.
func (i *kubeItem) condition(kinds ...string) (reason string, ok bool) {
	for _, c := range i.Status.Conditions {
		for _, kind := range kinds {
			if c.Type == kind && c.Status == "True" {
				return strings.TrimSuffix(c.Reason+": "+c.Message, ": "), true
			}
		}
	}
	return "", false
}

// A kubeJob is a job with the pod of each element that tells most of it.
type kubeJob struct {
	job  *kubeItem // nil: deleted, or its time has passed
	pods map[int]*kubeItem
}

// states reads the answer to kubectl get jobs,pods.
func (k *Kubernetes) states(answer string, jobs []Submitted, now time.Time) ([]State, error) {
	var list struct{ Items []kubeItem }
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		return nil, fmt.Errorf("read the answer of kubectl get jobs,pods: %w", err)
	}
	all := map[string]*kubeJob{}
	of := func(name string) *kubeJob {
		if all[name] == nil {
			all[name] = &kubeJob{pods: map[int]*kubeItem{}}
		}
		return all[name]
	}
	for i := range list.Items {
		switch item := &list.Items[i]; item.Kind {
		case "Job":
			of(item.Metadata.Name).job = item
		case "Pod":
			of(item.Metadata.Labels["job-name"]).add(item)
		}
	}
	out := make([]State, len(jobs))
	for i, j := range jobs {
		out[i] = k.state(of(named(j)), j.Batch, now)
	}
	return out, nil
}

// add takes up a pod. Of several of one element the one that lives counts, else the newest.
func (j *kubeJob) add(pod *kubeItem) {
	index, err := strconv.Atoi(pod.Metadata.Annotations["batch.kubernetes.io/job-completion-index"])
	if err != nil {
		return
	}
	old := j.pods[index]
	if old == nil || pod.lives() && !old.lives() || pod.lives() == old.lives() && pod.Metadata.CreationTimestamp.After(old.Metadata.CreationTimestamp) {
		j.pods[index] = pod
	}
}

func (i *kubeItem) lives() bool { return i.Status.Phase != "Succeeded" && i.Status.Phase != "Failed" }

// state is that of one job. One that is gone lives on in pods that have not ended.
func (k *Kubernetes) state(j *kubeJob, b *Batch, now time.Time) State {
	s := State{Gone: j.job == nil, Elements: map[int]Element{}}
	var completed, failed map[int]bool
	over, finished := "", false
	if j.job != nil {
		completed, failed = indexes(j.job.Status.CompletedIndexes, len(b.Elements)), indexes(j.job.Status.FailedIndexes, len(b.Elements))
		over, finished = j.job.condition("Failed", "Complete")
	}
	for i := range b.Elements {
		var e Element
		pod := j.pods[i]
		switch {
		case pod != nil && pod.lives():
			e = pod.living(now)
			s.Gone = s.Gone && e.Phase == Ended
		case completed[i]:
			e = Element{Phase: Ended}
		case pod != nil:
			e = k.ended(pod)
			if _, disrupted := pod.condition("DisruptionTarget"); disrupted && j.job != nil && !failed[i] && !finished && e.Exit != 0 {
				e.Phase, e.Exit, e.Why = Queued, 0, e.Why+"; it is started again"
			}
		case j.job == nil:
			e.Why = "the job is gone: it was deleted, or has ended long ago"
		case failed[i]:
			e = Element{Phase: Ended, Why: "its pod was deleted"}
		case finished:
			e = Element{Phase: Ended, Why: "the job has ended: " + over}
		default:
			e = Element{Phase: Queued, Why: j.job.podless(len(j.pods), now)}
		}
		if pod != nil {
			e.Host = escape.Line(pod.Spec.NodeName)
		}
		e.Why = shortened(escape.Line(e.Why))
		s.Elements[i] = e
	}
	return s
}

// mostWhy bounds what is told of an element.
const mostWhy = 400

func shortened(text string) string {
	if len(text) <= mostWhy {
		return text
	}
	return strings.ToValidUTF8(text[:mostWhy], "") + "..."
}

// podless says why an element has no pod yet.
func (i *kubeItem) podless(pods int, now time.Time) string {
	switch {
	case i.Spec.Suspend:
		return "the job is suspended (spec.suspend)"
	case pods == 0 && now.Sub(i.Metadata.CreationTimestamp) > slow:
		return "Kubernetes makes no pod; kubectl describe job " + i.Metadata.Name + " says why (a quota, a service account that is not there)"
	}
	return ""
}

// slow is how long a step of a pod's beginning may take until it is told where to look. gone is from the end of a pod's grace period
// to its node being taken for lost: Kubernetes waits for the node's word for ever.
const (
	slow = 30 * time.Second
	gone = 60 * time.Second
)

// living is an element whose pod has not ended.
func (i *kubeItem) living(now time.Time) Element {
	if d := i.Metadata.DeletionTimestamp; !d.IsZero() && now.Sub(d) > gone {
		return Element{Phase: Ended, Why: "its node does not answer"}
	}
	if i.Status.Phase == "Running" {
		e := Element{Phase: Running}
		for _, c := range i.Status.ContainerStatuses {
			if c.Name == "climb" && c.State.Running != nil {
				e.Since = c.State.Running.StartedAt
			}
		}
		return e
	}
	e := Element{Phase: Queued}
	for _, c := range i.Status.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" {
			e.Why = strings.TrimSuffix(c.Reason+": "+c.Message, ": ")
		}
	}
	for _, c := range i.Status.ContainerStatuses {
		if w := c.State.Waiting; c.Name == "climb" && w != nil {
			e.Why = strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
		}
	}
	if (e.Why == "" || e.Why == "ContainerCreating") && now.Sub(i.Metadata.CreationTimestamp) > slow {
		e.Why = "its container is not made yet; kubectl describe pod " + i.Metadata.Name + " says why (a large image, a volume that is not there)"
	}
	return e
}

// ended is an element whose pod has ended.
func (k *Kubernetes) ended(pod *kubeItem) Element {
	e := Element{Phase: Ended}
	if pod.Status.Phase == "Succeeded" {
		return e
	}
	e.Why = strings.TrimPrefix(strings.TrimSuffix(pod.Status.Reason+": "+pod.Status.Message, ": "), ": ")
	if reason, ok := pod.condition("DisruptionTarget"); ok && e.Why == "" {
		e.Why = reason
	}
	for _, c := range pod.Status.ContainerStatuses {
		t := c.State.Terminated
		if c.Name != "climb" || t == nil {
			continue
		}
		e.Exit = t.ExitCode
		switch missing := strings.Contains(t.Message, "not found") || strings.Contains(t.Message, "no such file"); {
		case t.Reason == "OOMKilled":
			e.Exit, e.Why = 137, t.Reason
		case t.ExitCode == 126, t.ExitCode == 127, t.ExitCode == 128 && missing:
			e.Exit, e.Why = task.ExitPermanent, fmt.Sprintf("exit code %d: the image %s lacks the program, or sh: set launch.program to the path of climb in it", t.ExitCode, k.Image)
		case e.Why != "":
		case t.Message != "":
			e.Why = t.Reason + ": " + t.Message
		case !pod.Metadata.DeletionTimestamp.IsZero():
			e.Exit, e.Why = 0, "its pod was deleted"
		}
	}
	if e.Why == "" && e.Exit == 0 {
		e.Why = "its pod has failed"
	}
	return e
}

// indexes reads a list such as 0-6,8, of numbers below n.
func indexes(text string, n int) map[int]bool {
	out := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(first)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(last)
		}
		for i := max(a, 0); err == nil && i <= b && i < n; i++ {
			out[i] = true
		}
	}
	return out
}
