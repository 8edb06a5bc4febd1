package curate

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

// A model file is a ZIP archive without compression: model.json, sealed, and the files
// that it lists with their SHA-256.
const (
	cardName      = "model.json"
	mostCard      = 1 << 28 // bytes
	mostPackFiles = 10_000
)

// Pack writes the model as one file. The same run gives the same bytes.
func (m *Model) Pack(w io.Writer) error {
	if len(m.files) == 0 {
		return task.Usage(errors.New("it is a model file already: copy it"))
	}
	if _, remote := m.Card.Embed.Value().(*embedding.HTTP); remote {
		return task.Usage(errHTTP)
	}
	card, err := m.Card.copyOf()
	if err != nil {
		return err
	}
	files := append([]modelFile(nil), m.files...)
	add := func(kind string, p *string) {
		if kind == "program" { // of this machine
			*p = ""
		}
		if *p == "" || err != nil {
			return
		}
		name := fmt.Sprintf("%s/%d/%s", sourcesDir, len(files), filepath.Base(*p))
		var found []modelFile
		if found, err = filesBelow(*p, name); err == nil {
			files, *p = append(files, found...), name
		}
	}
	option.EachPath(card.Embed.Value(), add)
	option.EachPath(card.Label.Method.Value(), add)
	if err != nil {
		return err
	}
	card.Corpus.Tokenizer = ""
	card.Files = nil
	for _, f := range files {
		out, err := stampOf(f)
		if err != nil {
			return err
		}
		card.Files = append(card.Files, out)
	}
	data, err := json.Marshal(card)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	if err := store(z, cardName, strings.NewReader(string(task.Seal(data)))); err != nil {
		return err
	}
	for _, f := range files {
		if err := storeFile(z, f); err != nil {
			return err
		}
	}
	return z.Close()
}

// filesBelow are a file, or those of a folder, under the name that they get.
func filesBelow(at, name string) (out []modelFile, err error) {
	err = filepath.WalkDir(at, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(at, p)
		if len(out) == mostPackFiles {
			err = fmt.Errorf("%s holds more than %d files; name the file that counts", at, mostPackFiles)
		}
		out = append(out, modelFile{path.Join(name, filepath.ToSlash(rel)), p})
		return err
	})
	return out, err
}

func stampOf(f modelFile) (out task.Output, err error) {
	in, err := os.Open(f.path)
	if err != nil {
		return out, err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(h, in)
	return task.Output{Name: f.name, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

func storeFile(z *zip.Writer, f modelFile) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	return errors.Join(store(z, f.name, in), in.Close())
}

func store(z *zip.Writer, name string, from io.Reader) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	return err
}

// OpenModel opens a model file, which somebody else may have written: every byte is
// held to its checksum, and every number to the others, before anything is done with
// it. Its files are unpacked to a temporary folder, which Close removes.
func OpenModel(ctx context.Context, name string) (*Model, error) {
	m, err := openModel(ctx, name)
	if err != nil {
		return nil, task.Permanent(fmt.Errorf("model %s: %w", name, err))
	}
	return m, nil
}

func openModel(ctx context.Context, name string) (m *Model, err error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("%w; it is no model file of climb model pack, or was cut short", err)
	}
	defer z.Close()
	m = &Model{}
	if err := m.Card.read(z.File); err != nil {
		return nil, err
	}
	if m.dir, err = os.MkdirTemp("", "climb-model-*"); err != nil {
		return nil, err
	}
	unpacked := m
	defer func() {
		if err != nil {
			err = errors.Join(err, unpacked.Close())
		}
	}()
	for i, f := range z.File[1:] {
		if err := unpack(ctx, f, m.Card.Files[i], m.dir); err != nil {
			return nil, err
		}
	}
	inside := func(kind string, p *string) {
		switch {
		case *p == "":
		case kind == "program":
			err = fmt.Errorf("it names the program or library %q, which a model file must not", *p)
		case !strings.HasPrefix(*p, sourcesDir+"/") || !fs.ValidPath(*p):
			err = fmt.Errorf("it reads %q, which is not one of its files", *p)
		default:
			*p = filepath.Join(m.dir, filepath.FromSlash(*p))
		}
	}
	option.EachPath(m.Card.Embed.Value(), inside)
	option.EachPath(m.Card.Label.Method.Value(), inside)
	if err == nil {
		err = m.load(ctx, filepath.Join(m.dir, centroidsName), filepath.Join(m.dir, embedderDir))
	}
	return m, err
}

// read finds the card, which is first, and holds the archive to its list of files.
func (c *ModelCard) read(files []*zip.File) error {
	if len(files) == 0 || files[0].Name != cardName || files[0].UncompressedSize64 > mostCard || len(files) > mostPackFiles {
		return fmt.Errorf("it does not begin with %s: it is no model file of climb model pack", cardName)
	}
	for _, f := range files {
		if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
			return fmt.Errorf("%s in it is compressed, which climb model pack does not do", f.Name)
		}
	}
	in, err := files[0].Open()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, mostCard))
	if err != nil {
		return fmt.Errorf("%s has changed since it was packed: %w", cardName, err)
	}
	object, sealed, err := task.Unseal(data)
	if err == nil && !sealed {
		err = errors.New("it has no seal; it was cut short or written by another program")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cardName, err)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(object, &head); err != nil {
		return fmt.Errorf("%s: %w", cardName, err)
	}
	if head.Format != ModelFormat {
		return fmt.Errorf("it has format %d, and this version of climb reads %d: pack the run again with this one", head.Format, ModelFormat)
	}
	if err := json.Unmarshal(object, c); err != nil {
		return fmt.Errorf("%s: %w", cardName, err)
	}
	if err := errors.Join(c.checkOptions(), c.check()); err != nil {
		return fmt.Errorf("%s: %w", cardName, err)
	}
	if len(c.Files) != len(files)-1 {
		return fmt.Errorf("it holds %d files and lists %d", len(files)-1, len(c.Files))
	}
	for i, f := range files[1:] {
		if want := c.Files[i]; f.Name != want.Name || f.UncompressedSize64 != uint64(want.Bytes) || !fs.ValidPath(f.Name) || strings.Contains(f.Name, `\`) {
			return fmt.Errorf("file %d in it is %q of %d bytes, and %q of %d is listed", i+1, f.Name, f.UncompressedSize64, want.Name, want.Bytes)
		}
	}
	return nil
}

// errHTTP: whoever made a file could otherwise have the texts sent to a server of his.
var errHTTP = errors.New("embed.method http asks a server, which a model file cannot hold: name the run in its place")

// checkOptions holds the sections to their legal values.
func (c *ModelCard) checkOptions() error {
	if c.Embed.Name() == "" || c.Label.Method.Name() == "" {
		return errors.New("it names no embedder or no labeler")
	}
	if _, remote := c.Embed.Value().(*embedding.HTTP); remote {
		return errHTTP
	}
	for _, s := range []struct {
		name    string
		section any
	}{{"corpus", &c.Corpus}, {"label", &c.Label}, {"prune", &c.Prune}, {"tag", &c.Tag}} {
		if err := option.Check(s.name, s.section); err != nil {
			return err
		}
	}
	return errors.Join(option.Check("embed."+c.Embed.Name(), c.Embed.Value()), c.Label.checkLanguages())
}

func unpack(ctx context.Context, f *zip.File, want task.Output, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%s in it has changed since it was packed, or cannot be written: %w", f.Name, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("%s in it has changed since it was packed: its SHA-256 is %s, want %s", f.Name, got, want.SHA256)
	}
	return nil
}
