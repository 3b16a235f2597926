package journey

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Definition is a compiled journey: a flat list of steps with jump targets, as the interpreter runs it. It holds no
// positions and no comments, so that its Revision changes only when its meaning does. It travels, compressed (Pack), in
// the workflow input.
type Definition struct {
	Journey     string         `json:"journey"`
	Description string         `json:"description,omitempty"`
	Owner       string         `json:"owner,omitempty"`
	Entry       Entry          `json:"entry"`
	Vars        map[string]any `json:"vars,omitempty"` // initial values, as in JSON
	Goal        *Goal          `json:"goal,omitempty"`
	Exit        []ExitRule     `json:"exit,omitempty"`
	Reroute     []RerouteRule  `json:"reroute,omitempty"`
	Timeout     time.Duration  `json:"timeout"` // maximum duration of an enrollment; default 90 days
	Paths       []Path         `json:"paths"`   // main first, the others sorted by name
	Steps       []Step         `json:"steps"`
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

// Spec is what a step kind compiles to. Implementations are pointers to the structs below.
type Spec interface{ Kind() string }

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
	Events   []string      `json:"events,omitempty"`
	Schedule *Schedule     `json:"schedule,omitempty"` // at each of its moments, every customer for whom When is true enters
	When     expr.Expr     `json:"when,omitempty"`
	Key      expr.Expr     `json:"key,omitempty"` // a missing value means no entry
	Reentry  string        `json:"reentry"`       // one of the Reentry modes
	After    time.Duration `json:"after,omitempty"`
	Holdout  float64       `json:"holdout,omitempty"` // percent, 0…100
}

// Goal defines the success of a journey.
type Goal struct {
	Events []string      `json:"events,omitempty"` // empty: every event of the customer
	When   expr.Expr     `json:"when,omitempty"`
	Value  expr.Expr     `json:"value,omitempty"`
	Within time.Duration `json:"within,omitempty"` // 0: as long as the path lasts
}

// ExitRule ends an enrollment early.
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

// RerouteRule moves an enrollment to another path.
type RerouteRule struct {
	Events []string  `json:"events,omitempty"` // empty: every event of the customer
	Level  *Level    `json:"level,omitempty"`  // an intent must hold; checked on every event, and when decay crosses Below
	When   expr.Expr `json:"when,omitempty"`
	GoTo   string    `json:"go_to"`            // a path
	Repeat bool      `json:"repeat,omitempty"` // more than once per enrollment
}

// Wait parks for Duration, or until the moment that Until evaluates to plus Offset, or until the next time of day At on
// one of Days.
type Wait struct {
	At       LocalTime     `json:"at,omitempty"`
	Days     []string      `json:"days,omitempty"` // of Weekdays, in that order; empty: every day
	Duration time.Duration `json:"duration,omitempty"`
	Until    expr.Expr     `json:"until,omitempty"`
	Offset   time.Duration `json:"offset,omitempty"` // may be negative
	Timezone string        `json:"timezone,omitempty"`
}

// EventArm is an arm of wait_for: it waits for an event or, with Level, for an intent.
type EventArm struct {
	Events []string  `json:"events"`
	Level  *Level    `json:"level,omitempty"` // Events and When are then empty
	When   expr.Expr `json:"when,omitempty"`
	Then   int       `json:"then"` // index of the first step, or the step's Next
}

// WaitFor parks until an arm's event arrives or Timeout has passed.
type WaitFor struct {
	Arms      []EventArm    `json:"arms"`
	Timeout   time.Duration `json:"timeout"`
	OnTimeout int           `json:"on_timeout"`
	Since     string        `json:"since,omitempty"` // "entry" also considers events since the entry
}

type BranchArm struct {
	When expr.Expr `json:"when"`
	Then int       `json:"then"`
}

// Branch takes the first arm that is true.
type Branch struct {
	Arms []BranchArm `json:"arms"`
	Else int         `json:"else"`
}

type SplitArm struct {
	Weight float64 `json:"weight"`
	Name   string  `json:"name,omitempty"`
	Then   int     `json:"then"`
}

// Split takes an arm that depends only on journey, step and customer.
type Split struct {
	Arms []SplitArm `json:"arms"`
}

// Categories of a send.
const (
	Marketing     = "marketing"
	Transactional = "transactional"
)

