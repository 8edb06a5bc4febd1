// Package option makes a struct the single description of a method: its
// fields are the hyper-parameters, and their tags hold the JSON/YAML name,
// the default, the legal range and the sentence that explains them. Defaults,
// validation, the commented climb.yaml, `climb methods` and docs/methods.md
// are all read from the tags.
//
//	type KMeans struct {
//		K   int     `json:"k" default:"1000" min:"1" doc:"number of clusters"`
//		Tol float64 `json:"tol" default:"1e-4" doc:"stop when no centroid moves further"`
//	}
package option

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Field describes one leaf or section of an options struct.
type Field struct {
	Name    string // JSON name
	Type    string // Go type in words: int, float, bool, string, list, map
	Default string // as in the tag; "" if none
	Choices []string
	Doc     string
	Value   reflect.Value // the field itself, settable if v was a pointer
	Struct  bool          // a section: recurse into Value
}

// Fields lists the exported, named fields of the struct v (or pointer to one)
// in declaration order. Embedded structs are flattened; a Choice is its key and
// the section of the method that is chosen.
func Fields(v any) []Field { return fields(reflect.Indirect(reflect.ValueOf(v))) }

func fields(v reflect.Value) []Field {
	var out []Field
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			out = append(out, fields(v.Field(i))...)
			continue
		}
		if c := asChoice(v.Field(i)); c != nil && f.IsExported() {
			out = append(out, choiceFields(f.Tag, c)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		fd := Field{Name: name, Type: typeName(f.Type), Default: f.Tag.Get("default"), Doc: f.Tag.Get("doc"),
			Value: v.Field(i), Struct: f.Type.Kind() == reflect.Struct}
		if c := f.Tag.Get("choices"); c != "" {
			fd.Choices = strings.Split(c, ",")
		}
		out = append(out, fd)
	}
	return out
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64, reflect.Uint32:
		return "int"
	case reflect.Float64, reflect.Float32:
		return "float"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map"
	case reflect.Struct:
		return "section"
	}
	return t.Kind().String()
}

// Fill sets every field of the struct *p that is zero to its `default` tag,
// recursing into sections. A malformed default is a programmer's error and
// panics.
func Fill(p any) { fill(reflect.ValueOf(p).Elem()) }

func fill(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f, fv := t.Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		if c := asChoice(fv); c != nil {
			if name, _ := c.chosen(); name == "" {
				c.reset(f.Tag.Get("default"))
			} else {
				c.fill()
			}
			continue
		}
		if fv.Kind() == reflect.Struct {
			fill(fv)
			continue
		}
		def, ok := f.Tag.Lookup("default")
		if !ok || !fv.IsZero() {
			continue
		}
		if err := set(fv, def); err != nil {
			panic(fmt.Sprintf("option: default of %s.%s: %v", t, f.Name, err))
		}
	}
}

func set(v reflect.Value, s string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int64, reflect.Int32:
		n, err := strconv.ParseInt(s, 0, 64)
		v.SetInt(n)
		return err
	case reflect.Uint64, reflect.Uint32:
		n, err := strconv.ParseUint(s, 0, 64)
		v.SetUint(n)
		return err
	case reflect.Float64, reflect.Float32:
		x, err := strconv.ParseFloat(s, 64)
		v.SetFloat(x)
		return err
	case reflect.Slice:
		if s == "" {
			return nil
		}
		parts := strings.Split(s, ",")
		v.Set(reflect.MakeSlice(v.Type(), len(parts), len(parts)))
		for i, part := range parts {
			if err := set(v.Index(i), strings.TrimSpace(part)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("no default for kind %s", v.Kind())
	}
	return nil
}

// A Checker is a method that finds what tags cannot say. Its error begins with
// the method's section and the field, as in "http.url: is empty".
type Checker interface{ Check() error }

// EachPath calls f for every string of the struct *p, and every string in a list
// of it, that has the tag `path`: "file" is a file or folder, "program" is one
// only if it is not a bare name. Of a Choice it looks at the chosen method.
func EachPath(p any, f func(kind string, path *string)) { eachPath(reflect.ValueOf(p).Elem(), f) }

func eachPath(v reflect.Value, f func(kind string, path *string)) {
	t := v.Type()
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		fv, kind := v.Field(i), t.Field(i).Tag.Get("path")
		if c := asChoice(fv); c != nil {
			if name, value := c.chosen(); name != "" {
				eachPath(reflect.ValueOf(value).Elem(), f)
			}
			continue
		}
		switch {
		case fv.Kind() == reflect.Struct:
			eachPath(fv, f)
		case fv.Kind() == reflect.Slice && fv.Type().Elem().Kind() == reflect.Struct:
			for k := range fv.Len() {
				eachPath(fv.Index(k), f)
			}
		case kind == "":
		case fv.Kind() == reflect.String:
			f(kind, fv.Addr().Interface().(*string))
		default: // a list of them; anything else is a programmer's error
			for k := range fv.Len() {
				f(kind, fv.Index(k).Addr().Interface().(*string))
			}
		}
	}
}

