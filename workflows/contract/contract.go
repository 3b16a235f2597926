// Package contract holds what the interpreter and the rest of tabi agree on: names, ids, what comes to a run,
// and the inputs and outputs of activities. It does not import the Temporal SDK, so that rooms and channels can
// use it for types.
package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Names that channels use; see docs/channels.md.
const (
	TaskQueue    = "journeys"
	JourneyType  = "Journey"  // workflow type of an enrollment
	TrackType    = "Track"    // workflow type that takes one event into the store
	EventName    = "event"    // signal and update of channels: Event
	DeliveryName = "delivery" // signal and update of the relay: Delivery
	StateQuery   = "state"    // query: State view
	ExitUpdate   = "exit"     // update: Command
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	SkipUpdate   = "skip"
	GoToUpdate   = "go_to"
	// MigrateOrder is the kind of a command to move to another revision. It comes through the store only, which
	// adds the definition.
	MigrateOrder = "migrate"
)

// Search attributes of every enrollment; all Keyword.
const (
	AttrJourney  = "Journey"
	AttrCustomer = "CustomerId"
	AttrRevision = "JourneyRevision"
)

// MemoEnrollment is the memo field that holds the enrollment id.
const MemoEnrollment = "enrollment"

// InterpreterVersion is the version of this interpreter that new enrollments start with.
const InterpreterVersion = 1

// maxSummary is the maximum length of a summary, in bytes. Servers allow 400 for its JSON, in which a quote has two bytes.
const maxSummary = 180

// plainMarkdown replaces what has six bytes as JSON, and what would be a picture, a link or HTML in the Temporal UI: names and words of
// others are in these texts.
var plainMarkdown = strings.NewReplacer("<", "‹", ">", "›", "&", "+", "\x00", "", "\t", " ", "\n", " ", "\r", " ",
	"](", "] (", "][", "] [", "]:", "] :", "![", "! [")

// PlainMarkdown returns a text that the Temporal UI, which shows Markdown, shows as one line, without pictures, links and HTML.
func PlainMarkdown(text string) string { return plainMarkdown.Replace(text) }

