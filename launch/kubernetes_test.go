package launch

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

var update = flag.Bool("update", false, "write the golden files")

// inCluster is a method with what most clusters need.
func inCluster() *Kubernetes {
	k := &Kubernetes{Image: "registry.example/climb:1", Volumes: []Volume{{Mount: "/data", Claim: "corpus"}}}
	option.Fill(k)
	return k
}

func batchOf(elements int) *Batch {
	b := &Batch{Name: "climb-embed-0a1b2c3d4e5f", Kind: "embed", Plan: "/data/run/embed-3fa9c1d2e4b5/plan.json",
		Folder: "/data/run/embed-3fa9c1d2e4b5/jobs/climb-embed-0a1b2c3d4e5f", Program: []string{"climb"}, Resources: Resources{CPUs: 2, Memory: 8192}}
	for i := range elements {
		b.Elements = append(b.Elements, []int{i})
	}
	return b
}

// What Kubernetes is given is what lies in testdata.
func TestKubernetesManifest(t *testing.T) {
	all := inCluster()
	all.Namespace, all.ServiceAccount, all.User, all.Group = "research", "climb", 1000, 100
	all.Volumes = append(all.Volumes, Volume{Mount: "/scratch", HostPath: "/mnt/nvme", SubPath: "a", ReadOnly: true})
	all.NodeSelector = map[string]string{"gpu": "h100"}
	all.Tolerations = []Toleration{{Key: "nvidia.com/gpu", Effect: "NoSchedule"}, {Key: "team", Value: "lm"}}
	all.Labels = map[string]string{"kueue.x-k8s.io/queue-name": "lm", "app.kubernetes.io/name": "ours stays"}
	all.Annotations = map[string]string{"sidecar.istio.io/inject": "false"}
	all.Setup = []string{"export CORES=$(nproc)"}
	full := batchOf(12)
	full.Kind, full.Throttle, full.Resources.GPUs, full.Resources.Time = "search", 4, 1, "1-02:00:00"
	full.Folder = "/data/a run's/jobs/x"
	for name, c := range map[string]struct {
		k *Kubernetes
		b *Batch
	}{"least": {inCluster(), batchOf(3)}, "all": {all, full}} {
		got, err := c.k.Manifest(c.b)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "kubernetes-"+name+".json")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || got != string(want) {
			t.Errorf("%s: %v; differs from what is there (-update writes it):\n%s", path, err, got)
		}
	}
}

// A name is a label of DNS, with its longest pod's too; it is the same for the same batch, and another in another run directory.
func TestKubernetesNames(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	seen := map[string]bool{}
	for _, kind := range []string{"embed", "Near_Duplicates", strings.Repeat("long-", 30), "-", "日本"} {
		for _, plan := range []string{"/a/plan.json", "/b/plan.json"} {
			b := &Batch{Name: "climb-" + kind + "-0123456789ab", Kind: kind, Plan: plan}
			name := jobName(b)
			if pod := fmt.Sprint(name, "-", mostPods-1); !label.MatchString(pod) || len(pod) > 63 || seen[name] || jobName(b) != name {
				t.Errorf("%q, %s: name %q", kind, plan, name)
			}
			seen[name] = true
		}
	}
}

