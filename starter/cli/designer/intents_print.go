package designer

import (
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/training"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// decimal is a number for people.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

// percent is a share for people.
func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

// sayTrained prints how a classifier was made and how well it does.
func sayTrained(p *terminal.Printer, t *training.Trained) {
	made := terminal.Several(
		t.Intents,
		"intent",
	) + ", " + strconv.FormatFloat(
		float64(t.Bytes)/1e6,
		'f',
		2,
		64,
	) + " MB, threshold " + decimal(
		t.Threshold,
	)
	if t.Texts > 0 {
		made = "trained on " + terminal.Several(t.Texts, "text") + " in " + strconv.FormatFloat(t.Seconds, 'f', 1, 64) + " s: " + made
	}
	p.Line("%s", made)
	if t.Version > 0 {
		p.Line("version %d, trained on %s, is in use", t.Version, t.Source)
	}
	r := t.Report
	if r == nil {
		return
	}
	p.Line("")
	p.Line("measured on %s, %d of them out of scope", terminal.Several(r.Texts, "text"), r.OutOfScope)
	if t.UnknownIntents > 0 {
		p.Line("with intents unknown to the classifier, counted as wrong: %s", terminal.Several(t.UnknownIntents, "text"))
	}
	rows := []table.Row{}
	if r.InScope > 0 {
		rows = append(rows, table.Row{"accuracy in scope", percent(r.Accuracy)}, table.Row{"  without a threshold", percent(r.Forced)},
			table.Row{"macro-F1", decimal(r.MacroF1)}, table.Row{"calibration error", decimal(r.Calibration)})
	}
	if r.OutOfScope > 0 {
		rows = append(rows, table.Row{"out-of-scope recall", percent(r.Recall)}, table.Row{"out-of-scope precision", percent(r.Precision)})
	}
	if r.InScope > 0 && r.OutOfScope > 0 {
		rows = append(rows, table.Row{"out-of-scope AUROC", decimal(r.AUROC)})
	}
	rows = append(rows, table.Row{"time per message", strconv.FormatFloat(r.Micros, 'f', 1, 64) + " µs"})
	p.Table(table.Row{"MEASURE", ""}, rows)
	if len(r.Confusions) == 0 {
		return
	}
	p.Line("")
	rows = nil
	for _, c := range r.Confusions {
		rows = append(rows, table.Row{orNone(c.Want), orNone(c.Got), c.Count})
	}
	p.Table(table.Row{"INTENT", "CLASSIFIED AS", "COUNT"}, rows)
}

// orNone returns the intent, or words for none.
func orNone(intent string) string {
	if intent == "" {
		return "(none of the intents)"
	}
	return intent
}

// scoresShown is the number of intents listed for a text.
const scoresShown = 8

func sayExplained(p *terminal.Printer, e *training.Explained) {
	if t := e.Text; t != nil {
		sayText(p, t)
	}
	if e.Customer == "" {
		return
	}
	if e.Text != nil {
		p.Line("")
	}
	if len(e.Intents) == 0 {
		p.Line("the current release has no intents")
		return
	}
	var rows []table.Row
	for _, i := range e.Intents {
		rows = append(rows, table.Row{i.Intent, decimal(i.Score), decimal(i.Strength), "", "", "", ""})
		for _, one := range i.Evidence {
			name := one.Name
			if one.Text {
				name += ", by its text"
			}
			rows = append(rows, table.Row{"", "", "", name, terminal.Stamp(one.At), decimal(one.Weight), decimal(one.Left)})
		}
	}
	p.Table(table.Row{"INTENT", "SCORE", "STRENGTH", "EVIDENCE", "AT (UTC)", "WEIGHT", "LEFT"}, rows)
}

func sayText(p *terminal.Printer, t *training.TextView) {
	switch {
	case t.Intent != "" && t.Example:
		p.Line("%s, confidence %.2f: it is an example", t.Intent, t.Confidence)
	case t.Intent != "":
		p.Line("%s, confidence %.2f", t.Intent, t.Confidence)
	case t.Example:
		p.Line("none of the intents: it is an example of out of scope")
	case t.Best == "":
		p.Line("none of the intents: the text has no words")
	default:
		p.Line(
			"none of the intents: the most likely, %s, has confidence %.2f, below the threshold of %.2f",
			t.Best,
			t.Confidence,
			t.Threshold,
		)
	}
	if t.Best == "" {
		return
	}
	p.Line("%.0f%% of the text occurs in no example", 100*t.Unknown)
	var rows []table.Row
	for _, s := range t.Scores[:min(len(t.Scores), scoresShown)] {
		rows = append(rows, table.Row{s.Intent, decimal(s.Confidence), decimal(s.Margin)})
	}
	p.Line("")
	p.Table(table.Row{"INTENT", "CONFIDENCE", "MARGIN"}, rows)
	rows = nil
	for _, of := range [][]text.Reason{t.For, t.Against} {
		for _, r := range of {
			rows = append(rows, table.Row{r.Gram, r.Kind, decimal(r.Weight)})
		}
	}
	if len(rows) > 0 {
		p.Line("")
		p.Table(table.Row{"EVIDENCE FOR " + t.Best, "KIND", "WEIGHT"}, rows)
	}
}
