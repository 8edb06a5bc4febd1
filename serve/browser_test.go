//go:build browser

package serve

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A watchedBrowser is a Chromium that notes what a page must not do.
type watchedBrowser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	origin string   // the only one that may be asked
	bad    []string // alerts, errors of the console, other origins
	gone   bool     // the server was killed: requests fail
}

// browser starts Chromium, Debian's or the one of CLIMB_TEST_CHROMIUM.
func browser(t *testing.T) *watchedBrowser {
	t.Helper()
	path := os.Getenv("CLIMB_TEST_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Skip("no chromium: apt install chromium")
		}
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(allocated)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); stop() })
	b := &watchedBrowser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *page.EventJavascriptDialogOpening:
			b.note("dialog %q", e.Message)
			go chromedp.Run(ctx, page.HandleJavaScriptDialog(true))
		case *runtime.EventExceptionThrown:
			b.note("exception %s", e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				b.note("console %v", e.Args)
			}
		case *log.EventEntryAdded:
			b.mu.Lock()
			gone := b.gone && e.Entry.Source == log.SourceNetwork
			b.mu.Unlock()
			if e.Entry.Level == log.LevelError && !gone {
				b.note("log %s %s", e.Entry.Text, e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			b.mu.Lock()
			origin := b.origin
			b.mu.Unlock()
			if url := e.Request.URL; !strings.HasPrefix(url, origin) && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:"+origin) {
				b.note("request to %s", url)
			}
		}
	})
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), runtime.Enable()); err != nil { // without a limit: the browser lives as long as this context
		t.Fatal(err)
	}
	return b
}

func (b *watchedBrowser) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = append(b.bad, fmt.Sprintf(format, args...))
}

func (b *watchedBrowser) run(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 6*time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var body string
		again, stop := context.WithTimeout(b.ctx, 10*time.Second)
		defer stop()
		_ = chromedp.Run(again, chromedp.Evaluate(`document.body.innerText.slice(0, 3000)`, &body))
		b.t.Fatalf("%v; the page says:\n%s", err, body)
	}
}

func (b *watchedBrowser) open(url string) {
	b.t.Helper()
	b.mu.Lock()
	b.origin = url[:strings.Index(url[len("http://"):], "/")+len("http://")+1]
	b.gone = false
	b.mu.Unlock()
	b.run(chromedp.Navigate(url))
}

// until waits for an expression to be true.
func (b *watchedBrowser) until(what, expression string) {
	b.t.Helper()
	b.t.Log("until", what)
	var ok bool
	b.run(chromedp.Poll(expression, &ok, chromedp.WithPollingTimeout(6*time.Minute), chromedp.WithPollingInterval(50*time.Millisecond)))
}

// text evaluates an expression.
func (b *watchedBrowser) text(expression string) (s string) {
	b.t.Helper()
	b.run(chromedp.Evaluate(expression, &s))
	return s
}

// picture keeps the page at a width, where CLIMB_TEST_SHOTS names a folder, and
// reports what is wider than the window.
func (b *watchedBrowser) picture(name string, width int64) {
	b.t.Helper()
	var wide float64
	b.run(chromedp.EmulateViewport(width, 900), chromedp.Sleep(200*time.Millisecond), chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide))
	if wide > float64(width) {
		b.t.Errorf("%s: the page is %v px wide in a window of %d", name, wide, width)
	}
	if dir := os.Getenv("CLIMB_TEST_SHOTS"); dir != "" {
		var png []byte
		b.run(chromedp.FullScreenshot(&png, 100))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), png, 0o666); err != nil {
			b.t.Fatal(err)
		}
	}
	b.run(chromedp.EmulateViewport(1300, 900))
}

// check fails on what the page must not have done.
func (b *watchedBrowser) check(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bad := range b.bad {
		b.t.Errorf("%s: %s", where, bad)
	}
	b.bad = nil
}

// TestBrowserHostile opens every page of a run whose every text wants out.
func TestBrowserHostile(t *testing.T) {
	b := browser(t)
	_, url := started(t, finished(t), finished(t))
	b.open(url)
	b.until("the table of runs", `document.querySelectorAll("[data-part=runs] tbody tr").length === 2`)
	b.check("runs")
	b.picture("runs", 1300)
	b.picture("runs", 375)
	b.open(url + "0/")
	b.until("the state", `document.querySelector("[data-state]")?.textContent === "Finished"`)
	b.until("sliders", `document.querySelectorAll(".sliders input[type=range]").length === 5`)
	b.until("a prediction", `/80 % of single runs/.test(document.querySelector(".result")?.textContent)`)
	b.run(chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
	b.check("a run")
	b.picture("hostile", 375)
	b.open(url + "0/domain/0")
	b.run(chromedp.Click(".more"))
	b.until("documents", `document.querySelectorAll("#documents article").length > 5`)
	if text := b.text(`document.querySelector("#documents blockquote").textContent`); !strings.Contains(text, "<script>alert(3)</script>") {
		t.Errorf("a document is shown as %q", text)
	}
	b.check("a domain")
	b.picture("domain", 1300)
	b.picture("domain", 375)
}

// climb is the program, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "climb-browser")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "climb")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/climb").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// start runs climb and returns the address that it prints, on either stream.
func start(t *testing.T, dir string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Dir = dir
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout, c.Stderr = w, w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "http://127.0.0.1:") {
				address <- lines.Text()
			}
		}
		close(address)
	}()
	if args[0] == "run" && args[len(args)-1] != "--serve" {
		return c, ""
	}
	url, ok := <-address
	if !ok {
		t.Fatalf("%v prints no address", args)
	}
	return c, url
}

