package climb_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/climb-go/climb"

// policy says what the code of each package may import. It is a statement of
// policy: DO NOT CHANGE IT TO FIX BUILDS. A package names only packages that
// stand above it, so arrows point one way. The standard library and package
// option are free to all; cgo and unsafe are free to none. Tests may import what
// they like.
var policy = []struct {
	name   string // folder
	ours   string // packages of this module
	theirs string // third parties, with everything below the path
}{
	{"option", "", ""},

	{"wire", "", "github.com/goccy/go-yaml"},
	{"escape", "", ""},
	{"vec", "", "golang.org/x/sys"},
	{"mmap", "", "golang.org/x/sys"},
	{"mix", "", ""},
	{"openai", "escape wire", ""},
	{"token/regex", "", ""},
	{"token", "mmap token/regex", "golang.org/x/text"},
	{"eval/jinja", "", ""},
	{"eval", "eval/jinja wire", "github.com/goccy/go-yaml github.com/klauspost/compress github.com/parquet-go/parquet-go gonum.org/v1/gonum"},
	{"blob", "", "github.com/minio/minio-go golang.org/x/oauth2 golang.org/x/sync gopkg.in/ini.v1"},
	{"process", "", "golang.org/x/sys"},
	{"process/processtest", "", ""},
	{"task", "blob escape process", ""},
	{"launch", "escape option task", ""},
	{"launch/launchtest", "launch task", ""},
	{"launch/kubetest", "", ""},

	{"corpus", "blob token vec wire", "codeberg.org/readeck/go-readability github.com/andybalholm/brotli github.com/klauspost/compress github.com/parquet-go/parquet-go golang.org/x/net golang.org/x/sync"},
	{"fasttext", "mmap vec", ""},
	{"embed", "fasttext openai token vec", "github.com/yalue/onnxruntime_go golang.org/x/sync gonum.org/v1/gonum"},
	{"lang", "", ""},
	{"solve", "", "gonum.org/v1/gonum"},
	{"bilevel", "solve", "gonum.org/v1/gonum"},
	{"label", "bilevel fasttext lang openai solve vec", ""},
	{"cluster", "vec", ""},
	{"lm/optim", "vec", ""},
	{"lm", "lm/optim vec wire", ""},
	{"train", "corpus escape eval lm lm/optim mix process token wire", ""},
	{"nn", "solve vec", "gonum.org/v1/gonum"},
	{"predict", "bilevel mix nn solve", "gonum.org/v1/gonum"},
	{"search", "mix predict", "gonum.org/v1/gonum"},
	{"history", "eval mix predict search", ""},
	{"simulate", "history mix search", ""},
	{"repro", "bilevel escape history mix nn predict search solve", ""},
	{"export", "corpus escape mix token wire", "github.com/klauspost/compress github.com/parquet-go/parquet-go"},
	{"tensorboard", "", ""},
	{"report", "escape search task", "golang.org/x/image"},

	{"stage", "launch task vec wire", ""},
	{"curate", "cluster corpus embed eval label lang launch stage task token vec wire", ""},
	{"trial", "curate eval export history launch lm lm/optim mix predict search stage task token train wire", ""},
	{"dataset", "blob corpus curate export stage task trial", ""},
	{"handover", "blob corpus curate export mix stage task token trial wire", "github.com/goccy/go-yaml github.com/klauspost/compress golang.org/x/sync"},
	{"judge", "corpus curate label stage task wire", ""},
	{"view", "cluster corpus curate dataset embed eval export fasttext lang launch lm report search stage task token train trial vec", "golang.org/x/sys"},
	{".", "blob cluster corpus curate dataset embed escape eval export handover label launch lm/optim predict report search stage task tensorboard token train trial view wire", "github.com/goccy/go-yaml"},
	{"study", ". curate eval lm mix predict report search stage task token train trial vec view wire", "github.com/goccy/go-yaml"},
	{"serve", "mix report search stage task trial view", ""},
	{"demo", "", ""},
	{"examples/trainer", "train", ""},
	{"bench/measure", "vec", ""},
	{"bench/torch", "bench/measure eval lm mix train trial", ""},
	{"bench/cluster", "bench/measure cluster vec", ""},
	{"bench/corpus", ". bench/measure corpus task", "github.com/klauspost/compress"},
	{"bench/embed", "bench/measure cluster corpus embed", ""},
	{"bench/launch", ". bench/measure corpus export launch mix task", ""},
	{"bench/lm", "bench/measure lm lm/optim vec", "golang.org/x/sys"},
	{"bench/export", "bench/measure export handover stage token", ""},
	{"bench/search", "bench/measure predict search simulate", ""},
	{"bench/predict", "bench/measure history mix predict", "github.com/klauspost/compress gonum.org/v1/gonum"},
	{"bench/lang", "lang", "golang.org/x/text"},
	{"bench/quality", ". corpus fasttext label lang token", "golang.org/x/text"},
	{"bench/evidence", "eval mix report stage study vec", "github.com/klauspost/compress"},
	{"bench/serve", "bench/measure", "github.com/chromedp/chromedp"},
	{"cmd/climb", ". blob corpus curate demo escape eval export handover history judge label launch lm report repro search serve simulate stage study task train trial view", "github.com/gdamore/tcell github.com/spf13/cobra github.com/spf13/pflag golang.org/x/term"},
	{"release", "", ""},
}

// TestImports parses in this process: a test that asked the go command would
// be answered from the test cache after a violation.
func TestImports(t *testing.T) {
	files := goFiles(t)
	for i, p := range policy {
		for _, dep := range strings.Fields(p.ours) {
			above := slices.ContainsFunc(policy[:i], func(q struct{ name, ours, theirs string }) bool { return q.name == dep })
			if !above {
				t.Errorf("policy: %s may import %s, which does not stand above it", p.name, dep)
			}
		}
		if len(files[p.name]) == 0 {
			t.Errorf("policy: there is no package %s", p.name)
		}
		for _, file := range files[p.name] {
			checkImports(t, file, append(strings.Fields(p.ours), "option"), strings.Fields(p.theirs))
		}
		delete(files, p.name)
	}
	for name := range files {
		t.Errorf("package %s has no line in the policy: say in deps_test.go what it may import, and in ARCHITECTURE.md what it is", name)
	}
}

func checkImports(t *testing.T, file string, ours, theirs []string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(name, "/")
		switch rest, own := strings.CutPrefix(name+"/", module+"/"); {
		case own:
			if rest = strings.TrimSuffix(rest, "/"); rest == "" {
				rest = "."
			}
			if !slices.Contains(ours, rest) {
				t.Errorf("%s imports %s, which the arrows of this project do not allow", file, name)
			}
		case name == "C", name == "unsafe", strings.Contains(first, "."):
			if !slices.ContainsFunc(theirs, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") }) {
				t.Errorf("%s imports %s, which is not among the dependencies of its package", file, name)
			}
		}
	}
}

// goFiles finds the files of every package that are not tests, by folder.
// Folders that the go command ignores are left out.
func goFiles(t *testing.T) map[string][]string {
	files := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			if base == "testdata" || base[0] == '.' || base[0] == '_' {
				return fs.SkipDir
			}
		case strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go"):
			files[path.Dir(name)] = append(files[path.Dir(name)], filepath.FromSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
