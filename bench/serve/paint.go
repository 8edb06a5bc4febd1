//go:build linux && browser

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

func paint(dir, program string, trials int) (*PaintRow, error) {
	p := &PaintRow{Trials: trials, Domains: 100, Clusters: 5000}
	if err := corpus(filepath.Join(dir, "large.jsonl"), 15000, 300); err != nil {
		return nil, err
	}
	file, err := config(dir, "large", fmt.Sprintf(`
out: %s
corpus: {inputs: [large.jsonl]}
cluster: {kmeans: {k: %d}}
domains: {ward: {count: %d}}
prune: {clusters: {}, documents: {}}
tokens: {bpe: {vocab: 512}}
proxy: {model: {layers: 1, width: 16, heads: 1, context: 16}, tokens: 2000, batch: 4}
search: {rounds: [%d], strategy: random}
confirm: {seeds: 2, measured: 0}
`, filepath.Join(dir, "large"), p.Clusters, p.Domains, trials))
	if err != nil {
		return nil, err
	}
	if out, err := exec.Command(program, "run", file, "--quiet").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("climb run: %w: %s", err, out)
	}
	c := exec.Command(program, "serve", filepath.Join(dir, "large"))
	said, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	url, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return nil, err
	}
	url = strings.TrimSpace(url)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	defer cancel()
	ctx, stop := chromedp.NewContext(allocated)
	defer stop()
	if err := chromedp.Run(ctx); err != nil {
		return nil, fmt.Errorf("%w: apt install chromium", err)
	}
	for i := range 6 {
		var at, page, all float64
		if err := chromedp.Run(ctx, chromedp.Navigate(url+"0/"), chromedp.Poll(`performance.getEntriesByName("first-contentful-paint").length === 1`, nil),
			chromedp.Evaluate(`performance.getEntriesByName("first-contentful-paint")[0].startTime`, &at),
			chromedp.Evaluate(`performance.getEntriesByType("navigation")[0].encodedBodySize / 1000`, &page),
			chromedp.Evaluate(`[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter(e => /\.(css|js)$/.test(e.name))].reduce((s, e) => s + e.encodedBodySize, 0) / 1000`, &all)); err != nil {
			return nil, err
		}
		p.PageKB, p.AllKB = page, all
		if i == 0 {
			p.ColdMS = at
			continue
		}
		p.WarmMS = append(p.WarmMS, at)
	}
	p.MedianMS = median(p.WarmMS)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		return nil, err
	}
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		var kib float64
		fmt.Sscan(rest, &kib)
		p.ServerMiB = kib / 1024
	}
	return p, nil
}
