package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// Answers keeps the vectors that a server has given, so that a killed task
// does not ask, or pay, for them again. It is a set of files DIR/NAME-*, one
// for each attempt, of records
//
//	16 bytes          start of SHA-256 of the text that was sent
//	dim x float32     the vector, little-endian
//	uint32            CRC-32 (IEEE) of the above
//
// A record that was cut off ends its file. In memory are 40 bytes a vector.
// Methods on nil keep nothing. It is safe for concurrent use.
type Answers struct {
	mu    sync.Mutex
	files []*os.File // the last one is written
	end   int64      // of the last one
	dim   int
	where map[[16]byte]place
}

type place struct {
	file int
	off  int64
}

// OpenAnswers reads the files NAME-* in dir and starts one of its own.
func OpenAnswers(dir, name string, dim int) (*Answers, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	a := &Answers{dim: dim, where: map[[16]byte]place{}}
	old, err := filepath.Glob(filepath.Join(dir, name+"-*"))
	if err != nil {
		return nil, err
	}
	for _, path := range old {
		f, err := os.Open(path)
		if err == nil {
			a.files = append(a.files, f)
			err = a.read(f)
		}
		if err != nil {
			a.Close()
			return nil, fmt.Errorf("read kept vectors %s: %w", path, err)
		}
	}
	f, err := os.CreateTemp(dir, name+"-*")
	if err != nil {
		a.Close()
		return nil, err
	}
	a.files, a.end = append(a.files, f), 0
	return a, nil
}

// read notes the records of f, the last of a.files.
func (a *Answers) read(f *os.File) error {
	record := make([]byte, a.size())
	r := io.NewSectionReader(f, 0, math.MaxInt64)
	for off := int64(0); ; off += int64(len(record)) {
		switch _, err := io.ReadFull(r, record); {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
		body := record[:len(record)-4]
		if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(record[len(body):]) {
			return nil
		}
		a.where[[16]byte(body)] = place{len(a.files) - 1, off}
	}
}

func (a *Answers) size() int { return 16 + 4*a.dim + 4 }

func answerKey(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:])
}

// get copies the vector of text to dst if it is kept.
func (a *Answers) get(text string, dst []float32) (bool, error) {
	if a == nil {
		return false, nil
	}
	a.mu.Lock()
	p, ok := a.where[answerKey(text)]
	a.mu.Unlock()
	if !ok {
		return false, nil
	}
	b := make([]byte, 4*a.dim)
	if _, err := a.files[p.file].ReadAt(b, p.off+16); err != nil {
		return false, fmt.Errorf("read kept vectors %s: %w", a.files[p.file].Name(), err)
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return true, nil
}

// put keeps the vector of text.
func (a *Answers) put(text string, x []float32) error {
	if a == nil {
		return nil
	}
	key := answerKey(text)
	record := append(make([]byte, 0, a.size()), key[:]...)
	for _, v := range x {
		record = binary.LittleEndian.AppendUint32(record, math.Float32bits(v))
	}
	record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(record))
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.where[key]; ok {
		return nil
	}
	f := a.files[len(a.files)-1]
	if _, err := f.Write(record); err != nil {
		return fmt.Errorf("keep vectors: %w", err)
	}
	a.where[key] = place{len(a.files) - 1, a.end}
	a.end += int64(len(record))
	return nil
}

// Close closes the files; they stay.
func (a *Answers) Close() error {
	var first error
	for _, f := range a.files {
		if err := f.Close(); first == nil {
			first = err
		}
	}
	return first
}
