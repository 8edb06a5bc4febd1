package export

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/climb-go/climb/escape"
)

// readme is the README.md of an export: about ten lines, with the command that
// trains.
func readme(h *Handover, trainer string, lines []string) Note {
	return Note{"README.md", about(h, trainer) + strings.Join(lines, "\n") + "\n\n" + told(h)}
}

func about(h *Handover, trainer string) string {
	return fmt.Sprintf("# A mixture for %s\n\n%s Written by climb %s, seed %d.\n\n", trainer, escape.Markdown(h.Mixture), h.Version, h.Seed)
}

// told ends it: how the epochs stand, what was left out, where the rest is.
func told(h *Handover) string {
	most, name := 0.0, ""
	for _, d := range h.Domains {
		if d.Epochs > most {
			most, name = d.Epochs, d.Name
		}
	}
	text := fmt.Sprintf("%d domains. In a training of %d %s the most repeated one, %s, is read %.2f times.\n", len(h.Domains), h.Tokens, h.Counted, escape.Markdown(name), most)
	for _, l := range h.LeftOut[:min(len(h.LeftOut), 5)] {
		text += fmt.Sprintf("Left out: %s, %.4g %%: %s.\n", escape.Markdown(l.Name), 100*l.Share, l.Why)
	}
	if n := len(h.LeftOut) - 5; n > 0 {
		text += fmt.Sprintf("Left out: %d more, see manifest.json.\n", n)
	}
	return text + "Shares asked for and achieved, by token, document and byte, and SHA-256 of every file: `manifest.json`. `climb verify` of this folder reads it all again.\n"
}

// quote writes a string that JSON, YAML and Python read alike.
func quote(s string) string { return strconv.QuoteToASCII(s) }
