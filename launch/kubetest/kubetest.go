//go:build kubernetes

package kubetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A Cluster is a control plane with nodes.
type Cluster struct {
	dir, bin      string
	server, token string
	client        *http.Client
	daemons       []*exec.Cmd
	ctx           context.Context // of the nodes
}

// object is one of Kubernetes' in JSON.
type object = map[string]any

// Start starts a cluster that ends with the test. bin has kube-apiserver, kube-controller-manager, kube-scheduler and kubectl, which
// is put on PATH; etcd is on PATH, or in bin.
func Start(t testing.TB, bin string, nodes ...string) *Cluster {
	t.Helper()
	c := &Cluster{dir: t.TempDir(), bin: bin, token: rand.Text(), ctx: t.Context()}
	t.Cleanup(c.stop)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("KUBECONFIG", c.path("kubeconfig"))
	etcd, peer := address(t), address(t)
	c.begin(t, "etcd", "--name=t", "--data-dir="+c.path("etcd"), "--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=t=http://"+peer)
	c.apiServer(t, etcd)
	c.begin(t, "kube-controller-manager", "--kubeconfig="+c.path("kubeconfig"), "--leader-elect=false", "--secure-port=0",
		"--controllers=job-controller,pod-garbage-collector-controller,garbage-collector-controller,namespace-controller,node-lifecycle-controller,taint-eviction-controller,ttl-after-finished-controller,disruption-controller",
		"--kube-api-qps=500", "--kube-api-burst=1000")
	c.write(t, "scheduler.yaml", fmt.Sprintf("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nleaderElection: {leaderElect: false}\nclientConnection: {kubeconfig: %q, qps: 500, burst: 1000}\n", c.path("kubeconfig")))
	c.begin(t, "kube-scheduler", "--config="+c.path("scheduler.yaml"), "--secure-port=0")
	for _, name := range nodes {
		n := &node{Cluster: c, name: name, pods: map[string]*pod{}}
		if err := n.register(); err != nil {
			t.Fatal(err)
		}
		go n.heartbeat()
		go n.follow()
	}
	return c
}

// apiServer starts the API server. A token in its place lets everything be done.
func (c *Cluster) apiServer(t testing.TB, etcd string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
	c.write(t, "tokens.csv", c.token+",admin,admin,system:masters\n")
	at := address(t)
	_, port, _ := net.SplitHostPort(at)
	c.server = "https://" + at
	c.begin(t, "kube-apiserver", "--etcd-servers=http://"+etcd, "--cert-dir="+c.path("cert"), "--bind-address=127.0.0.1", "--secure-port="+port,
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--token-auth-file="+c.path("tokens.csv"), "--anonymous-auth=false",
		"--authorization-mode=AlwaysAllow", "--service-account-issuer=https://127.0.0.1", "--service-account-signing-key-file="+c.path("sa.key"),
		"--service-account-key-file="+c.path("sa.key"), "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount", "--profiling=false")
	c.Await(t, "the API server's certificate", func() bool {
		pool, pems := x509.NewCertPool(), c.read("cert/apiserver.crt")
		if !pool.AppendCertsFromPEM(pems) {
			return false
		}
		c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
		return true
	})
	c.write(t, "kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: t, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
contexts: [{name: t, context: {cluster: t, user: admin}}]
current-context: t
`, c.server, c.path("cert/apiserver.crt"), c.token))
	c.Await(t, "the API server", func() bool {
		_, err := c.try("GET", "/readyz", "", nil)
		return err == nil
	})
	c.Await(t, "the namespace default", func() bool {
		_, err := c.try("GET", "/api/v1/namespaces/default", "", nil)
		return err == nil
	})
}

// address is one on this machine that nothing listens on.
func address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Cluster) read(name string) []byte {
	data, _ := os.ReadFile(c.path(name)) // not there yet: nothing
	return data
}

func (c *Cluster) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// begin starts a daemon, which stop ends.
func (c *Cluster) begin(t testing.TB, name string, args ...string) {
	t.Helper()
	log, err := os.Create(c.path(name + ".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d := exec.Command(name, args...)
	d.Stdout, d.Stderr = log, log
	d.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	c.daemons = append(c.daemons, d)
}

// stop ends the daemons, the last first.
func (c *Cluster) stop() {
	for i := len(c.daemons) - 1; i >= 0; i-- {
		d := c.daemons[i]
		_ = d.Process.Signal(syscall.SIGTERM) // one that has ended
		late := time.AfterFunc(10*time.Second, func() { _ = d.Process.Kill() })
		_ = d.Wait()
		late.Stop()
	}
}

// Await waits for a condition.
func (c *Cluster) Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, d := range c.daemons {
				log := c.read(filepath.Base(d.Path) + ".log")
				t.Logf("%s: %s", filepath.Base(d.Path), log[max(0, len(log)-1000):])
			}
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Kubectl calls kubectl.
func (c *Cluster) Kubectl(args ...string) (string, error) {
	out, err := exec.Command("kubectl", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %q: %w: %s", args, err, out)
	}
	return string(out), err
}

// Evict evicts a pod, as kubectl drain does.
func (c *Cluster) Evict(namespace, name string) error {
	_, err := c.try("POST", "/api/v1/namespaces/"+namespace+"/pods/"+name+"/eviction", plain,
		object{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": object{"name": name, "namespace": namespace}})
	return err
}

// Kinds of requests. The strategic patch keeps conditions that others have set.
const (
	plain     = "application/json"
	merge     = "application/merge-patch+json"
	strategic = "application/strategic-merge-patch+json"
)

// errNotFound is the answer 404.
var errNotFound = errors.New("not found")

// try makes a request to the API server, once.
func (c *Cluster) try(method, path, kind string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", kind)
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, data)
	}
	return data, err
}
