package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/task"
)

// A tableOut is how proposals are written: the flags that fit and propose share.
type tableOut struct {
	Form, Prefix string
	flag         string // that names the folder
}

func (o *tableOut) add(f *pflag.FlagSet, folder *string, flag string) {
	o.flag = flag
	f.StringVar(folder, flag, "", "folder to write the proposed mixtures to")
	f.StringVar(&o.Form, "form", "climb", "form of what is written: "+strings.Join(history.Forms, ", "))
	f.StringVar(&o.Prefix, "prefix", "", "of form curator: prefix of a domain's Megatron files, such as /data/{domain}_text_document")
}

// check refuses flags that would have no effect.
func (o *tableOut) check(folder string) error {
	switch {
	case !slices.Contains(history.Forms, o.Form):
		return task.Usage(fmt.Errorf("--form %s: there are %s", o.Form, strings.Join(history.Forms, ", ")))
	case o.Prefix == "":
		return nil
	case o.Form != "curator" || folder == "":
		return task.Usage(fmt.Errorf("--prefix is of the scripts that --%s FOLDER --form curator writes", o.flag))
	case !strings.Contains(o.Prefix, "{domain}"):
		return task.Usage(errors.New("--prefix: put {domain} where the name of each domain goes"))
	}
	return nil
}

// write writes the table and says where the scripts lack paths.
func (o *tableOut) write(t *history.Table, folder string, say io.Writer) ([]string, error) {
	if o.Prefix != "" {
		t.Paths = map[string]string{}
		for _, name := range t.Domains {
			t.Paths[name] = strings.ReplaceAll(o.Prefix, "{domain}", name)
		}
	}
	if o.Form == "curator" && len(t.Paths) < len(t.Domains) {
		fmt.Fprintln(say, "note: the scripts have the names of domains where Megatron reads prefixes of files; give --prefix /data/{domain}_text_document or the like")
	}
	return t.Write(folder, o.Form)
}

// numbers reads NAME=NUMBER flags; numbers are at least 0.
func numbers(flag string, from map[string]string) (map[string]float64, error) {
	out := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		v, err := strconv.ParseFloat(from[name], 64)
		if err != nil || !(v >= 0 && v <= 1e30) {
			return nil, fmt.Errorf("--%s %s: %q is not a number of at least 0", flag, name, from[name])
		}
		out[name] = v
	}
	return out, nil
}

// hintFlags say of a table what its columns do not.
func hintFlags(f *pflag.FlagSet, h *history.Hints) {
	f.StringSliceVar(&h.Shares, "shares", nil, "columns of the shares, of a tracker's table that does not tell: names, or config.weights.*")
	f.Float64SliceVar(&h.Phases, "phases", nil, "tokens or shares of the phases of the training, of a table with columns phase_0_NAME: 0.8,0.2")
}

// objectiveFlags are what a run's metrics are worth.
func objectiveFlags(f *pflag.FlagSet, o *history.Objective, weights *map[string]string, keep *bool) {
	f.StringSliceVar(&o.Metrics, "metric", nil, "metrics that count; all if none is named")
	f.StringToStringVar(weights, "weight", nil, "METRIC=WEIGHT in the mean; 1 unless named")
	f.StringSliceVar(&o.Lower, "lower", nil, "metrics of which less is better, whatever their name")
	f.StringSliceVar(&o.Higher, "higher", nil, "metrics of which more is better, whatever their name")
	f.BoolVar(keep, "keep-outliers", false, "count runs that look diverged or not measured, too")
}

// printTable says how the table was understood.
func printTable(w io.Writer, metrics, lower []string, ignored []history.Ignored, warnings []string) {
	higher := slices.DeleteFunc(slices.Clone(metrics), func(name string) bool { return slices.Contains(lower, name) })
	for _, side := range []struct {
		is    string
		names []string
	}{{"Lower", lower}, {"Higher", higher}} {
		if len(side.names) > 0 {
			fmt.Fprintln(w, folded(side.is+" is better: ", side.names, ""))
		}
	}
	why := map[string][]string{}
	var order []string
	for _, i := range ignored {
		if why[i.Why] == nil {
			order = append(order, i.Why)
		}
		why[i.Why] = append(why[i.Why], strconv.Quote(i.Column))
	}
	for _, reason := range order {
		fmt.Fprintln(w, folded("Ignored: ", why[reason], " ("+reason+")"))
	}
	for _, text := range warnings {
		fmt.Fprintln(w, "warning:", text)
	}
}

// Bounds of a list of names that is printed.
const (
	namesShown = 24
	lineWidth  = 100 // columns
)

// folded writes a list of names, in lines of at most lineWidth where a name fits
// into one; of very many it shows the first.
func folded(head string, names []string, tail string) string {
	if more := len(names) - namesShown; more > 1 {
		names, tail = names[:namesShown], fmt.Sprintf(" and %d more; --json has them%s", more, tail)
	}
	return wrapped(head+strings.Join(names, ", ")+tail, lineWidth, "    ")
}

// wrapped breaks a line at spaces; lines after the first are indented.
func wrapped(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width && column > 0:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
