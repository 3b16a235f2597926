package journey

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Definition is a compiled journey: a flat list of steps with jump targets, as the interpreter runs it.
// It holds no positions and no comments, so that its Revision changes only when its meaning does.
// It travels, compressed (Pack), in the workflow input.
type Definition struct {
	Journey     string         `json:"journey"`
	Description string         `json:"description,omitempty"`
	Owner       string         `json:"owner,omitempty"`
	Entry       Entry          `json:"entry"`
	Vars        map[string]any `json:"vars,omitempty"` // starting values: what JSON carries
	Goal        *Goal          `json:"goal,omitempty"`
	Exit        []ExitRule     `json:"exit,omitempty"`
	Reroute     []RerouteRule  `json:"reroute,omitempty"`
	Timeout     time.Duration  `json:"timeout"` // longest life of an instance; default 90 days
	Paths       []Path         `json:"paths"`   // main first, the others sorted by name
	Steps       []Step         `json:"steps"`
}

// End is the jump target behind the last step of a path.
const End = -1

// Main is the name of the path an instance begins on.
const Main = "main"

// DefaultTimeout is the longest life of an instance whose journey gives none.
const DefaultTimeout = 90 * 24 * time.Hour

// Path is a named list of steps.
type Path struct {
	Name  string `json:"name"`
	Start int    `json:"start"` // index of its first step, or End
}

// Step is one instruction. Spec is the kind's own part, of the type that Kinds gives for Kind.
type Step struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"`
	Name string    `json:"name,omitempty"` // for people
	Path string    `json:"path"`
	When expr.Expr `json:"when,omitempty"` // skip the step unless true
	Next int       `json:"next"`           // index of the step behind this one, or End
	Spec Spec      `json:"spec"`
}

// Reentry modes.
const (
	ReentryNever     = "never"
	ReentryAlways    = "always"
	ReentryAfterExit = "after_exit"
	ReentryAfter     = "after"
)

// Entry says who enters: by an event (Events), by schedule (Schedule), or, with neither, by a change of state:
// when When turns true.
type Entry struct {
	Events   []string      `json:"events,omitempty"`
	Schedule *Schedule     `json:"schedule,omitempty"` // at each of its moments every customer enters for whom When is true
	When     expr.Expr     `json:"when,omitempty"`
	Key      expr.Expr     `json:"key,omitempty"` // a missing value means no entry
	Reentry  string        `json:"reentry"`       // one of the Reentry modes
	After    time.Duration `json:"after,omitempty"`
	Holdout  float64       `json:"holdout,omitempty"` // percent, 0…100
}

// Goal is what the journey is for.
type Goal struct {
	Events []string      `json:"events,omitempty"` // empty: every event of the customer
	When   expr.Expr     `json:"when,omitempty"`
	Value  expr.Expr     `json:"value,omitempty"`
	Within time.Duration `json:"within,omitempty"` // 0: watched while the path lasts
}

// ExitRule ends an instance early.
type ExitRule struct {
	Events  []string  `json:"events,omitempty"` // empty: every event of the customer
	When    expr.Expr `json:"when,omitempty"`
	Outcome string    `json:"outcome"` // default exited
}

// Schedule is a time of day on some days of the week.
type Schedule struct {
	At       LocalTime `json:"at"`
	Days     []string  `json:"days,omitempty"`     // of Weekdays, in that order; empty: every day
	Timezone string    `json:"timezone,omitempty"` // IANA name; empty: each customer's own
}

// Level is a threshold of an intent's score. One of Above and Below is set.
type Level struct {
	Intent string   `json:"intent"`
	Above  *float64 `json:"above,omitempty"` // holds while the score is greater
	Below  *float64 `json:"below,omitempty"` // holds while the score is less
}

// Holds reports whether a score is beyond the threshold.
func (l *Level) Holds(score float64) bool {
	if l.Above != nil {
		return score > *l.Above
	}
	return l.Below != nil && score < *l.Below
}

// RerouteRule moves an instance to another path.
type RerouteRule struct {
	Events []string  `json:"events,omitempty"` // empty: every event of the customer
	Level  *Level    `json:"level,omitempty"`  // an intent must be there; checked on every event, and when fading crosses Below
	When   expr.Expr `json:"when,omitempty"`
	GoTo   string    `json:"go_to"`            // a path
	Repeat bool      `json:"repeat,omitempty"` // more than once per instance
}

// Step finds a step of a journey.
func (d *Definition) Step(id string) *Step {
	for i := range d.Steps {
		if d.Steps[i].ID == id {
			return &d.Steps[i]
		}
	}
	return nil
}