// Summary returns text as a summary that the Temporal UI shows beside a run, an activity or a timer. A longer text would make
// the server refuse the start, or the workflow task at each try.
func Summary(text string) string {
	text = PlainMarkdown(text)
	if len(text) <= maxSummary {
		return text
	}
	end := maxSummary - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Event is an event of the customer as a channel sends it straight to a run: the signal and the update `event`
// carry it. The run first stores it, as every event; it comes back as a Delivery, to this run and to all others
// that listen for it.
type Event struct {
	ID         string        `json:"id"` // required: an event counts once by it
	Name       string        `json:"name"`
	Time       time.Time     `json:"time,omitzero"` // when it happened; default: now
	Properties number.Object `json:"properties,omitempty"`
}

// UnmarshalJSON reads an event as the gateway reads a call: a number as id or name, PHP's empty list as properties, a time in any form that
// has one meaning.
func (e *Event) UnmarshalJSON(data []byte) error {
	value, err := tolerant.Decode(data)
	if err != nil {
		return err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return errors.New("expected a JSON object")
	}
	r := tolerant.Reader{In: fields}
	*e = Event{ID: r.Text("id", math.MaxInt), Name: r.Text("name", math.MaxInt), Time: r.Time("time"), Properties: r.Object("properties")}
	if r.Problem != nil {
		return r.Problem
	}
	if _, err := number.Normal(map[string]any(e.Properties)); err != nil {
		return fmt.Errorf("properties: %w", err)
	}
	return nil
}

// Delivery is what the store sends to a run, in the order of the outbox: the signal and the update `delivery` carry it.
// Exactly one of Event, Command, HandoffResult and ScoresChanged is set.
type Delivery struct {
	ID         string    `json:"id"` // a run drops a delivery whose id it has seen
	Enrollment string    `json:"enrollment"`
	Received   time.Time `json:"received,omitzero"` // when the store accepted it, in virtual time; zero: not known

	Event         *CustomerEvent `json:"event,omitempty"`
	Command       *Command       `json:"command,omitempty"`
	HandoffResult *HandoffResult `json:"handoff_result,omitempty"`
	ScoresChanged *ScoresChanged `json:"scores_changed,omitempty"`
}

// CustomerEvent is an event of the customer, with the properties that the journey reads.
type CustomerEvent struct {
	Name string    `json:"name"`
	Time time.Time `json:"time,omitzero"`
	// Properties is a JSON object, as the store has it; nil: no properties. Values decodes it.
	Properties json.RawMessage `json:"properties,omitempty"`
	// Traits are the top-level traits that the event changed, of those the journey listens to.
	Traits []string `json:"traits,omitempty"`

	values map[string]any // of Properties, once they were decoded
}

// Values returns the properties. They are decoded once and must not be changed.
func (e *CustomerEvent) Values() map[string]any {
	if e.values == nil {
		e.values = PropertyValues(e.Properties)
	}
	return e.values
}

// PropertyValues decodes properties. Numbers are those of package number. It returns an empty map for nil, and for anything that is no
// JSON object.
func PropertyValues(properties json.RawMessage) map[string]any {
	if len(properties) == 0 {
		return map[string]any{}
	}
	values, err := number.DecodeObject(properties)
	if err != nil || values == nil {
		return map[string]any{}
	}
	return values
}

// HandoffResult is the outcome that an agent chose for a hand-off.
type HandoffResult struct {
	Handoff string `json:"handoff"` // id: enrollment/step/visit
	Outcome string `json:"outcome"`
	Agent   string `json:"agent"`
}

// ScoresChanged says that an intent's score changed without an event of the customer: it was set by hand, or its
// definition changed. The run asks for the scores itself.
type ScoresChanged struct{}

// Rejection types: typed application errors with which an update is refused for good; the relay counts them as
// delivered.
const (
	RejectDuplicate       = "Duplicate"       // the event was taken before
	RejectWrongEnrollment = "WrongEnrollment" // for another enrollment
	RejectInvalid         = "Invalid"         // no id, no name, unknown command or step
	RejectJourneyEnded    = "Ended"
)

// Command is an order of a person: the updates exit, pause, resume, skip and go_to take it.
type Command struct {
	Kind   string `json:"kind,omitempty"`   // exit, pause, resume; the update's name where it comes by one
	By     string `json:"by,omitempty"`     // who gave it, for the log
	Reason string `json:"reason,omitempty"` // shown in the Temporal UI
	Target string `json:"target,omitempty"` // go_to: path or step id
	// Revision, Definition, Renamed and Retime belong to MigrateOrder: the revision to move to, journey.Pack of it,
	// old step id → new one, and whether a wait ends as the new definition of its step says.
	Revision   string            `json:"revision,omitempty"`
	Definition []byte            `json:"definition,omitempty"`
	Renamed    map[string]string `json:"renamed,omitempty"`
	Retime     bool              `json:"retime,omitempty"`
}

// Input starts an enrollment.
type Input struct {
	Interpreter int         `json:"interpreter"`
	Enrollment  string      `json:"enrollment"`
	Journey     string      `json:"journey"`
	Revision    string      `json:"revision"`
	Customer    string      `json:"customer"` // the id by which the customer entered; a merge does not change it
	Draw        string      `json:"draw"`     // the id that splits hash, as of the entry
	Key         string      `json:"key,omitempty"`
	Clock       clock.Clock `json:"clock,omitzero"`
	EnteredAt   time.Time   `json:"entered_at"`  // virtual
	EntryEvent  string      `json:"entry_event"` // event id
	EntryName   string      `json:"entry_name"`  // event name
	// Entry is a JSON object with the properties of the entry event that the journey reads; nil: none. See PropertyValues.
	Entry   json.RawMessage `json:"entry,omitempty"`
	Holdout bool            `json:"holdout,omitempty"` // takes no step
	// Snapshot is the state of Report.Snapshot in which an enrollment begins again whose run was lost; nil: it begins at its
	// entry.
	Snapshot json.RawMessage `json:"snapshot,omitempty"`
	// Arms chooses the arms of splits in a simulation: step id → arm name.
	Arms       map[string]string `json:"arms,omitempty"`
	Definition []byte            `json:"definition"` // journey.Pack; last, because people read the fields before it in the Temporal UI
}

// Outcomes of tabi itself.
const (
	Completed = "completed"
	Goal      = "goal"
	TimedOut  = "timeout"
	Cancelled = "cancelled"
	Failed    = "failed"
	Exited    = "exited"
)

// Result is the return value of a run.
type Result struct {
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // in words
	Value   float64 `json:"value,omitempty"`  // of the goal
	Steps   int     `json:"steps"`            // steps passed
}

// TrackInput is the input of the workflow type Track: one Segment call.
type TrackInput struct {
	Type        string        `json:"type,omitempty"` // default track
	UserID      string        `json:"userId,omitempty"`
	AnonymousID string        `json:"anonymousId,omitempty"`
	Event       string        `json:"event,omitempty"`
	MessageID   string        `json:"messageId"` // default: the workflow id
	Timestamp   time.Time     `json:"timestamp,omitzero"`
	Properties  number.Object `json:"properties,omitempty"`
	Traits      number.Object `json:"traits,omitempty"`
}

// TrackResult says what the store made of the call.
type TrackResult struct {
	ID        string `json:"id"`
	Customer  string `json:"customer"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Unnamed   bool   `json:"unnamed,omitempty"`   // no search attribute may name the customer
	Forgotten bool   `json:"forgotten,omitempty"` // the customer was forgotten: nothing was stored
}
