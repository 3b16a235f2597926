package expr

import (
	"time"
)

// Vars are the variables of an expression.
type Vars struct {
	Customer  map[string]any
	Entry     map[string]any
	Event     map[string]any // nil: no current event; reading it is an error, which makes a condition false
	EventName string
	Intent    map[string]float64 // by name as written (expressions write - as _): every intent of the release, 0 without evidence
	Vars      map[string]any
	Steps     map[string]map[string]any // by step id as written; expressions write - as _
	Now       time.Time
	History   History // nil: count and last are errors
	Meter     *Meter  // counts what it costs; nil: nothing does
}

// History answers count() and last() over the customer's events. A within of 0 means all time.
type History interface {
	Count(event string, within time.Duration) (float64, error)
	Last(event string) (at time.Time, found bool, err error)
}

// Expr is the source of a CEL expression; empty means absent. A YAML literal is written as a CEL literal.
type Expr string

// IntentKey returns an intent's name as expressions write it, with _ for -.
func IntentKey(name string) string { return Key(name) }

// intentVars returns the scores by IntentKey.
func intentVars(scores map[string]float64) map[string]float64 {
	for name := range scores {
		if IntentKey(name) == name {
			continue
		}
		out := make(map[string]float64, len(scores))
		for name, score := range scores {
			out[IntentKey(name)] = score
		}
		return out
	}
	return scores
}
