package lint

import (
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// level reads an intent threshold: `intent`, and either above or below.
func (j *journeyCheck) level(m *source.Mapping, intent *source.Node, what string) *journey.Level {
	level := &journey.Level{Intent: j.intentName(intent)}
	above, below := m.Get("above"), m.Get("below")
	switch {
	case above == nil && below == nil && !m.Near("above") && !m.Near("below"):
		j.Report(m.Node.Pos, "missing-key", "", "%q is missing: %s by intent says above or below which score", "above", what)
	case above != nil && below != nil:
		j.Report(m.Key("below"), "unknown-key", "", "%s by intent has one threshold: above or below", what)
	}
	level.Above, level.Below = j.score(above, "above"), j.score(below, "below")
	if level.Above != nil {
		level.Below = nil
	}
	return level
}

// threshold reports whether a rule without an intent has a threshold.
func (j *journeyCheck) threshold(m *source.Mapping) bool {
	if m.Index("above") < 0 && m.Index("below") < 0 || m.Near("intent") {
		return false
	}
	m.Known = append(m.Known, "above", "below")
	return true
}

// score reads an intent score, or returns nil if there is none.
func (f *fileCheck) score(n *source.Node, what string) *float64 {
	if n == nil {
		return nil
	}
	v, _ := f.Number(n, what, 0, 1)
	return &v
}

func (f *fileCheck) intentName(n *source.Node) string {
	name, ok := f.Word(n, "intent")
	if ok && !f.Intents.Has(name) {
		f.Report(n.Pos, "unknown-intent", human.Suggest(name, f.Intents.Names), "%s", f.Intents.Unknown(name))
	}
	return name
}
