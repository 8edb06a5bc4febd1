//go:build kubernetes

package kubetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A node stands in for the kubelet of one: it runs the pods that the scheduler has bound to it.
type node struct {
	*Cluster
	name string
	pods map[string]*pod // by uid
}

// A pod is what is read of a pod's object, and its process.
type pod struct {
	Metadata struct {
		Name, Namespace, UID       string
		Annotations                map[string]string
		DeletionTimestamp          *time.Time
		DeletionGracePeriodSeconds int64
	}
	Spec struct {
		ActiveDeadlineSeconds int64
		Containers            []struct {
			Name         string
			Command      []string
			VolumeMounts []struct{ Name, MountPath string }
		}
		Volumes []struct {
			Name     string
			HostPath *struct{ Path string }
		}
	}
	Status struct{ Phase string }

	mu      sync.Mutex
	command *exec.Cmd
	stop    sync.Once
	ended   chan struct{} // nothing of it runs, and the API server knows
}

func (n *node) status() object {
	room := object{"cpu": "4", "memory": "64Gi", "pods": "110"}
	return object{"capacity": room, "allocatable": room, "addresses": []object{{"type": "InternalIP", "address": "127.0.0.1"}},
		"conditions": []object{{"type": "Ready", "status": "True", "reason": "Node", "lastHeartbeatTime": time.Now().UTC().Format(time.RFC3339)}}}
}

func (n *node) register() error {
	_, err := n.try("POST", "/api/v1/nodes", plain, object{"metadata": object{"name": n.name, "labels": object{"kubernetes.io/hostname": n.name}}, "status": n.status()})
	return err
}

// heartbeat renews the node's lease and status.
func (n *node) heartbeat() {
	const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
	for n.ctx.Err() == nil {
		spec := object{"holderIdentity": n.name, "leaseDurationSeconds": 40, "renewTime": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")}
		if _, err := n.try("PATCH", leases+"/"+n.name, merge, object{"spec": spec}); errors.Is(err, errNotFound) {
			_, _ = n.try("POST", leases, plain, object{"metadata": object{"name": n.name}, "spec": spec}) // again in two seconds
		}
		_, _ = n.try("PATCH", "/api/v1/nodes/"+n.name+"/status", strategic, object{"status": n.status()})
		n.sleep(2 * time.Second)
	}
}

func (n *node) sleep(d time.Duration) {
	select {
	case <-n.ctx.Done():
	case <-time.After(d):
	}
}

// follow looks after the pods of the node, until the test ends.
func (n *node) follow() {
	for ; n.ctx.Err() == nil; n.sleep(200 * time.Millisecond) {
		data, err := n.try("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3D"+n.name, plain, nil)
		var list struct{ Items []*pod }
		if err != nil || json.Unmarshal(data, &list) != nil {
			continue
		}
		here := map[string]bool{}
		for _, seen := range list.Items {
			uid := seen.Metadata.UID
			here[uid] = true
			p := n.pods[uid]
			if p == nil {
				p = seen
				p.ended = make(chan struct{})
				n.pods[uid] = p
				go n.run(p)
			}
			if seen.Metadata.DeletionTimestamp != nil {
				n.end(p, time.Duration(seen.Metadata.DeletionGracePeriodSeconds)*time.Second)
			}
		}
		for uid, p := range n.pods {
			if !here[uid] { // its object is gone
				delete(n.pods, uid)
				n.end(p, 0)
			}
		}
	}
	for _, p := range n.pods {
		n.end(p, 0)
	}
}

// end asks a pod to end, kills it after its grace, and then takes its object away.
func (n *node) end(p *pod, grace time.Duration) {
	p.stop.Do(func() {
		p.signal(syscall.SIGTERM)
		time.AfterFunc(grace, func() { p.signal(syscall.SIGKILL) })
		go func() {
			<-p.ended
			_, _ = n.try("DELETE", p.path(), plain, object{"gracePeriodSeconds": 0, "preconditions": object{"uid": p.Metadata.UID}}) // gone already
		}()
	})
}

func (p *pod) path() string {
	return "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
}

func (p *pod) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command != nil {
		_ = syscall.Kill(-p.command.Process.Pid, s) // one that has ended
	}
}

// run runs a pod to its end.
func (n *node) run(p *pod) {
	defer close(p.ended)
	if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
		return
	}
	if err := p.mounts(); err != nil { // stays, as with a kubelet, until it is deleted
		n.report(p, "Pending", object{"waiting": object{"reason": "CreateContainerConfigError", "message": err.Error()}})
		return
	}
	c := p.Spec.Containers[0]
	argv := make([]string, len(c.Command))
	for i, arg := range c.Command {
		argv[i] = strings.ReplaceAll(arg, "$$(", "$(")
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = "/"
	command.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "HOSTNAME=" + p.Metadata.Name,
		"JOB_COMPLETION_INDEX=" + p.Metadata.Annotations["batch.kubernetes.io/job-completion-index"]}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if log, err := os.Create(n.path(p.Metadata.Name + ".pod.log")); err == nil {
		defer log.Close()
		command.Stdout, command.Stderr = log, log
	}
	p.mu.Lock()
	err := command.Start()
	if err == nil {
		p.command = command
	}
	p.mu.Unlock()
	if err != nil {
		n.report(p, "Failed", object{"terminated": object{"exitCode": 128, "reason": "StartError", "message": err.Error()}})
		return
	}
	n.report(p, "Running", object{"running": object{"startedAt": time.Now().UTC().Format(time.RFC3339)}})
	if s := p.Spec.ActiveDeadlineSeconds; s > 0 {
		time.AfterFunc(time.Duration(s)*time.Second, func() { p.signal(syscall.SIGTERM) })
	}
	_ = command.Wait() // the state says it
	code := command.ProcessState.ExitCode()
	if w, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		code = 128 + int(w.Signal())
	}
	phase, reason := "Succeeded", "Completed"
	if code != 0 {
		phase, reason = "Failed", "Error"
	}
	n.report(p, phase, object{"terminated": object{"exitCode": code, "reason": reason}})
}

// mounts checks the volumes: pods see the machine's own files, so each is where it is mounted.
func (p *pod) mounts() error {
	at := map[string]string{}
	for _, v := range p.Spec.Volumes {
		if v.HostPath == nil {
			return fmt.Errorf("volume %s is no hostPath", v.Name)
		}
		at[v.Name] = v.HostPath.Path
	}
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		if filepath.Clean(at[m.Name]) != filepath.Clean(m.MountPath) {
			return fmt.Errorf("%s is not mounted where it is, but at %s", at[m.Name], m.MountPath)
		}
		if _, err := os.Stat(m.MountPath); err != nil {
			return err
		}
	}
	return nil
}

// report writes the status of a pod, until the API server has taken it.
func (n *node) report(p *pod, phase string, state object) {
	ready := map[bool]string{true: "True", false: "False"}[phase == "Running"]
	status := object{"phase": phase, "hostIP": "127.0.0.1",
		"containerStatuses": []object{{"name": p.Spec.Containers[0].Name, "image": "none", "imageID": "", "state": state, "ready": phase == "Running", "restartCount": 0}},
		"conditions":        []object{{"type": "Ready", "status": ready}, {"type": "ContainersReady", "status": ready}}}
	for n.ctx.Err() == nil {
		_, err := n.try("PATCH", p.path()+"/status", strategic, object{"metadata": object{"uid": p.Metadata.UID}, "status": status})
		if err == nil || errors.Is(err, errNotFound) {
			return
		}
		n.sleep(500 * time.Millisecond)
	}
}
