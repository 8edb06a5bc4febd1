package blob

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A memory is the bucket of a mem:// URL.
type memory struct {
	mu      sync.Mutex
	objects map[string]memoryObject
	writes  int
}

type memoryObject struct {
	data    []byte
	time    time.Time
	version string
}

func (m *memory) get(key string) (memoryObject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return o, &refusal{status: http.StatusNotFound}
	}
	return o, nil
}

func (m *memory) stat(_ context.Context, key string) (Info, string, error) {
	o, err := m.get(key)
	return Info{Bytes: int64(len(o.data)), ModTime: o.time, ETag: o.version}, o.version, err
}

func (m *memory) read(_ context.Context, key, version string, start, end int64) (io.ReadCloser, error) {
	o, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if o.version != version {
		return nil, errChanged
	}
	return io.NopCloser(bytes.NewReader(o.data[start:end])), nil
}

func (m *memory) list(_ context.Context, prefix, _ string) (infos []Info, next string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, o := range m.objects {
		if strings.HasPrefix(key, prefix) {
			infos = append(infos, Info{Path: key, Bytes: int64(len(o.data)), ModTime: o.time})
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return infos, "", nil
}

func (m *memory) remove(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[key]; !ok {
		return &refusal{status: http.StatusNotFound}
	}
	delete(m.objects, key)
	return nil
}

func (m *memory) put(ctx context.Context, key string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	m.objects[key] = memoryObject{bytes.Clone(data), time.Now().UTC(), strconv.Itoa(m.writes)}
	return nil
}

func (m *memory) begin(_ context.Context, key string) (upload, int, error) {
	return &memoryUpload{m: m, key: key}, 1, nil
}

type memoryUpload struct {
	m    *memory
	key  string
	data []byte
}

func (u *memoryUpload) part(_ context.Context, _ int, data []byte) error {
	u.data = append(u.data, data...)
	return nil
}

func (u *memoryUpload) finish(ctx context.Context, _ int, last []byte) error {
	return u.m.put(ctx, u.key, append(u.data, last...))
}

func (u *memoryUpload) abort(context.Context) error { return nil }