// Check reports the first field of the struct (or pointer to one) that is
// outside its `min`, `max` or `choices` tag, by its dotted name below prefix.
// Sections, lists and maps are looked into. A number without `max` is finite all
// the same: at most 1e30, an int64 2^53 (which a float64 holds) and an int 2^31-1;
// an unsigned one, a seed, is any.
func Check(prefix string, v any) error {
	return check(prefix, reflect.Indirect(reflect.ValueOf(v)))
}

func check(prefix string, v reflect.Value) error {
	t := v.Type()
	for i := range t.NumField() {
		f, fv := t.Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		path := prefix
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" { // no option, and it may be large
			continue
		}
		if name != "" && !f.Anonymous {
			path = strings.TrimPrefix(prefix+"."+name, ".")
		}
		if c := asChoice(fv); c != nil {
			if name, value := c.chosen(); name != "" {
				at := strings.TrimPrefix(prefix+"."+section(name), ".")
				if err := Check(at, value); err != nil {
					return err
				}
				if own, ok := value.(Checker); ok {
					if err := own.Check(); err != nil {
						return fmt.Errorf("%s%w", strings.TrimSuffix(at, section(name)), err)
					}
				}
			}
			continue
		}
		if fv.Kind() == reflect.Struct {
			if err := check(path, fv); err != nil {
				return err
			}
			continue
		}
		if err := checkOne(path, f.Tag, fv); err != nil {
			return err
		}
	}
	return nil
}

func checkOne(path string, tag reflect.StructTag, v reflect.Value) error {
	if c := tag.Get("choices"); c != "" && v.Kind() == reflect.String {
		if all := strings.Split(c, ","); !slices.Contains(all, v.String()) {
			return &Error{Path: path, Text: fmt.Sprintf("%q is not one of %s", v.String(), strings.Join(all, ", "))}
		}
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			var err error
			switch e, at := v.Index(i), fmt.Sprintf("%s[%d]", path, i); {
			case isNumber(e.Kind()):
				err = checkRange(at, tag, e)
			case e.Kind() == reflect.Struct:
				err = check(at, e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String {
		return checkMap(path, tag, v)
	}
	if isNumber(v.Kind()) {
		return checkRange(path, tag, v)
	}
	return nil
}

// checkMap checks the keys and values of a map, in the order of the keys.
func checkMap(path string, tag reflect.StructTag, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		if k.String() == "" {
			return &Error{Path: path, Text: "has a key without a name"}
		}
		if err := checkOne(path+"."+k.String(), tag, v.MapIndex(k)); err != nil {
			return err
		}
	}
	return nil
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }

func checkRange(path string, tag reflect.StructTag, v reflect.Value) error {
	x := number(v)
	if most := largest(v.Kind()); !(math.Abs(x) <= most) {
		return &Error{Path: path, Text: fmt.Sprintf("is %v; a finite number of at most %.16g belongs here", v, most)}
	}
	if s := tag.Get("min"); s != "" {
		if lo, err := strconv.ParseFloat(s, 64); err == nil && x < lo {
			return &Error{Path: path, Text: fmt.Sprintf("%v is below the least legal value %s", v, s)}
		}
	}
	if s := tag.Get("max"); s != "" {
		if hi, err := strconv.ParseFloat(s, 64); err == nil && x > hi {
			return &Error{Path: path, Text: fmt.Sprintf("%v is above the largest legal value %s", v, s)}
		}
	}
	return nil
}

// largest is the magnitude up to which a number of this kind makes sense in an
// option, and computes without overflow.
func largest(k reflect.Kind) float64 {
	switch k {
	case reflect.Int, reflect.Int32:
		return math.MaxInt32
	case reflect.Int64:
		return 1 << 53
	case reflect.Uint64, reflect.Uint32:
		return math.MaxUint64
	}
	return 1e30
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}

// An Error names the option that is out of range.
type Error struct {
	Path string // dotted, as in the configuration
	Text string
}

func (e *Error) Error() string { return e.Path + ": " + e.Text }