func TestKubernetesTime(t *testing.T) {
	for text, want := range map[string]int64{"90": 90, "04:00:00": 14400, "1-00:00:30": 86430, "4h30m": 16200, "45s": 45} {
		if got, err := seconds(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "soon", "00:00:00", "1:99:00", "4 h", "10ms"} {
		if got, err := seconds(text); task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "launch.resources") {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

// What is wrong in the configuration is told where it stands.
func TestKubernetesCheck(t *testing.T) {
	for want, change := range map[string]func(k *Kubernetes){
		"kubernetes.image: is empty":                         func(k *Kubernetes) { k.Image = " " },
		`volumes[0].mount: "data" is no absolute path`:       func(k *Kubernetes) { k.Volumes[0].Mount = "data" },
		"volumes[0]: needs claim or host_path, and not both": func(k *Kubernetes) { k.Volumes[0].HostPath = "/mnt" },
		`volumes[0].host_path: "mnt" is no absolute path`:    func(k *Kubernetes) { k.Volumes[0] = Volume{Mount: "/data", HostPath: "mnt"} },
	} {
		k := inCluster()
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		change(k)
		if err := k.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A run directory that pods cannot write to is refused before anything is submitted.
func TestKubernetesRunDirectory(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no kubectl: asking would be another error
	for mount, ok := range map[string]bool{"/": true, "/data": true, "/data/run": true, "/data/other": false, "/dat": false, "/data/run/embed-3fa9c1d2e4b5/jobs/climb-embed-0a1b2c3d4e5f/x": false} {
		k := inCluster()
		k.Volumes[0].Mount = mount
		if _, err := k.Manifest(batchOf(1)); (err == nil) != ok {
			t.Errorf("mounted at %s: %v", mount, err)
		}
		k.Volumes[0].ReadOnly = true
		if _, err := k.Submit(t.Context(), batchOf(1)); task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "launch.kubernetes.volumes") {
			t.Errorf("mounted read only at %s: %v", mount, err)
		}
	}
}

// Pods run this program if they see it, else that of their image.
func TestKubernetesProgram(t *testing.T) {
	k := inCluster()
	if got := k.Program("/data/bin/climb"); got != "/data/bin/climb" {
		t.Error(got)
	}
	if got := k.Program("/usr/bin/climb"); got != "climb" {
		t.Error(got)
	}
}

// podJSON is a pod of the job as kubectl prints it.
func podJSON(name string, index int, created, meta, spec, status string) string {
	return fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"%[1]s-%[2]d-x","labels":{"job-name":"%[1]s"},"creationTimestamp":"%[3]s",
		"annotations":{"batch.kubernetes.io/job-completion-index":"%[2]d"}%[4]s},"spec":{%[5]s},"status":{%[6]s}}`, name, index, created, meta, spec, status)
}

// What kubectl prints of a job and its pods, and what is made of it.
func TestKubernetesStates(t *testing.T) {
	const (
		start = "2026-01-01T10:00:00Z"
		n1    = `"nodeName":"n1"`
	)
	now := time.Date(2026, 1, 1, 10, 10, 0, 0, time.UTC)
	name := jobName(batchOf(1))
	job := func(spec, status string) string {
		return fmt.Sprintf(`{"kind":"Job","metadata":{"name":%q,"creationTimestamp":%q},"spec":{%s},"status":{%s}}`, name, start, spec, status)
	}
	pod := func(meta, spec, status string) string { return podJSON(name, 0, start, meta, spec, status) }
	waiting := func(reason, message string) string {
		return fmt.Sprintf(`"phase":"Pending","containerStatuses":[{"name":"climb","state":{"waiting":{"reason":%q,"message":%q}}}]`, reason, message)
	}
	terminated := func(code int, reason, message string) string {
		return fmt.Sprintf(`"phase":"Failed","containerStatuses":[{"name":"climb","state":{"terminated":{"exitCode":%d,"reason":%q,"message":%q}}}]`, code, reason, message)
	}
	const disrupted = `,"conditions":[{"type":"DisruptionTarget","status":"True","reason":"EvictionByEvictionAPI"}]`
	for what, c := range map[string]struct {
		items []string
		gone  bool
		want  Element // Why is a part of it
	}{
		"no pod yet":           {[]string{job("", "")}, false, Element{Phase: Queued, Why: "kubectl describe job " + name}},
		"suspended":            {[]string{job(`"suspend":true`, "")}, false, Element{Phase: Queued, Why: "suspended"}},
		"unschedulable":        {[]string{job("", ""), pod("", "", `"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/2 nodes are available: persistentvolumeclaim \"corpus\" not found."}]`)}, false, Element{Phase: Queued, Why: `Unschedulable: 0/2 nodes are available: persistentvolumeclaim "corpus" not found.`}},
		"no image":             {[]string{job("", ""), pod("", n1, waiting("ErrImagePull", "manifest unknown"))}, false, Element{Phase: Queued, Host: "n1", Why: "ErrImagePull: manifest unknown"}},
		"bad container":        {[]string{job("", ""), pod("", n1, waiting("CreateContainerConfigError", "stat /mnt: no such file"))}, false, Element{Phase: Queued, Host: "n1", Why: "CreateContainerConfigError: stat /mnt"}},
		"slow container":       {[]string{job("", ""), pod("", n1, waiting("ContainerCreating", ""))}, false, Element{Phase: Queued, Host: "n1", Why: "kubectl describe pod " + name + "-0-x"}},
		"running":              {[]string{job("", ""), pod("", n1, `"phase":"Running","containerStatuses":[{"name":"climb","state":{"running":{"startedAt":"2026-01-01T10:01:00Z"}}}]`)}, false, Element{Phase: Running, Host: "n1", Since: time.Date(2026, 1, 1, 10, 1, 0, 0, time.UTC)}},
		"done":                 {[]string{job("", `"completedIndexes":"0"`)}, false, Element{Phase: Ended}},
		"done, with pod":       {[]string{job("", ""), pod("", n1, `"phase":"Succeeded"`)}, false, Element{Phase: Ended, Host: "n1"}},
		"exit 78":              {[]string{job("", `"failedIndexes":"0"`), pod("", n1, terminated(78, "Error", ""))}, false, Element{Phase: Ended, Host: "n1", Exit: 78}},
		"memory":               {[]string{job("", ""), pod("", n1, terminated(137, "OOMKilled", ""))}, false, Element{Phase: Ended, Host: "n1", Exit: 137, Why: "OOMKilled"}},
		"no climb in it":       {[]string{job("", ""), pod("", n1, terminated(127, "Error", ""))}, false, Element{Phase: Ended, Host: "n1", Exit: task.ExitPermanent, Why: "the image registry.example/climb:1 lacks the program"}},
		"no shell in it":       {[]string{job("", ""), pod("", n1, terminated(128, "StartError", `exec: "sh": executable file not found in $PATH`))}, false, Element{Phase: Ended, Host: "n1", Exit: task.ExitPermanent, Why: "lacks the program"}},
		"too long":             {[]string{job("", ""), pod("", n1, `"phase":"Failed","reason":"DeadlineExceeded","message":"Pod was active on the node longer than the specified deadline"`)}, false, Element{Phase: Ended, Host: "n1", Why: "DeadlineExceeded: Pod was active"}},
		"evicted":              {[]string{job("", ""), pod("", n1, terminated(75, "Error", "")+disrupted)}, false, Element{Phase: Queued, Host: "n1", Why: "EvictionByEvictionAPI; it is started again"}},
		"evicted, job over":    {[]string{job("", `"conditions":[{"type":"Failed","status":"True","reason":"FailedIndexes"}]`), pod("", n1, terminated(75, "Error", "")+disrupted)}, false, Element{Phase: Ended, Host: "n1", Exit: 75, Why: "EvictionByEvictionAPI"}},
		"evicted and again":    {[]string{job("", ""), podJSON(name, 0, "2026-01-01T10:02:00Z", "", `"nodeName":"n2"`, `"phase":"Running"`), pod("", n1, terminated(75, "Error", "")+disrupted)}, false, Element{Phase: Running, Host: "n2"}},
		"pod deleted":          {[]string{job("", `"failedIndexes":"0"`)}, false, Element{Phase: Ended, Why: "its pod was deleted"}},
		"being deleted":        {[]string{job("", ""), pod(`,"deletionTimestamp":"2026-01-01T10:09:50Z"`, n1, `"phase":"Running"`)}, false, Element{Phase: Running, Host: "n1"}},
		"node lost":            {[]string{job("", ""), pod(`,"deletionTimestamp":"2026-01-01T10:05:00Z"`, n1, `"phase":"Running"`)}, false, Element{Phase: Ended, Host: "n1", Why: "its node does not answer"}},
		"job over":             {[]string{job("", `"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded","message":"too long"}]`)}, false, Element{Phase: Ended, Why: "DeadlineExceeded: too long"}},
		"job gone":             {nil, true, Element{Why: "the job is gone"}},
		"job gone, pod not":    {[]string{pod("", n1, `"phase":"Running"`)}, false, Element{Phase: Running, Host: "n1"}},
		"an escape sequence":   {[]string{job("", ""), pod("", n1, waiting("ErrImagePull", "\\u001b[2Jx"))}, false, Element{Phase: Queued, Host: "n1", Why: "ErrImagePull: "}},
		"another job's":        {[]string{strings.ReplaceAll(job("", ""), name, "other")}, true, Element{Why: "the job is gone"}},
		"an index of no use":   {[]string{job("", `"completedIndexes":"x,1-99999999999,-1,0"`)}, false, Element{Phase: Ended}},
		"a pod without number": {[]string{job("", ""), strings.ReplaceAll(pod("", n1, `"phase":"Running"`), `-index":"0"`, `-index":"zero"`)}, false, Element{Phase: Queued}},
	} {
		states, err := inCluster().states(`{"items":[`+strings.Join(c.items, ",")+`]}`, []Submitted{{Batch: batchOf(1)}}, now)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got := states[0].Elements[0]
		why, want := got.Why, c.want.Why
		got.Why, c.want.Why = "", ""
		if got != c.want || states[0].Gone != c.gone || !strings.Contains(why, want) || want == "" && why != "" && c.want.Phase != Queued || strings.Contains(why, "\x1b") {
			t.Errorf("%s: gone %t, %+v, why %q; want gone %t, %+v, why %q", what, states[0].Gone, got, why, c.gone, c.want, want)
		}
	}
}

// An answer that is no list is an error, and no panic.
func FuzzKubernetesStates(f *testing.F) {
	f.Add(`{"items":[{"kind":"Pod"},{"kind":"Job"}]}`)
	f.Add(`{"items":[{"kind":"Job","metadata":{"name":"climb-embed-0"},"status":{"failedIndexes":"0-3,9"}}]}`)
	f.Add(`null`)
	f.Add(`{"items":[` + podJSON("climb-embed-0", 0, "2026-01-01T10:00:00Z", "", "", `"phase":"Running"`) + `]}`)
	f.Fuzz(func(t *testing.T, text string) {
		states, err := inCluster().states(text, []Submitted{{Batch: batchOf(3), Job: "climb-embed-0"}}, time.Now())
		if err == nil && (len(states) != 1 || len(states[0].Elements) != 3) {
			t.Errorf("states %+v", states)
		}
	})
}

// saying puts a kubectl on PATH that notes its arguments, and does what the shell says.
func saying(t *testing.T, shell string) (calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$*\" >>" + dir + "/calls\n" + shell + "\n"
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		data, _ := os.ReadFile(filepath.Join(dir, "calls"))
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

// onDisk is a batch whose folder is there.
func onDisk(t *testing.T, k *Kubernetes) *Batch {
	b := batchOf(2)
	b.Folder = t.TempDir()
	k.Volumes[0].Mount = b.Folder
	return b
}

// What kubectl answers to a submission is said with what to do, and with the exit code for it.
func TestKubernetesSubmitErrors(t *testing.T) {
	for says, c := range map[string]struct {
		exit int
		want string
	}{
		`Error from server (Forbidden): jobs.batch is forbidden: User "a" cannot list resource "jobs"`: {task.ExitPermanent, "in namespace lab climb has to create"},
		`Error from server (NotFound): error when creating "STDIN": namespaces "lab" not found`:        {task.ExitPermanent, "launch.kubernetes.namespace"},
		`error: You must be logged in to the server (Unauthorized)`:                                    {task.ExitPermanent, "log in"},
		`The connection to the server localhost:8080 was refused - did you specify the right host?`:    {task.ExitUsage, "KUBECONFIG"},
		`error: context "x" does not exist`:                                                            {task.ExitUsage, "launch.kubernetes.context"},
		`The Job "x" is invalid: spec.template.spec.containers[0].image: Required value`:               {task.ExitPermanent, "kubernetes.json"},
		`Error from server: admission webhook "policy" denied the request`:                             {task.ExitError, "denied the request"},
	} {
		k := inCluster()
		k.Namespace = "lab"
		saying(t, "echo "+task.Quoted(says)+" >&2; exit 1")
		if job, err := k.Submit(t.Context(), onDisk(t, k)); job != "" || task.ExitCode(err) != c.exit || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, exit %d, %v", says, job, task.ExitCode(err), err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	k := inCluster()
	if _, err := k.Submit(t.Context(), onDisk(t, k)); task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "kubectl is not on PATH") {
		t.Error(err)
	}
}

// A second controller finds the job of the first; where the one of that name is being deleted, it asks again later.
func TestKubernetesSubmit(t *testing.T) {
	k := inCluster()
	b := onDisk(t, k)
	calls := saying(t, `case "$*" in *create*) echo 'Error from server (AlreadyExists): error when creating "STDIN": jobs.batch "x" already exists' >&2; exit 1;; esac`)
	if job, err := k.Submit(t.Context(), b); err != nil || job != jobName(b) {
		t.Errorf("%q, %v", job, err)
	}
	if got := calls(); len(got) != 2 || !strings.Contains(got[0], "get jobs,pods --selector=job-name="+jobName(b)) {
		t.Errorf("calls %q", got)
	}
	k.Namespace, k.Context = "lab", "east"
	calls = saying(t, `case "$*" in *create*) echo 'Error from server (AlreadyExists): object is being deleted: jobs.batch "x" already exists' >&2; exit 1;; esac`)
	if job, err := k.Submit(t.Context(), b); job != "" || task.ExitCode(err) != task.ExitError {
		t.Errorf("%q, %v", job, err)
	}
	if got := calls(); len(got) != 2 || !strings.Contains(got[1], "--context=east --namespace=lab create --filename=-") {
		t.Errorf("calls %q", got)
	}
}

// A job is deleted by its name, also where its controller has died before it noted one.
func TestKubernetesCancel(t *testing.T) {
	k := inCluster()
	calls := saying(t, "")
	for _, job := range []string{"", "climb-embed-1"} {
		if err := k.Cancel(t.Context(), Submitted{Batch: batchOf(1), Job: job}); err != nil {
			t.Error(err)
		}
	}
	const rest = " --cascade=background --wait=false --ignore-not-found"
	if want := []string{"--request-timeout=30s delete job " + jobName(batchOf(1)) + rest, "--request-timeout=30s delete job climb-embed-1" + rest}; !slices.Equal(calls(), want) {
		t.Errorf("calls %q", calls())
	}
}

// Of an element without a log, what its pod has printed is told.
func TestKubernetesOutput(t *testing.T) {
	k := inCluster()
	b := onDisk(t, k)
	saying(t, `printf 'one\ntwo\n\033[2Jthree\n'`)
	w := &following{Remote: &Remote{Engine: k}}
	w.proved.Store(true)
	err := w.lostError(t.Context(), Submitted{Batch: b, Job: "j"}, 0, State{Elements: map[int]Element{0: {Phase: Ended, Exit: 78, Host: "n1"}}})
	if text := err.Error(); task.ExitCode(err) != 78 || !strings.Contains(text, "on n1: exit code 78; it has no log, and printed:\none\ntwo\n") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
}

// Why nothing of a job begins is told once it has not for a minute, and not at every look.
func TestWaiting(t *testing.T) {
	var told []string
	w := &following{Remote: &Remote{Warn: func(text string) { told = append(told, text) }}, waits: map[string]time.Time{}}
	stuck := State{Elements: map[int]Element{0: {Phase: Ended}, 1: {Phase: Queued, Why: "Unschedulable: 0/2 nodes"}}}
	w.waiting(Submitted{Batch: batchOf(2), Job: "j", At: time.Now()}, stuck)
	if len(told) > 0 {
		t.Errorf("told at once: %q", told)
	}
	old := Submitted{Batch: batchOf(2), Job: "j", At: time.Now().Add(-2 * patience)}
	w.waiting(old, State{Elements: map[int]Element{0: {Phase: Running}, 1: {Phase: Queued, Why: "x"}}})
	w.waiting(old, State{Elements: map[int]Element{0: {Phase: Ended}, 1: {Phase: Ended, Why: "x"}}})
	if len(told) > 0 {
		t.Errorf("told of a job that runs, or is over: %q", told)
	}
	w.waiting(old, stuck)
	w.waiting(old, stuck)
	if len(told) != 1 || !strings.Contains(told[0], "job j of embed has nothing running since ") || !strings.Contains(told[0], "Unschedulable: 0/2 nodes") {
		t.Errorf("told %q", told)
	}
}

// A preview names the tasks that are missing, and is empty where none is.
func TestPreview(t *testing.T) {
	p := newPlan(t, 3)
	k := inCluster()
	k.Volumes[0].Mount = "/"
	r := &Remote{Engine: k, Program: []string{"climb"}}
	var got struct{ Spec struct{ Completions int } }
	text, err := r.Preview(t.Context(), p.Kind, p.Dir(), p)
	if err != nil || json.Unmarshal([]byte(text), &got) != nil || got.Spec.Completions != 3 {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := os.Stat(filepath.Join(p.Dir(), jobsFolder)); err == nil {
		t.Error("something was written")
	}
	if text, err := r.Preview(t.Context(), "embed", filepath.Join(t.TempDir(), "embed-1"), nil); err != nil || !strings.Contains(text, `"completions": 1`) {
		t.Errorf("of no plan: %v\n%s", err, text)
	}
	if err := (Local{Workers: 1}).Run(t.Context(), p, echo, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := r.Preview(t.Context(), p.Kind, p.Dir(), p); err != nil || text != "" {
		t.Errorf("of a plan that is done: %v\n%s", err, text)
	}
}
