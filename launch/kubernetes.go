package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/task"
)

// Kubernetes runs batches as Indexed Jobs (batch/v1), by the kubectl that users have and are logged in with. A failed index is not
// run again by Kubernetes, where it would keep its slot and wait for ten seconds to ten minutes: Remote makes a new Job of what is
// missing. Pods that are evicted, drained or preempted are started again by Kubernetes.
type Kubernetes struct {
	Image          string            `json:"image" doc:"container image with sh and climb in it, of the controller's version"`
	Namespace      string            `json:"namespace" doc:"namespace; empty = that of kubectl's context"`
	Context        string            `json:"context" doc:"kubectl's context; empty = the current one"`
	ServiceAccount string            `json:"service_account" doc:"service account of the pods; empty = the namespace's default"`
	Volumes        []Volume          `json:"volumes,omitempty" doc:"what pods see of files, as a list of mount (path, the same as on this machine), and claim (PersistentVolumeClaim) or host_path (folder of every node), with sub_path and read_only: true if need be; the run directory has to be below one of them, and the inputs"`
	NodeSelector   map[string]string `json:"node_selector,omitempty" doc:"labels that a node must have"`
	Tolerations    []Toleration      `json:"tolerations,omitempty" doc:"taints of nodes that are put up with, as a list of key, operator, value, effect"`
	GPUResource    string            `json:"gpu_resource" default:"nvidia.com/gpu" doc:"what the cluster calls a GPU: nvidia.com/gpu, amd.com/gpu"`
	Labels         map[string]string `json:"labels,omitempty" doc:"more labels of the jobs and their pods, such as kueue.x-k8s.io/queue-name"`
	Annotations    map[string]string `json:"annotations,omitempty" doc:"annotations of the jobs and their pods"`
	User           int               `json:"user" min:"0" doc:"user id of the pods' processes, whose files they write; 0 = that of the image"`
	Group          int               `json:"group" min:"0" doc:"group id, with user"`
	Keep           int               `json:"keep" default:"86400" min:"60" doc:"seconds that a job that has ended stays, for kubectl logs"`
	Setup          []string          `json:"setup,omitempty" doc:"lines of shell before the worker"`
}

// A Volume is a folder that pods see.
type Volume struct {
	Mount    string `json:"mount" doc:"path, the same as on this machine"`
	Claim    string `json:"claim" doc:"PersistentVolumeClaim"`
	HostPath string `json:"host_path" doc:"folder of every node, instead of a claim"`
	SubPath  string `json:"sub_path" doc:"folder in it that is mounted"`
	ReadOnly bool   `json:"read_only" doc:"pods may not write to it"`
}

// A Toleration lets pods onto nodes with a taint.
type Toleration struct {
	Key      string `json:"key,omitempty" doc:"key of the taint; empty = any"`
	Operator string `json:"operator,omitempty" choices:",Exists,Equal" doc:"empty = Exists without a value, else Equal"`
	Value    string `json:"value,omitempty" doc:"value of the taint"`
	Effect   string `json:"effect,omitempty" choices:",NoSchedule,PreferNoSchedule,NoExecute" doc:"empty = any"`
}

var _ Engine = &Kubernetes{}

// Engine implements Method.
func (k *Kubernetes) Engine() Engine { return k }

// Check implements option.Checker.
func (k *Kubernetes) Check() error {
	if strings.TrimSpace(k.Image) == "" {
		return errors.New("kubernetes.image: is empty; pods need an image with climb in it")
	}
	for i, v := range k.Volumes {
		at := fmt.Sprintf("kubernetes.volumes[%d]", i)
		switch {
		case !filepath.IsAbs(v.Mount):
			return fmt.Errorf("%s.mount: %q is no absolute path", at, v.Mount)
		case v.HostPath != "" && !filepath.IsAbs(v.HostPath):
			return fmt.Errorf("%s.host_path: %q is no absolute path", at, v.HostPath)
		case (v.Claim == "") == (v.HostPath == ""):
			return fmt.Errorf("%s: needs claim or host_path, and not both", at)
		}
	}
	return nil
}

// Program is what pods run where launch.program is empty: the program of this process if they see it, else climb on the PATH of the
// image.
func (k *Kubernetes) Program(own string) string {
	if k.mounted(own, false) {
		return own
	}
	return "climb"
}

