//go:build slurm

package launch_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/launch/launchtest"
)

// A slurm is a Slurm of three nodes on this machine: real daemons on 127.0.0.1, a node each.
type slurm struct {
	dir  string
	conf string
}

const nodes = 3

// port is of slurmctld; those of the nodes follow it.
const port = 16917

// newSlurm starts a Slurm that ends with the test.
func newSlurm(t *testing.T) *slurm {
	t.Helper()
	for _, program := range []string{"slurmctld", "slurmd", "sbatch", "munged"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (Debian: slurmctld, slurmd, slurm-client, munge)", program)
		}
	}
	munge, err := user.Lookup("munge")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("a Slurm of one's own needs root and the user munge")
	}
	dir, err := os.MkdirTemp("", "slurm") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	s := &slurm{dir: dir, conf: filepath.Join(dir, "slurm.conf")}
	t.Cleanup(func() { s.down(t) })
	t.Setenv("SLURM_CONF", s.conf)
	s.startMunge(t, munge)
	s.configure(t)
	s.do(t, "slurmctld", "-f", s.conf)
	for n := 1; n <= nodes; n++ {
		s.startNode(t, n)
	}
	await(t, "three idle nodes", func() bool { return strings.Count(s.do(t, "sinfo", "-h", "-N", "-o", "%T"), "idle") == nodes })
	return s
}

func (s *slurm) startMunge(t *testing.T, munge *user.User) {
	t.Helper()
	uid, _ := strconv.Atoi(munge.Uid)
	gid, _ := strconv.Atoi(munge.Gid)
	dir := filepath.Join(s.dir, "munge")
	key := make([]byte, 128)
	_, err := rand.Read(key)
	err = errors.Join(err, os.Chmod(s.dir, 0o755), os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "key"), key, 0o400),
		os.Chown(dir, uid, gid), os.Chown(filepath.Join(dir, "key"), uid, gid))
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	s.do(t, "setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "-S", in("sock"), "--key-file="+in("key"),
		"--pid-file="+in("pid"), "--log-file="+in("log"), "--seed-file="+in("seed"))
}

