// Package store keeps what tabi must not lose: profiles, events, the outbox, enrollments, the ledger of
// contacts, hand-offs and releases, on SQLite (embedded) or PostgreSQL with one SQL text. Every method is one
// transaction. now is virtual time; leases use wall time.
package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Errors that callers distinguish.
var (
	ErrSuperseded error = refusal("the enrollment is closed or belongs to another run")
	ErrClockFixed error = refusal("the clock cannot change once there are events")
	ErrTooLate    error = refusal("too late: it was resolved, withdrawn or timed out before")
	ErrTaken      error = refusal("claimed by another agent")
	ErrBusy       error = refusal("another attempt of this send is running")
)

// EndedError is ErrNotMine where the chain that asks has ended the enrollment itself, or somebody for it: how
// it ended. A run learns it whose last workflow task was lost behind that end.
type EndedError struct{ Ended contract.Ended }

// Error implements error.
func (e *EndedError) Error() string {
	return "the enrollment is closed: it ended as " + e.Ended.Outcome
}

// Is makes it an ErrNotMine.
func (e *EndedError) Is(target error) bool { return target == ErrSuperseded }

// DroppedError says what a release would drop that a revision with open instances still names.
type DroppedError struct{ Missing []string } // sorted: `message "x", named by journey y (revision …, n open)`

// Options of Open.
type Options struct {
	URL      string // SQLite file path, ":memory:", or a postgres:// URL
	MaxConns int    // PostgreSQL only; default 16
	// Channels are those of this build, in the registry's order (activities/channels.Specs); the brain chooses
	// among them.
	Channels []channel.Spec
	// Scenario makes decisions those of a scenario: a consent property that is not given counts as given, and
	// nothing is explored.
	Scenario bool
	// Classifier is asked before the built-in one what a customer's message is about; nil: nothing is.
	Classifier TextClassifier
	// Notice hears of what is wrong in the database and stopped nothing, once; it is not to block. Nil: nobody
	// does. No text of a customer is in it.
	Notice func(text string, err error)
	// Holdout decides who is held out; default: a hash of journey and customer below percent.
	Holdout func(journey, customer string, percent float64) bool
	// Statements counts the statements that go to the database, begin and commit left out, for measurements.
	// Nil: nothing counts them.
	Statements *atomic.Int64
}

// TextClassifier says which of the intents, sorted, a customer's message is about: none of them is empty; the
// confidence is from 0 to 1. It keeps to a time limit of its own. On an error the built-in classifier is asked.
type TextClassifier func(ctx context.Context, text string, intents []string) (intent string, confidence float64, err error)

// SegmentCall is one call of Segment's tracking API, after the gateway's checks.
type SegmentCall struct {
	Type        string // track identify page screen alias group
	MessageID   string // the event's id; an id counts once
	UserID      string
	AnonymousID string
	PreviousID  string // alias
	Event       string // name of a track event
	Properties  map[string]any
	Traits      map[string]any
	Timestamp   time.Time // of the event; zero: now. Clamped to now.
	Source      string    // http, temporal, cli, step
	Untrusted   bool      // from a web key: protected traits and aliases of identified users are refused by the gateway before this
	Enter       string    // tabi enroll: consider entry into this journey alone, without its entry event and when
	Depth       int       // emit chains

	classified *classification // of a message, before the transaction
}

// classification is what a text of the customer was taken for.
type classification struct {
	intent     string // empty: none of the intents
	confidence float64
	version    int // of the classifier
}

// Receipt is what became of a Call.
type Receipt struct {
	ID          string
	Customer    string
	Duplicate   bool
	DeliveredTo []string // enrollments it goes to
	Entered     []string // workflow ids of the instances it started
	Refused     string   // with Enter: why there was no entry
}

// Enrollment states.
const (
	StateOpen         = "open"
	StateAwaitingGoal = "awaiting_goal" // its path has ended; it waits silently for its goal
	StateClosed       = "closed"
)

// Enrollment is one entry of a customer into a journey.
type Enrollment struct {
	ID, WorkflowID, Journey, Revision, Customer, Key string
	EntryEvent, EntryName                            string
	EnteredAt, ClosedAt                              time.Time // virtual
	State, Outcome, Reason                           string
	Value                                            float64
	Holdout                                          bool
	Chain                                            string // first run id; empty until claimed
	Step, StepKind                                   string // where it is parked
	Since, Until                                     time.Time
	Paused                                           bool
}

// EnrollmentFilter narrows Enrollments; empty fields do not.
type EnrollmentFilter struct {
	Journey, Customer, State, Outcome, WorkflowID string
	Live                                          bool   // open and watching alone
	After                                         string // id; for paging in id order
	Limit                                         int    // default 100, max 1000
}

// Lease is a batch of deliveries for one enrollment, held by one relay.
type Lease struct {
	Enrollment Enrollment
	Token      int64
	Deliveries []Delivery // in order; the start first
	Attempts   int        // failed attempts on the first delivery

	at int64 // when it was taken (wall)
}

// Delivery is one thing to bring to an instance.
type Delivery struct {
	Seq      int64
	Start    *contract.Input    // set on the start
	Delivery *contract.Delivery // set on everything else, already projected to what the journey reads
	Size     int                // of the stored event, in bytes of JSON: at least what Event takes
}