// mounted tells whether pods see a path.
func (k *Kubernetes) mounted(path string, write bool) bool {
	return slices.ContainsFunc(k.Volumes, func(v Volume) bool {
		rel, err := filepath.Rel(v.Mount, path)
		return err == nil && filepath.IsLocal(rel) && !(write && v.ReadOnly)
	})
}

// mostPods bounds the elements of a job: all its pods are listed at each look.
const mostPods = 5000

// Limit implements Engine.
func (k *Kubernetes) Limit(context.Context) (int, error) { return mostPods, nil }

// mostKind is how much of the kind of a plan is in the name of its job. A name has at most 63 bytes, and a pod's is longer by its
// number.
const mostKind = 24

// jobName is the name of a batch's job: a DNS label (RFC 1123) that any controller makes of the same batch, and that is not that of
// the same tasks in another run directory.
func jobName(b *Batch) string {
	kind := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(b.Kind))
	return "climb-" + strings.Trim(kind[:min(len(kind), mostKind)], "-") + "-" + task.Hash("kubernetes", 1, []string{b.Name, b.Plan})
}

// named is the name of a job that was submitted, or may have been.
func named(j Submitted) string {
	if j.Job != "" {
		return j.Job
	}
	return jobName(j.Batch)
}

// labels are those of a job and its pods. What is asked for later is asked by the name.
func (k *Kubernetes) labels(b *Batch) object {
	out := object{}
	for key, value := range k.Labels {
		out[key] = value
	}
	out["app.kubernetes.io/name"], out["app.kubernetes.io/component"], out["app.kubernetes.io/instance"] = "climb", strings.Split(jobName(b), "-")[1], jobName(b)
	return out
}

// An object is one of Kubernetes'. JSON is YAML, and has no doubt about what is a string.
type object = map[string]any

