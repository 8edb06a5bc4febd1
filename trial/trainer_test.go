package trial

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// A configuration that says nothing of a trainer names its stages as before
// there was a choice; another device names them no other way, another program
// does.
func TestTrainerInStageNames(t *testing.T) {
	var plain ProxyConfig
	option.Fill(&plain)
	options := func(change func(*ProxyConfig, *train.Torch)) string {
		p := plain
		if change != nil {
			if err := p.Trainer.Set("torch"); err != nil {
				t.Fatal(err)
			}
			change(&p, p.Trainer.Value().(*train.Torch))
		}
		counted, program, err := p.Counted()
		if err != nil {
			t.Fatal(err)
		}
		return string(stage.Marshal(proxyOptions{Proxy: counted, Program: program}))
	}
	for _, word := range []string{"trainer", "program", "rate\"", "repetition", "target_tokens", "phase"} {
		if got := options(nil); strings.Contains(got, word) {
			t.Errorf("the options have %s: %s", word, got)
		}
	}
	here := options(func(*ProxyConfig, *train.Torch) {})
	if here == options(nil) || !strings.Contains(here, `"program":"torch `) {
		t.Errorf("torch is not told: %s", here)
	}
	if there := options(func(p *ProxyConfig, t *train.Torch) {
		t.Device, t.MicroBatch, t.Python, p.Rate = "cuda", 2, "python9", 1e6
	}); there != here {
		t.Errorf("another machine gives other names:\n%s\n%s", here, there)
	}
	own := filepath.Join(t.TempDir(), "own.py")
	must(0, os.WriteFile(own, []byte("# mine"), 0o666))
	if mine := options(func(_ *ProxyConfig, t *train.Torch) { t.File = own }); mine == here {
		t.Error("another program has the same name")
	}
}

// The options of trainers are checked before anything is spent.
func TestTrainerCheck(t *testing.T) {
	for name, c := range map[string]struct {
		trainer string
		change  func(*ProxyConfig)
		want    string
	}{
		"builtin":              {"builtin", nil, ""},
		"torch":                {"torch", nil, ""},
		"a command":            {"command", func(p *ProxyConfig) { p.Command = train.Arguments{"x"} }, ""},
		"an old configuration": {"builtin", func(p *ProxyConfig) { p.Command = train.Arguments{"x"} }, ""},
		"no command":           {"command", nil, "proxy.command is empty"},
		"fields": {"command", func(p *ProxyConfig) {
			p.Command, p.Fields = train.Arguments{"x"}, []string{"model", "optim"}
		}, ""},
		"other fields": {"builtin", func(p *ProxyConfig) {
			p.Command, p.Fields = train.Arguments{"x"}, []string{"model.layers", "optim"}
		}, "does not know model.norm_eps = 0.00001 of a job"},
		"fields of nothing":     {"torch", func(p *ProxyConfig) { p.Fields = []string{"model"} }, "and that is empty"},
		"two trainers":          {"torch", func(p *ProxyConfig) { p.Command = train.Arguments{"x"} }, "leave one of them out"},
		"too many devices":      {"torch", func(p *ProxyConfig) { p.Trainer.Value().(*train.Torch).Processes = 17 }, "a batch has 16 sequences"},
		"repetition":            {"builtin", func(p *ProxyConfig) { p.Repeat = "target" }, ""},
		"another repetition":    {"builtin", func(p *ProxyConfig) { p.Repeat = "often" }, `proxy.repetition: is "often"`},
		"repetition with torch": {"torch", func(p *ProxyConfig) { p.Repeat = "target" }, "the trainer torch does not know target_tokens"},
		"repetition of a program": {"command", func(p *ProxyConfig) {
			p.Repeat, p.Command, p.Fields = "target", train.Arguments{"x"}, []string{"model", "optim"}
		}, "name target_tokens in proxy.command_fields"},
		"repetition of a program that has it": {"command", func(p *ProxyConfig) {
			p.Repeat, p.Command, p.Fields = "target", train.Arguments{"x"}, []string{"model", "optim", "target_tokens"}
		}, ""},
		"no such program": {"torch", func(p *ProxyConfig) { p.Trainer.Value().(*train.Torch).File = "gone.py" }, "gone.py"},
	} {
		var p ProxyConfig
		option.Fill(&p)
		if err := p.Trainer.Set(c.trainer); err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(&p)
		}
		if err := p.Check(); (err == nil) != (c.want == "") || err != nil && !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A worker trains with the program that the plan was made for, where the last
// command said, and with nothing else.
func TestTrainerOfAPlan(t *testing.T) {
	var c Config
	option.Fill(&c.Proxy)
	must(0, c.Proxy.Trainer.Set("torch"))
	torch := c.Proxy.Trainer.Value().(*train.Torch)
	torch.Device = "cpu"
	p := &task.Plan{Kind: "search", Tasks: []json.RawMessage{[]byte("{}")}}
	must(0, p.Save(t.TempDir()))
	_, program, err := c.Proxy.Counted()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trainerOf(p, program, nil); err == nil || !strings.Contains(err.Error(), trainerName) {
		t.Errorf("without a record: %v", err)
	}
	must(0, c.Proxy.Keep(p))
	torch.MicroBatch = 3
	must(0, c.Proxy.Keep(p)) // another command
	m, err := trainerOf(p, program, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.(*train.Torch); got.MicroBatch != 3 || got.Device != "cpu" || got.File != p.Path(programName) {
		t.Errorf("a worker has %+v", got)
	}
	if m, err := trainerOf(p, "", nil); err != nil || fmt.Sprintf("%T", m) != "*train.Builtin" {
		t.Errorf("without a program: %T, %v", m, err)
	}
	if m, err := trainerOf(p, "", train.Arguments{"x"}); err != nil || fmt.Sprintf("%T", m) != "*train.External" {
		t.Errorf("with a command: %T, %v", m, err)
	}
	must(0, os.WriteFile(p.Path(programName), []byte("print()"), 0o666))
	if _, err := trainerOf(p, program, nil); err == nil || !strings.Contains(err.Error(), "is not the program that the plan was made for") {
		t.Errorf("a program that was changed: %v", err)
	}
}

// Proxies that are trained side by side are one task, and are read one by one.
func TestGroupedTrials(t *testing.T) {
	var specs []trialSpec
	for i := range 5 {
		m := mix.Mixture{float64(i) / 4, 1 - float64(i)/4}
		specs = append(specs, trialSpec{Mixture: m, Hash: m.Hash(), Seed: uint64(i)})
	}
	for together, want := range map[int][]int{1: {0, 1, 2, 3, 4}, 2: {0, 0, 1, 1, 2}, 8: {0, 0, 0, 0, 0}} {
		p := &task.Plan{Tasks: grouped(specs, together)}
		all := must(allTrials(p))
		if len(all) != len(specs) {
			t.Fatalf("%d together: %d proxies", together, len(all))
		}
		for i, got := range all {
			if got.task != want[i] || got.Hash != specs[i].Hash || got.Seed != specs[i].Seed {
				t.Errorf("%d together: proxy %d is %+v", together, i, got)
			}
		}
	}
}
