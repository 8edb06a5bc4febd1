package launch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/task"
)

// jobsFolder is the folder, beside a plan, with a folder for each batch that was handed to a scheduler.
const jobsFolder = "jobs"

// submission is job.json, what a scheduler has answered.
type submission struct {
	Job   string    `json:"job"`
	At    time.Time `json:"at"`
	Ended bool      `json:"ended,omitempty"` // nothing of it runs any more
}

// A Failure is what a worker says of an attempt that has failed: TASK.err.json in the batch's folder.
type Failure struct {
	Task    int       `json:"task"`
	Message string    `json:"message"`
	Exit    int       `json:"exit"` // the exit code that the error has: 75 asks for another attempt
	Host    string    `json:"host"`
	At      time.Time `json:"at"`
}

// Error is the failure as an error of its class.
func (f *Failure) Error() string {
	if host, _ := os.Hostname(); f.Host != "" && f.Host != host {
		return f.Message + " (on " + f.Host + ")"
	}
	return f.Message
}

func (f *Failure) classed() error {
	if f.Exit == task.ExitError {
		return f
	}
	return &task.ClassError{Code: f.Exit, Err: f}
}

// A Pulse is what the worker of an element says of itself, every few seconds: element-N.json in the batch's folder.
type Pulse struct {
	Element int       `json:"element"`
	Task    int       `json:"task"`
	Done    int64     `json:"done"` // of Total, of the task
	Total   int64     `json:"total"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Begun   time.Time `json:"begun"` // of the worker, by the clock of its host
}

// save writes batch.json. It is there before the scheduler is asked.
func (b *Batch) save() error {
	if err := os.MkdirAll(b.Folder, 0o777); err != nil {
		return err
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return task.WriteFile(filepath.Join(b.Folder, "batch.json"), task.Seal(data))
}

// ReadBatch reads the batch of a folder.
func ReadBatch(folder string) (*Batch, error) {
	b := &Batch{}
	if err := task.ReadJSON(filepath.Join(folder, "batch.json"), b); err != nil {
		return nil, err
	}
	b.Folder = folder
	return b, nil
}

// Submissions lists what of a plan was handed to a scheduler, the oldest first, with what has become of it.
func Submissions(p *task.Plan) (out []Submitted, ended []bool, err error) {
	folders, err := filepath.Glob(filepath.Join(escapeGlob(p.Dir()), jobsFolder, "*", "batch.json"))
	if err != nil {
		return nil, nil, err
	}
	type found struct {
		s     Submitted
		ended bool
	}
	var all []found
	for _, path := range folders {
		b, err := ReadBatch(filepath.Dir(path))
		if err != nil {
			return nil, nil, err
		}
		if filepath.Base(b.Plan) != planFile(p) {
			continue
		}
		var s submission
		err = task.ReadJSON(filepath.Join(b.Folder, "job.json"), &s)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		all = append(all, found{Submitted{b, s.Job, s.At}, s.Ended})
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.s.At.Compare(b.s.At), cmp.Compare(a.s.Batch.Name, b.s.Batch.Name))
	})
	for _, f := range all {
		out, ended = append(out, f.s), append(ended, f.ended)
	}
	return out, ended, nil
}

// planFile is the name of the plan's file.
func planFile(p *task.Plan) string {
	if p.Name == "" {
		return "plan.json"
	}
	return p.Name + ".plan.json"
}

func escapeGlob(path string) string {
	return strings.NewReplacer("[", "\\[", "*", "\\*", "?", "\\?", "\\", "\\\\").Replace(path)
}

// note writes job.json.
func (s Submitted) note(ended bool) error {
	return task.WriteSealed(filepath.Join(s.Batch.Folder, "job.json"), submission{s.Job, s.At, ended})
}

// End notes that nothing of a job runs any more.
func (s Submitted) End() error { return s.note(true) }

// LogPath is where the output of an element goes.
func (b *Batch) LogPath(element int) string {
	return filepath.Join(b.Folder, fmt.Sprintf("element-%d.log", element))
}

func (b *Batch) errorPath(n int) string {
	return filepath.Join(b.Folder, fmt.Sprintf("task-%d.err.json", n))
}

func (b *Batch) pulsePath(element int) string {
	return filepath.Join(b.Folder, fmt.Sprintf("element-%d.json", element))
}

// stopPath is a file that tells workers to begin no further task.
func (b *Batch) stopPath() string { return filepath.Join(b.Folder, "stop") }

// Failure reads what a worker said of task n; nil if it said nothing, or what it said cannot be read.
func (b *Batch) Failure(n int) *Failure {
	f := &Failure{}
	if readSmall(b.errorPath(n), f) != nil || f.Task != n || f.Exit == task.ExitOK {
		return nil
	}
	return f
}

// Pulse reads the last sign of life of an element; nil if there is none.
func (b *Batch) Pulse(element int) *Pulse {
	p := &Pulse{}
	if readSmall(b.pulsePath(element), p) != nil || p.Element != element {
		return nil
	}
	return p
}

// mostSmall bounds the files of workers.
const mostSmall = 1 << 20

func readSmall(path string, v any) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.Size() > mostSmall {
		return fmt.Errorf("%s has %d bytes", path, st.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// ElementOf finds the element that a task was dealt to, -1 if none.
func (b *Batch) ElementOf(n int) int {
	return slices.IndexFunc(b.Elements, func(tasks []int) bool { return slices.Contains(tasks, n) })
}

// Tail is the end of a log: at most so many lines and 8 KiB.
func Tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 8 << 10
	if st, err := f.Stat(); err == nil && st.Size() > most {
		if _, err := f.Seek(-most, 2); err != nil {
			return ""
		}
	}
	buf := make([]byte, most)
	n, _ := f.Read(buf)
	all := strings.Split(strings.TrimRight(string(buf[:n]), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
