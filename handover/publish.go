package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

const (
	manifestName = "manifest.json"
	markName     = ".climb-export" // names the export that is being written into a folder
	workName     = ".climb-work"   // in a folder, of what is unfinished
)

// WorkDir is where an export of files into out keeps what is unfinished: in the
// folder, or beside the mixture file where out is in a bucket.
func WorkDir(out, weights string) string {
	if blob.IsURL(out) {
		return filepath.Join(filepath.Dir(weights), workName+"-"+strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, out))
	}
	return filepath.Join(out, workName)
}

// Claim makes sure that out, a folder or a bucket, is free for this export or
// holds it, and tells whether it is there as a whole already.
func (x *Export) Claim(ctx context.Context, out string) (*export.Handover, error) {
	var h export.Handover
	data, err := blob.ReadAll(ctx, blob.Join(out, manifestName))
	switch {
	case err == nil:
		if object, _, err := task.Unseal(data); err != nil || json.Unmarshal(object, &h) != nil || h.Kind != "export" {
			return nil, task.Usage(fmt.Errorf("%s holds something else (its manifest.json is not of an export); choose another --out", out))
		}
		if h.ID != x.ID() {
			return nil, task.Usage(fmt.Errorf("%s holds another export (for %s); choose another --out, or remove it", out, h.Trainer))
		}
		return &h, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	mark, err := blob.ReadAll(ctx, blob.Join(out, markName))
	switch {
	case err == nil && string(mark) != x.ID():
		return nil, task.Usage(fmt.Errorf("%s holds a part of another export; choose another --out, or remove it", out))
	case err == nil:
		return nil, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	for info, err := range blob.List(ctx, out) {
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		if !strings.Contains(info.Path, workName) { // of an export that had not begun to write
			return nil, task.Usage(fmt.Errorf("%s is not empty: it holds %s; choose another --out", out, info.Path))
		}
	}
	return nil, put(ctx, blob.Join(out, markName), []byte(x.ID()))
}

// Publish puts the files into out, the manifest last.
func (x *Export) Publish(ctx context.Context, out string) (*export.Handover, error) {
	s, err := settledFile.ReadFrom(x.Run)
	if err != nil {
		return nil, err
	}
	h := s.Handover
	h.ID = x.ID()
	p, err := x.Plan(writeName)
	if err != nil {
		return nil, err
	}
	all, err := stage.Manifests(p)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		for _, o := range m.Outputs {
			h.Files = append(h.Files, export.ShardEntry{Name: o.Name, Bytes: o.Bytes, SHA256: o.SHA256})
		}
	}
	if err := x.copyAll(ctx, out, h.Files); err != nil {
		return nil, err
	}
	if err := x.notes(ctx, out, &h); err != nil {
		return nil, err
	}
	slices.SortFunc(h.Files, func(a, b export.ShardEntry) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := put(ctx, blob.Join(out, manifestName), task.Seal(data)); err != nil {
		return nil, err
	}
	return &h, nil
}

// copyAll makes the files of the last stage appear in out: by links where that
// is one file system, else by copies, several at a time. What is there in full is
// left.
func (x *Export) copyAll(ctx context.Context, out string, files []export.ShardEntry) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, f := range files {
		g.Go(func() error {
			to := blob.Join(out, f.Name)
			if info, err := blob.Stat(ctx, to); err == nil && info.Bytes == f.Bytes {
				return nil
			}
			from := filepath.Join(x.Dir(writeName), filepath.FromSlash(f.Name))
			if !blob.IsURL(out) {
				if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
					return err
				}
				if os.Link(from, to) == nil {
					return nil
				}
			}
			return copyFile(ctx, to, from)
		})
	}
	return g.Wait()
}

func copyFile(ctx context.Context, to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	w, err := blob.Create(ctx, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", to, err), w.Abort())
	}
	return w.Close()
}

func put(ctx context.Context, name string, data []byte) error {
	w, err := blob.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// notes writes the fragments of configuration, README.md and the tokenizer.
func (x *Export) notes(ctx context.Context, out string, h *export.Handover) error {
	notes := x.Trainer.Notes(h)
	if path, err := x.tokenizerPath(); err != nil {
		return err
	} else if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		config, err := json.MarshalIndent(map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": h.EODText, "bos_token": h.EODText, "model_max_length": h.Context}, "", "  ")
		if err != nil {
			return err
		}
		notes = append(notes, export.Note{Name: "tokenizer/tokenizer.json", Text: string(data)}, export.Note{Name: "tokenizer/tokenizer_config.json", Text: string(config) + "\n"})
	}
	for _, n := range notes {
		if err := put(ctx, blob.Join(out, n.Name), []byte(n.Text)); err != nil {
			return err
		}
		o := task.NewOutput(n.Name, []byte(n.Text))
		h.Files = append(h.Files, export.ShardEntry{Name: o.Name, Bytes: o.Bytes, SHA256: o.SHA256})
	}
	return nil
}

// tokenizerPath is the tokenizer of the export, "" where there is none.
func (x *Export) tokenizerPath() (string, error) {
	if x.tokens[0].Path != "" || x.source.curation == nil {
		return x.tokens[0].Path, nil
	}
	return filepath.Join(x.Dir("vocab"), "tokenizer.json"), nil
}

// clean removes the mark, and the stages, which the manifest makes superfluous.
func (x *Export) clean(ctx context.Context, out string) error {
	store, name, err := blob.At(ctx, blob.Join(out, markName))
	if err != nil {
		return err
	}
	if err := store.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, s := range x.stages() {
		if err := os.RemoveAll(x.Dir(s.Name)); err != nil {
			return err
		}
	}
	if x.source.curation == nil {
		return os.RemoveAll(x.Out)
	}
	return nil
}

// Make makes the export in out, or finds it there.
func (x *Export) Make(ctx context.Context, out string) (h *export.Handover, err error) {
	if h, err = x.Claim(ctx, out); err != nil || h != nil {
		return h, err
	}
	err = x.Hold(func() error {
		if err := x.Do(ctx); err != nil {
			return err
		}
		h, err = x.Publish(ctx, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	return h, x.clean(ctx, out)
}
