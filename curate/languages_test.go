package curate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
)

func TestLabelLanguages(t *testing.T) {
	c := LabelConfig{Method: label.Choose(&label.Rules{}), Languages: []string{"en", label.AnyLanguage}}
	if _, err := c.options(); err != nil {
		t.Fatal(err)
	}
	l, err := c.Labeler(t.Context())
	if err != nil || !slices.Equal(l.Names(), c.Names()) || !slices.Contains(c.Names(), label.LanguageColumn) {
		t.Errorf("columns %q, %v", c.Names(), err)
	}
	c.Languages = []string{"english"}
	var wrong *option.ConfigError
	if _, err := c.options(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), `label.languages: "english"`) {
		t.Errorf("got %v", err)
	}
	c.Languages = nil
	if slices.Contains(c.Names(), label.LanguageColumn) {
		t.Errorf("columns %q without languages", c.Names())
	}
}

func TestTagOfLanguage(t *testing.T) {
	o := TagConfig{Field: "source", Language: true}
	for want, text := range map[string]string{
		"en":  "The ferry leaves the harbour at seven in the morning, and on clear days you can watch the lighthouse.",
		"ru":  "Вчера вечером мы долго гуляли по берегу реки и говорили о том, куда поедем следующим летом.",
		"und": "12 13 14",
	} {
		if got := o.of(corpus.Document{Source: "web", Text: text}); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
