package option

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Form is a struct as a person writes it: every Choice in it is a key with a
// name and one section for each method of the family, all of them with their
// defaults. A decoder that knows nothing of choices fills it, and so refuses a
// misspelt key in the section of a method that is not chosen too.
type Form struct {
	target reflect.Value // the struct
	flat   reflect.Value // its form
}

// NewForm opens the struct *p.
func NewForm(p any) *Form {
	target := reflect.ValueOf(p).Elem()
	f := &Form{target, reflect.New(flatType(target.Type())).Elem()}
	write(f.flat, target)
	return f
}

// Pointer is what is decoded into: a pointer to a struct without choices.
func (f *Form) Pointer() any { return f.flat.Addr().Interface() }

// Close sets the struct to what the form says. It reports names of methods that
// are not in their family; the struct is then left in between.
func (f *Form) Close() error { return read("", f.target, f.flat) }

// Names lists the keys of the form, those of its sections among them, sorted.
func (f *Form) Names() []string {
	names := map[string]bool{}
	addNames(names, f.flat.Type())
	return slices.Sorted(maps.Keys(names))
}

func addNames(names map[string]bool, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				names[name] = true
			}
			addNames(names, f.Type)
		}
	}
}

// holdsChoice tells whether t is a struct with a Choice somewhere in it.
func holdsChoice(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	if reflect.PointerTo(t).Implements(chooserType) {
		return true
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && holdsChoice(f.Type) {
			return true
		}
	}
	return false
}

// flatType is the type of the form of t.
func flatType(t reflect.Type) reflect.Type {
	if !holdsChoice(t) {
		return t
	}
	return reflect.StructOf(flatFields(t))
}

func flatFields(t reflect.Type) []reflect.StructField {
	var out []reflect.StructField
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case !f.IsExported():
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			out = append(out, flatFields(f.Type)...)
		case reflect.PointerTo(f.Type).Implements(chooserType):
			out = append(out, reflect.StructField{Name: f.Name, Type: reflect.TypeFor[string](), Tag: f.Tag})
			for _, r := range reflect.New(f.Type).Interface().(chooser).rows() {
				if hasOptions(r.Options) {
					out = append(out, reflect.StructField{Name: part(f.Name, r.Name), Type: flatType(reflect.TypeOf(r.Options).Elem()),
						Tag: reflect.StructTag(fmt.Sprintf(`json:"%s"`, section(r.Name)))})
				}
			}
		default:
			out = append(out, reflect.StructField{Name: f.Name, Type: flatType(f.Type), Tag: f.Tag})
		}
	}
	return out
}

// part names the field of a form that holds the section of a method.
func part(field, method string) string { return field + "_" + section(method) }

// write fills the form dst from the struct src.
func write(dst, src reflect.Value) {
	if dst.Type() == src.Type() {
		dst.Set(src)
		return
	}
	t := src.Type()
	for i := range t.NumField() {
		f, v := t.Field(i), src.Field(i)
		switch {
		case !f.IsExported():
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			write(dst, v) // its fields are the form's own
		case asChoice(v) != nil:
			writeChoice(dst, f, asChoice(v))
		default:
			write(dst.FieldByName(f.Name), v)
		}
	}
}

func writeChoice(dst reflect.Value, f reflect.StructField, c chooser) {
	name, value := c.chosen()
	dst.FieldByName(f.Name).SetString(name)
	for _, r := range c.rows() {
		if !hasOptions(r.Options) {
			continue
		}
		from := r.Options
		switch kept := c.kept(r.Name); {
		case r.Name == name:
			from = value
		case kept != nil:
			from = kept
		default:
			Fill(from)
		}
		write(dst.FieldByName(part(f.Name, r.Name)), reflect.ValueOf(from).Elem())
	}
}

// read sets the struct dst from its form src.
func read(prefix string, dst, src reflect.Value) error {
	if dst.Type() == src.Type() {
		dst.Set(src)
		return nil
	}
	t := dst.Type()
	for i := range t.NumField() {
		f, v := t.Field(i), dst.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		path := strings.TrimPrefix(prefix+"."+key, ".")
		var err error
		switch {
		case !f.IsExported():
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			err = read(prefix, v, src)
		case asChoice(v) != nil:
			err = readChoice(prefix, path, src, f, asChoice(v))
		default:
			err = read(path, v, src.FieldByName(f.Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readChoice(prefix, path string, src reflect.Value, f reflect.StructField, c chooser) error {
	name := src.FieldByName(f.Name).String()
	rows := c.rows()
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
		if !hasOptions(r.Options) {
			continue
		}
		at := strings.TrimPrefix(prefix+"."+section(r.Name), ".")
		err := read(at, reflect.ValueOf(r.Options).Elem(), src.FieldByName(part(f.Name, r.Name)))
		if err != nil && r.Name == name {
			return err
		}
	}
	if !slices.Contains(names, name) {
		return &Error{Path: path, Text: fmt.Sprintf("%q is not one of %s", name, strings.Join(names, ", "))}
	}
	c.choose(name, rows[slices.Index(names, name)].Options)
	for _, r := range rows {
		if r.Name != name {
			c.keep(r.Name, r.Options)
		}
	}
	return nil
}

// Copy sets *dst to *src, so that setting a part of the copy leaves the original
// alone. Both are of one type, and have a form in JSON.
func Copy[T any](dst, src *T) error {
	to := NewForm(dst)
	data, err := json.Marshal(NewForm(src).Pointer())
	if err == nil {
		to.flat.SetZero()
		err = json.Unmarshal(data, to.Pointer())
	}
	if err != nil {
		return err
	}
	return to.Close()
}
