package cli

import (
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
)

// decimal is a number for people.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

// percent is a share for people.
func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

// sayTrained tells how a classifier was made and how well it does.
func sayTrained(p *printer, t *trained) {
	made := several(
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
		made = "trained on " + several(t.Texts, "text") + " in " + strconv.FormatFloat(t.Seconds, 'f', 1, 64) + " s: " + made
	}
	p.line("%s", made)
	if t.Version > 0 {
		p.line("version %d, of %s, is the one that counts", t.Version, t.Source)
	}
	r := t.Report
	if r == nil {
		return
	}
	p.line("")
	p.line("measured with %s, %d of them out of scope", several(r.Texts, "text"), r.OutOfScope)
	if t.Stranger > 0 {
		p.line("of intents that the classifier does not know, and so wrong: %s", several(t.Stranger, "text"))
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
	rows = append(rows, table.Row{"time a message", strconv.FormatFloat(r.Micros, 'f', 1, 64) + " µs"})
	p.table(table.Row{"MEASURE", ""}, rows)
	if len(r.Confusions) == 0 {
		return
	}
	p.line("")
	rows = nil
	for _, c := range r.Confusions {
		rows = append(rows, table.Row{orNone(c.Want), orNone(c.Got), c.Count})
	}
	p.table(table.Row{"IT IS", "TAKEN FOR", "TIMES"}, rows)
}

// orNone names what has no name.
func orNone(intent string) string {
	if intent == "" {
		return "(none of the intents)"
	}
	return intent
}
