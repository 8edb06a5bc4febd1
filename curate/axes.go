package curate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/option"
)

// Axes are what domains are the cross product of: one name in climb.yaml or a list
// of them, kept as they are joined by commas. "both" is [clusters, label].
type Axes string

// An axis is one of Axes.
type axis struct {
	kind  string // clusters, label, file, folder, source, field, quality
	field string // of field:NAME
	tiers int    // of quality:N
}

// The limits of quality:N.
const leastTiers, mostTiers = 2, 100

// UnmarshalYAML takes a name or a list of names; quality: 5 is quality:5.
func (a *Axes) UnmarshalYAML(decode func(any) error) error {
	var list []any
	if err := decode(&list); err != nil {
		var one string
		if err := decode(&one); err != nil {
			return err
		}
		for _, name := range strings.Split(one, ",") {
			list = append(list, name)
		}
	}
	names := make([]string, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case string:
			names[i] = strings.TrimSpace(v)
		case map[string]any:
			for key, arg := range v {
				names[i] = fmt.Sprintf("%s:%v", key, arg)
			}
			if len(v) != 1 {
				return errors.New("domains.by: an entry with several keys; write each axis as an entry of its own")
			}
		default:
			return fmt.Errorf("domains.by: %v is not the name of an axis", v)
		}
		if strings.Contains(names[i], ",") {
			return fmt.Errorf("domains.by: %q: a field whose name holds a comma cannot be an axis", names[i])
		}
	}
	*a = Axes(strings.Join(names, ","))
	return nil
}

// MarshalYAML writes what UnmarshalYAML reads.
func (a Axes) MarshalYAML() (any, error) {
	if strings.Contains(string(a), ",") {
		return a.List(), nil
	}
	return string(a), nil
}

// List are the names of the axes, in their order.
func (a Axes) List() []string {
	if a == "both" {
		return []string{"clusters", "label"}
	}
	return strings.Split(string(a), ",")
}

// canonical is how axes of before lists were legal name their stages.
func (a Axes) canonical() Axes {
	if a == "clusters,label" {
		return "both"
	}
	return a
}

// plain tells whether the axes are those of before lists were legal: names of
// domains are made in another way, and no cell is merged.
func (a Axes) plain() bool {
	return slices.Contains([]Axes{"clusters", "label", "both"}, a.canonical())
}

// parse takes the names apart.
func (a Axes) parse() ([]axis, error) {
	var out []axis
	for _, name := range a.List() {
		kind, arg, has := strings.Cut(name, ":")
		x := axis{kind: kind}
		switch kind {
		case "clusters", "label", "file", "folder", "source":
			if has {
				return nil, fmt.Errorf("domains.by: %q takes nothing behind a colon", name)
			}
		case "field":
			if x.field = arg; arg == "" {
				return nil, errors.New("domains.by: field lacks its name; write field:NAME, dotted if nested")
			}
		case "quality":
			n, err := strconv.Atoi(arg)
			if err != nil || n < leastTiers || n > mostTiers {
				return nil, fmt.Errorf("domains.by: %q: write quality:N with %d to %d tiers, as in quality:5", name, leastTiers, mostTiers)
			}
			x.tiers = n
		case "":
			return nil, errors.New("domains.by: is empty; name at least one axis, such as clusters or file")
		default:
			return nil, fmt.Errorf("domains.by: %q is not one of clusters, label, both, file, folder, source, field:NAME, quality:N", name)
		}
		if slices.ContainsFunc(out, func(o axis) bool { return o == x || o.tiers > 0 && x.tiers > 0 }) {
			return nil, fmt.Errorf("domains.by: %s is there twice", kind)
		}
		out = append(out, x)
	}
	return out, nil
}

// labels are the axes that documents have labels of.
func (a Axes) labels() (out []axis) {
	all, _ := a.parse()
	return slices.DeleteFunc(all, func(x axis) bool { return x.kind == "clusters" || x.kind == "quality" })
}

// tiers is the number of tiers of quality, 0 without that axis.
func (a Axes) tiers() (n int) {
	all, _ := a.parse()
	for _, x := range all {
		n = max(n, x.tiers)
	}
	return n
}

// clusters tells whether clusters are an axis.
func (a Axes) clusters() bool { return slices.Contains(a.List(), "clusters") }

// Check finds what the tags of the configuration cannot say. scores are those of the
// labeler.
func (o *DomainsConfig) Check(scores []string) error {
	if _, err := o.By.parse(); err != nil {
		return &option.ConfigError{Text: err.Error()}
	}
	if o.By.tiers() == 0 || o.Quality.Score == "mean" && len(scores) > 0 || slices.Contains(scores, o.Quality.Score) {
		return nil
	}
	known := append(slices.Clone(scores), "mean")
	hint := ""
	if near := option.Nearest(o.Quality.Score, known); near != "" {
		hint = fmt.Sprintf("; did you mean %s", near)
	}
	return &option.ConfigError{Text: fmt.Sprintf("domains.quality.score: the labeler has no score %q%s; it gives: %s", o.Quality.Score, hint, strings.Join(known, ", "))}
}