// TestBrowserLive watches a real run: proxies appear as they are trained, sliders
// move, the run is killed, shown as such, and resumed.
func TestBrowserLive(t *testing.T) {
	data := os.Getenv("CLIMB_TEST_DATA")
	if data == "" {
		data = "../../shared/data"
	}
	data, err := filepath.Abs(filepath.Join(data, "mini"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("no test data: ", err)
	}
	dir := t.TempDir()
	config := strings.ReplaceAll(`
out: climb-run
corpus: {inputs: [DATA/corpus]}
cluster: {kmeans: {k: 24}}
domains: {ward: {count: 8}}
tokens: {bpe: {vocab: 1024}}
proxy: {model: {layers: 1, width: 32, heads: 2, context: 64}, tokens: 120000, batch: 8}
search: {rounds: [8, 6, 6]}
confirm: {seeds: 2, measured: 0}
target:
  validation:
  - {file: DATA/eval/arc_easy.validation.jsonl, metric: bpb}
  - {file: DATA/eval/sciq.validation.jsonl, metric: bpb}
  - {file: DATA/eval/piqa.validation.jsonl, metric: bpb}
`, "DATA", data)
	if err := os.WriteFile(filepath.Join(dir, "climb.yaml"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	b := browser(t)
	run, url := start(t, dir, "run", "climb.yaml", "--serve")
	b.open(url + "0/")
	b.until("a proxy that is trained", `document.querySelector("#round td.running") !== null`)
	b.until("its curve", `document.querySelector("#round svg path.curve") !== null`)
	before := b.text(`document.querySelector("#round svg").innerHTML`)
	b.until("the curve grows", fmt.Sprintf(`document.querySelector("#round svg")?.innerHTML.length !== %d`, len([]rune(before))))
	b.until("sliders", `document.querySelectorAll(".sliders input[type=range]").length === 8 + 3`)
	b.until("a prediction", `/80 % of single runs/.test(document.querySelector(".result")?.textContent)`)
	said := b.text(`document.querySelector(".result").textContent`)
	b.run(chromedp.Evaluate(`(() => { const r = document.querySelectorAll(".sliders input[type=range]")[0]; r.value = 0.9; r.dispatchEvent(new Event("input", { bubbles: true })); })()`, nil))
	b.until("another prediction", fmt.Sprintf(`document.querySelector(".result").textContent !== %q && !document.querySelector(".result.old")`, said))
	b.until("the score of a run in the report", `document.querySelectorAll("#search svg circle.mark, #search svg .mark").length >= 5`)
	b.check("the run")
	b.picture("live", 1300)
	b.picture("live", 375)
	b.run(chromedp.Evaluate(`document.documentElement.dataset.theme = "dark"`, nil))
	b.picture("dark", 1300)

	// kill -9: the page of the run says that its server is gone, and climb serve that
	// the run was killed.
	b.mu.Lock()
	b.gone = true
	b.mu.Unlock()
	if err := run.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait()
	b.until("the server is gone", `/does not answer/.test(document.querySelector("p.link").textContent)`)
	_, url = start(t, dir, "serve", "climb-run")
	b.open(url)
	b.until("killed", `document.querySelector("[data-state]")?.textContent === "Killed"`)
	b.check("the killed run")
	b.picture("killed", 1300)

	// The run goes on in the same page, to its end.
	again, _ := start(t, dir, "run", "climb.yaml", "--quiet")
	b.until("it runs again", `document.documentElement.dataset.live === "running"`)
	if err := again.Wait(); err != nil {
		t.Fatal(err)
	}
	b.until("finished", `document.querySelector("[data-state]")?.textContent === "Finished"`)
	b.until("the verdict of the report", `document.querySelector("#verdict h2") && !/Not confirmed/.test(document.querySelector("#verdict h2").textContent)`)
	b.until("sorting in a section that was exchanged", `document.querySelector("#confirmation table.sort th button") !== null`)
	b.check("the resumed run")
	b.picture("finished", 1300)
}
