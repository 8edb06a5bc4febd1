package label

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestLabelers holds every labeler of the table to what Labeler promises.
func TestLabelers(t *testing.T) {
	texts := []string{prose(300, 1), "", "\xff\xfe", "a", strings.Repeat("x", 5000), "Sign in | Sign up\nPrivacy policy", prose(50, 2), "\n\n\n"}
	for _, method := range Methods {
		t.Run(method.Name, func(t *testing.T) {
			l := labeler(t, method.New())
			names := l.Names()
			if n := len(slices.Compact(slices.Sorted(slices.Values(names)))); n != len(names) || n == 0 {
				t.Fatalf("columns %q", names)
			}
			all := make([]float32, len(texts)*len(names))
			if err := l.Label(t.Context(), all, texts); err != nil {
				t.Fatal(err)
			}
			for i, x := range all {
				if !(x >= 0 && x <= 1) {
					t.Errorf("text %d, %s: %v is not in [0, 1]", i/len(names), names[i%len(names)], x)
				}
			}
			alone(t, l, texts, all)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := l.Label(ctx, all, texts); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			defer func() {
				if recover() == nil {
					t.Error("a short dst did not panic")
				}
			}()
			l.Label(t.Context(), all[1:], texts)
		})
	}
}

// labeler makes a labeler of a method; what must be trained is trained on prose.
func labeler(t *testing.T, method Method) Labeler {
	if o, ok := method.(*FastText); ok {
		o.Models = []Classifier{{"three", gradeModel(t), "3"}, {"four", gradeModel(t), "4"}}
	}
	l, err := method.Labeler(t.Context(), func(context.Context, string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			_ = yield(prose(300, 1), nil) && yield(prose(300, 2), nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := l.(io.Closer); ok {
		t.Cleanup(func() { c.Close() })
	}
	return l
}

// alone scores each text by itself, many at once, and wants the same bits.
func alone(t *testing.T, l Labeler, texts []string, all []float32) {
	columns := len(l.Names())
	var wg sync.WaitGroup
	errs := make([]error, 4*len(texts))
	for i := range errs {
		wg.Go(func() {
			k := i % len(texts)
			one := make([]float32, columns)
			errs[i] = l.Label(t.Context(), one, texts[k:k+1])
			if want := all[k*columns:][:columns]; errs[i] == nil && !slices.Equal(one, want) {
				errs[i] = fmt.Errorf("text %d alone: %v, want %v", k, one, want)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestRulesOptionsAreChecked(t *testing.T) {
	if err := (Rules{MaxBytes: 10}).Label(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "rules.max_bytes") {
		t.Errorf("got %v", err)
	}
	floors := Rules{}.Floors()
	for name := range floors {
		if !slices.Contains(Rules{}.Names(), name) {
			t.Errorf("floor of an unknown column %s", name)
		}
	}
}
