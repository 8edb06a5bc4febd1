package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// sample is a made-up run of the size that people do: 14 domains, 112 proxies, 5 candidates with 5 seeds.
func sample() *Data {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"python, function, class", "physics, quantum, energy", "recipe, oven, butter", "court, plaintiff, statute", "protein, cell, gene",
		"match, season, league", "novel, character, chapter", "theorem, proof, lemma", "market, shares, investors", "church, century, king",
		"patient, treatment, dose", "hotel, beach, flight", "election, party, minister", "guitar, album, band"}
	d := &Data{
		Run: Run{Title: "Web crawl 2025-18, 4 % sample", Command: "climb run --config climb.yaml --preset laptop --seed 7 --out runs/web", Preset: "laptop", Seed: 7,
			Version: "0.1.0", Started: time.Date(2025, 11, 23, 9, 14, 0, 0, time.UTC), Machine: "linux/amd64, 16 cores, avx512"},
		Corpus: Corpus{Files: 412, Documents: 1_284_211, Tokens: 1_113_482_900, Bytes: 5_218_334_120, Duplicates: 31_877, Near: 60_412,
			In: 1_378_605, Kept: 1_183_994, Dropped: []Reason{{Reason: "invalid_json", Count: 212}, {Reason: "empty_text", Count: 1890}, {Reason: "too_long", Count: 3},
				{Reason: "copy of another document", Count: 31_877}, {Reason: "near-duplicate of another document", Count: 60_412}, {Reason: "cluster pruned", Count: 88_214}, {Reason: "quality below 0.5", Count: 12_003}},
			Sources:    []Source{{Name: "crawl", Documents: 1_250_300, Duplicates: 30_771, Near: 59_800}, {Documents: 126_200, Duplicates: 1_106, Near: 612}},
			Pairs:      []Pair{{Snippet{"a1", "Opening hours of the museum: Monday to Friday"}, Snippet{"b7", "Opening hours of the museum: Tuesday to Friday"}, 0.83}},
			Overlaps:   []Overlap{{"arc_easy.validation.jsonl", 2251, 310, 0, nil}, {"hellaswag.validation.jsonl", 1000, 0, 2, []Snippet{{"a9", "mix the flour with the eggs and the milk until no lumps are left"}}}},
			BadLines:   []Reason{{Reason: "invalid_json", Count: 212}, {Reason: "empty_text", Count: 1890}, {Reason: "too_long", Count: 3}},
			BadSamples: []BadLine{{"crawl/part-0017.jsonl.zst", 88_121, "invalid_json", `{"id": "a81c", "text": "The committee met on <b>`}, {"crawl/part-0102.jsonl.zst", 4, "empty_text", `{"id":"b","text":"  "}`}}},
		Objective: "The score is minus the mean bits per byte of the right answers in four validation sets.",
		Predictor: Predictor{Name: "gp blended with an exponential law", Folds: 8, Spearman: 0.934, RMSE: 0.0041},
		Notes: []Note{{true, "Domain “court, plaintiff, statute” repeats its tokens 3.6 times, close to the limit of 4 epochs."},
			{false, "Proxies have 9.4 M parameters and see 40 M tokens; the ranks of two sizes agree (Spearman 0.91 on 12 mixtures)."}},
	}
	total := 0.0
	natural := make([]float64, len(names))
	for i := range natural {
		natural[i] = math.Exp(1.1 * rng.NormFloat64())
		total += natural[i]
	}
	chosen := make([]float64, len(names))
	sum := 0.0
	for i := range natural {
		natural[i] /= total
		chosen[i] = natural[i] * math.Exp(0.9*rng.NormFloat64())
		if i == 11 {
			chosen[i] = 0.0002
		}
		sum += chosen[i]
	}
	for i, name := range names {
		chosen[i] /= sum
		tokens := int64(natural[i] * 9.4e8)
		d.Domains = append(d.Domains, Domain{Name: name, About: "large model; from 90 % crawl; 4100 bytes a document", Terms: append(strings.Split(name, ", "), "example", "large model", "twenty years"), Clusters: 5 + i*3, Documents: tokens / 870,
			Tokens: tokens, Bytes: tokens * 47 / 10, Natural: natural[i], Chosen: chosen[i], Epochs: chosen[i] / natural[i] * 0.43,
			Quality: []Score{{"quality", 2.4 + rng.Float64()}, {"educational", 1.9 + 1.5*rng.Float64()}, {"advertising", 3.9 + rng.Float64()}},
			Examples: []Snippet{{fmt.Sprintf("crawl/part-%04d:%d", i*7, i*311), "In the spring of that year the two sides met again.\nThe first question was who would pay for the bridge, and nobody had an answer that the others would accept."},
				{fmt.Sprintf("crawl/part-%04d:%d", i*9+1, i*77), "A short introduction for readers who have not met the subject before, with exercises at the end of every chapter."}}})
		for k := range 7 {
			d.Domains[i].Lengths = append(d.Domains[i].Lengths, Bin{256 << k, 512 << k, tokens / 870 / int64(2+(k-3)*(k-3))})
		}
		e := 0.002 * float64(i%3-1)
		d.Domains[i].Effect = &Effect{"answer of the search", e, [2]float64{e - 0.0011, e + 0.0011}, 0.8, 110}
		d.Dataset.Parts = append(d.Dataset.Parts, Share{name, chosen[i], chosen[i] * (1 + 0.002*rng.NormFloat64()), tokens / 2000, int64(chosen[i] * 4e8), int64(i * 113), chosen[i] / natural[i] * 0.43})
		for range 5 + i*3 {
			a := 2.39996 * float64(i)
			r := 1.3 * math.Sqrt(float64(i)+0.5)
			d.Map = append(d.Map, Point{len(d.Map), r*math.Cos(a) + 0.45*rng.NormFloat64(), r*math.Sin(a) + 0.45*rng.NormFloat64(), math.Exp(14 + 0.9*rng.NormFloat64()), name, fmt.Sprintf("cluster %d", len(d.Map)), false})
		}
	}
	for i := range 60 {
		d.Map = append(d.Map, Point{400 + i, 6.2*rng.Float64() - 3, 6.2*rng.Float64() - 3, math.Exp(13 + rng.NormFloat64()), "", fmt.Sprintf("cluster %d", 400+i), true})
		d.PrunedClusters = append(d.PrunedClusters, Cluster{400 + i, int64(700 + 31*i), int64(600_000 + 23_000*i), []Score{{"quality", 1.1 + rng.Float64()}, {"educational", 0.6 + rng.Float64()}, {"advertising", 0.9 + 2*rng.Float64()}},
			[]string{"quality below 2.0"}, []string{"casino", "bonus", "click here"}, ""})
	}
	for i := range 4 {
		d.Clusters = append(d.Clusters, Cluster{i, int64(9000 + 17*i), int64(7_000_000 + 11_000*i), []Score{{"quality", 3 + 0.02*float64(i)}, {"educational", 2.5}, {"advertising", 4}},
			nil, []string{"cell", "protein"}, "biology"})
	}
	d.PrunedDocuments = []Reason{{"cluster pruned", 88_214, 71_400_000}, {"quality below 0.5", 12_003, 8_110_000}}
	quality := func(m []float64) float64 {
		s := 0.0
		for i := range m {
			s -= math.Pow(m[i]-chosen[i], 2)
		}
		return -1.062 + 0.35*s + 0.0022*rng.NormFloat64()
	}
	for r, n := range []int{64, 32, 16} {
		for i := range n {
			m := make([]float64, len(names))
			sum := 0.0
			for j := range m {
				m[j] = math.Pow(chosen[j], 0.3*float64(r)) * math.Pow(natural[j], 1-0.3*float64(r)) * math.Exp((1-0.3*float64(r))*rng.NormFloat64())
				sum += m[j]
			}
			for j := range m {
				m[j] /= sum
			}
			t := Trial{Round: r + 1, Hash: fmt.Sprintf("%016x", rng.Uint64()), Seed: 7, Mixture: m, Score: quality(m), Seconds: 70 + 9*rng.Float64()}
			p := t.Score + 0.004*rng.NormFloat64()
			d.Predictor.Measured, d.Predictor.Predicted = append(d.Predictor.Measured, t.Score), append(d.Predictor.Predicted, p)
			t.Predicted, t.Interval = &p, &[2]float64{p - 0.006, p + 0.006}
			if r == 0 && i == 20 {
				t.Failed, t.Score = "loss is not a number after step 210", 0
			}
			if r == 0 && i == 41 {
				t.Score = -1.9
			}
			d.Trials = append(d.Trials, t)
		}
	}
	d.Confirmed = Confirmation{Chosen: "climb", Tokens: 200_000_000, Comparisons: 6, Candidates: []Candidate{
		fresh(rng, "climb", false, chosen, -1.0602), fresh(rng, "best measured", false, chosen, -1.0618),
		fresh(rng, "natural", true, natural, -1.0795), fresh(rng, "uniform", true, natural, -1.0871), fresh(rng, "random", true, natural, -1.0842)}}
	best := &d.Confirmed.Candidates[0]
	for _, o := range d.Confirmed.Candidates[1:] {
		diff := best.Mean - o.Mean
		best.Differences = append(best.Differences, Difference{o.Name, diff, [2]float64{diff - 0.004, diff + 0.004}, diff > 0.004})
	}
	d.Confirmed.Verdict = "The mixture scores 0.0193 bits per byte better than the natural one (95 % interval 0.0153 to 0.0233, 5 seeds), and better than uniform and random mixtures at the same budget."
	for i := range d.Corpus.Sources {
		for j, x := range d.Domains {
			part := x.Tokens / int64(2+8*i) * int64((i+j)%3)
			d.Corpus.Sources[i].Tokens = append(d.Corpus.Sources[i].Tokens, part)
			d.Corpus.Sources[i].Dataset += int64(float64(part) * x.Epochs)
		}
	}
	d.PrunedSamples = []Pruned{{Snippet{"crawl/part-0003:17", "WIN A PRIZE! Click here to claim your bonus"}, "in cluster 203, which was pruned: mean advertising 1.20 below 2.5"},
		{Snippet{"crawl/part-0009:2", "a | b | c | d | e"}, "score quality 0.412 is below its floor 0.5"}}
	for i, name := range []string{"climb", "natural", "search", "search"} {
		c := Curve{Name: name, Kind: []string{"chosen", "natural", "", ""}[i], Seed: uint64(i)}
		for k := range 50 {
			c.Tokens, c.Loss = append(c.Tokens, int64(4_000_000*(k+1))), append(c.Loss, 3+4*math.Exp(-float64(k)/9)+0.05*rng.NormFloat64()+0.1*float64(i))
		}
		d.Curves = append(d.Curves, c)
	}
	d.Dataset.Mixture = "the measured-1 mixture at 1.20 epochs: significantly better than the natural one"
	d.Dataset.Path, d.Dataset.Format, d.Dataset.Documents, d.Dataset.Tokens, d.Dataset.Bytes, d.Dataset.Shards = "runs/web/dataset-5f21c09ab4e1", "JSONL, zstd", 471_208, 400_000_000, 712_000_000, 24
	for i, name := range []string{"corpus", "embed", "cluster", "label", "domains", "tokens", "search", "confirm", "dataset"} {
		d.Cost = append(d.Cost, Stage{name, []float64{310, 2200, 412, 900, 3.2, 720, 9100, 6400, 260}[i], []float64{24, 140, 38, 60, 3.2, 50, 812, 590, 21}[i], []int{82, 82, 1, 82, 1, 82, 112, 25, 24}[i], int64(1e6 * []float64{51, 660, 8, 40, 0.1, 2100, 14, 9, 712}[i])})
	}
	return d
}

func fresh(rng *rand.Rand, name string, baseline bool, mixture []float64, mean float64) Candidate {
	c := Candidate{Name: name, Baseline: baseline, Mixture: mixture, Seeds: []uint64{101, 102, 103, 104, 105}}
	for range c.Seeds {
		c.Scores = append(c.Scores, mean+0.0016*rng.NormFloat64())
		c.Mean += c.Scores[len(c.Scores)-1] / 5
	}
	c.Interval = [2]float64{c.Mean - 0.0021, c.Mean + 0.0019}
	for i, task := range []string{"arc_easy", "hellaswag", "piqa", "sciq"} {
		for j, split := range []string{"validation", "test"} {
			c.Metrics = append(c.Metrics, Metric{task, "bpb", split, -c.Mean + 0.05*float64(i) + 0.01*float64(j), 0.0011}, Metric{task, "acc_norm", split, 0.31 + 0.04*float64(i) + c.Mean/30, 0.008})
		}
	}
	return c
}
