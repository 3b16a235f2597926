package journey

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// Level is a threshold of an intent's score. One of Above and Below is set.
type Level struct {
	Intent string   `json:"intent"`
	Above  *float64 `json:"above,omitempty"` // holds while the score is higher
	Below  *float64 `json:"below,omitempty"` // holds while the score is lower
}

// Holds reports whether a score is beyond the threshold.
func (l *Level) Holds(score float64) bool {
	if l.Above != nil {
		return score > *l.Above
	}
	return l.Below != nil && score < *l.Below
}

// Words names a threshold for people: complaint above 0.7. It returns "" for nil.
func (l *Level) Words() string {
	number := func(x *float64) string { return strconv.FormatFloat(*x, 'g', -1, 64) }
	switch {
	case l == nil:
		return ""
	case l.Above != nil:
		return l.Intent + " above " + number(l.Above)
	case l.Below != nil:
		return l.Intent + " below " + number(l.Below)
	}
	return l.Intent
}

// Fields implements syntax.Part.
func (l *Level) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "intent", Doc: "The name of an intent of intents.yaml.", Value: syntax.Intent{To: &l.Intent}},
		{Key: "above", Doc: "The score is greater.", Value: syntax.Score{To: &l.Above}},
		{Key: "below", Doc: "The score is less.", Value: syntax.Score{To: &l.Below}},
	}
}

// ReadLevel reads the threshold of an intent: either above or below. what names the mapping in diagnostics.
func ReadLevel(m *source.Mapping, intent, what string) *Level {
	l := &Level{Intent: intent}
	above, below := m.Get("above"), m.Get("below")
	switch {
	case above == nil && below == nil && !m.Near("above") && !m.Near("below"):
		m.Report(m.Node.Pos, "missing-key", "", "%q is missing: %s by intent needs a score, above or below", "above", what)
	case above != nil && below != nil:
		m.Report(m.Key("below"), "unknown-key", "", "%s by intent has one threshold: above or below", what)
	}
	r := &syntax.Reader{Document: m.Document, Keys: m, Step: &syntax.Step{}}
	r.Fields(syntax.Pick(l.Fields(), "above", "below")...)
	if l.Above != nil {
		l.Below = nil
	}
	return l
}

// StrayThreshold reports whether a mapping without an intent has a threshold, and then counts it as read.
func StrayThreshold(m *source.Mapping) bool {
	if m.Index("above") < 0 && m.Index("below") < 0 || m.Near("intent") {
		return false
	}
	m.Known = append(m.Known, "above", "below")
	return true
}

// valid checks a threshold.
func (l *Level) valid() error {
	threshold := l.Above
	if threshold == nil {
		threshold = l.Below
	}
	switch {
	case l.Intent == "":
		return errors.New("a level without an intent")
	case (l.Above == nil) == (l.Below == nil):
		return errors.New("a level is above or below a score")
	case !(*threshold >= 0 && *threshold <= 1):
		return fmt.Errorf("the level %v", *threshold)
	}
	return nil
}
