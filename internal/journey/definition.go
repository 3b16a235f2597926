package journey

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Definition is a compiled journey: a flat list of steps with jump targets, as the interpreter runs it. It holds no
// positions and no comments, so that its Revision changes only when its meaning does. It travels, compressed (Pack), in
// the workflow input.
type Definition struct {
	Journey     string        `json:"journey"`
	Description string        `json:"description,omitempty"`
	Owner       string        `json:"owner,omitempty"`
	Entry       Entry         `json:"entry"`
	Vars        number.Object `json:"vars,omitempty"` // initial values, as in JSON
	Goal        *Goal         `json:"goal,omitempty"`
	Exit        []ExitRule    `json:"exit,omitempty"`
	Reroute     []RerouteRule `json:"reroute,omitempty"`
	Timeout     time.Duration `json:"timeout"` // maximum duration of an enrollment; default 90 days
	Paths       []Path        `json:"paths"`   // main first, the others sorted by name
	Steps       []Step        `json:"steps"`
}

// End is the jump target after the last step of a path.
const End = -1

// Main is the path on which an enrollment starts.
const Main = "main"

// DefaultTimeout is the maximum duration of an enrollment if the journey sets none.
const DefaultTimeout = 90 * 24 * time.Hour

// Path is a named list of steps.
type Path struct {
	Name  string `json:"name"`
	Start int    `json:"start"` // index of its first step, or End
}

// Step is one instruction. Spec is the kind's own part, of the type that Kinds lists for Kind.
type Step struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"`
	Name string    `json:"name,omitempty"` // for people
	Path string    `json:"path"`
	When expr.Expr `json:"when,omitempty"` // skip the step unless true
	Next int       `json:"next"`           // index of the step after this one, or End
	Spec Spec      `json:"spec"`
}

// Reentry modes.
const (
	ReentryNever     = "never"
	ReentryAlways    = "always"
	ReentryAfterExit = "after_exit"
	ReentryAfter     = "after"
)

// Entry defines who enters: by an event (Events), by schedule (Schedule), or, with neither, when the condition When
// becomes true.
type Entry struct {
	Events   []string      `json:"events,omitempty" key:"event"`
	Schedule *Schedule     `json:"schedule,omitempty"` // at each of its moments, every customer for whom When is true enters
	When     expr.Expr     `json:"when,omitempty"`
	Key      expr.Expr     `json:"key,omitempty"` // a missing value means no entry
	Reentry  string        `json:"reentry"`       // one of the Reentry modes
	After    time.Duration `json:"after,omitempty"`
	Holdout  float64       `json:"holdout,omitempty"` // percent, 0…100
}

// Goal defines the success of a journey.
type Goal struct {
	Events []string      `json:"events,omitempty" key:"event"` // empty: every event of the customer
	When   expr.Expr     `json:"when,omitempty"`
	Value  expr.Expr     `json:"value,omitempty"`
	Within time.Duration `json:"within,omitempty"` // 0: as long as the path lasts
}

// ExitRule ends an enrollment early.
type ExitRule struct {
	Events  []string  `json:"events,omitempty" key:"event"` // empty: every event of the customer
	When    expr.Expr `json:"when,omitempty"`
	Outcome string    `json:"outcome"` // default exited
}

// Schedule is a time of day on some days of the week.
type Schedule struct {
	At       localtime.Time `json:"at"`
	Days     []string       `json:"days,omitempty"`     // of Weekdays, in that order; empty: every day
	Timezone string         `json:"timezone,omitempty"` // IANA name; empty: each customer's own
}

// Fields implements syntax.Part.
func (s *Schedule) Fields() []syntax.Field {
	return []syntax.Field{
		{
			Key: "at", Doc: "The time of day.", Need: "the time of day at which customers enter",
			Value: syntax.LocalTime{To: &s.At},
		},
		{Key: "days", Value: syntax.Days{To: &s.Days}},
		{Key: "timezone", Value: syntax.Zone{To: &s.Timezone}},
	}
}

// RerouteRule moves an enrollment to another path.
type RerouteRule struct {
	Events []string  `json:"events,omitempty" key:"event"` // empty: every event of the customer
	Level  *Level    `json:"level,omitempty"`              // an intent must hold; checked on every event, and when decay crosses Below
	When   expr.Expr `json:"when,omitempty"`
	GoTo   string    `json:"go_to"`            // a path
	Repeat bool      `json:"repeat,omitempty"` // more than once per enrollment
}

// Step returns the step with an id, or nil.
func (d *Definition) Step(id string) *Step {
	for i := range d.Steps {
		if d.Steps[i].ID == id {
			return &d.Steps[i]
		}
	}
	return nil
}
