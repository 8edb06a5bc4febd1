package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/climb-go/climb/escape"
)

// HTML is the page.
func HTML(d *Data) ([]byte, error) { return render(d) }

// JSON is summary.json.
func JSON(d *Data) ([]byte, error) { return summarize(d) }

// Markdown is the report as a document of GitHub's Markdown: what the page says
// first, without its lists of single runs and clusters.
func Markdown(d *Data) []byte {
	m := &markdown{}
	m.line("# %s", escape.Markdown(or(d.Run.Title, "A run without a title").(string)))
	m.line("**%s.** %s", escape.Markdown(headline(d)), escape.Markdown(or(d.Confirmed.Verdict, "No mixture has been confirmed with fresh runs, so nothing can be said about how good it is.").(string)))
	for _, n := range d.Notes {
		if n.Warning {
			m.line("> **Warning:** %s", escape.Markdown(n.Text))
		} else {
			m.line("> %s", escape.Markdown(n.Text))
		}
	}
	m.mixture(d)
	m.confirmation(d)
	m.search(d)
	m.data(d)
	seconds, written := d.total()
	m.line("## Cost")
	m.line("%s of work, %s written.", duration(seconds), size(written))
	m.line("## Reproduce")
	m.line("Version %s, preset %s, seed %d, %s: %s", escape.Markdown(d.Run.Version), escape.Markdown(d.Run.Preset), d.Run.Seed, escape.Markdown(d.Run.Machine), escape.Markdown(d.Run.Command))
	return bytes.Map(legible, bytes.TrimLeft(m.b.Bytes(), "\n"))
}

// A markdown is a document being written.
type markdown struct{ b bytes.Buffer }

// line writes a paragraph. Texts of others are escaped by the caller.
func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, "\n"+format+"\n", args...) }

// table writes a table, whose cells are escaped here. Heads that begin with ":" are of
// text, the others of numbers.
func (m *markdown) table(heads []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.b.WriteByte('\n')
	rule := make([]string, len(heads))
	for i, h := range heads {
		if heads[i], rule[i] = strings.TrimPrefix(h, ":"), "---:"; heads[i] != h {
			rule[i] = "---"
		}
	}
	fmt.Fprintf(&m.b, "| %s |\n| %s |\n", strings.Join(heads, " | "), strings.Join(rule, " | "))
	for _, row := range rows {
		for i := range row {
			row[i] = escape.Markdown(row[i])
		}
		fmt.Fprintf(&m.b, "| %s |\n", strings.Join(row, " | "))
	}
}

func (m *markdown) mixture(d *Data) {
	m.line("## Mixture")
	var rows [][]string
	for _, x := range byShare(d.Domains) {
		rows = append(rows, []string{x.Name, percent(x.Chosen), percent(x.Natural), times(x.Chosen, x.Natural), fixed(x.Epochs, 2), short(x.Documents), short(x.Tokens)})
	}
	m.table([]string{":Domain", "Mixture", "Natural", "Change", "Epochs", "Documents", "Tokens"}, rows)
	if len(rows) == 0 {
		m.line("There are no domains yet.")
	}
}

func (m *markdown) confirmation(d *Data) {
	m.line("## Confirmation")
	if len(d.Confirmed.Candidates) == 0 {
		m.line("No mixture has been confirmed yet.")
		return
	}
	if d.Objective != "" {
		m.line("%s", escape.Markdown(d.Objective))
	}
	var rows [][]string
	for _, c := range d.Confirmed.Candidates {
		name := c.Name
		if name == d.Confirmed.Chosen {
			name += " (best mean)"
		}
		rows = append(rows, []string{name, score(c.Mean), interval(c.Interval), count(int64(len(c.Scores)))})
	}
	level := fixed(100*d.Confirmed.level(), 0) + " % interval"
	m.table([]string{":Mixture", "Score", level, "Runs"}, rows)
	if best := d.Confirmed.chosen(); best != nil {
		rows = nil
		for _, x := range best.Differences {
			rows = append(rows, []string{x.To, signed(x.Mean), signedInterval(x.Interval), map[bool]string{true: "yes", false: "no"}[x.Significant]})
		}
		m.table([]string{":Gain over", "Gain", level, ":Significant"}, rows)
	}
}

func (m *markdown) search(d *Data) {
	m.line("## Search")
	var rows [][]string
	for _, r := range rounds(d.Trials) {
		rows = append(rows, []string{count(int64(r.Round)), count(int64(r.Trials)), count(int64(r.Failed)), score(r.Mean), score(r.Best), score(r.SoFar)})
	}
	m.table([]string{"Round", "Proxies", "Failed", "Mean score", "Best score", "Best so far"}, rows)
	if len(rows) == 0 {
		m.line("No proxy has been trained yet.")
	}
	if n := len(d.Predictor.Measured); n > 0 {
		m.line("Predictor: %s, rank correlation %s (Spearman, out of fold) over %s, error %s.", escape.Markdown(d.Predictor.Name), fixed(d.Predictor.Spearman, 3), plural(n, "mixture"), score(d.Predictor.RMSE))
	}
}

func (m *markdown) data(d *Data) {
	m.line("## Corpus")
	c := d.Corpus
	m.line("%s in %s, %s; %s dropped as duplicates, %s as near-duplicates.", plural(int(c.Documents), "document"), plural(int(c.Files), "file"), size(c.Bytes), count(c.Duplicates), count(c.Near))
	var rows [][]string
	for _, r := range c.Dropped {
		rows = append(rows, []string{r.Reason, count(r.Count)})
	}
	m.table([]string{":Left out", "Documents"}, rows)
	m.line("## Dataset")
	if len(d.Dataset.Parts) == 0 {
		m.line("The dataset has not been written yet.")
		return
	}
	m.line("%s: %s, %s tokens, %s, %s. %s", escape.Markdown(d.Dataset.Path), plural(int(d.Dataset.Documents), "document"), short(d.Dataset.Tokens), size(d.Dataset.Bytes), plural(d.Dataset.Shards, "shard"), escape.Markdown(d.Dataset.Mixture))
	rows = nil
	for _, p := range d.Dataset.Parts {
		rows = append(rows, []string{p.Domain, percent(p.Asked), percent(p.Achieved), short(p.Tokens), fixed(p.Epochs, 2)})
	}
	m.table([]string{":Domain", "Asked", "Achieved", "Tokens", "Epochs"}, rows)
}