// Reservation is a permitted send, leased under a fencing token.
type Reservation struct {
	Key       string
	Token     int64
	Done      *contract.SendResult // set: it was settled before (or is suppressed or held, or the journey is paused); nothing to do
	Unsettled bool                 // an earlier attempt took the lease and never settled: it may have gone out
	Attempts  int                  // how often its provider was asked before, and answered
	Slot      time.Time            // wall: when it may go by its provider's rate, as an earlier attempt was told; zero: it asks
	Release   int
	Message   *journey.Message
	Verdict   decisioning.Verdict
	Vars      expr.Vars // for the templates: customer, entry, event, steps (with their events' properties), vars, intent, now
	Language  string    // customer.language
	Category  string
}

// Settlement ends a Reservation.
type Settlement struct {
	Status     string // workflows.StatusSent, StatusFailed, StatusRetry (safe to repeat), StatusSuppressed
	Reason     string
	ProviderID string
	Unknown    bool              // it may or may not have gone out
	Waits      bool              // with StatusRetry: the provider was not called, which is no attempt
	Slot       time.Time         // with Waits: when it may go by its provider's rate (wall)
	RetryAfter time.Duration     // with StatusRetry: the provider's wish, for the activity
	Gone       []string          // addresses that are dead
	Said       map[string]string // the rendered treatment, where it is kept: of the app channel for GET /v1/inbox, of a question for the conversation
}

// Send is a row of the ledger.
type Send struct {
	Key, Enrollment, Journey, Step, Message, Customer string
	Channel, Category, Topic, Status, Reason          string
	ProviderID                                        string
	Action                                            string // the next best action whose message it is
	Tone                                              string // empty: plain
	Unknown                                           bool
	Attempts, Release                                 int
	At                                                time.Time // virtual, of the last change
	Until                                             time.Time // of a send that is held: the end of the quiet hours
	Said                                              map[string]string
	Tried                                             []decisioning.ChannelVerdict // what the policy said to each channel
}

// Handoff states.
const (
	HandoffOpen      = "open"
	HandoffClaimed   = "claimed"
	HandoffResolved  = "resolved"
	HandoffWithdrawn = "withdrawn"
)

// Handoff is a customer before a queue.
type Handoff struct {
	ID, Enrollment, WorkflowID, Journey, Step, Customer string
	Queue, Priority, Note                               string
	Outcomes                                            []string // what the journey expects, sorted; free text is allowed too
	State, Agent, Outcome, AgentNote, Reason            string
	OpenedAt, ClaimedAt, ClosedAt, Until                time.Time
}

// Customer is a profile.
type Customer struct {
	ID      string
	Traits  map[string]any
	Merged  []string // ids that were merged into it
	Created time.Time
	Bounced map[string]string // address → reason
}

// TimelineEntry is one line of a customer's story, newest first in Timeline.
type TimelineEntry struct {
	At      time.Time
	Kind    string // event, contact, handoff, entered, ended
	Title   string
	Journey string
	Detail  map[string]any
}

// SendFilter narrows Contacts; empty fields do not.
type SendFilter struct {
	Journey, Customer, Enrollment, Channel, Status string
	Limit                                          int  // default 100, max 1000
	said                                           bool // what was said is kept
}

// HandoffFilter narrows Handoffs.
type HandoffFilter struct {
	State, Queue, Customer string // State "" means open and claimed
	Limit                  int
}

// Live is what happens now, which costs the same whatever the store has gathered over the years.
type Live struct {
	Pending        int64            // deliveries not yet done
	OldestPending  time.Time        // virtual; zero: none
	Failing        int64            // enrollments whose first delivery failed five times or more
	Open           map[string]int64 // by journey
	Handoffs       int64            // open and claimed
	PausedJourneys []string
	DeadLetters    int64 // deliveries that were set aside
}

// Totals are over all time; they take the longer to count the more there is.
type Totals struct {
	Events, Customers int64
	Outcomes          map[string]map[string]int64 // of closed enrollments, by journey
	Sends             map[string]int64            // "channel/status"
}

// Counts for metrics and lists.
type Counts struct {
	Live
	Totals
}

// Migration asks the instances of a journey to go over to the current release's revision.
type Migration struct {
	Journey string
	Renamed map[string]string // old step id → new one
	By      string
	DryRun  bool
	After   string // enrollment id, for paging
	Limit   int    // instances looked at; default 100, max 1000
}

// Verdicts on an instance of a migration.
const (
	MigrationOrdered = "ordered" // it was told to move (in a dry run: it would be)
	MigrationDone    = "moved"
	MigrationRefused = "refused" // it stays, for Reason
)

// MigrationStatus is what a migration makes of one instance.
type MigrationStatus struct {
	Enrollment, WorkflowID, Customer string
	From, To                         string // revisions
	Step, Target                     string // where it stands, and where it goes on
	State                            string // MoveOrdered, MoveDone or MoveRefused
	Reason                           string
}

// MigrationPage is a page of a migration; Next is the After of the next page, empty at the end.
type MigrationPage struct {
	Instances []MigrationStatus
	Next      string
}
