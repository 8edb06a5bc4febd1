package history

import (
	"fmt"
	"slices"
	"strings"
)

// An Ignored column of the files does not count, for a reason. One that is among
// the table's Metrics all the same counts if it is named.
type Ignored struct {
	Column string `json:"column"`
	Why    string `json:"why"`
}

// ids are the columns that name a run.
var ids = []string{"run", "run_id", "index", "model_benchmark_path"}

// bookkeeping are columns that trainers and trackers of experiments write beside
// the metrics, by their names in lower case, and what they hold. The names of
// pandas and Weights & Biases are among them.
var bookkeeping = func() map[string]string {
	out := map[string]string{}
	for why, names := range map[string]string{
		"numbers or names the rows": "index,idx,id,run,run_id,runid,name,model,model_name,display_name,model_benchmark_path,alias,group,job_type,job type,sweep,notes,tags,user,state,status," +
			"wandb_run_id,wandb_run_name,wandb_url,local_run_id,description,hostname,agent,commit",
		"is a seed":                    "seed,data_seed,model_seed",
		"is how far the run has got":   "step,steps,global_step,trainer/global_step,iter,iteration,iterations,epoch,epochs,tokens,total_tokens,n_tokens,num_tokens,train_tokens",
		"is a time":                    "timestamp,date,time,created,updated,end time,heartbeat,runtime,duration,wall_time,walltime,seconds",
		"is the number of items":       "sample_len,sample_count,n_samples,num_samples,n-samples",
		"is an option of the training": "lr,learning_rate,batch_size",
	} {
		for name := range strings.SplitSeq(names, ",") {
			out[name] = why
		}
	}
	return out
}()

// beside says why a column is neither a share nor a metric; "" if it may be one.
func beside(name string) string {
	low := strings.ToLower(strings.TrimSpace(name))
	switch {
	case low == "":
		return "has no name"
	case strings.HasPrefix(low, "unnamed:"):
		return "is an index that pandas wrote"
	case strings.HasPrefix(low, "_"):
		return "is bookkeeping of Weights & Biases"
	}
	return bookkeeping[low]
}

// ignore enters a column once.
func (t *Table) ignore(column, why string) {
	if !slices.ContainsFunc(t.Ignored, func(i Ignored) bool { return i.Column == column }) {
		t.Ignored = append(t.Ignored, Ignored{column, why})
	}
}

// counting are the metrics that count where none is named.
func (t *Table) counting() []string {
	return slices.DeleteFunc(slices.Clone(t.Metrics), func(name string) bool {
		return slices.ContainsFunc(t.Ignored, func(i Ignored) bool { return i.Column == name })
	})
}

// leftOut names the columns that were ignored, for an error about the others.
func (t *Table) leftOut() string {
	if len(t.Ignored) == 0 {
		return ""
	}
	var names []string
	for _, i := range t.Ignored {
		names = append(names, fmt.Sprintf("%q", i.Column))
	}
	return "; the columns " + strings.Join(names, ", ") + " are taken for no domains"
}
