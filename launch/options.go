package launch

import (
	"os"
)

// Options are the section launch of a configuration: where tasks run. No result depends on them.
type Options struct {
	Method    Choice           `json:"method" doc:"where tasks run: in this process, or on machines that a scheduler gives"`
	Resources ResourcesByStage `json:"resources" doc:"what one task of a stage is given"`
	Throttle  int              `json:"throttle" default:"0" min:"0" doc:"tasks that run at once; 0 = as many as the scheduler likes"`
	Pack      int              `json:"tasks_per_job" default:"0" min:"0" doc:"tasks that one element of a job runs, one after another; 0 = chosen, so that a plan has at most 1000 elements"`
	Retries   int              `json:"retries" default:"2" min:"0" max:"100" doc:"more attempts for a task whose node was lost, or whose error may go away"`
	Program   string           `json:"program" doc:"path of climb on the workers; empty = that of this process, or, for pods that do not see it, climb in their image"`
	Price     float64          `json:"price" min:"0" doc:"price of an hour of a GPU, for the plan, in a currency of yours; 0 = not said"`
}

// ResourcesByStage are resources by what a stage does.
type ResourcesByStage struct {
	Text   Resources `json:"text" doc:"stages that read shards of text or vectors, a task a shard"`
	Fit    Resources `json:"fit" doc:"stages of one task that fit something or settle something: embedder, centroids, tokenizer, domains, draw"`
	Proxy  Resources `json:"proxy" doc:"a proxy model"`
	Target Resources `json:"target" doc:"a model of the target's size, of climb compare"`
}

// Remote is the launcher of the options, nil where tasks run in this process. Version is that of the program, resources those of
// each kind of stage.
func (o *Options) Remote(version string, resources func(kind string) Resources) (*Remote, error) {
	engine := o.Method.Value().Engine()
	if engine == nil {
		return nil, nil
	}
	program := o.Program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
		if k, ok := engine.(*Kubernetes); ok {
			program = k.Program(program)
		}
	}
	return &Remote{Engine: engine, Resources: resources, Program: []string{program}, Version: version, Throttle: o.Throttle, Pack: o.Pack, Retries: o.Retries}, nil
}
