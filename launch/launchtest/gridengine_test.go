//go:build gridengine

package launchtest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/launch/launchtest"
)

// A cell is a Grid Engine of one host, as Debian has it (gridengine-master, -exec and -client). Its daemons listen on every address,
// so it lives in a network that has none but loopback.
type cell struct{ dir string }

const insideCell = "LAUNCHTEST_CELL" // set where the network is

// TestGridEngine runs the suite through qsub, qstat and qdel of a real Grid Engine. It takes root, and about a minute.
func TestGridEngine(t *testing.T) {
	for _, program := range []string{"sge_qmaster", "qsub", "/usr/lib/gridengine/sge_execd", "unshare", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (Debian: gridengine-master, gridengine-exec, gridengine-client, iproute2)", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("a Grid Engine of one's own needs root")
	}
	if os.Getenv(insideCell) == "" {
		hosts := filepath.Join(t.TempDir(), "hosts")
		if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("unshare", "--net", "--uts", "--mount", "sh", "-ec",
			`ip link set lo up; hostname localhost; mount --bind "$0" /etc/hosts; exec "$@"`, hosts, os.Args[0], "-test.run=^TestGridEngine$", "-test.v")
		c.Env = append(os.Environ(), insideCell+"=1")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			t.Errorf("inside its network: %v", err)
		}
		return
	}
	newCell(t)
	launchtest.Suite{Patience: time.Minute, New: func(_ *testing.T, workers, retries int) launch.Launcher {
		engine := (&launch.Command{
			Submit: `qsub -terse -notify -S /bin/sh -t 1-{elements} -tc {throttle} -N {name} -o /dev/null -j y -p 0 {script} | cut -d. -f1`,
			State:  `qstat -g d | awk -v j={job} '$1 == j && $5 !~ /E/ {print $NF, ($5 ~ /q/ ? "queued" : "running")}'`,
			Cancel: `qdel {job} >/dev/null || true`, Index: "SGE_TASK_ID", First: 1, Most: 1000,
		}).Engine()
		return &launch.Remote{Engine: engine, Program: []string{os.Args[0]}, Version: "test", Throttle: workers, Retries: retries,
			Poll: 300 * time.Millisecond, Settle: time.Second}
	}}.Run(t)
}

// newCell starts a cell that ends with the test.
func newCell(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cell")
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{dir}
	t.Cleanup(func() { c.down(t) })
	for key, value := range map[string]string{"SGE_ROOT": c.path("root"), "SGE_CELL": "default", "SGE_QMASTER_PORT": "16444", "SGE_EXECD_PORT": "16445", "EDITOR": c.path("editor")} {
		t.Setenv(key, value)
	}
	err = os.MkdirAll(c.path("root", "default", "common"), 0o755)
	for _, d := range []string{"job_scripts", "spool", "execd"} {
		err = errors.Join(err, os.MkdirAll(c.path("master", d), 0o755))
	}
	for _, d := range []string{"bin", "lib", "util", "utilbin"} {
		err = errors.Join(err, os.Symlink("/var/lib/gridengine/"+d, c.path("root", d)))
	}
	err = errors.Join(err, os.WriteFile(c.path("root", "default", "common", "act_qmaster"), []byte("localhost\n"), 0o644),
		c.edit("/usr/share/gridengine/default-bootstrap", c.path("root", "default", "common", "bootstrap"),
			"admin_user", "root", "spooling_params", c.path("master", "spool"), "qmaster_spool_dir", c.path("master")),
		c.edit("/usr/share/gridengine/default-configuration", c.path("configuration"),
			"execd_spool_dir", c.path("master", "execd"), "min_uid", "0", "min_gid", "0", "load_report_time", "00:00:02"))
	if err != nil {
		t.Fatal(err)
	}
	const lib, shared = "/usr/lib/gridengine/", "/usr/share/gridengine/util/resources/"
	c.do(t, lib+"spoolinit", "berkeleydb", "libspoolb", c.path("master", "spool"), "init")
	c.do(t, lib+"spooldefaults", "configuration", c.path("configuration"))
	c.do(t, lib+"spooldefaults", "complexes", shared+"centry")
	c.do(t, lib+"spooldefaults", "usersets", shared+"usersets")
	c.do(t, lib+"spooldefaults", "managers", "root")
	c.do(t, "sge_qmaster")
	c.await(t, "qconf", "-as", "localhost")
	c.do(t, lib+"sge_execd")
	editor := `#!/bin/sh
sed -i 's/^hostlist .*/hostlist localhost/; s/^slots .*/slots 9/; s/^pe_list .*/pe_list NONE/; s/^load_thresholds .*/load_thresholds NONE/' "$1"
`
	if err := os.WriteFile(c.path("editor"), []byte(editor), 0o755); err != nil {
		t.Fatal(err)
	}
	c.do(t, "qconf", "-aq", "all.q")
	if err := os.WriteFile(c.path("before"), []byte(c.do(t, "qconf", "-ssconf")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.edit(c.path("before"), c.path("scheduler"), "schedule_interval", "0:0:1", "flush_submit_sec", "1", "flush_finish_sec", "1"); err != nil {
		t.Fatal(err)
	}
	c.do(t, "qconf", "-Msconf", c.path("scheduler"))
}

func (c *cell) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// edit copies a file of lines "key value" with other values.
func (c *cell) edit(from, to string, pairs ...string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		for i := 0; i < len(pairs); i += 2 {
			if f := strings.Fields(line); len(f) > 1 && f[0] == pairs[i] {
				line = fmt.Sprintf("%s %s\n", pairs[i], pairs[i+1])
			}
		}
		out.WriteString(line)
	}
	return os.WriteFile(to, []byte(out.String()), 0o644)
}

func (c *cell) do(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// await repeats a command until it is answered.
func (c *cell) await(t *testing.T, argv ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); exec.Command(argv[0], argv[1:]...).Run() != nil; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not answered", strings.Join(argv, " "))
		}
	}
}

func (c *cell) down(t *testing.T) {
	for _, file := range []string{c.path("master", "execd", "localhost", "execd.pid"), c.path("master", "qmaster.pid")} {
		data, _ := os.ReadFile(file)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
		if pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGTERM) // one that has ended
		}
		for deadline := time.Now().Add(10 * time.Second); pid > 1 && syscall.Kill(pid, 0) == nil && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
	}
	if t.Failed() {
		t.Logf("the logs of Grid Engine are in %s", c.dir)
		return
	}
	_ = os.RemoveAll(c.dir) // its daemons may write a last line
}
