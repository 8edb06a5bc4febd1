package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"
)

// summary is summary.json. Its keys are an interface: other programs read them. Numbers that are unknown are null.
type summary struct {
	Title     string `json:"title"`
	Objective string `json:"objective"`
	Mixture   any    `json:"mixture"`   // domain -> share and natural share
	Confirmed any    `json:"confirmed"` // the recommended mixture, the verdict, and all candidates
	Baselines any    `json:"baselines"` // name -> candidate
	Domains   any    `json:"domains"`
	Clusters  any    `json:"clusters"`
	Pruned    any    `json:"pruned"`
	Rounds    any    `json:"rounds"`
	Trials    any    `json:"trials"`
	Predictor any    `json:"predictor"`
	Dataset   any    `json:"dataset"`
	Corpus    any    `json:"corpus"`
	Cost      any    `json:"cost"`
	Warnings  any    `json:"warnings"`
	Reproduce any    `json:"reproduce"`
}

// summarize gives d the shape of summary.json.
func summarize(d *Data) ([]byte, error) {
	mixture, baselines := object{}, object{}
	for _, x := range d.Domains {
		mixture[x.Name] = object{"share": plain(x.Chosen), "natural": plain(x.Natural)}
	}
	var candidates []any
	confirmed := object{"mean": nil, "interval": []any{nil, nil}, "seeds": 0, "seed_list": []any{}}
	for _, c := range d.Confirmed.Candidates {
		o := d.candidate(c)
		candidates = append(candidates, o)
		if c.Baseline {
			baselines[c.Name] = o
		}
		if c.Name == d.Confirmed.Chosen {
			maps.Copy(confirmed, o)
		}
	}
	maps.Copy(confirmed, object{"name": d.Confirmed.Chosen, "verdict": d.Confirmed.Verdict, "level": plain(d.Confirmed.level()),
		"tokens": d.Confirmed.Tokens, "comparisons": d.Confirmed.Comparisons, "candidates": plain(candidates)})
	var trials []any
	for _, t := range d.Trials {
		o := plain(t).(object)
		o["mixture"] = d.weights(t.Mixture)
		if t.Failed != "" {
			o["score"] = nil
		}
		trials = append(trials, o)
	}
	seconds, written := d.total()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(summary{
		Title: d.Run.Title, Objective: d.Objective, Mixture: mixture, Confirmed: confirmed, Baselines: baselines,
		Domains: plain(d.Domains), Clusters: plain(d.Clusters), Pruned: object{"clusters": plain(d.PrunedClusters), "documents": plain(d.PrunedDocuments), "samples": plain(d.PrunedSamples)},
		Rounds: plain(rounds(d.Trials)), Trials: plain(trials), Predictor: plain(d.Predictor), Dataset: plain(d.Dataset), Corpus: plain(d.Corpus),
		Cost: object{"seconds": plain(seconds), "bytes": written, "stages": plain(d.Cost)}, Warnings: plain(d.Warnings()), Reproduce: plain(d.Run),
	})
	return b.Bytes(), err
}

// candidate is a result with its mixture by domain.
func (d *Data) candidate(c Candidate) object {
	o := plain(c).(object)
	o["mixture"] = d.weights(c.Mixture)
	o["seeds"], o["seed_list"] = len(c.Seeds), o["seeds"]
	return o
}

// weights names the shares of a mixture.
func (d *Data) weights(mixture []float64) object {
	o := object{}
	for i, x := range d.Domains[:min(len(d.Domains), len(mixture))] {
		o[x.Name] = plain(mixture[i])
	}
	return o
}

type object = map[string]any

// plain turns v into maps, slices and scalars that JSON can hold: floats that are not finite become null, nil slices empty ones.
func plain(v any) any {
	if t, ok := v.(time.Time); ok {
		return t
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Float64:
		if x := r.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		return plain(r.Elem().Interface())
	case reflect.Slice, reflect.Array:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = plain(r.Index(i).Interface())
		}
		return list
	case reflect.Struct:
		o := object{}
		for i := range r.NumField() {
			if r.Type().Field(i).Anonymous {
				maps.Copy(o, plain(r.Field(i).Interface()).(object))
				continue
			}
			name, flags, _ := strings.Cut(r.Type().Field(i).Tag.Get("json"), ",")
			if flags != "omitempty" || !r.Field(i).IsZero() {
				o[name] = plain(r.Field(i).Interface())
			}
		}
		return o
	}
	return v
}
