//go:build kubernetes

package launch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/launch/kubetest"
	"github.com/climb-go/climb/launch/launchtest"
)

// onKubernetes is what a run is set to.
func (s *site) onKubernetes() []string {
	return []string{"--set", "launch.kubernetes.image=none", "--set", fmt.Sprintf("launch.kubernetes.volumes=[{mount: %s, host_path: %[1]s}]", s.dir),
		"--set", "launch.throttle=3", "--set", "launch.retries=9"}
}

func TestKubernetesCluster(t *testing.T) {
	bin := os.Getenv("CLIMB_TEST_KUBERNETES")
	if bin == "" {
		t.Skip("CLIMB_TEST_KUBERNETES is not set: the folder of kube-apiserver, kube-controller-manager, kube-scheduler and kubectl; etcd is on PATH")
	}
	begun := time.Now()
	cluster := kubetest.Start(t, bin, "n1", "n2")
	t.Logf("a control plane and two nodes are up after %s", time.Since(begun).Round(100*time.Millisecond))
	t.Run("manifests", func(t *testing.T) { validated(t, cluster) })
	s := newSite(t)
	t.Run("pods and jobs lost", func(t *testing.T) { s.lose(t, cluster) })
	t.Run("controller killed", func(t *testing.T) {
		c := s.start(t, "killed", "kubernetes", s.onKubernetes()...)
		await(t, "a proxy that runs", func() bool { return len(running(cluster, "search")) > 0 })
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = c.wait()
		if out, err := s.start(t, "killed", "kubernetes", s.onKubernetes()...).wait(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s.check(t, "killed")
	})
	t.Run("nothing can start", func(t *testing.T) {
		c := s.start(t, "namespace", "kubernetes", append(s.onKubernetes(), "--set", "launch.kubernetes.namespace=nope")...)
		if out, err := c.wait(); err == nil || c.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(out, "launch.kubernetes.namespace") {
			t.Errorf("%v\n%s", err, out)
		}
		c = s.start(t, "program", "kubernetes", append(s.onKubernetes(), "--set", "launch.program=/nowhere/climb")...)
		if out, err := c.wait(); err == nil || c.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(out, "launch.program") {
			t.Errorf("%v\n%s", err, out)
		} else {
			t.Log(out[strings.Index(out, "climb: "):])
		}
	})
	t.Run("suite", func(t *testing.T) {
		k := &launch.Kubernetes{Image: "none", Volumes: []launch.Volume{{Mount: "/", HostPath: "/"}}, Keep: 600}
		launchtest.Suite{Patience: 2 * time.Minute, New: func(_ *testing.T, workers, retries int) launch.Launcher {
			return &launch.Remote{Engine: k, Program: []string{os.Args[0]}, Version: "test", Throttle: workers, Retries: retries,
				Poll: 300 * time.Millisecond, Settle: time.Second}
		}}.Run(t)
	})
}

// validated has the API server look at manifests with every option, and with none, without making anything of them.
func validated(t *testing.T, cluster *kubetest.Cluster) {
	if out, err := cluster.Kubectl("create", "namespace", "research"); err != nil {
		t.Fatal(out, err)
	}
	for _, name := range []string{"all", "least"} {
		if out, err := cluster.Kubectl("create", "--dry-run=server", "--validate=strict", "--output=name", "--filename=testdata/kubernetes-"+name+".json"); err != nil {
			t.Error(err)
		} else {
			t.Logf("the API server takes testdata/kubernetes-%s.json: %s", name, strings.TrimSpace(out))
		}
	}
}

// A kubePod is a pod of a test.
type kubePod struct {
	Metadata struct {
		Name              string
		Labels            map[string]string
		DeletionTimestamp *time.Time
	}
	Spec   struct{ NodeName string }
	Status struct{ Phase string }
}

// running lists the pods of stages that run.
func running(c *kubetest.Cluster, stages ...string) (out []kubePod) {
	text, err := c.Kubectl("get", "pods", "--output=json")
	var list struct{ Items []kubePod }
	if err != nil || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	for _, p := range list.Items {
		if p.Status.Phase == "Running" && p.Metadata.DeletionTimestamp == nil && slices.Contains(stages, p.Metadata.Labels["app.kubernetes.io/component"]) {
			out = append(out, p)
		}
	}
	return out
}

// worker is the process of a pod's worker, 0 if it has not told it yet.
func (s *site) worker(out string, p kubePod) int {
	index := p.Metadata.Labels["batch.kubernetes.io/job-completion-index"]
	found := 0
	_ = filepath.WalkDir(filepath.Join(s.dir, out), func(path string, _ fs.DirEntry, err error) error { // files come and go
		if err != nil || filepath.Base(path) != "kubernetes.json" {
			return nil
		}
		manifest, err := os.ReadFile(path)
		pulse, perr := os.ReadFile(filepath.Join(filepath.Dir(path), "element-"+index+".json"))
		var beat launch.Pulse
		if errors.Join(err, perr) == nil && strings.Contains(string(manifest), `"`+p.Metadata.Labels["job-name"]+`"`) && json.Unmarshal(pulse, &beat) == nil {
			found = beat.PID
		}
		return nil
	})
	return found
}

// lose takes a run through what a cluster does to pods and jobs.
func (s *site) lose(t *testing.T, cluster *kubetest.Cluster) {
	c := s.start(t, "drills", "kubernetes", s.onKubernetes()...)
	hit := map[string]bool{}
	next := func(ok func(kubePod) bool) (p kubePod) {
		await(t, "another proxy that runs", func() bool {
			for _, p = range running(cluster, "search", "confirm") {
				if !hit[p.Metadata.Name] && s.worker("drills", p) > 1 && (ok == nil || ok(p)) {
					hit[p.Metadata.Name] = true
					return true
				}
			}
			return false
		})
		t.Logf("%s on %s", p.Metadata.Name, p.Spec.NodeName)
		return p
	}
	told := func(what string, out string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("  %s %s", what, strings.TrimSpace(out))
	}
	p := next(nil)
	told("its worker is killed (kill -9)", "", syscall.Kill(s.worker("drills", p), syscall.SIGKILL))
	await(t, "a failed index", func() bool {
		out, _ := cluster.Kubectl("get", "job", p.Metadata.Labels["job-name"], "--output=jsonpath={.status.failedIndexes}")
		return out != ""
	})
	out, err := cluster.Kubectl("get", "job", p.Metadata.Labels["job-name"], "--output=jsonpath=failedIndexes {.status.failedIndexes}")
	told("its index has failed:", out, err)
	told("it is evicted", "", cluster.Evict("default", next(nil).Metadata.Name))
	p = next(nil)
	out, err = cluster.Kubectl("delete", "pod", p.Metadata.Name, "--wait=false")
	told("", out, err)
	p = next(nil)
	out, err = cluster.Kubectl("delete", "job", p.Metadata.Labels["job-name"], "--cascade=background", "--wait=false")
	told("", out, err)
	text, err := c.wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s.check(t, "drills")
	t.Log("the run has ended well; its dataset is that of the local run, to the byte")
}
