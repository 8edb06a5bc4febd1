package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

// llama is Llama in float64, as plainly as it can be written, on the
// weights of a model (Touvron et al. 2023, arXiv 2302.13971).
type llama struct {
	c lm.Config
	w map[string][]float64
}

func newLlama(m *lm.Model) *llama {
	r := &llama{m.Config, map[string][]float64{}}
	for _, t := range m.Tensors() {
		x := make([]float64, len(t.Data))
		for i, v := range t.Data {
			x[i] = float64(v)
		}
		r.w[t.Name] = x
	}
	return r
}

// times is W x, where W has len(x) columns.
func times(w, x []float64) []float64 {
	out := make([]float64, len(w)/len(x))
	for i := range out {
		for j, v := range x {
			out[i] += w[i*len(x)+j] * v
		}
	}
	return out
}

func (r *llama) norm(x, gain []float64) []float64 {
	ss := 0.0
	for _, v := range x {
		ss += v * v
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / math.Sqrt(ss/float64(len(x))+r.c.NormEps) * gain[i]
	}
	return out
}

// turn rotates the heads of x by the angles of position t.
func (r *llama) turn(x []float64, t int) []float64 {
	d := r.c.Width / r.c.Heads
	out := make([]float64, len(x))
	for h := 0; h < len(x); h += d {
		for i := range d / 2 {
			a := float64(t) * math.Pow(r.c.RopeTheta, -2*float64(i)/float64(d))
			p, q := x[h+i], x[h+i+d/2]
			out[h+i], out[h+i+d/2] = p*math.Cos(a)-q*math.Sin(a), q*math.Cos(a)+p*math.Sin(a)
		}
	}
	return out
}

// logProbs are log p(. | ids[:t+1]) for every t.
func (r *llama) logProbs(ids []uint32) [][]float64 {
	c, T := r.c, len(ids)
	x := make([][]float64, T)
	for t, id := range ids {
		x[t] = slices.Clone(r.w["model.embed_tokens.weight"][int(id)*c.Width:][:c.Width])
	}
	for l := range c.Layers {
		weight := func(name string) []float64 { return r.w[fmt.Sprintf("model.layers.%d.%s.weight", l, name)] }
		q, k, v := make([][]float64, T), make([][]float64, T), make([][]float64, T)
		for t := range x {
			h := r.norm(x[t], weight("input_layernorm"))
			q[t], k[t] = r.turn(times(weight("self_attn.q_proj"), h), t), r.turn(times(weight("self_attn.k_proj"), h), t)
			v[t] = times(weight("self_attn.v_proj"), h)
		}
		d := c.Width / c.Heads
		for t := range x {
			att := make([]float64, c.Width)
			for h := 0; h < c.Width; h += d {
				p, sum := make([]float64, t+1), 0.0
				for s := range p {
					dot := 0.0
					for i := range d {
						dot += q[t][h+i] * k[s][h+i]
					}
					p[s] = math.Exp(dot / math.Sqrt(float64(d)))
					sum += p[s]
				}
				for s := range p {
					for i := range d {
						att[h+i] += p[s] / sum * v[s][h+i]
					}
				}
			}
			for i, y := range times(weight("self_attn.o_proj"), att) {
				x[t][i] += y
			}
			h := r.norm(x[t], weight("post_attention_layernorm"))
			gate, up := times(weight("mlp.gate_proj"), h), times(weight("mlp.up_proj"), h)
			for i, g := range gate {
				gate[i] = g / (1 + math.Exp(-g)) * up[i]
			}
			for i, y := range times(weight("mlp.down_proj"), gate) {
				x[t][i] += y
			}
		}
	}
	for t := range x {
		x[t] = times(r.w["model.embed_tokens.weight"], r.norm(x[t], r.w["model.norm.weight"]))
		sum := 0.0
		for _, z := range x[t] {
			sum += math.Exp(z)
		}
		for i := range x[t] {
			x[t][i] -= math.Log(sum)
		}
	}
	return x
}

