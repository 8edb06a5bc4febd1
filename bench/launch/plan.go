package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// Bucket is a run whose inputs are objects of a bucket: the real controller over the first stage, whose tasks publish manifests and
// small outputs without reading anything.
type Bucket struct {
	Shards        int     `json:"shards"`
	Terabytes     float64 `json:"terabytes"`
	OpenSeconds   float64 `json:"list_and_cut_seconds"` // of the bucket, through the client of S3
	OpenCPU       float64 `json:"list_and_cut_cpu_seconds"`
	StageSeconds  float64 `json:"stage_seconds"` // planned, every task published, counted up
	ResumeSeconds float64 `json:"resume_seconds"`
	ResumeCPU     float64 `json:"resume_cpu_seconds"` // list, cut, load the plan, find every manifest
	PeakMiB       float64 `json:"peak_mib"`           // of the process, its bucket and its tasks included
}

const objectBytes = 100_000_000

// bucket measures a run over a bucket of so many objects.
func (r *Report) bucket(dir string, shards int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: objects(shards)}
	go server.Serve(l)
	defer server.Close()
	yaml := fmt.Sprintf("out: %s\ncorpus: {inputs: [%q], dedup: text}\n", filepath.Join(dir, "run"),
		fmt.Sprintf("s3://corpus/text?endpoint=http://%s&use_path_style=true&region=us-east-1&anonymous=true", l.Addr()))
	b := &Bucket{}
	for _, resumed := range []bool{false, true} {
		c, err := climb.ParseConfig([]byte(yaml))
		if err != nil {
			return err
		}
		run := climb.NewRun(c)
		run.Launcher = publisher{launch.Local{Workers: 16}}
		start, cpu := time.Now(), measure.CPUSeconds()
		if err := run.Open(context.Background()); err != nil {
			return err
		}
		if !resumed {
			b.Shards, b.Terabytes = len(run.Curation.Shards), run.Curation.InputBytes()/1e12
			b.OpenSeconds, b.OpenCPU = time.Since(start).Seconds(), measure.CPUSeconds()-cpu
		}
		opened := time.Now()
		err = run.Hold(func() error { return run.Run.Until(context.Background(), "corpus") })
		if err != nil {
			return err
		}
		if resumed {
			b.ResumeSeconds, b.ResumeCPU = time.Since(start).Seconds(), measure.CPUSeconds()-cpu
		} else {
			b.StageSeconds = time.Since(opened).Seconds()
		}
	}
	b.PeakMiB = measure.PeakMiB()
	r.Bucket = b
	return nil
}

// A publisher runs tasks that write what the controller reads of a stage, and nothing that has to be computed.
type publisher struct{ launch.Local }

func (l publisher) Run(ctx context.Context, p *task.Plan, _ task.Func, watch func(launch.Event)) error {
	return l.Local.Run(ctx, p, func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
		a.Count("documents", 100_000)
		for ext, text := range map[string]string{"json": `{"documents":100000}`, "scan": "x", "sources": "x"} {
			if err := a.WriteFile(fmt.Sprintf("part-%05d.%s", n, ext), []byte(text)); err != nil {
				return err
			}
		}
		return nil
	}, watch)
}

// objects serves so many objects as S3 does, as far as a planner asks: ListObjectsV2, HeadObject, GetObject with ranges.
type objects int

type listing struct {
	XMLName     xml.Name `xml:"ListBucketResult"`
	Name        string
	IsTruncated bool
	KeyCount    int
	Contents    []object
	Next        string `xml:"NextContinuationToken,omitempty"`
}

type object struct {
	Key, LastModified, ETag string
	Size                    int64
}

func (o objects) key(n int) string { return fmt.Sprintf("text/%03d/%06d.jsonl", n/1000, n) }

func (o objects) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, key, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	if key != "" {
		var folder, n int
		if _, err := fmt.Sscanf(key, "text/%d/%d.jsonl", &folder, &n); err != nil || n >= int(o) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%032x"`, n))
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, q, "", day, io.NewSectionReader(lines{}, 0, objectBytes))
		return
	}
	var first, folder int
	after := q.URL.Query().Get("continuation-token")
	if after == "" {
		after = q.URL.Query().Get("start-after")
	}
	if _, err := fmt.Sscanf(after, "text/%d/%d.jsonl", &folder, &first); err == nil {
		first++
	}
	last := min(first+1000, int(o))
	out := listing{Name: "corpus", IsTruncated: last < int(o), KeyCount: last - first}
	if out.IsTruncated {
		out.Next = o.key(last - 1)
	}
	for n := first; n < last; n++ {
		out.Contents = append(out.Contents, object{o.key(n), day.Format("2006-01-02T15:04:05.000Z"), fmt.Sprintf(`"%032x"`, n), objectBytes})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out) // to a client that has gone
}

// lines are JSON lines without end.
type lines struct{}

func (lines) ReadAt(b []byte, at int64) (int, error) {
	const line = `{"text":"a line of text of some words, as they come"}` + "\n"
	skip := at % int64(len(line))
	for done := 0; done < len(b); skip = 0 {
		done += copy(b[done:], line[skip:])
	}
	return len(b), nil
}
