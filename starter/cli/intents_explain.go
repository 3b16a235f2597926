package cli

import (
	"errors"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// explained is why a text is taken for what it is, and what is known of a customer.
type explained struct {
	Text     *textView    `json:"text,omitempty"`
	Customer string       `json:"customer,omitempty"`
	Intents  []intentView `json:"intents,omitempty"`
}

type textView struct {
	Intent     string        `json:"intent"` // empty: none of the intents
	Confidence float64       `json:"confidence"`
	Threshold  float64       `json:"threshold"`
	Best       string        `json:"likeliest"`
	Example    bool          `json:"is_an_example"`
	Unknown    float64       `json:"unknown_share"` // of the text, that no example has
	Scores     []scoreView   `json:"scores"`
	For        []text.Reason `json:"for"`
	Against    []text.Reason `json:"against"`
}

type scoreView struct {
	Intent     string  `json:"intent"`
	Confidence float64 `json:"confidence"`
	Margin     float64 `json:"margin"`
}

type intentView struct {
	Intent   string         `json:"intent"`
	Score    float64        `json:"score"`
	Strength float64        `json:"strength"`
	Evidence []evidenceView `json:"evidence"`
}

type evidenceView struct {
	Event  string    `json:"event"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Weight float64   `json:"weight"`
	Left   float64   `json:"left"` // of the weight, now
	Text   bool      `json:"by_words,omitempty"`
}

// scoresShown is how many intents a text is compared with on the screen.
const scoresShown = 8

func explain(c *cobra.Command, cfg *app.Config, from lessonFlags, args []string, customer string) (*explained, error) {
	e := &explained{Customer: customer}
	var m *text.Model
	if len(args) > 0 && from.given() {
		examples, err := from.read(c)
		if err != nil {
			return nil, err
		}
		t, err := learn(examples, from)
		if err != nil {
			return nil, err
		}
		m = t.model
	}
	if len(args) > 0 && m == nil || customer != "" {
		err := withStore(c.Context(), cfg, func(st *engine.Engine) error {
			if customer != "" {
				if err := e.of(c, st, customer); err != nil {
					return err
				}
			}
			if len(args) == 0 || m != nil {
				return nil
			}
			t, err := counting(c.Context(), st)
			if err == nil {
				m = t.model
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if m != nil {
		e.Text = viewText(m.Explain(args[0]))
	}
	return e, nil
}

// of reads a customer's intents.
func (e *explained) of(c *cobra.Command, st *engine.Engine, customer string) error {
	clk, err := st.Clock(c.Context())
	if err != nil {
		return err
	}
	scores, err := st.Intents(c.Context(), clock.Now(clk), customer)
	if errors.Is(err, sqldb.ErrNotFound) {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("there is no customer " + customer)}
	}
	if err != nil {
		return err
	}
	e.Intents = []intentView{}
	for _, s := range scores {
		v := intentView{Intent: s.Intent, Score: s.Score, Strength: s.Strength, Evidence: []evidenceView{}}
		for _, one := range s.Evidence {
			v.Evidence = append(
				v.Evidence,
				evidenceView{Event: one.Event, Name: one.Name, At: one.At, Weight: one.Weight, Left: one.Left, Text: one.Text},
			)
		}
		e.Intents = append(e.Intents, v)
	}
	return nil
}

func viewText(x text.Explanation) *textView {
	v := &textView{
		Intent:     x.Label.Intent,
		Confidence: x.Label.Confidence,
		Threshold:  x.Threshold,
		Best:       x.Best,
		Example:    x.Exact,
		Unknown:    x.Unknown,
		Scores:     []scoreView{},
		For:        x.For,
		Against:    x.Against,
	}
	for _, s := range x.Scores {
		v.Scores = append(v.Scores, scoreView{s.Intent, s.Confidence, s.Margin})
	}
	return v
}

func sayExplained(p *printer, e *explained) {
	if t := e.Text; t != nil {
		sayText(p, t)
	}
	if e.Customer == "" {
		return
	}
	if e.Text != nil {
		p.line("")
	}
	if len(e.Intents) == 0 {
		p.line("the current release has no intents")
		return
	}
	var rows []table.Row
	for _, i := range e.Intents {
		rows = append(rows, table.Row{i.Intent, decimal(i.Score), decimal(i.Strength), "", "", "", ""})
		for _, one := range i.Evidence {
			name := one.Name
			if one.Text {
				name += ", by its words"
			}
			rows = append(rows, table.Row{"", "", "", name, stamp(one.At), decimal(one.Weight), decimal(one.Left)})
		}
	}
	p.table(table.Row{"INTENT", "SCORE", "STRENGTH", "EVIDENCE", "AT (UTC)", "WEIGHT", "LEFT"}, rows)
}

func sayText(p *printer, t *textView) {
	switch {
	case t.Intent != "" && t.Example:
		p.line("%s, confidence %.2f: it is an example", t.Intent, t.Confidence)
	case t.Intent != "":
		p.line("%s, confidence %.2f", t.Intent, t.Confidence)
	case t.Example:
		p.line("none of the intents: it is an example of that")
	case t.Best == "":
		p.line("none of the intents: there is nothing to read in it")
	default:
		p.line(
			"none of the intents: the likeliest, %s, has confidence %.2f, below the threshold of %.2f",
			t.Best,
			t.Confidence,
			t.Threshold,
		)
	}
	if t.Best == "" {
		return
	}
	p.line("%.0f%% of it is in no example", 100*t.Unknown)
	var rows []table.Row
	for _, s := range t.Scores[:min(len(t.Scores), scoresShown)] {
		rows = append(rows, table.Row{s.Intent, decimal(s.Confidence), decimal(s.Margin)})
	}
	p.line("")
	p.table(table.Row{"INTENT", "CONFIDENCE", "MARGIN"}, rows)
	rows = nil
	for _, of := range [][]text.Reason{t.For, t.Against} {
		for _, r := range of {
			rows = append(rows, table.Row{r.Gram, r.Kind, decimal(r.Weight)})
		}
	}
	if len(rows) > 0 {
		p.line("")
		p.table(table.Row{"SPOKE FOR " + t.Best, "KIND", "WEIGHT"}, rows)
	}
}
