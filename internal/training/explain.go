package training

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/decisioning/text"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Explained is the explanation of a text and of the intents of a customer.
type Explained struct {
	Text     *TextView    `json:"text,omitempty"`
	Customer string       `json:"customer,omitempty"`
	Intents  []IntentView `json:"intents,omitempty"`
}

// TextView is the classification of a text, with the n-grams for and against the likeliest intent.
type TextView struct {
	Intent     string        `json:"intent"` // empty: none of the intents
	Confidence float64       `json:"confidence"`
	Threshold  float64       `json:"threshold"`
	Best       string        `json:"likeliest"`
	Example    bool          `json:"is_an_example"`
	Unknown    float64       `json:"unknown_share"` // of the text, that no example has
	Scores     []ScoreView   `json:"scores"`
	For        []text.Reason `json:"for"`
	Against    []text.Reason `json:"against"`
}

// ScoreView is the score of one intent for a text.
type ScoreView struct {
	Intent     string  `json:"intent"`
	Confidence float64 `json:"confidence"`
	Margin     float64 `json:"margin"`
}

// IntentView is an intent of a customer with its evidence.
type IntentView struct {
	Intent   string         `json:"intent"`
	Score    float64        `json:"score"`
	Strength float64        `json:"strength"`
	Evidence []EvidenceView `json:"evidence"`
}

// EvidenceView is an event that speaks for an intent.
type EvidenceView struct {
	Event  string    `json:"event"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Weight float64   `json:"weight"`
	Left   float64   `json:"left"` // of the weight, now
	Text   bool      `json:"by_words,omitempty"`
}

// Explain explains a text (the first of args, if any) and the intents of a customer (empty: nobody). Without material it
// uses the classifier in the database.
func Explain(ctx context.Context, w io.Writer, cfg *app.Config, from Material, args []string, customer string) (*Explained, error) {
	e := &Explained{Customer: customer}
	var m *text.Model
	if len(args) > 0 && from.Given() {
		examples, err := from.read(w)
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
		err := withStore(ctx, cfg, func(st rooms) error {
			if customer != "" {
				if err := e.of(ctx, st, customer); err != nil {
					return err
				}
			}
			if len(args) == 0 || m != nil {
				return nil
			}
			t, err := currentClassifier(ctx, st)
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
func (e *Explained) of(ctx context.Context, st rooms, customer string) error {
	clk, err := st.database.Clock(ctx)
	if err != nil {
		return err
	}
	scores, err := st.intents.Scores(ctx, clock.Now(clk), customer)
	if errors.Is(err, sqldb.ErrNotFound) {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("there is no customer " + customer)}
	}
	if err != nil {
		return err
	}
	e.Intents = []IntentView{}
	for _, s := range scores {
		v := IntentView{Intent: s.Intent, Score: s.Score, Strength: s.Strength, Evidence: []EvidenceView{}}
		for _, one := range s.Evidence {
			v.Evidence = append(
				v.Evidence,
				EvidenceView{Event: one.Event, Name: one.Name, At: one.At, Weight: one.Weight, Left: one.Left, Text: one.Text},
			)
		}
		e.Intents = append(e.Intents, v)
	}
	return nil
}

func viewText(x text.Explanation) *TextView {
	v := &TextView{
		Intent:     x.Label.Intent,
		Confidence: x.Label.Confidence,
		Threshold:  x.Threshold,
		Best:       x.Best,
		Example:    x.Exact,
		Unknown:    x.Unknown,
		Scores:     []ScoreView{},
		For:        x.For,
		Against:    x.Against,
	}
	for _, s := range x.Scores {
		v.Scores = append(v.Scores, ScoreView{s.Intent, s.Confidence, s.Margin})
	}
	return v
}
