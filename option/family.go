package option

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Method is one row of a family's table.
type Method[T any] struct {
	Name    string   // as written in the configuration
	Summary string   // one sentence
	Paper   string   // "authors, year, arXiv number", or ""
	New     func() T // a pointer to the zero value of the method's struct
}

// A Family is a group of methods that can stand for one another, the default
// first.
type Family[T any] []Method[T]

// A Row is a method without its type: what a description of it needs.
type Row struct {
	Name    string
	Summary string
	Paper   string
	Options any // pointer to the zero value of the method's struct; nil if there is none
}

// Rows describes the methods.
func (f Family[T]) Rows() []Row {
	rows := make([]Row, len(f))
	for i, m := range f {
		rows[i] = Row{m.Name, m.Summary, m.Paper, m.New()}
	}
	return rows
}

// Names lists the methods' names.
func (f Family[T]) Names() []string {
	names := make([]string, len(f))
	for i, m := range f {
		names[i] = m.Name
	}
	return names
}

// New returns the method of that name with its defaults.
func (f Family[T]) New(name string) (T, error) {
	for _, m := range f {
		if m.Name == name {
			v := m.New()
			Fill(v)
			return v, nil
		}
	}
	var none T
	return none, fmt.Errorf("%q is not one of %s", name, strings.Join(f.Names(), ", "))
}

// A Table is a type that stands for a family, so that the zero value of a Choice
// knows what there is to choose from.
type Table[T any] interface{ Family() Family[T] }

// A Choice is a method of a family with its options: the only ones that are
// kept, checked, hashed and printed. In a configuration it is a key with the
// method's name and, beside it, one section for each method that has options:
//
//	Method Choice `json:"method"`     method: kmeans
//	                                  kmeans:
//	                                    k: 64
//
// Sections of methods that are not chosen may be there too: they are kept for
// Set, and count for nothing else. The zero value is the family's first method.
type Choice[T any, F Table[T]] struct {
	name   string
	value  T
	others map[string]T // what the configuration says of methods that are not chosen
}

// Choose returns the choice of the method v, a pointer to the struct of one of
// the family's methods. Any other type is a programmer's error and panics.
func Choose[T any, F Table[T]](v T) Choice[T, F] {
	var table F
	for _, m := range table.Family() {
		if reflect.TypeOf(m.New()) == reflect.TypeOf(v) {
			return Choice[T, F]{name: m.Name, value: v}
		}
	}
	panic(fmt.Sprintf("option: no method of the family is a %T", v))
}

// Name is the name of the chosen method.
func (c Choice[T, F]) Name() string {
	if c.name == "" {
		var table F
		return table.Family()[0].Name
	}
	return c.name
}

// Value is the chosen method.
func (c Choice[T, F]) Value() T {
	if c.name == "" {
		c.reset("")
	}
	return c.value
}

// New returns a copy of the chosen method that shares nothing of what is set on
// it afterwards, for methods that keep what they were fitted to.
func (c Choice[T, F]) New() T {
	v := reflect.ValueOf(c.Value()).Elem()
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface().(T)
}

// Set chooses the method of that name, with what the configuration says of it
// or else its defaults.
func (c *Choice[T, F]) Set(name string) error {
	if name == c.name {
		return nil
	}
	var table F
	v, err := table.Family().New(name)
	if err != nil {
		return err
	}
	if kept, ok := c.others[name]; ok {
		v = kept
	}
	others := map[string]T{c.Name(): c.Value()}
	for other, kept := range c.others {
		if other != name {
			others[other] = kept
		}
	}
	c.name, c.value, c.others = name, v, others
	return nil
}

// Equal tells whether two choices are the same method with the same options.
func (c Choice[T, F]) Equal(d Choice[T, F]) bool {
	return c.Name() == d.Name() && reflect.DeepEqual(c.Value(), d.Value())
}

// MarshalJSON writes {"method": name, section: options}.
func (c Choice[T, F]) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	name, err := json.Marshal(c.Name())
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"method":%s`, name)
	if v := any(c.Value()); hasOptions(v) {
		options, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `,%q:%s`, section(c.Name()), options)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON has written.
func (c *Choice[T, F]) UnmarshalJSON(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	var name string
	if raw, ok := all["method"]; ok {
		if err := json.Unmarshal(raw, &name); err != nil {
			return fmt.Errorf("method: %w", err)
		}
	}
	var table F
	for _, m := range table.Family() {
		if m.Name != name {
			continue
		}
		v := m.New()
		if raw, ok := all[section(name)]; ok {
			if err := json.Unmarshal(raw, v); err != nil {
				return fmt.Errorf("%s: %w", section(name), err)
			}
		}
		c.name, c.value = name, v
		return nil
	}
	return fmt.Errorf("method: %q is not one of %s", name, strings.Join(table.Family().Names(), ", "))
}

// A chooser is a *Choice without its types.
type chooser interface {
	rows() []Row
	chosen() (name string, value any)
	reset(name string)           // the method of that name, or the first, with its defaults
	fill()                       // puts defaults into a copy of the chosen method
	choose(name string, val any) // val is of the type of that row's Options
	keep(name string, val any)   // of a method that is not chosen
	kept(name string) any        // nil: nothing
}

func (c *Choice[T, F]) rows() []Row {
	var table F
	return table.Family().Rows()
}

func (c *Choice[T, F]) chosen() (string, any) { return c.name, c.value }

func (c *Choice[T, F]) reset(name string) {
	if name == "" {
		name = c.Name()
	}
	var table F
	v, err := table.Family().New(name)
	if err != nil {
		panic("option: default: " + err.Error())
	}
	c.name, c.value = name, v
}

func (c *Choice[T, F]) fill() {
	c.value = c.New()
	Fill(c.value)
}

func (c *Choice[T, F]) choose(name string, val any) {
	c.name, c.value, c.others = name, val.(T), nil
}

func (c *Choice[T, F]) keep(name string, val any) {
	if c.others == nil {
		c.others = map[string]T{}
	}
	c.others[name] = val.(T)
}

func (c *Choice[T, F]) kept(name string) any {
	if v, ok := c.others[name]; ok {
		return v
	}
	return nil
}

var chooserType = reflect.TypeFor[chooser]()

// asChoice returns the Choice that v holds, or nil.
func asChoice(v reflect.Value) chooser {
	if v.Kind() != reflect.Struct || !reflect.PointerTo(v.Type()).Implements(chooserType) {
		return nil
	}
	if !v.CanAddr() {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		v = p.Elem()
	}
	return v.Addr().Interface().(chooser)
}

// section is the key of a method's options.
func section(method string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(method) }

// hasOptions tells whether a method's struct has any.
func hasOptions(v any) bool { return v != nil && len(Fields(v)) > 0 }

// choiceFields describes a Choice: its key, and the section of the method.
func choiceFields(tag reflect.StructTag, c chooser) []Field {
	name, value := c.chosen()
	rows := c.rows()
	if name == "" {
		name = rows[0].Name
		if d := tag.Get("default"); d != "" {
			name = d
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
		value = rows[i].Options
		Fill(value)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	key, _, _ := strings.Cut(tag.Get("json"), ",")
	out := []Field{{Name: key, Type: "string", Default: tag.Get("default"), Choices: names, Doc: tag.Get("doc"), Value: reflect.ValueOf(name)}}
	if out[0].Default == "" {
		out[0].Default = names[0]
	}
	if hasOptions(value) {
		out = append(out, Field{Name: section(name), Type: "section", Value: reflect.ValueOf(value).Elem(), Struct: true})
	}
	return out
}