// Manifest is the Job of a batch, as kubectl create -f takes it.
func (k *Kubernetes) Manifest(b *Batch) (string, error) {
	if err := k.visible(b); err != nil {
		return "", err
	}
	pod, err := k.pod(b)
	if err != nil {
		return "", err
	}
	notes := object{}
	for key, value := range k.Annotations {
		notes[key] = value
	}
	spec := object{
		"completionMode":          "Indexed",
		"completions":             len(b.Elements),
		"parallelism":             len(b.Elements),
		"backoffLimitPerIndex":    0,
		"ttlSecondsAfterFinished": k.Keep,
		"podFailurePolicy": object{"rules": []object{
			{"action": "Ignore", "onPodConditions": []object{{"type": "DisruptionTarget", "status": "True"}}}, // status: kubectl before 1.27 wants it
			{"action": "FailIndex", "onExitCodes": object{"operator": "NotIn", "values": []int{0}}},
		}},
		"template": object{"metadata": object{"labels": k.labels(b), "annotations": notes}, "spec": pod},
	}
	if b.Throttle > 0 {
		spec["parallelism"] = min(b.Throttle, len(b.Elements))
	}
	meta := object{"name": jobName(b), "labels": k.labels(b), "annotations": notes}
	if k.Namespace != "" {
		meta["namespace"] = k.Namespace
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(object{"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec})
	return out.String(), err
}

// visible tells of a run directory that pods do not see.
func (k *Kubernetes) visible(b *Batch) error {
	if k.mounted(b.Folder, true) {
		return nil
	}
	var mounts []string
	for _, v := range k.Volumes {
		mounts = append(mounts, v.Mount)
	}
	return task.Usage(fmt.Errorf("pods cannot write to %s: no volume of launch.kubernetes.volumes is mounted there (mounted: %s); put out below one, or mount the shared file system at the path that it has here",
		b.Folder, strings.Join(append(mounts, "nothing else"), ", ")))
}

// pod is the specification of the pods of a batch. Of their time limit Kubernetes would count a job's from its first pod on, so it is
// that of each pod.
func (k *Kubernetes) pod(b *Batch) (object, error) {
	limits := object{"cpu": strconv.Itoa(b.Resources.CPUs)}
	if b.Resources.Memory > 0 {
		limits["memory"] = fmt.Sprintf("%dMi", b.Resources.Memory)
	}
	if b.Resources.GPUs > 0 {
		limits[k.GPUResource] = strconv.Itoa(b.Resources.GPUs)
	}
	container := object{"name": "climb", "image": k.Image, "command": []string{"sh", "-c", k.script(b)},
		"resources": object{"requests": limits, "limits": limits}}
	pod := object{"restartPolicy": "Never", "terminationGracePeriodSeconds": 60, "containers": []object{container}}
	if b.Resources.Time != "" {
		s, err := seconds(b.Resources.Time)
		if err != nil {
			return nil, err
		}
		pod["activeDeadlineSeconds"] = s
	}
	if k.ServiceAccount != "" {
		pod["serviceAccountName"] = k.ServiceAccount
	}
	if len(k.NodeSelector) > 0 {
		pod["nodeSelector"] = maps.Clone(k.NodeSelector)
	}
	if len(k.Tolerations) > 0 {
		pod["tolerations"] = tolerations(k.Tolerations)
	}
	if k.User > 0 { // as Pod Security's level "restricted" wants it
		pod["securityContext"] = object{"runAsUser": k.User, "runAsGroup": k.Group, "runAsNonRoot": true, "seccompProfile": object{"type": "RuntimeDefault"}}
		container["securityContext"] = object{"allowPrivilegeEscalation": false, "capabilities": object{"drop": []string{"ALL"}}}
	}
	pod["volumes"], container["volumeMounts"] = volumes(k.Volumes)
	return pod, nil
}

func tolerations(all []Toleration) []Toleration {
	out := slices.Clone(all)
	for i := range out {
		if out[i].Operator == "" {
			out[i].Operator = "Equal"
			if out[i].Value == "" {
				out[i].Operator = "Exists"
			}
		}
	}
	return out
}

func volumes(all []Volume) (volumes, mounts []object) {
	for i, v := range all {
		name := fmt.Sprintf("volume-%d", i)
		source := object{"name": name, "persistentVolumeClaim": object{"claimName": v.Claim}}
		if v.HostPath != "" {
			source = object{"name": name, "hostPath": object{"path": v.HostPath, "type": "Directory"}}
		}
		mount := object{"name": name, "mountPath": v.Mount}
		if v.SubPath != "" {
			mount["subPath"] = v.SubPath
		}
		if v.ReadOnly {
			mount["readOnly"] = true
		}
		volumes, mounts = append(volumes, source), append(mounts, mount)
	}
	return volumes, mounts
}

// script is the shell of a pod. What it prints goes to the element's log beside the batch; until there is one, to kubectl logs.
func (k *Kubernetes) script(b *Batch) string {
	folder := task.Quoted(b.Folder)
	var out strings.Builder
	fmt.Fprintf(&out, "cd %s || { echo \"climb: this pod does not see the run directory: does the volume of launch.kubernetes.volumes hold it?\"; exit 78; }\n", folder)
	out.WriteString("[ -w . ] || { echo \"climb: user $(id -u) may not write to the run directory: set launch.kubernetes.user\"; exit 78; }\n")
	out.WriteString("exec >>\"element-$JOB_COMPLETION_INDEX.log\" 2>&1\n")
	for _, line := range k.Setup {
		out.WriteString(line + "\n")
	}
	command := b.Command("")
	for i, arg := range command[:len(command)-1] {
		command[i] = task.Quoted(arg)
	}
	command[len(command)-1] = `"$JOB_COMPLETION_INDEX"`
	out.WriteString("exec " + strings.Join(command, " ") + "\n")
	return strings.ReplaceAll(out.String(), "$(", "$$(") // $(NAME) is a variable of Kubernetes', $$ a dollar before it
}

// seconds reads a time limit: seconds, HH:MM:SS with days before a dash as Slurm has them, or 4h30m.
func seconds(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return n, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= time.Second {
		return int64(d / time.Second), nil
	}
	days, clock, dashed := strings.Cut(text, "-")
	if !dashed {
		days, clock = "0", text
	}
	var d, h, m, s int64
	if _, err := fmt.Sscanf(days+" "+clock, "%d %d:%d:%d", &d, &h, &m, &s); err == nil && d >= 0 && h >= 0 && m >= 0 && m < 60 && s >= 0 && s < 60 && d+h+m+s > 0 {
		return ((d*24+h)*60+m)*60 + s, nil
	}
	return 0, task.Usage(fmt.Errorf("launch.resources: time %q is neither seconds, nor HH:MM:SS, nor a duration such as 4h30m", text))
}
