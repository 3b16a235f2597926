// Package contract holds what the interpreter and the rest of tabi agree on: names, ids, what comes to a run, and the
// inputs and outputs of activities. It does not import the Temporal SDK, so that rooms and channels can use it for types.
package contract

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Names that channels use; see docs/channels.md.
const (
	TaskQueue    = "journeys"
	JourneyType  = "Journey" // workflow type of an instance
	TrackType    = "Track"   // workflow type that takes one event for the store
	EventName    = "event"   // signal and update: Event
	StateQuery   = "state"   // query: State view
	ExitUpdate   = "exit"    // update: Command
	PauseUpdate  = "pause"
	ResumeUpdate = "resume"
	SkipUpdate   = "skip"
	GoToUpdate   = "go_to"
	// MigrateOrder is the kind of an order to go over to another revision. It comes through the store alone,
	// which adds the definition.
	MigrateOrder = "migrate"
)

// Search attributes of every instance; all Keyword.
const (
	AttrJourney  = "Journey"
	AttrCustomer = "CustomerId"
	AttrRevision = "JourneyRevision"
)

// MemoEnrollment is the memo field that holds the enrollment id.
const MemoEnrollment = "enrollment"

// InterpreterVersion is the version of this interpreter that new instances start with.
const InterpreterVersion = 1

// Event is what the signal and the update `event` carry. Channels fill ID, Name, Time and Properties; Enrollment and
// what follows are the relay's: an event without Enrollment is recorded in the store first and comes back by the relay.
type Event struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Time       time.Time      `json:"time,omitzero"`
	Properties map[string]any `json:"properties,omitempty"`
	Enrollment string         `json:"enrollment,omitempty"`
	// Received is when the store took it in, in virtual time; zero where that is not known.
	Received time.Time `json:"received,omitzero"`
	// Traits are the top-level traits this event changed, of those the journey listens to.
	Traits []string `json:"traits,omitempty"`
	// Handoff is set on the resolution of a hand-off; Name is then HandoffResolved, Properties hold outcome,
	// agent and note-free data.
	Handoff string `json:"handoff,omitempty"`
	// Command is set on an order given through the store (pause, resume, exit); Name is then Commanded.
	Command *Command `json:"command,omitempty"`
}

// Names of deliveries that are not a customer's events.
const (
	HandoffResolved = "tabi.handoff_resolved"
	IntentChanged   = "tabi.intent_changed" // a score changed without an event of the customer: it was set by hand, or its definition changed
	Commanded       = "tabi.command"
)

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
	By     string `json:"by,omitempty"`     // who gave it, for the record
	Reason string `json:"reason,omitempty"` // shown in the Temporal UI
	Target string `json:"target,omitempty"` // go_to: path or step id
	// Revision, Definition and Renamed are MigrateOrder's: the revision to go over to, journey.Pack of it, and
	// old step id → new one.
	Revision   string            `json:"revision,omitempty"`
	Definition []byte            `json:"definition,omitempty"`
	Renamed    map[string]string `json:"renamed,omitempty"`
}

// Input starts an instance.
type Input struct {
	Interpreter int            `json:"interpreter"`
	Enrollment  string         `json:"enrollment"`
	Journey     string         `json:"journey"`
	Revision    string         `json:"revision"`
	Customer    string         `json:"customer"`
	Key         string         `json:"key,omitempty"`
	Clock       clock.Clock    `json:"clock,omitzero"`
	EnteredAt   time.Time      `json:"entered_at"`        // virtual
	EntryEvent  string         `json:"entry_event"`       // event id
	EntryName   string         `json:"entry_name"`        // event name
	Entry       map[string]any `json:"entry,omitempty"`   // of its properties, those the journey reads
	Holdout     bool           `json:"holdout,omitempty"` // takes no step
	// Arms makes splits go a certain way, in a simulation: split step id → arm name.
	Arms       map[string]string `json:"arms,omitempty"`
	Definition []byte            `json:"definition"` // journey.Pack; behind what people read in the Temporal UI
}

// Outcomes that tabi itself gives.
const (
	Completed = "completed"
	Goal      = "goal"
	TimedOut  = "timeout"
	Cancelled = "cancelled"
	Failed    = "failed"
	Exited    = "exited"
)

// Result is what a run returns.
type Result struct {
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // in words
	Value   float64 `json:"value,omitempty"`  // of the goal
	Steps   int     `json:"steps"`            // steps passed
}

// TrackInput is what workflow type Track takes: a Segment call.
type TrackInput struct {
	Type        string         `json:"type,omitempty"` // default track
	UserID      string         `json:"userId,omitempty"`
	AnonymousID string         `json:"anonymousId,omitempty"`
	Event       string         `json:"event,omitempty"`
	MessageID   string         `json:"messageId"` // default: the workflow id
	Timestamp   time.Time      `json:"timestamp,omitzero"`
	Properties  map[string]any `json:"properties,omitempty"`
	Traits      map[string]any `json:"traits,omitempty"`
}

// TrackResult says what became of it.
type TrackResult struct {
	ID        string `json:"id"`
	Customer  string `json:"customer"`
	Duplicate bool   `json:"duplicate,omitempty"`
}
