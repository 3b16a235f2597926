package contract

import (
	"encoding/json"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Names of the activities. Package activities implements them.
const (
	ReportActivity   = "report"   // Report → none (local)
	EvaluateActivity = "evaluate" // Evaluate → EvaluateResult (local)
	AssignActivity   = "assign"   // Assign → Unassigned (local)
	SendActivity     = "send"     // Send → SendResult (local)
	DeliverActivity  = "deliver"  // Send → SendResult (normal, with a retry policy; what send could not do at once)
	HandoffActivity  = "handoff"  // OpenHandoff → none (local)
	WithdrawActivity = "withdraw" // WithdrawHandoff → none (local)
	RecordActivity   = "record"   // Record → TrackResult (local)
	DueActivity      = "due"      // Due → DueResult (local)
	EmitActivity     = "emit"     // Emit → Unassigned (local)
	CallActivity     = "call"     // Call → CallResult (normal, with a retry policy)
	MoveActivity     = "move"     // Move → MoveResult (local)
	DecideActivity   = "decide"   // Decide → DecideResult (local)
	LevelsActivity   = "levels"   // Levels → LevelsResult (local)
	ReplyActivity    = "reply"    // Reply → ReplyResult (local)
)

// Superseded is the type of the application error with which an activity refuses a run whose enrollment is closed, or
// belongs to the runs of another start. The run ends at once and reports nothing.
const Superseded = "Superseded"

// Ref says for which enrollment an activity acts. The first activity of a chain claims the enrollment. It does not name the
// customer: the id that the enrollment began with may have been merged, or belong to another customer by now. The store knows
// the enrollment's customer of now.
type Ref struct {
	Enrollment string      `json:"enrollment"`
	Chain      string      `json:"chain"` // first run id of the chain
	Journey    string      `json:"journey"`
	Revision   string      `json:"revision"`
	Clock      clock.Clock `json:"clock,omitzero"`
}

// StepVisit is a step that was passed or skipped.
type StepVisit struct {
	Revision string    `json:"revision,omitempty"` // that has the step, if the enrollment migrated before this report
	Step     string    `json:"step"`
	Kind     string    `json:"kind"`
	Visit    int       `json:"visit"` // from 1
	At       time.Time `json:"at"`    // virtual
	Outcome  string    `json:"outcome,omitempty"`
	// Arm is the way it went: the number of an arm (from 1; journey.ArmNumber), the name of a split's arm, a
	// key such as else, none, on_timeout, on_blocked or on_failure, an outcome of a hand-off, or skipped
	// (journey.ArmSkipped). It is empty if the step has one way only, or continues after itself.
	Arm string `json:"arm,omitempty"`
}

// Position is where an enrollment waits.
type Position struct {
	Step   string    `json:"step"` // empty after the end of a path
	Kind   string    `json:"kind"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"`
	For    []string  `json:"for,omitempty"`    // in words
	Silent bool      `json:"silent,omitempty"` // it only watches for its goal, and does not count as open for re-entry
	Paused bool      `json:"paused,omitempty"`
}

// Report reports which steps were passed, and where the enrollment waits or how it ended.
type Report struct {
	Ref
	Seq    int         `json:"seq"` // from 1, increasing within the chain: a repeat changes nothing
	Passed []StepVisit `json:"passed,omitempty"`
	Parked *Position   `json:"parked,omitempty"`
	Key    string      `json:"key,omitempty"` // enrollment/step/visit of the wait, if sends or hand-offs are stored under it
	Ended  *Ended      `json:"ended,omitempty"`
	// Snapshot is the state in which another run can continue from here (workflows.Snapshot, JSON); nil: the last one stays.
	Snapshot json.RawMessage `json:"snapshot,omitempty"`
	// Acts are what people did with the run by Temporal itself, for the audit log. What they did by tabi is there already.
	Acts []Act `json:"acts,omitempty"`
}

// Act is a command that came to a run by an update, and not through the outbox.
type Act struct {
	Kind   string `json:"kind"`             // name of the update; cancel: the workflow was canceled
	By     string `json:"by,omitempty"`     // as the update says; nobody has checked it
	Target string `json:"target,omitempty"` // step or path
	Vain   bool   `json:"vain,omitempty"`   // what was handled before it had made it pointless
}

// Ended says how an enrollment ended.
type Ended struct {
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Value   float64   `json:"value,omitempty"`
	At      time.Time `json:"at"`
}

// EvalContext is what an expression or a template may see besides the customer. Events are named by id and read
// from the store.
type EvalContext struct {
	EntryEvent string            `json:"entry_event,omitempty"`
	Event      string            `json:"event,omitempty"` // the event at hand
	Vars       number.Object     `json:"vars,omitempty"`
	Steps      number.Objects    `json:"steps,omitempty"`       // results, without the properties of events
	StepEvents map[string]string `json:"step_events,omitempty"` // step id → id of the event it took
	StepCalls  map[string]string `json:"step_calls,omitempty"`  // step id → key of the call whose response the store keeps
}

// Evaluate asks for the values of expressions that read the customer. Only the answers enter history.
type Evaluate struct {
	Ref
	EvalContext
	Exprs []expr.Expr `json:"exprs"`
	// Moment is set for `wait: {until: …}`. The one answer is then a moment, RFC 3339 in UTC, with Offset
	// applied. A date means midnight in Timezone ("customer" or empty: the customer's, UTC if that is unknown).
	Moment *MomentSpec `json:"moment,omitempty"`
}

// MomentSpec says how to read a value as a moment.
type MomentSpec struct {
	Offset   time.Duration `json:"offset,omitempty"`
	Timezone string        `json:"timezone,omitempty"`
	// At, if set, asks for the next moment at which clocks in Timezone show it, on one of Days. Exprs are then empty.
	At   localtime.Time `json:"at,omitempty"`
	Days []string       `json:"days,omitempty"`
	// From is what At is counted from; zero: now. A run that began late counts from before now.
	From time.Time `json:"from,omitzero"`
}

// EvaluateResult has an answer for each expression. Missing says which expressions have no value.
type EvaluateResult struct {
	Values  number.List `json:"values"` // timestamps as RFC 3339 strings
	Missing []bool      `json:"missing"`
	// Why says in words, for each expression without a value, why it has none; nil if all have one.
	Why []string `json:"why,omitempty"`
}

// Unassigned is the result of what assigns several values: what had no value, with the reason in words, as
// "customer.tier (plan is missing)". No value of the customer is in it.
type Unassigned struct {
	LeftOut []string `json:"left_out,omitempty"`
	Stopped string   `json:"stopped,omitempty"` // the limit that kept the step from assigning or emitting anything
}

// Assign sets traits of the customer. Values are evaluated where the data is. A missing value leaves the trait alone.
type Assign struct {
	Ref
	EvalContext
	Key    string               `json:"key"` // enrollment/step/visit: a repeat changes nothing
	Assign []journey.Assignment `json:"assign"`
}

// Send asks to send one message to one customer.
type Send struct {
	Ref
	EvalContext
	Key   string       `json:"key"` // enrollment/step/visit
	Step  string       `json:"step"`
	Visit int          `json:"visit"`
	Spec  journey.Send `json:"spec"`
	// Action is the next best action whose message it is, if a decision was made and its send is repeated.
	Action string `json:"action,omitempty"`
	// Planned is the moment for which it was planned, at or before now: when the wait before it was due, or the event before it
	// arrived. Frequency caps compare these moments, since the moment at which an activity runs is a matter of chance. Zero: now.
	Planned time.Time `json:"planned,omitzero"`
	// Keep stores the rendered text, as part of a conversation that people read (ask).
	Keep bool `json:"keep,omitempty"`
	// GiveUp, if set, sends nothing, and settles the send as failed with this reason: its retries have ended.
	GiveUp string `json:"give_up,omitempty"`
	// After is the Retry-After of the provider at the attempt before, and Why is its reason (DeliverActivity).
	After time.Duration `json:"after,omitempty"`
	Why   string        `json:"why,omitempty"`
}

// Statuses of a send.
const (
	StatusSent       = "sent"
	StatusSuppressed = "suppressed"
	StatusFailed     = "failed"
	StatusRetry      = "retry"  // not sent yet: DeliverActivity repeats it
	StatusPaused     = "paused" // the journey is paused: try again after resume
	StatusHeld       = "held"   // by quiet hours: try again at Until
	StatusChosen     = "chosen" // of a decision that sends nothing
)

// SendResult is the result of a send.
type SendResult struct {
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
	Channel string `json:"channel,omitempty"`
	// RetryAfter is the Retry-After of the provider, with StatusRetry; 0: it did not say.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// Until is the end of the quiet hours, virtual, with StatusHeld.
	Until time.Time `json:"until,omitzero"`
}

// Decide asks for the next best action, and sends its message. A repeat under one Key gets the same answer.
type Decide struct {
	Ref
	EvalContext
	Key   string         `json:"key"` // enrollment/step/visit
	Step  string         `json:"step"`
	Visit int            `json:"visit"`
	Spec  journey.Decide `json:"spec"`
	// Planned is that of Send.
	Planned time.Time `json:"planned,omitzero"`
}

// DecideResult is the decision and the result of its send. Action is empty if nothing was chosen; Reason is
// then that of the candidate that came furthest. With StatusRetry, DeliverActivity is to send Message by
// Channel.
type DecideResult struct {
	SendResult
	Action     string  `json:"action,omitempty"`
	Message    string  `json:"message,omitempty"`
	Propensity float64 `json:"propensity,omitempty"`
	Priority   float64 `json:"priority,omitempty"`
}

// Levels asks which levels of the customer's intents hold now.
type Levels struct {
	Ref
	Levels []journey.Level `json:"levels"`
}

// LevelsResult has an answer for each level. Fade is the moment at which fading alone makes the next level with Below
// hold; zero: none.
type LevelsResult struct {
	Hold []bool    `json:"hold"`
	Fade time.Time `json:"fade,omitzero"` // virtual
}

// Reply asks which arm of a question takes a message of the customer.
type Reply struct {
	Ref
	Event string             `json:"event"` // id
	Step  string             `json:"step"`  // that sent the question
	Arms  []journey.ReplyArm `json:"arms"`
	// Text asks for the text of the message too: expressions of the journey name it.
	Text bool `json:"text,omitempty"`
}

// ReplyResult says which arm takes the message.
type ReplyResult struct {
	Arm        int     `json:"arm"`              // from 0; -1: none, or it is no reply to this question
	Intent     string  `json:"intent,omitempty"` // empty: none of the intents
	Confidence float64 `json:"confidence,omitempty"`
	Text       string  `json:"text,omitempty"`
}

// OpenHandoff puts the customer into a queue of agents. ID is enrollment/step/visit.
type OpenHandoff struct {
	Ref
	EvalContext
	ID    string          `json:"id"`
	Step  string          `json:"step"`
	Until time.Time       `json:"until,omitzero"`
	Spec  journey.Handoff `json:"spec"`
}

// WithdrawHandoff closes a hand-off that timed out, or whose enrollment moved elsewhere.
type WithdrawHandoff struct {
	Ref
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Due asks which deliveries the store accepted by At and the relay has not delivered: before a deadline fires, the run
// waits for them.
type Due struct {
	Ref
	At time.Time `json:"at"` // virtual
}

// DueResult has the ids of those deliveries, at most ten.
type DueResult struct {
	OnTheirWay []string `json:"on_their_way,omitempty"`
}

// Record stores an event that was sent straight to a run or to a Track workflow. With Enrollment it is an event of that
// enrollment's customer of now, whoever the call names: the id that an enrollment began with may belong to another one by now.
type Record struct {
	Clock      clock.Clock `json:"clock,omitzero"`
	Enrollment string      `json:"enrollment,omitempty"`
	Call       TrackInput  `json:"call,omitzero"`
	// Raw is the input of Track as it came, in place of Call; ID is its message id if it names none.
	Raw json.RawMessage `json:"raw,omitempty"`
	ID  string          `json:"id,omitempty"`
}

// Emit makes an event of the customer, once per Key.
type Emit struct {
	Ref
	EvalContext
	Key  string       `json:"key"` // enrollment/step/visit
	Spec journey.Emit `json:"spec"`
	// Planned is that of Send. It is the time of the event.
	Planned time.Time `json:"planned,omitzero"`
}

// Call makes an HTTP request. An attempt that may be repeated returns an error, a final one a CallResult.
type Call struct {
	Ref
	EvalContext
	Key  string       `json:"key"` // enrollment/step/visit: goes out as Idempotency-Key
	Step string       `json:"step"`
	Spec journey.Call `json:"spec"`
	// Reads names the fields of the response's body that expressions of the journey read ("*": all). The others
	// stay in the store, for templates.
	Reads []string `json:"reads,omitempty"`
}

// CallResult is the result of a call.
type CallResult struct {
	Status int    `json:"status,omitempty"` // HTTP status; 0: no answer
	Body   any    `json:"body,omitempty"`   // JSON, only the fields in Reads; otherwise text
	Failed bool   `json:"failed,omitempty"`
	Reason string `json:"reason,omitempty"` // in words, without customer data
}

// UnmarshalJSON keeps the digits of the body's numbers.
func (r *CallResult) UnmarshalJSON(data []byte) error {
	type plain CallResult
	in := struct {
		*plain
		Body json.RawMessage `json:"body"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(data, &in); err != nil || len(in.Body) == 0 {
		return err
	}
	return number.Decode(in.Body, &r.Body)
}

// Move reports that an enrollment moves to another revision, or why it stays. From its commit on, the store serves the
// enrollment by the new revision.
type Move struct {
	Ref
	To      string   `json:"to"`                // revision
	Step    string   `json:"step,omitempty"`    // where it continues
	Refused string   `json:"refused,omitempty"` // why it stays, in words; empty: it moves
	Events  []string `json:"events,omitempty"`  // ids of events whose properties are wanted as the new revision reads them
}

// MoveResult has the properties that the new revision reads, of the entry and of the events in Move.Events.
type MoveResult struct {
	Entry  json.RawMessage            `json:"entry,omitempty"`  // a JSON object; nil: no properties
	Events map[string]json.RawMessage `json:"events,omitempty"` // by id; nil: no properties
}
