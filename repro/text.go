package repro

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"strings"
)

// A passage is 100 words of a document, as features.
type passage struct {
	document int // of the source
	x        []float64
}

// mini are files of the project's test data: sources of the small corpus.
func mini(sources ...string) (out []File) {
	for _, source := range sources {
		out = append(out, File{Name: "mini/corpus/" + source + ".jsonl", SHA256: miniSums[source]})
	}
	return out
}

// miniSums are the SHA-256 of the sources of the small corpus.
var miniSums = map[string]string{
	"biomed_abstracts":     "da84c20d7bbe5775709b50fe4b3b0a4bde630a5a01272d744386602c3f56b0ee",
	"fiction":              "e31e8d495d410b20c7ffebf536d0901462d662e3073b2db33ffd7bf21a148ff6",
	"irc_chat":             "61248db6dd4208f2e58166cb71bbba05a78884991785b9a63bd3f92439f04c81",
	"law_statutes":         "1a81e85a9c4dd32066cf6c6139a32792e6b6c07e566060f88e910f5e4a21d8ab",
	"lowq_logs":            "fbf655a27f4062f9e7c656eb473ca8f6959a7132609dc25aa75bb04cf362da15",
	"lowq_spam_email":      "e2bc4ac9d4d4b66a85c96957f29f7a48101fd2ccd6ae0eaa07690fe3db770120",
	"lowq_web_boilerplate": "c7e0459eed02ba950f767e990683dd3a5f2ba0db3b863a0d09c30b26024441a7",
	"lowq_wiki_tables":     "5881996a6169d7b2ba3e245d0d7a28fcda115328857ac014f74d2ccd0bf3a602",
	"math_latex":           "100971fa396b6d5506d8af261914d8d47baaba3d4323e43af8a80793daa4e576",
	"math_word_problems":   "64d5d4009fd650cf3119c24dfc89590ebfb986c2f0d44e66cec0567d3031a65b",
	"medical_qa":           "0f92cd6d8fb7103dcc2a1d2eb1f53bcbe5636f81d48634329a43bf02e8a0907c",
	"movie_reviews":        "1bb1010ae93a8320aea4e9411a3d858007bd32568665565387a94f5a1e30dceb",
	"news_bbc":             "02f6143c85a125e3ed797035efa3a77bede955fa06c364f7cfba497cbf5a2c2e",
	"news_reuters":         "77988cd425d4db8b1eba2dbf86b5c829b9e2de73f8ef7da1eb762b8fd18f2e5e",
	"recipes":              "f4bcb3a7fc96c15743d22f586ef6d8279fa11ddb8f4aec71b71bf8c4915d443c",
	"science_papers":       "a447f4a3ca410541549502c80666b9166e637ae99f7d753ed0a64fcd101d1254",
	"speeches":             "9b0ff045e2d0b973e3800c8ac80d8bb94c69a10129f572140129c293c3553c97",
	"task_dialogue":        "80ca3e473031f1e4c546c45642833b2e4153e7167e188878a837afd6ec458929",
	"tech_docs_peps":       "48a96224fc774b866c68a780cadbed057d9f20dc982cb61fc5f59defea8329ff",
	"textbook_biology":     "572cb715ae0b1e5183b5dc278c5cc5f3066b2f6dd04b54f8777c94eb6f877f4b",
	"tweets":               "50de4ac952f677ea01a3af35667a0d34bb785ae08ee8514c7cd98e617c7b2373",
	"usenet":               "f7cc9d285ddfbe1712f777c3c8a2988618c9b67793b1d9bd0a6a0aaf6a84a932",
	"web_articles":         "b6a52b699ed4babce64a8d1e2fcc8b87e65134900ee51c7aaa49ab94ceeae710",
	"wikipedia":            "8e8d27bdfcedc543cb1148681bc56dd2993b1d8a3f4510beb671b2db27371ab3",
}

// readPassages returns n random passages of a source: words in lower case hashed to
// k features, log(1+count), rows of length 1.
func readPassages(path string, n, k int, rng *rand.Rand) ([]passage, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var all []passage
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<26)
	for document := 0; lines.Scan(); document++ {
		var d struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, document+1, err)
		}
		words := strings.Fields(strings.ToLower(d.Text))
		for ; len(words) >= 100; words = words[100:] {
			all = append(all, passage{document, hashed(words[:100], k)})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) < n {
		return nil, fmt.Errorf("%s has %d passages of 100 words, not %d", path, len(all), n)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n], nil
}

func hashed(words []string, k int) []float64 {
	x, size := make([]float64, k), 0.0
	for _, w := range words {
		h := fnv.New64a()
		h.Write([]byte(w))
		x[h.Sum64()%uint64(k)]++
	}
	for i, v := range x {
		x[i] = math.Log1p(v)
		size += x[i] * x[i]
	}
	for i := range x {
		x[i] /= math.Sqrt(size)
	}
	return x
}
