package tensorboard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FileName is the name of every event file: TensorBoard looks for its middle.
const FileName = "events.out.tfevents.0.climb"

// mostFile bounds the event file that is gone on with, in bytes.
const mostFile = 1 << 28

// A File is an event file that is written. It is for one goroutine.
type File struct {
	path           string
	f              *os.File
	last           map[string]int64 // tag -> its last step
	started, ended bool             // the session of hyper-parameters
	described      bool             // the experiment
	pending        []byte           // records that are not written yet
	now            func() time.Time
}

// Open makes the event file of a folder, which it makes too, or goes on with the one
// that is there; what it ends in that is not a whole record is cut off.
func Open(dir string) (*File, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	w := &File{path: filepath.Join(dir, FileName), last: map[string]int64{}, now: time.Now}
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	w.f = f
	if err := w.resume(); err != nil {
		return nil, errors.Join(fmt.Errorf("go on with %s: %w", w.path, err), f.Close())
	}
	return w, nil
}

// resume reads what the file holds.
func (w *File) resume() error {
	info, err := w.f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > mostFile {
		return &fs.PathError{Op: "read", Path: w.path, Err: errors.New("want a file that climb has written; move this one away")}
	}
	data, err := io.ReadAll(io.LimitReader(w.f, mostFile))
	if err != nil {
		return err
	}
	list, end, err := events(data)
	if err != nil {
		return fmt.Errorf("%w; move it away", err)
	}
	if end < int64(len(data)) {
		if err := w.f.Truncate(end); err != nil {
			return err
		}
	}
	if _, err := w.f.Seek(end, io.SeekStart); err != nil {
		return err
	}
	for _, e := range list {
		for _, v := range e.values {
			w.note(v.tag, e.step)
		}
	}
	if len(list) == 0 {
		w.event(0, message(nil).text(3, fileVersion))
	}
	return nil
}

// Tags of TensorBoard's plugin of hyper-parameters.
const (
	hparams      = "hparams"
	experiment   = "_hparams_/experiment"
	sessionStart = "_hparams_/session_start_info"
	sessionEnd   = "_hparams_/session_end_info"
)

func (w *File) note(tag string, step int64) {
	switch tag {
	case experiment:
		w.described = true
	case sessionStart:
		w.started = true
	case sessionEnd:
		w.ended = true
	default:
		w.last[tag] = step
	}
}

// event adds an event: what it holds is fields of the message.
func (w *File) event(step int64, what message) {
	m := message(nil).double(1, float64(w.now().UnixMicro())/1e6)
	if step != 0 {
		m = m.int(2, step)
	}
	w.pending = appendRecord(w.pending, append(m, what...))
}

// Scalar adds a number at a step, unless the tag has that step or a later one
// already. What is not finite is left out.
func (w *File) Scalar(tag string, step int64, x float64) {
	if last, ok := w.last[tag]; ok && step <= last || math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	w.note(tag, step)
	w.event(step, message(nil).bytes(5, message(nil).bytes(1, message(nil).text(1, utf8Text(tag)).float(2, float32(x)))))
}

// Describe says once what all runs of the log have: hyper-parameters, which are
// numbers, and the tags that say how good a run is.
func (w *File) Describe(name string, parameters, metrics []string) {
	if w.described {
		return
	}
	m := message(nil)
	for _, p := range parameters {
		m = m.bytes(4, message(nil).text(1, utf8Text(p)).int(4, 3)) // HParamInfo: DATA_TYPE_FLOAT64
	}
	for _, x := range metrics {
		m = m.bytes(5, message(nil).bytes(1, message(nil).text(2, utf8Text(x)))) // MetricInfo: MetricName
	}
	w.plugin(experiment, message(nil).int(1, 0).bytes(2, m.text(6, utf8Text(name))))
}

// A Parameter is a hyper-parameter of a run.
type Parameter struct {
	Name  string
	Value float64
}

// Start says once with which hyper-parameters the run was made.
func (w *File) Start(group string, parameters []Parameter) {
	if w.started {
		return
	}
	m := message(nil)
	for _, p := range parameters {
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
			m = m.bytes(1, message(nil).text(1, utf8Text(p.Name)).bytes(2, message(nil).double(2, p.Value))) // a map's entry: Value of struct.proto
		}
	}
	m = m.text(4, utf8Text(group)).double(5, float64(w.now().UnixMicro())/1e6)
	w.plugin(sessionStart, message(nil).int(1, 0).bytes(3, m))
}

// End says once how the run ended.
func (w *File) End(success bool) {
	if w.ended {
		return
	}
	status := int64(2) // STATUS_FAILURE
	if success {
		status = 1
	}
	w.plugin(sessionEnd, message(nil).int(1, 0).bytes(4, message(nil).int(1, status).double(2, float64(w.now().UnixMicro())/1e6)))
}

// Ended tells whether it did.
func (w *File) Ended() bool { return w.ended }

// plugin adds what the plugin of hyper-parameters reads: a value with metadata alone.
func (w *File) plugin(tag string, data message) {
	w.note(tag, 0)
	metadata := message(nil).bytes(1, message(nil).text(1, hparams).bytes(2, data))
	w.event(0, message(nil).bytes(5, message(nil).bytes(1, message(nil).text(1, tag).bytes(9, metadata))))
}

// utf8Text is what protobuf takes as text.
func utf8Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Flush writes what was added, in one piece.
func (w *File) Flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	_, err := w.f.Write(w.pending)
	w.pending = w.pending[:0]
	return err
}

// Close writes what was added and closes the file.
func (w *File) Close() error { return errors.Join(w.Flush(), w.f.Close()) }