// configure writes slurm.conf. Accounting is off, and arrays have at most 19 elements.
func (s *slurm) configure(t *testing.T) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	var b strings.Builder
	fmt.Fprintf(&b, `ClusterName=test
SlurmctldHost=%s(127.0.0.1)
SlurmctldPort=%d
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=%[3]s/munge/sock
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=%[3]s/state
SlurmdSpoolDir=%[3]s/spool-%%n
SlurmctldPidFile=%[3]s/ctld.pid
SlurmdPidFile=%[3]s/slurmd-%%n.pid
SlurmctldLogFile=%[3]s/ctld.log
SlurmdLogFile=%[3]s/slurmd-%%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MaxArraySize=20
ReturnToService=2
SlurmdTimeout=10
KillWait=2
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_min_interval=0
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`, host, port, s.dir)
	for n := 1; n <= nodes; n++ {
		fmt.Fprintf(&b, "NodeName=n%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=1 RealMemory=1000\n", n, host, port+n)
		if err := os.MkdirAll(filepath.Join(s.dir, fmt.Sprintf("spool-n%d", n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(s.dir, "state"), 0o755), os.WriteFile(s.conf, []byte(b.String()), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (s *slurm) startNode(t *testing.T, n int) {
	t.Helper()
	s.do(t, "slurmd", "-N", fmt.Sprintf("n%d", n), "-f", s.conf)
}

// pid reads the pid file of a daemon.
func (s *slurm) pid(name string) int {
	data, _ := os.ReadFile(filepath.Join(s.dir, name))
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}

func (s *slurm) down(t *testing.T) {
	if _, err := s.try("scancel", "--me"); err != nil {
		t.Log(err)
	}
	names := []string{"ctld.pid", "munge/pid"}
	for n := 1; n <= nodes; n++ {
		names = append(names, fmt.Sprintf("slurmd-n%d.pid", n))
	}
	for _, name := range names {
		if pid := s.pid(name); pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGTERM) // one that has ended
		}
	}
	for deadline := time.Now().Add(10 * time.Second); s.pid("ctld.pid") > 1 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if syscall.Kill(s.pid("ctld.pid"), 0) != nil {
			break
		}
	}
	if t.Failed() {
		t.Logf("the logs of Slurm are in %s", s.dir)
		return
	}
	_ = os.RemoveAll(s.dir) // its daemons may write a last line
}

func (s *slurm) try(argv ...string) (string, error) {
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(os.Environ(), "SLURM_CONF="+s.conf) // the test's own is gone when the daemons are stopped
	out, err := c.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return string(out), err
}

func (s *slurm) do(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := s.try(argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSlurm(t *testing.T) {
	cluster := newSlurm(t)
	t.Run("suite", func(t *testing.T) {
		launchtest.Suite{Patience: time.Minute, New: func(_ *testing.T, workers, retries int) launch.Launcher {
			return &launch.Remote{Engine: &launch.Slurm{}, Program: []string{os.Args[0]}, Version: "test", Throttle: workers, Retries: retries,
				Resources: func(string) launch.Resources { return launch.Resources{CPUs: 1, Memory: 100} }, Poll: 300 * time.Millisecond, Settle: time.Second}
		}}.Run(t)
	})
	s := newSite(t)
	t.Run("controller killed ten times", func(t *testing.T) {
		for i := range 10 {
			c := s.start(t, "killed", "slurm")
			time.Sleep(time.Duration(700+400*i) * time.Millisecond)
			if err := c.cmd.Process.Kill(); err != nil {
				t.Log("the run has ended before kill", i+1)
			}
			_, _ = c.wait()
		}
		if out, err := s.start(t, "killed", "slurm").wait(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s.check(t, "killed")
		if left := cluster.do(t, "squeue", "-h"); strings.TrimSpace(left) != "" {
			t.Log("copies that still run:\n", left)
		}
	})
	if !testing.Short() { // these wait for what Slurm does after minutes
		t.Run("tasks and nodes lost", func(t *testing.T) { s.drills(t, cluster) })
		t.Run("interrupted, detached, cancelled", func(t *testing.T) { s.interrupts(t, cluster) })
	}
	t.Run("wrong partition", func(t *testing.T) {
		c := s.start(t, "partition", "slurm", "--set", "launch.slurm.partition=nope")
		if out, err := c.wait(); err == nil || c.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(out, "nvalid partition") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// drills runs with a task killed, a job requeued, a node set down and a slurmd killed.
func (s *site) drills(t *testing.T, cluster *slurm) {
	c := s.start(t, "drills", "slurm")
	running := func(stage string) []string { // job_index node
		out, _ := cluster.try("squeue", "-h", "-r", "-t", "R", "-o", "%F_%K %N %j")
		var found []string
		for line := range strings.Lines(out) {
			if strings.Contains(line, "climb-"+stage+"-") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
	await(t, "proxies that run", func() bool { return len(running("search")) == nodes })
	var pid int
	await(t, "a worker's sign of life", func() bool {
		paths, _ := filepath.Glob(filepath.Join(s.dir, "drills", "search-*", "jobs", "*", "element-*.json"))
		for _, path := range paths {
			var p launch.Pulse
			if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &p) == nil && syscall.Kill(p.PID, 0) == nil {
				pid = p.PID
				return true
			}
		}
		return false
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Log("the task has ended before it was killed")
	}
	if r := running("search"); len(r) > 0 {
		job, _, _ := strings.Cut(r[0], " ")
		if _, err := cluster.try("scontrol", "requeue", job); err == nil {
			_, _ = cluster.try("scontrol", "update", "JobId="+job, "StartTime=now")
		}
	}
	await(t, "proxies of the confirmation, or the end", func() bool {
		return len(running("confirm")) > 0 || c.cmd.ProcessState != nil || cluster.pid("ctld.pid") == 0
	})
	cluster.do(t, "scontrol", "update", "NodeName=n1", "State=DOWN", "Reason=drill")
	if pid := cluster.pid("slurmd-n3.pid"); pid > 1 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * time.Second)
	_, _ = cluster.try("scontrol", "update", "NodeName=n1", "State=RESUME") // ReturnToService may have been quicker
	cluster.startNode(t, 3)
	if out, err := c.wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else {
		t.Log(out)
	}
	s.check(t, "drills")
}

// interrupts: Ctrl-C cancels what was submitted, --detach leaves it, climb cancel ends it.
func (s *site) interrupts(t *testing.T, cluster *slurm) {
	jobs := func() int { return strings.Count(cluster.do(t, "squeue", "-h", "-t", "PD,R", "-r"), "\n") }
	await(t, "an empty queue", func() bool { return jobs() == 0 })
	config := filepath.Join(s.dir, "stopped.yaml")
	for _, args := range [][]string{nil, {"--detach"}} {
		c := s.start(t, "stopped", "slurm", args...)
		await(t, "proxies", func() bool {
			return strings.Contains(cluster.do(t, "squeue", "-h", "-t", "R", "-o", "%j"), "climb-search-")
		})
		status := cluster.do(t, s.climb, "status", config)
		if !strings.Contains(status, "climb") && !strings.Contains(status, "search") || !strings.Contains(status, "running") {
			t.Errorf("climb status does not show the jobs:\n%s", status)
		}
		if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if out, err := c.wait(); c.cmd.ProcessState.ExitCode() != 75 {
			t.Errorf("%v\n%s", err, out)
		}
		if n := jobs(); (n > 0) != (args != nil) {
			t.Errorf("%d elements are left after Ctrl-C with %v", n, args)
		}
	}
	if out := cluster.do(t, s.climb, "cancel", config); !strings.Contains(out, "1 job cancelled") {
		t.Errorf("climb cancel: %s", out)
	}
	await(t, "an empty queue", func() bool { return jobs() == 0 })
	if out, err := s.start(t, "stopped", "slurm").wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.check(t, "stopped")
}