// Send sends a message on the first permitted channel of Via. An empty Via means best: the permitted channel of the
// message that the customer answers most.
type Send struct {
	Message   string               `json:"message"`
	Via       []string             `json:"via,omitempty"`
	Data      map[string]expr.Expr `json:"data,omitempty"`
	Category  string               `json:"category"` // Marketing (default) or Transactional
	Topic     string               `json:"topic,omitempty"`
	Tone      string               `json:"tone,omitempty"`
	OnBlocked int                  `json:"on_blocked"` // default Next
	OnFailure int                  `json:"on_failure"` // default Next
}

// Decide chooses the next best of some actions and sends its message on the winning channel, unless Choose is set.
type Decide struct {
	Group   string   `json:"group,omitempty"`   // a group of actions, as in the current release; or
	Actions []string `json:"actions,omitempty"` // actions by name
	Via     []string `json:"via,omitempty"`     // restricts the channels; empty: each action's own
	Choose  bool     `json:"choose,omitempty"`  // do not send: `send: false`
	None    int      `json:"none"`              // default Next
}

// ReplyArm is an arm of ask. Exactly one of Intent, Matches and Any is set.
type ReplyArm struct {
	Intent  string `json:"intent,omitempty"`  // the intent that the reply is classified as
	Matches string `json:"matches,omitempty"` // RE2 syntax; matches anywhere in the text
	Any     bool   `json:"any,omitempty"`
	Then    int    `json:"then"`
}

// Ask sends a message and waits for the customer's reply: the first later `Message Received` that matches an arm.
type Ask struct {
	Question  Send          `json:"question"` // its OnBlocked and OnFailure default to the target of OnTimeout
	Timeout   time.Duration `json:"timeout"`  // from the moment of asking
	Replies   []ReplyArm    `json:"replies"`
	OnTimeout int           `json:"on_timeout"`
}

// Priorities of a handoff, lowest first.
var Priorities = []string{"low", "normal", "high", "urgent"}

// Handoff assigns the customer to an agent of a queue.
type Handoff struct {
	Queue     string         `json:"queue"`
	Priority  string         `json:"priority"`       // default normal
	Note      string         `json:"note,omitempty"` // Liquid
	Timeout   time.Duration  `json:"timeout,omitempty"`
	Outcomes  map[string]int `json:"outcomes,omitempty"` // outcome → first step; others go to Next
	OnTimeout int            `json:"on_timeout"`
}

// Assignment is one line of set; Target is "vars" or "customer", Name the dotted path in it.
type Assignment struct {
	Target string    `json:"target"`
	Name   string    `json:"name"`
	Value  expr.Expr `json:"value"`
}

// Set assigns values in the order of the file.
type Set struct {
	Assign []Assignment `json:"assign"`
}

// Emit creates an event of this customer. A property without a value is left out.
type Emit struct {
	Event      string               `json:"event"`
	Properties map[string]expr.Expr `json:"properties,omitempty"`
}

// DefaultCallTimeout bounds one attempt of a call without a timeout of its own. MaxCallTimeout is the highest timeout
// allowed.
const (
	DefaultCallTimeout = 10 * time.Second
	MaxCallTimeout     = 60 * time.Second
)

// Call is an HTTP request. URL, header values, Body and the strings in JSON are Liquid.
type Call struct {
	Method    string            `json:"method"` // default GET, POST with a body
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body,omitempty"` // as written, or
	JSON      any               `json:"json,omitempty"` // a mapping or list, sent as JSON
	Timeout   time.Duration     `json:"timeout"`        // of one attempt
	OnFailure int               `json:"on_failure"`     // default Next
}

// GoTo jumps.
type GoTo struct {
	Target string `json:"target"` // as written: a path or a step id
	To     int    `json:"to"`
}

// Exit ends the enrollment with Outcome.
type Exit struct {
	Outcome string `json:"outcome"`
}

func (*Wait) Kind() string    { return "wait" }
func (*WaitFor) Kind() string { return "wait_for" }
func (*Branch) Kind() string  { return "branch" }
func (*Split) Kind() string   { return "split" }
func (*Send) Kind() string    { return "send" }
func (*Decide) Kind() string  { return "decide" }
func (*Ask) Kind() string     { return "ask" }
func (*Handoff) Kind() string { return "handoff" }
func (*Set) Kind() string     { return "set" }
func (*Emit) Kind() string    { return "emit" }
func (*Call) Kind() string    { return "call" }
func (*GoTo) Kind() string    { return "go_to" }
func (*Exit) Kind() string    { return "exit" }

// Step returns the step with an id, or nil.
func (d *Definition) Step(id string) *Step {
	for i := range d.Steps {
		if d.Steps[i].ID == id {
			return &d.Steps[i]
		}
	}
	return nil
}
