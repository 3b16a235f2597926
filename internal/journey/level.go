package journey

import "github.com/tabi-journeys/tabi/internal/human"

// level reads a threshold of an intent: `intent`, and one of above and below.
func (j *journeyCheck) level(m *fields, intent *node, what string) *Level {
	level := &Level{Intent: j.intentName(intent)}
	above, below := m.get("above"), m.get("below")
	switch {
	case above == nil && below == nil && !m.near("above") && !m.near("below"):
		j.report(m.node.pos, "missing-key", "", "%q is missing: %s by intent says above or below which score", "above", what)
	case above != nil && below != nil:
		j.report(m.key("below"), "unknown-key", "", "%s by intent has one threshold: above or below", what)
	}
	level.Above, level.Below = j.score(above, "above"), j.score(below, "below")
	if level.Above != nil {
		level.Below = nil
	}
	return level
}

// threshold reports whether a rule without an intent has a threshold.
func (j *journeyCheck) threshold(m *fields) bool {
	if m.index("above") < 0 && m.index("below") < 0 || m.near("intent") {
		return false
	}
	m.known = append(m.known, "above", "below")
	return true
}

// score reads a score of an intent; nil where there is none.
func (f *fileCheck) score(n *node, what string) *float64 {
	if n == nil {
		return nil
	}
	v, _ := f.number(n, what, 0, 1)
	return &v
}

// intentName reads the name of an intent, as intents.yaml writes it.
func (f *fileCheck) intentName(n *node) string {
	name, ok := f.word(n, "intent")
	if ok && !f.intents.has(name) {
		f.report(n.pos, "unknown-intent", human.Suggest(name, f.intents.names), "%s", f.intents.unknown(name))
	}
	return name
}
