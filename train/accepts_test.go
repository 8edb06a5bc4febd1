package train

import (
	"strings"
	"testing"

	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
)

// What a command's fields leave out of a job is refused by its name; what every
// job has, and what is nothing, is not.
func TestCommandFields(t *testing.T) {
	job := &Job{Mixture: []float64{1}, Domains: []string{"d"}, Model: lm.Config{Vocab: 9, Width: 8, Layers: 2}, Tokens: 5, Batch: 2, Items: true,
		Optim: Options{LR: 0.1, Optimizer: optim.Choose(&optim.AdamW{})}}
	for _, c := range []struct{ fields, want string }{
		{"", ""},
		{"model optim", ""},
		{"optim model.width=8 model.layers=1 model.layers=2", ""},
		{"optim model model.width=9", ""},
		{"optim model.width=9 model", ""},
		{"optim model.width", "does not know model.layers = 2 of a job"},
		{"optim model.width=16 model.width=32 model.layers", "model.width = 8 of a job; set it to nothing, or name it in proxy.command_fields if the program understands it, or choose one of 16 32"},
		{"model optim.lr optim.optimizer optim.schedule", ""},
		{"model optim.schedule optim.optimizer", "optim.lr = 0.1"},
		{"model optim.lr optim.schedule optim.optimizer.method=sgd", "optim.optimizer.method = \"adamw\" of a job"},
		{"model. optim", "\"model.\" is no field"},
		{"=3", "\"=3\" is no field"},
	} {
		err := (&External{Fields: strings.Fields(c.fields)}).Check(job)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.fields, err, c.want)
		}
	}
}
