package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Direction says which values of a metric are the better ones.
type Direction int

// Directions. The zero value is that nobody has said.
const (
	Unknown Direction = iota
	Higher
	Lower
)

func (d Direction) String() string {
	return [...]string{"unknown", "higher is better", "lower is better"}[d]
}

// A kind is what a metric measures: values of different kinds have no mean that
// means anything.
type kind int

const (
	noKind    kind = iota
	share          // of items right, or a score of answers
	loss           // nats or bits, a token, byte or character
	surprise       // perplexities: exponentials of losses
	mistake        // errors, squared or counted
	plainMark      // "score": no more is known
)

// A meaning is what a word at the end of a metric's name says.
type meaning struct {
	better Direction
	kind   kind
}

// meanings are the words that the names of metrics end with, each known by the
// words it is written with, in lower case.
var meanings = func() map[string]meaning {
	out := map[string]meaning{}
	for _, row := range []struct {
		meaning
		words string // names parted by commas
	}{
		{meaning{Higher, share}, "acc,accuracy,em,exact match,f1,f1 score,mcc,auc,auroc,bleu,chrf,rouge,rouge1,rouge2,rougel,rouge l,rougelsum,bert score,bertscore," +
			"precision,recall,ndcg,mrr,win rate,winrate,pass,pass rate,pass at k,acc norm,acc mutual info,greedy,valid avg"},
		{meaning{Lower, loss}, "loss,losses,nll,nlls,bpb,bpc,bpt,bits per byte,bits per character,bits per char,bits per token,bits per word,nats per byte,nats per token,ce,ce loss," +
			"cross entropy,crossentropy,xent,negative log likelihood,kl,kl divergence"},
		{meaning{Higher, loss}, "log likelihood,loglikelihood,log likelihoods,loglik,logprob,log prob,logprobs,log probability"},
		{meaning{Lower, surprise}, "ppl,ppls,perplexity,perplexities"},
		{meaning{Lower, mistake}, "error,errors,err,error rate,mse,rmse,mae,wer,cer,ter,brier,brier score,ece,calibration error"},
		{meaning{Higher, plainMark}, "score,scores"},
	} {
		for name := range strings.SplitSeq(row.words, ",") {
			out[name] = row.meaning
		}
	}
	return out
}()

// modifiers may follow the word that says what a metric is: they say how it was
// averaged or on what.
var modifiers = []string{"norm", "avg", "average", "mean", "total", "final", "last", "none", "macro", "micro", "weighted", "uncond", "strict", "flexible",
	"raw", "char", "chars", "token", "tokens", "byte", "bytes", "word", "words", "val", "valid", "validation", "test", "dev", "train", "eval", "per"}

// abbreviations are written before the task's name too (ppl_wikitext) and are no
// words of English that a task could be called by.
var abbreviations = []string{"bpb", "bpc", "ppl", "nll", "acc", "xent"}

// words parts a name at what is neither letter nor digit, and before a capital
// that follows a small letter (CrossEntropy); in lower case.
func words(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && small:
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

// meaningOf reads the name of a metric: whole words at its end, as in
// arc_easy_acc_norm or val_loss; after a colon (task:metric) at its beginning
// too; and a part between slashes that is a metric's name (loss/c4). What stands
// inside the name of a task says nothing.
func meaningOf(metric string) meaning {
	colon := strings.LastIndex(metric, ":")
	own := words(metric[colon+1:])
	if m := ending(own); m.better != Unknown {
		return m
	}
	for n := min(3, len(own)); n > 0 && (colon >= 0 || slices.Contains(abbreviations, own[0])); n-- {
		if m, ok := meanings[strings.Join(own[:n], " ")]; ok {
			return m
		}
	}
	for part := range strings.SplitSeq(metric[colon+1:], "/") {
		if m, ok := meanings[strings.Join(words(part), " ")]; ok {
			return m
		}
	}
	return meaning{}
}

// ending is the meaning of the longest run of up to three words that own ends
// with, modifiers left out.
func ending(own []string) meaning {
	for len(own) > 0 {
		for n := min(3, len(own)); n > 0; n-- {
			if m, ok := meanings[strings.Join(own[len(own)-n:], " ")]; ok {
				return m
			}
		}
		last := own[len(own)-1]
		if !slices.Contains(modifiers, last) && strings.Trim(last, "0123456789") != "" {
			return meaning{}
		}
		own = own[:len(own)-1]
	}
	return meaning{}
}

// DirectionOf says by a metric's name which values are better: Unknown where the
// name does not tell.
func DirectionOf(metric string) Direction { return meaningOf(metric).better }

// Direction of a metric: as the objective says, or the file, or its name.
func (t *Table) Direction(o Objective, metric string) Direction {
	switch {
	case slices.Contains(o.Higher, metric):
		return Higher
	case slices.Contains(o.Lower, metric):
		return Lower
	case t.Better[metric] != Unknown:
		return t.Better[metric]
	}
	return DirectionOf(metric)
}

// directions refuses metrics of which nobody says what is better.
func (t *Table) directions(o Objective, names []string) error {
	for _, name := range o.Higher {
		if slices.Contains(o.Lower, name) {
			return fmt.Errorf("metric %s is named as better when lower and as better when higher: leave one out", name)
		}
	}
	var lost []string
	for _, name := range names {
		if t.Direction(o, name) == Unknown {
			lost = append(lost, name)
		}
	}
	if len(lost) > 0 {
		list := strings.Join(lost, ",")
		return fmt.Errorf("of %s the name does not tell which values are better: say --higher %q or --lower %q, or name the metrics that count with --metric", strings.Join(lost, ", "), list, list)
	}
	return nil
}

// mixed refuses a mean over values of different kinds that nobody asked for by
// naming or weighing them: beside a perplexity of 60 an accuracy of 0.3 does not
// count.
func (t *Table) mixed(o Objective, names []string) error {
	if len(o.Metrics) > 0 || len(o.Weights) > 0 {
		return nil
	}
	first := map[kind]string{}
	var kinds []kind
	for _, name := range names {
		k := meaningOf(name).kind
		if k == noKind || k == plainMark {
			continue
		}
		if first[k] == "" {
			first[k], kinds = name, append(kinds, k)
		}
	}
	if len(kinds) < 2 {
		return nil
	}
	var parts []string
	for _, k := range kinds {
		parts = append(parts, first[k])
	}
	return errors.New("the metrics are of different kinds, such as " + strings.Join(parts, " and ") +
		", whose mean has no meaning: name those that count with --metric, or give each its weight with --weight")
}
