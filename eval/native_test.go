package eval

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A native case is a document of ours in the form of the data set's, and what the
// harness asks of it by its code and documentation (lm_eval/tasks/NAME at commit
// 4e7e0d4): the context of the right choice, what follows it for every choice,
// and which is right.
type nativeCase struct {
	name, doc, context string
	answers            []string
	gold               int
}

var nativeCases = []nativeCase{
	{"hellaswag", `{"activity_label":"Baking bread","ctx_a":" [header] How to bake [title] Mix the dough. ","ctx_b":"THEN she","endings":["waits  an hour.","[substeps] eats."," sings. ","runs."],"label":"1"}`,
		"Baking bread:  How to bake. Mix the dough. Then she", []string{" waits an hour.", "  eats.", " sings.", " runs."}, 1},
	{"winogrande", `{"sentence":"The cup did not fit the box because _ was small.","option1":"the cup","option2":"the box","answer":"2"}`,
		"The cup did not fit the box because the box", []string{" was small.", " was small."}, 1},
	{"piqa", `{"goal":"Open a jar","sol1":"Twist it","sol2":"Bite it","label":0}`, "Question: Open a jar\nAnswer:", []string{" Twist it", " Bite it"}, 0},
	{"social_iqa", `{"context":"Ann fell.","question":"What next?","answerA":"cry","answerB":"stand up","answerC":"sing","label":"2"}`, "Q: Ann fell. What next?\nA:", []string{" cry", " stand up", " sing"}, 1},
	{"commonsense_qa", `{"question":" Where is milk? ","choices":{"label":["A","B","C","D","E"],"text":["sea","fridge","sky","road","tree"]},"answerKey":"B"}`,
		"Question: Where is milk?\nA. sea\nB. fridge\nC. sky\nD. road\nE. tree\nAnswer:", []string{" A", " B", " C", " D", " E"}, 1},
	{"swag", `{"startphrase":"He takes a","ending0":"bus.","ending1":"sea.","ending2":"sky.","ending3":"sum.","label":0}`, "He takes a", []string{" bus.", " sea.", " sky.", " sum."}, 0},
	{"storycloze_2016", `{"input_sentence_1":"A.","input_sentence_2":"B.","input_sentence_3":"C.","input_sentence_4":"D.","sentence_quiz1":"E.","sentence_quiz2":"F.","answer_right_ending":2}`, "A. B. C. D.", []string{" E.", " F."}, 1},
	{"storycloze_2018", `{"input_sentence_1":"A.","input_sentence_2":"B.","input_sentence_3":"C.","input_sentence_4":"D.","sentence_quiz1":"E.","sentence_quiz2":"F.","answer_right_ending":1}`, "A. B. C. D.", []string{" E.", " F."}, 0},
	{"wsc273", `{"text":"The dog chased the cat until  it hid.","pronoun":"it","pronoun_loc":29,"options":["The dog","The cat"],"label":1}`, "The dog chased the cat until the cat", []string{"  hid.", "  hid."}, 1},
	{"prost", `{"context":"A ball rolls.","ex_question":"Where to?","A":"up","B":"down","C":"left","D":"in","label":1}`, "A ball rolls.\nQuestion: Where to?\nAnswer:", []string{" up", " down", " left", " in"}, 1},
	{"mc_taco", `{"sentence":"He slept.","question":"How long?","answer":"a year","label":0}`, "He slept.\nQuestion: How long?\nAnswer: a year\nPlausible:", []string{" no", " yes"}, 0},
	{"arc_easy", `{"question":"What is ice?","choices":{"text":["water","fire"],"label":["1","2"]},"answerKey":"1"}`, "Question: What is ice?\nAnswer:", []string{" water", " fire"}, 0},
	{"arc_challenge", `{"question":"What is ice?","choices":{"text":["fire","water"],"label":["A","B"]},"answerKey":"B"}`, "Question: What is ice?\nAnswer:", []string{" fire", " water"}, 1},
	{"openbookqa", `{"question_stem":"The sun is","choices":{"text":["cold","a star"],"label":["A","B"]},"answerKey":" B"}`, "The sun is", []string{" cold", " a star"}, 1},
	{"sciq", `{"support":"  Cells divide.","question":"What divides?","distractor1":"a","distractor2":"b","distractor3":"c","correct_answer":"cells"}`, "Cells divide.\nQuestion: What divides?\nAnswer:", []string{" a", " b", " c", " cells"}, 3},
	{"mmlu", `{"subject":"high_school_physics","question":" What falls? ","choices":["all","none","some","few"],"answer":2}`,
		"The following are multiple choice questions (with answers) about high school physics.\n\nWhat falls?\nA. all\nB. none\nC. some\nD. few\nAnswer:", []string{" A", " B", " C", " D"}, 2},
	{"medqa_4options", `{"sent1":"A man coughs.","ending0":"w","ending1":"x","ending2":"y","ending3":"z","label":3}`, "Question: A man coughs.\nA. w\nB. x\nC. y\nD. z\nAnswer:", []string{" A", " B", " C", " D"}, 3},
	{"medmcqa", `{"question":"Which nerve?","opa":"w","opb":"x","opc":"y","opd":"z","cop":1}`, "Question: Which nerve?\nChoices:\nA. w\nB. x\nC. y\nD. z\nAnswer:", []string{" A", " B", " C", " D"}, 1},
	{"pubmedqa", `{"CONTEXTS":["One.","Two."],"QUESTION":"Does it help?","final_decision":"maybe"}`, "Abstract: One.\nTwo.\nQuestion: Does it help?\nAnswer:", []string{" yes", " no", " maybe"}, 2},
	{"headqa_en", `{"qtext":"What is bone?","answers":[{"aid":1,"atext":"tissue"},{"aid":2,"atext":"gas"}],"ra":1}`, "Question: What is bone?\nAnswer:", []string{" tissue", " gas"}, 0},
	{"webqs", `{"question":"Who?","answers":["Bob Ray","Bob","Ann"]}`, "Question: Who?\nAnswer:", []string{" Ann", " Bob"}, 0},
	{"webqs", `{"question":"Who?","answers":["Bob"]}`, "Question: Who?\nAnswer:", []string{" Bob"}, 0},
	{"race", `{"article":"A dog ran.","problems":"[{'question': 'Who ran?', 'answer': 'B', 'options': ['A cat', 'A dog', 'A cow', 'A man']}, {'question': 'The dog  _  .', 'answer': 'A', 'options': ['ran', 'sat', 'ate', 'hid']}, {'question': \"It's what?\", 'answer': 'D', 'options': ['a', 'b', 'c', 'd']}]"}`,
		"Article: A dog ran.\n\nQuestion: Who ran?\nAnswer: A dog\nThe dog ran\nIt's what?", []string{" a", " b", " c", " d"}, 3},
	{"boolq", `{"passage":"Ice floats.","question":"does ice float","label":1}`, "Ice floats.\nQuestion: does ice float?\nAnswer:", []string{" no", " yes"}, 1},
	{"logiqa", `{"label":" b ","context":"All is one.","question":"So?","options":["w","x","y","z"]}`, "Passage: All is one.\nQuestion: So?\nChoices:\nA. w\nB. x\nC. y\nD. z\nAnswer:", []string{" w", " x", " y", " z"}, 1},
	{"logiqa2", `{"answer":2,"text":"All is one.","question":"So?","options":["w","x","y","z"]}`, "Passage: All is one.\nQuestion: So?\nA. w\nB. x\nC. y\nD. z\nAnswer:", []string{" w", " x", " y", " z"}, 2},
	{"mathqa", `{"Problem":"1 + 1 ?","options":"a ) 1 , b ) rs . 2 , c ) 3 , d ) 4 , e ) none of these","correct":"b"}`, "Question: 1 + 1 ?\nAnswer:", []string{" 1", " rs . 2", " 3", " 4", " none of these"}, 1},
	{"mutual", `{"article":"f : i do n't know . m : it 's ok !","options":["f : why ?","f : ` + "`` no ''" + `","f : a ; b","f : x , y"],"answers":"A"}`,
		"f: i don't know. m: it's ok!", []string{" f: why?", ` f: "no"`, " f: a; b", " f: x, y"}, 0},
	{"qa4mre_2011", `{"document_str":" A text. ","question_str":"Who?","answer_options":{"answer_id":["1","2"],"answer_str":["he","she"]},"correct_answer_id":"2"}`, "A text.\nQuestion: Who?\nAnswer:", []string{" he", " she"}, 1},
	{"copa", `{"premise":"The glass fell.","question":"effect","choice1":"It broke.","choice2":"Ann sang.","label":0}`, "The glass fell therefore", []string{"  it broke.", "  ann sang."}, 0},
	{"xcopa_et", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus seetõttu", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_ht", `{"premise":"Klaas kukkus.","question":"cause","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus poukisa", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_id", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus maka", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_it", `{"premise":"Klaas kukkus.","question":"cause","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus perché", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_qu", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus chaymi", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_sw", `{"premise":"Klaas kukkus.","question":"cause","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus kwa sababu", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_ta", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus எனவே", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_th", `{"premise":"Klaas kukkus.","question":"cause","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus เพราะ", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_tr", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus bu yüzden", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_vi", `{"premise":"Klaas kukkus.","question":"cause","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus bởi vì", []string{" see läks katki.", " ann laulis."}, 1},
	{"xcopa_zh", `{"premise":"Klaas kukkus.","question":"effect","choice1":"See läks katki.","choice2":"Ann laulis.","label":1}`, "Klaas kukkus 所以", []string{" see läks katki.", " ann laulis."}, 1},
	{"cb", `{"premise":"It rained.","hypothesis":"it was wet","label":0}`, "It rained.\nQuestion: it was wet. True, False, or Neither?\nAnswer:", []string{" True", " False", " Neither"}, 0},
	{"sglue_rte", `{"premise":"It rained.","hypothesis":"It was dry.","label":1}`, "It rained.\nQuestion: It was dry. True or False?\nAnswer:", []string{" True", " False"}, 1},
	{"wic", `{"sentence1":"The bank of a river.","sentence2":"A bank lends.","start1":4,"end1":8,"label":0}`,
		"Sentence 1: The bank of a river.\nSentence 2: A bank lends.\nQuestion: Is the word 'bank' used in the same way in the two sentences above?\nAnswer:", []string{" no", " yes"}, 0},
	{"wsc", `{"text":"Mark told Pete many lies , which he did n't regret .","span1_text":"Mark","span2_text":"he","span2_index":7,"label":1}`,
		"Passage: Mark told Pete many lies, which *he* didn't regret.\nQuestion: In the passage above, does the pronoun \"*he*\" refer to \"*Mark*\"?\nAnswer:", []string{" no", " yes"}, 1},
	{"multirc", `{"paragraph":"Ann ran.","question":"Who?","answer":"Ann","label":0}`, "Ann ran.\nQuestion: Who?\nAnswer:", []string{" Ann\nIs the answer correct? yes", " Ann\nIs the answer correct? no"}, 0},
	{"record", `{"passage":"Ann met Bob.\n@highlight\nThey met\n@highlight\nIt rained","query":"Then @placeholder left","entities":["Bob","Ann","Bob"],"answers":["Bob"]}`,
		"Ann met Bob.\n\n  - They met.\n  - It rained.", []string{"\n   - Then Ann left", "\n   - Then Bob left"}, 1},
	{"rte", `{"sentence1":"It rained.","sentence2":"It was wet.","label":0}`, "It rained.\nQuestion: It was wet. True or False?\nAnswer:", []string{" True", " False"}, 0},
	{"mnli", `{"premise":"It rained.","hypothesis":" it was wet ","label":0}`, "It rained.\nQuestion: it was wet. True, False or Neither?\nAnswer:", []string{" True", " Neither", " False"}, 0},
	{"cola", `{"sentence":"Ran he.","label":0}`, "Ran he.\nQuestion: Does this sentence make sense?\nAnswer:", []string{" no", " yes"}, 0},
	{"mrpc", `{"sentence1":"a","sentence2":"b","label":1}`, "Sentence 1: a\nSentence 2: b\nQuestion: Do both sentences mean the same thing?\nAnswer:", []string{" no", " yes"}, 1},
	{"qnli", `{"question":"Who?","sentence":"He.","label":0}`, "Who?\nHe.\nQuestion: Does this response answer the question?\nAnswer:", []string{" yes", " no"}, 0},
	{"qqp", `{"question1":"a?","question2":"b?","label":0}`, "Question 1: a?\nQuestion 2: b?\nQuestion: Do both questions ask the same thing?\nAnswer:", []string{" no", " yes"}, 0},
	{"sst2", `{"sentence":"good fun","label":1}`, "good fun\nQuestion: Is this sentence positive or negative?\nAnswer:", []string{" negative", " positive"}, 1},
	{"wnli", `{"sentence1":"a.","sentence2":"b.","label":1}`, "a.\nQuestion: b. True or False?\nAnswer:", []string{" False", " True"}, 1},
	{"anli_r1", `{"premise":"a.","hypothesis":"b.","label":2}`, "a.\nQuestion: b. True, False, or Neither?\nAnswer:", []string{" True", " Neither", " False"}, 2},
	{"anli_r2", `{"premise":"a.","hypothesis":"b.","label":1}`, "a.\nQuestion: b. True, False, or Neither?\nAnswer:", []string{" True", " Neither", " False"}, 1},
	{"anli_r3", `{"premise":"a.","hypothesis":"b.","label":0}`, "a.\nQuestion: b. True, False, or Neither?\nAnswer:", []string{" True", " Neither", " False"}, 0},
	{"toxigen", `{"text":"hi","toxicity_ai":3.0,"toxicity_human":2.6}`, "Is the following statement hateful? Respond with either Yes or No. Statement: 'hi'", []string{" No", " Yes"}, 1},
	{"crows_pairs_english", `{"sent_more":"A one.","sent_less":"B two."}`, "", []string{"A one.", "B two."}, 0},
	{"ethics_cm", `{"input":"I stole.","label":1}`, "I stole.\nQuestion: Is this wrong?\nAnswer:", []string{" no", " yes"}, 1},
	{"ethics_deontology", `{"scenario":"Do it.","excuse":"No ","label":1}`, "Question: Would most people believe this reasonable or unreasonable to say? \"Do it. No\"\nAnswer:", []string{" unreasonable", " reasonable"}, 1},
	{"ethics_justice", `{"scenario":"I pay him.","label":0}`, "Question: Would most people believe this reasonable or unreasonable to say? \"I pay him.\"\nAnswer:", []string{" unreasonable", " reasonable"}, 0},
	{"ethics_virtue", `{"scenario":"He gave all.","trait":"mean","label":0}`, "Sentence: He gave all.\nQuestion: Does the character in this sentence exhibit the trait \"mean\"?\nAnswer:", []string{" no", " yes"}, 0},
	{"ethics_utilitarianism", `{"activity":"I found a coin.","baseline":"I lost a coin."}`, "Scenario 1: I found a coin.\nScenario 2: I lost a coin.\nQuestion: Is Scenario 1 preferable?\nAnswer:", []string{" no", " yes"}, 1},
	{"ethics_utilitarianism", `{"activity":"I ate.","baseline":"I slept."}`, "Scenario 1: I slept.\nScenario 2: I ate.\nQuestion: Is Scenario 1 preferable?\nAnswer:", []string{" no", " yes"}, 0},
	{"winogender_all", `{"sentence":"The cook paid the guest.","pronoun":"she","occupation":"cook","participant":"guest","label":1}`, "The cook paid the guest. ‘She’ refers to the", []string{" cook", " guest"}, 1},
	{"blimp_adjunct_island", `{"sentence_good":"He ran.","sentence_bad":"Him ran."}`, "", []string{" He ran.", " Him ran."}, 0},
	{"pile_arxiv", `{"text":"one"}`, "", []string{"one"}, 0},
	{"paloma_c4_en", `{"text":"one"}`, "", []string{"one"}, 0},
	{"xwinograd_fr", `{"sentence":"Il a mis _ là.","option1":"le sac","option2":"la clé","answer":"1"}`, "Il a mis le sac", []string{" là.", " là."}, 0},
	{"headqa_es", `{"qtext":"¿Qué?","answers":[{"aid":1,"atext":"a"},{"aid":2,"atext":"b"}],"ra":2}`, "Question: ¿Qué?\nAnswer:", []string{" a", " b"}, 1},
	{"qa4mre_2012", `{"document_str":"A text.","question_str":"Who?","answer_options":{"answer_str":["he","she"]},"correct_answer_id":"1"}`, "A text.\nQuestion: Who?\nAnswer:", []string{" he", " she"}, 0},
	{"qa4mre_2013", `{"document_str":"A text.","question_str":"Who?","answer_options":{"answer_str":["he","she"]},"correct_answer_id":"1"}`, "A text.\nQuestion: Who?\nAnswer:", []string{" he", " she"}, 0},
	{"agieval_lsat_ar", `{"query":"Q: Which?\nA: Among A through B, the answer is","choices":["(A)x","(B)y"],"gold":[1]}`, "Q: Which?\nA: Among A through B, the answer is", []string{" (A)x", " (B)y"}, 1},
	{"arithmetic_1dc", `{"context":"Q: What is 1 + 1?\n\nA:","completion":" 2"}`, "Question: What is 1 + 1?\nAnswer:", []string{" 2"}, 0},
	{"asdiv", `{"body":"Ann has 2.","question":"How many?","answer":"2 (apples)"}`, "Ann has 2.\nQuestion:How many?\nAnswer:", []string{"2"}, 0},
	{"lambada_openai", `{"text":"the end of the road"}`, "the end of the", []string{" road"}, 0},
	{"lambada_standard", `{"text":"the end of the road"}`, "the end of the", []string{" road"}, 0},
	{"wikitext", `{"page":" = Ann = \n Ann 's dogs ' food ( it cost 1 @,@ 000 ) was \" good \" . 5 @.@ 5 ° C \n"}`, "", []string{" = Ann =\nAnn's dogs' food (it cost 1,000) was \"good\". 5.5°C\n"}, 0},
	{"c4", `{"text":"one [ two ] { three } = = x"}`, "", []string{"one [two] {three} == x"}, 0},
}

func nativeFile(t testing.TB, doc string) string {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(path, []byte(doc+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNativesAskWhatTheHarnessAsks(t *testing.T) {
	seen := map[string]bool{"gpqa_main_zeroshot": true, "gpqa_diamond_zeroshot": true, "gpqa_extended_zeroshot": true, "truthfulqa_mc2": true} // below
	for _, c := range nativeCases {
		seen[nativeNamed(c.name).Name] = true
		form, err := WithData(c.name, nativeFile(t, c.doc))
		if err != nil {
			t.Fatal(err)
		}
		task, err := LoadTask(form)
		if err != nil {
			t.Error(err)
			continue
		}
		item := task.Items[0]
		var answers []string
		for _, q := range item.Requests {
			answers = append(answers, q.Continuation)
		}
		if item.Requests[item.Gold].Context != c.context || !slices.Equal(answers, c.answers) || item.Gold != c.gold {
			t.Errorf("%s: %q\nthen %q, right is %d;\nwant %q\nthen %q, %d", c.name, item.Requests[item.Gold].Context, answers, item.Gold, c.context, c.answers, c.gold)
		}
		if task.Name != c.name || task.Alias != c.name || task.Split != "" {
			t.Errorf("%s: the task is called %s, %s, of split %q", c.name, task.Name, task.Alias, task.Split)
		}
		if files, err := Files(form); err != nil || len(files) != 1 || !strings.HasSuffix(files[0], "data.jsonl") {
			t.Errorf("%s is read from %q, %v", c.name, files, err)
		}
	}
	for _, n := range Natives {
		if !seen[n.Name] {
			t.Errorf("%s has no case", n.Name)
		}
	}
	if len(Natives) < 30 {
		t.Errorf("%d natives", len(Natives))
	}
}

// The order of GPQA's answers is drawn: by Python's random.Random(0).shuffle, of
// four [2, 0, 1, 3] and then [0, 1, 3, 2].
func TestGPQADrawsAsPython(t *testing.T) {
	const doc = `{"Question":"Why?","Incorrect Answer 1":"a","Incorrect Answer 2":" b ","Incorrect Answer 3":null,"Correct Answer":"d"}`
	task, err := LoadTask("gpqa_main_zeroshot:" + nativeFile(t, doc+"\n"+doc))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"(A)  \n(B) a\n(C) b\n(D) d", "(A) a\n(B) b\n(C) d\n(D)  "} {
		if got := task.Items[i].Requests[0].Context; got != "What is the correct answer to this question:Why?\nChoices:\n"+want+"\nAnswer:" {
			t.Errorf("%d: %q", i, got)
		}
	}
	if task.Items[0].Gold != 3 || task.Items[1].Gold != 2 {
		t.Errorf("right are %d and %d", task.Items[0].Gold, task.Items[1].Gold)
	}
}

// TruthfulQA's mc2: the prompt is the YAML's, the Python that scores it ours.
func TestShareOfTrueChoices(t *testing.T) {
	dir := t.TempDir()
	yaml := filepath.Join(dir, "truthfulqa_mc2.yaml")
	for name, text := range map[string]string{
		yaml:                             "task: truthfulqa_mc2\ndataset_path: truthfulqa/truthful_qa\noutput_type: multiple_choice\nvalidation_split: validation\ndoc_to_text: \"Q: {{question}}\\nA:\"\ndoc_to_target: 0\ndoc_to_choice: \"{{mc2_targets.choices}}\"\nprocess_results: !function utils.process_results_mc2\n",
		filepath.Join(dir, "data.jsonl"): `{"question":"Who?","mc2_targets":{"choices":["I","you","we"],"labels":[1,0,1]}}` + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	task, err := LoadTask(yaml + ":data.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	r, err := task.Evaluate(context.Background(), lengthModel{})
	if err != nil {
		t.Fatal(err)
	}
	e := math.Exp
	if want := (e(-2) + e(-3)) / (e(-2) + e(-4) + e(-3)); math.Abs(r.Metrics["acc"]-want) > 1e-12 {
		t.Errorf("acc %v, want %v", r.Metrics["acc"], want)
	}
	if _, err := LoadTask("truthfulqa_mc2:" + filepath.Join(dir, "data.jsonl")); err == nil || !strings.Contains(err.Error(), "truthfulqa_mc2.yaml") {
		t.Errorf("by name: %v", err)
	}
}

// lengthModel: every byte costs a nat.
type lengthModel struct{}

func (lengthModel) LogLikelihood(_ context.Context, reqs []Request) ([]Likelihood, error) {
	out := make([]Likelihood, len(reqs))
	for i, q := range reqs {
		out[i] = Likelihood{LogProb: -float64(len(q.Continuation)), Tokens: 1, Bytes: len(q.Continuation)}
	}
	return out, nil
}

// Words and bytes are those of the page before it was rewritten.
func TestRatesAreOfTheSource(t *testing.T) {
	page := "A 's dog ( here ) ."
	task, err := LoadTask("wikitext:" + nativeFile(t, `{"page":"`+page+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := task.Evaluate(context.Background(), lengthModel{})
	if err != nil {
		t.Fatal(err)
	}
	nats := float64(len(task.Items[0].Requests[0].Continuation))
	if nats >= float64(len(page)) {
		t.Fatalf("%q was not rewritten", task.Items[0].Requests[0].Continuation)
	}
	for metric, want := range map[string]float64{"bits_per_byte": nats / math.Ln2 / float64(len(page)), "word_perplexity": math.Exp(nats / 7)} {
		if got := r.Metrics[metric]; math.Abs(got-want) > 1e-9*want {
			t.Errorf("%s %v, want %v", metric, got, want)
		}
	}
}

// A YAML of the harness whose Python is that of the task's native form loads; of
// another function, or another task, it is refused as before.
func TestPythonOfNativesIsReplaced(t *testing.T) {
	const head = "dataset_path: json\ndataset_kwargs: {data_files: {validation: data.jsonl}}\noutput_type: multiple_choice\nvalidation_split: validation\n"
	const fields = "doc_to_text: !function preprocess_winogrande.doc_to_text\ndoc_to_target: !function preprocess_winogrande.doc_to_target\ndoc_to_choice: !function preprocess_winogrande.doc_to_choice\n"
	dir := t.TempDir()
	load := func(text string) (*Task, error) {
		for name, data := range map[string]string{"data.jsonl": nativeCases[1].doc, "t.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return LoadTask(filepath.Join(dir, "t.yaml"))
	}
	task, err := load("task: winogrande\n" + head + fields)
	if err != nil {
		t.Fatal(err)
	}
	if q := task.Items[0].Requests[1]; q.Context != nativeCases[1].context || task.Items[0].Gold != 1 || task.Split != "validation" {
		t.Errorf("%+v, split %s", task.Items[0], task.Split)
	}
	for want, text := range map[string]string{
		"preprocess_winogrande.doc_to_text is Python": "task: winogrande_ours\n" + head + fields,
		"ours.doc_to_text is Python":                  "task: winogrande\n" + head + strings.Replace(fields, "preprocess_winogrande.doc_to_text", "ours.doc_to_text", 1),
		"process_docs is Python":                      "task: winogrande\n" + head + fields + "process_docs: !function utils.process_docs\n",
		"class is Python":                             "task: winogrande\n" + head + fields + "class: !function task.Winogrande\n",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "t.yaml:") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNativesNameWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"hellaswag", `{"ctx_a":"x"}`, "data.jsonl:1: as a document of hellaswag: the field activity_label is missing"},
		{"hellaswag", `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":"d","label":"0"}`, "which is no list"},
		{"hellaswag", `{"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["d","e"],"label":""}`, "is this a split without answers?"},
		{"winogrande", `{"sentence":"no gap","option1":"a","option2":"b","answer":"1"}`, "sentence has no _"},
		{"winogrande", `{"sentence":"a _ gap","option1":"a","option2":"b","answer":""}`, "is this a split without answers?"},
		{"race", `{"article":"a","problems":"[1"}`, "no list of questions"},
		{"copa", `{"premise":"","question":"effect","choice1":"a","choice2":"b","label":0}`, "a text is empty"},
		{"mathqa", `{"Problem":"x","options":"none","correct":"a"}`, "is no list of a ) to e )"},
		{"wikitext", `{"page":3}`, "which is no text"},
		{"arc_easy", `{"question":"q"}`, "choices"},
	} {
		if _, err := LoadTask(c.name + ":" + nativeFile(t, c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := WithData("helaswag", "x"); err == nil || !strings.Contains(err.Error(), "climb eval --tasks") {
		t.Errorf("%v", err)
	}
	if _, err := LoadTask("no-task:data.jsonl"); err == nil || !strings.Contains(err.Error(), "no-task:data.jsonl") {
		t.Errorf("%v", err)
	}
}

func TestSplitForm(t *testing.T) {
	for path, want := range map[string][2]string{
		"hellaswag:data.jsonl":      {"hellaswag", "data.jsonl"},
		"/a/b/hellaswag:data.jsonl": {"hellaswag", "/a/b/data.jsonl"},
		"/a/hellaswag:/d/x.jsonl":   {"hellaswag", "/d/x.jsonl"},
		"/a/t.yaml:x/d.jsonl":       {"/a/t.yaml", "/a/x/d.jsonl"},
	} {
		if form, data, ok := splitForm(path); !ok || form != want[0] || data != want[1] {
			t.Errorf("%s: %s, %s, %v", path, form, data, ok)
		}
	}
	for _, path := range []string{"data.jsonl", "other:data.jsonl", "hellaswag:", "t.yaml"} {
		if _, _, ok := splitForm(path); ok {
			t.Errorf("%s is taken apart", path)
		}
	}
}