// likelihood is the sum over the continuation, in windows as the harness
// rolls them, and whether each token was the first choice.
func (r *llama) likelihood(tok *token.Tokenizer, q eval.Request) (sum float64, tokens int, greedy bool) {
	ids := tok.Encode([]uint32{tok.EOD()}, q.Context)
	at := len(ids)
	ids = tok.Encode(ids, q.Continuation)
	greedy, tokens = true, len(ids)-at
	for at < len(ids) {
		from, end := 0, len(ids)
		if tokens > r.c.Context {
			from, end = at-1, min(at+r.c.Context, len(ids))
		} else if len(ids) > r.c.Context+1 {
			from = len(ids) - r.c.Context - 1
		}
		lp := r.logProbs(ids[from : end-1])
		for t := at; t < end; t++ {
			row := lp[t-1-from]
			sum += row[ids[t]]
			greedy = greedy && slices.Max(row) == row[ids[t]]
		}
		at = end
	}
	return sum, tokens, greedy
}

func argmax(x []float64) int { return slices.Index(x, slices.Max(x)) }

func meanErr(x []float64) (mean, stderr float64) {
	n, ss := float64(len(x)), 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		ss += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(ss/(n-1)) / math.Sqrt(n)
}

// metrics by the harness's formulas.
func (r *llama) metrics(tok *token.Tokenizer, task *eval.Task) (values, stderrs map[string]float64) {
	x := map[string][]float64{}
	add := func(name string, v float64) { x[name] = append(x[name], v) }
	one := map[bool]float64{true: 1}
	var words []float64
	for _, item := range task.Items {
		var ll, perToken, perChar, perByte, gain, p []float64
		var greedy []bool
		for k, q := range item.Requests {
			sum, tokens, g := r.likelihood(tok, q)
			ll, greedy, perToken = append(ll, sum), append(greedy, g), append(perToken, sum/float64(tokens))
			p = append(p, math.Exp(sum))
			if task.Kind == eval.Choice {
				answer := strings.TrimPrefix(q.Continuation, " ")
				perChar, perByte = append(perChar, sum/float64(len([]rune(answer)))), append(perByte, sum/float64(len(answer)))
				alone, _, _ := r.likelihood(tok, item.Alone[k])
				gain = append(gain, sum-alone)
			}
		}
		gold := item.Gold
		bytes := float64(len(item.Requests[gold].Continuation))
		add("bpb", -ll[gold]/math.Ln2/bytes)
		add("ll", ll[gold])
		add("bytes", bytes)
		words = append(words, float64(len(strings.Split(strings.Join(strings.Fields("x"+item.Requests[gold].Continuation+"x"), " "), " "))))
		add("greedy", one[greedy[gold]])
		if task.Kind != eval.Choice {
			add("acc", one[greedy[gold]])
			continue
		}
		add("exact_match", one[greedy[gold]])
		for name, scores := range map[string][]float64{"acc": ll, "acc_token": perToken, "acc_norm": perChar, "acc_bytes": perByte, "acc_mutual_info": gain} {
			add(name, one[argmax(scores) == gold])
		}
		total, brier := 0.0, 0.0
		for _, v := range p {
			total += v
		}
		for k, v := range p {
			brier += math.Pow(v/total-one[k == gold], 2)
		}
		add("brier_score", brier)
	}
	values, stderrs = map[string]float64{}, map[string]float64{}
	for name, v := range x {
		values[name], stderrs[name] = meanErr(v)
	}
	if task.Kind == eval.Target {
		values["perplexity"], stderrs["perplexity"] = math.Exp(-values["ll"]), math.Exp(-values["ll"])*stderrs["ll"]
	}
	if task.Kind == eval.Text {
		for _, name := range []string{"acc", "greedy"} {
			delete(values, name)
			delete(stderrs, name)
		}
		rate := func(by []float64) (r, se float64) {
			var sl, sb, ss float64
			for i := range by {
				sl, sb = sl-x["ll"][i], sb+by[i]
			}
			for i := range by {
				d := -x["ll"][i] - sl/sb*by[i]
				ss += d * d
			}
			n := float64(len(by))
			return sl / sb, math.Sqrt(ss/(n-1)) / math.Sqrt(n) / (sb / n)
		}
		b, sb := rate(x["bytes"])
		values["bpb"], stderrs["bpb"] = b/math.Ln2, sb/math.Ln2
		values["bits_per_byte"], stderrs["bits_per_byte"] = b/math.Ln2, sb/math.Ln2
		values["byte_perplexity"], stderrs["byte_perplexity"] = math.Exp(b), math.Exp(b)*sb
		w, sw := rate(words)
		values["word_perplexity"], stderrs["word_perplexity"] = math.Exp(w), math.Exp(w)*sw
	}
	for _, m := range []map[string]float64{values, stderrs} {
		delete(m, "ll")
		delete(m, "bytes")
	}
	return values, stderrs
}

