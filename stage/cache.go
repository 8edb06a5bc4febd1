package stage

import (
	"context"
	"sync"
)

// A Cache keeps what tasks load from the outputs of finished stages, which never
// change, for the other tasks of the same plan. It lives as long as that plan
// runs.
type Cache struct{ entries sync.Map } // key -> *entry

type entry struct {
	mu    sync.Mutex
	done  bool
	value any
}

type cacheKey struct{}

// WithCache returns a context whose tasks share the cache.
func WithCache(ctx context.Context, c *Cache) context.Context {
	return context.WithValue(ctx, cacheKey{}, c)
}

// Cached is load(key), once for each key among the tasks that share a cache; a
// load that failed is tried again. Without a cache it is load(key).
func Cached[T any](ctx context.Context, key string, load func(key string) (T, error)) (T, error) {
	c, _ := ctx.Value(cacheKey{}).(*Cache)
	return Keep(c, key, load)
}

// Keep is Cached with the cache at hand, which may be nil.
func Keep[T any](c *Cache, key string, load func(key string) (T, error)) (T, error) {
	if c == nil {
		return load(key)
	}
	at, _ := c.entries.LoadOrStore(key, &entry{})
	e := at.(*entry)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return e.value.(T), nil
	}
	v, err := load(key)
	if err == nil {
		e.done, e.value = true, v
	}
	return v, err
}