// TestMetricsAgainstReference scores a small random model on tasks of every
// output type, and compares each metric and standard error with the plain
// float64 model and the formulas written out: 1e-4 relative.
func TestMetricsAgainstReference(t *testing.T) {
	_, _, tok := world(t, strings.Repeat("the cat sat on the mat and a dog ran to it when rain fell ", 30))
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Width: 32, Layers: 2, Heads: 2, Context: 64}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Params() { // far from uniform, so that choices differ
		m.Params()[i] = p * 2
	}
	dir := t.TempDir()
	var docs []string
	for i := range 24 {
		question, answer := "the "+strings.Repeat("cat ", 1+i%5)+fmt.Sprint("sat ", i), fmt.Sprint(" mat", i%7)
		if i%2 == 0 { // what the model would say
			lp := newLlama(m).logProbs(tok.Encode([]uint32{tok.EOD()}, question))
			if said := tok.Decode([]uint32{uint32(argmax(lp[len(lp)-1]))}); utf8.ValidString(said) {
				answer = said
			}
		}
		w, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, fmt.Sprintf(`{"q":"%s","c":["cat","a dog ran é%d","mat"],"y":%d,"page":"%s rain  fell\non it %d","w":%s}`,
			question, i, i%3, strings.Repeat("the dog ran to a mat ", i), i, w))
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("d.jsonl", strings.Join(docs, "\n"))
	head := "dataset_path: json\ndataset_kwargs: {data_files: {train: d.jsonl, test: d.jsonl}}\ntest_split: test\ntraining_split: train\n"
	for name, text := range map[string]string{
		"choice": "output_type: multiple_choice\nnum_fewshot: 2\nfewshot_split: train\nfewshot_config: {sampler: first_n}\ndoc_to_text: q\ndoc_to_choice: c\ndoc_to_target: y\nmetric_list: [{metric: acc_mutual_info}]\n",
		"target": "output_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: w\n",
		"text":   "output_type: loglikelihood_rolling\ndoc_to_target: page\n",
	} {
		task, err := eval.LoadTask(write(name+".yaml", head+text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := task.Evaluate(t.Context(), &Scorer{Tokenizer: tok, Model: m})
		if err != nil {
			t.Fatal(err)
		}
		values, stderrs := newLlama(m).metrics(tok, task)
		for what, pair := range map[string][2]map[string]float64{"value": {values, got.Metrics}, "standard error": {stderrs, got.StdErr}} {
			if len(pair[0]) != len(pair[1]) {
				t.Errorf("%s: %d and %d metrics: %v, %v", name, len(pair[0]), len(pair[1]), pair[0], pair[1])
			}
			for metric, want := range pair[0] {
				if d := math.Abs(pair[1][metric] - want); !(d <= 1e-4*math.Abs(want)) {
					t.Errorf("%s: %s of %s is %v, the reference's %v", name, what, metric, pair[1][metric], want)
				}
			}
		}
		if acc := got.Metrics["acc"]; name != "text" && (acc <= 0 || acc >= 1) {
			t.Errorf("%s: accuracy %v tells nothing", name, acc)
		}
	}
}
