// Package store keeps what tabi must not lose: profiles, events, the outbox, enrolments, the ledger of contacts, hand-offs and releases,
// on SQLite (embedded) or PostgreSQL with one SQL text. Every method is one transaction. now is virtual time; leases use wall time.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/brain"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows"
)

// Errors that callers tell apart.
var (
	ErrNotFound   = errors.New("not found")
	ErrNotMine    = errors.New("the enrolment is closed or belongs to another run")
	ErrClockFixed = errors.New("the clock cannot change once there are events")
	ErrTooLate    = errors.New("too late: it was resolved, withdrawn or timed out before")
	ErrTaken      = errors.New("claimed by another agent")
	ErrBusy       = errors.New("another attempt of this send is under way")
)

// DroppedError says what a release would drop that a revision with open instances still names.
type DroppedError struct{ Missing []string } // sorted: `message "x", named by journey y (revision …, n open)`

// Options of Open.
type Options struct {
	URL      string // SQLite file path, ":memory:", or a postgres:// URL
	MaxConns int    // PostgreSQL only; default 16
}

// Call is one call of Segment's tracking API, after the gateway's checks.
type Call struct {
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
	Enter       string    // tabi start: consider entry into this journey alone, without its entry event and when
	Depth       int       // emit chains
}

// Receipt is what became of a Call.
type Receipt struct {
	ID        string
	Customer  string
	Duplicate bool
	Heard     []string // enrolments it goes to
	Entered   []string // workflow ids of the instances it started
	Refused   string   // with Enter: why there was no entry
}

// Enrolment states.
const (
	StateOpen     = "open"
	StateWatching = "watching" // its path has ended; it waits silently for its goal
	StateClosed   = "closed"
)

// Enrolment is one entry of a customer into a journey.
type Enrolment struct {
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

// EnrolmentFilter narrows Enrolments; empty fields do not.
type EnrolmentFilter struct {
	Journey, Customer, State, Outcome, WorkflowID string
	After                                         string // id; for paging in id order
	Limit                                         int    // default 100, max 1000
}

// Lease is a batch of deliveries for one enrolment, held by one relay.
type Lease struct {
	Enrolment  Enrolment
	Token      int64
	Deliveries []Delivery // in order; the start first
	Attempts   int        // failed attempts on the first delivery
}

// Delivery is one thing to bring to an instance.
type Delivery struct {
	Seq   int64
	Start *workflows.Input // set on the start
	Event *workflows.Event // set on everything else, already projected to what the journey reads
}

// Reservation is a permitted send, leased under a fencing token.
type Reservation struct {
	Key       string
	Token     int64
	Done      *workflows.SendResult // set: it was settled before (or suppressed, or the journey is paused); nothing to do
	Unsettled bool                  // an earlier attempt took the lease and never settled: it may have gone out
	Release   int
	Message   *journey.Message
	Verdict   brain.Verdict
	Vars      journey.Vars // for the templates: customer, entry, event, steps (with their events' properties), vars, now
	Language  string       // customer.language
	Category  string
}

// Settlement ends a Reservation.
type Settlement struct {
	Status     string // workflows.StatusSent, StatusFailed, StatusRetry (safe to repeat), StatusSuppressed
	Reason     string
	ProviderID string
	Unknown    bool              // it may or may not have gone out
	Gone       []string          // addresses that are dead
	App        map[string]string // app channel: the rendered treatment, kept for GET /v1/inbox
}

// Contact is a row of the ledger.
type Contact struct {
	Key, Enrolment, Journey, Step, Message, Customer string
	Channel, Category, Status, Reason, ProviderID    string
	Unknown                                          bool
	Attempts, Release                                int
	At                                               time.Time // virtual, of the last change
	App                                              map[string]string
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
	ID, Enrolment, WorkflowID, Journey, Step, Customer string
	Queue, Priority, Note                              string
	Outcomes                                           []string // what the journey expects, sorted; free text is allowed too
	State, Agent, Outcome, AgentNote, Reason           string
	OpenedAt, ClaimedAt, ClosedAt, Until               time.Time
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

// Store is the database.
type Store struct{}

// Open connects, migrates and checks.
func Open(ctx context.Context, o Options) (*Store, error) { panic("not built") }

// Close ends all connections.
func (s *Store) Close() error { panic("not built") }

// Ping checks the connection.
func (s *Store) Ping(ctx context.Context) error { panic("not built") }

// Clock is the one virtual clock of this installation; the zero clock until SetClock.
func (s *Store) Clock(ctx context.Context) (journey.Clock, error) { panic("not built") }

// SetClock sets it; ErrClockFixed once there are events and it differs.
func (s *Store) SetClock(ctx context.Context, c journey.Clock) error { panic("not built") }

// Publish makes c the next release, in one transaction; nothing changes where its content equals the current release's.
func (s *Store) Publish(ctx context.Context, now time.Time, c *journey.Content) (release int, err error) {
	panic("not built")
}

// Content is the current release; number 0 and empty content before the first.
func (s *Store) Content(ctx context.Context) (release int, c *journey.Content, err error) {
	panic("not built")
}

// Ingest takes calls, in order, in one transaction: dedupes, resolves identity, changes profiles, stores events, and writes the deliveries
// they cause and the enrolments they open.
func (s *Store) Ingest(ctx context.Context, now time.Time, calls []Call) ([]Receipt, error) {
	panic("not built")
}

// Committed is signalled (never blocking) when this process has committed deliveries.
func (s *Store) Committed() <-chan struct{} { panic("not built") }

// Lease takes up to limit enrolments with deliveries due, oldest first, for ttl of wall time.
func (s *Store) Lease(ctx context.Context, wall time.Time, limit int, ttl time.Duration) ([]Lease, error) {
	panic("not built")
}

// Delivered marks deliveries up to seq as done. ErrNotMine where the lease was lost.
func (s *Store) Delivered(ctx context.Context, l Lease, seq int64) error { panic("not built") }

// Unlease gives a lease back. With a cause, its first delivery is tried again at retry (wall).
func (s *Store) Unlease(ctx context.Context, l Lease, cause string, retry time.Time) error {
	panic("not built")
}

// Report records where an instance is, claiming the enrolment; ErrNotMine ends the run.
func (s *Store) Report(ctx context.Context, now time.Time, r workflows.Report) error {
	panic("not built")
}

// View reads what expressions and templates of an instance may see, claiming the enrolment.
func (s *Store) View(ctx context.Context, now time.Time, ref workflows.Ref, scene workflows.Scene) (journey.Vars, error) {
	panic("not built")
}

// Assign changes traits once per key, as event "Customer Updated" heard by others, claiming the enrolment. traits is nested, as in identify.
func (s *Store) Assign(ctx context.Context, now time.Time, ref workflows.Ref, key string, traits map[string]any) error {
	panic("not built")
}

// Reserve decides a send in the customer's transaction and takes its ledger row, claiming the enrolment. decide is pure.
// ErrBusy while another attempt holds the lease.
func (s *Store) Reserve(ctx context.Context, now, wall time.Time, in workflows.Send, ttl time.Duration, decide func(brain.Standing) brain.Verdict) (Reservation, error) {
	panic("not built")
}

// Settle writes what came of a Reservation. ErrNotMine where its token is no longer the row's.
func (s *Store) Settle(ctx context.Context, now time.Time, r Reservation, o Settlement) error {
	panic("not built")
}

// ContactFilter narrows Contacts; empty fields do not.
type ContactFilter struct {
	Journey, Customer, Enrolment, Channel, Status string
	Limit                                         int // default 100, max 1000
}

// Contacts are ledger rows, newest first.
func (s *Store) Contacts(ctx context.Context, f ContactFilter) ([]Contact, error) { panic("not built") }

// OpenHandoff is idempotent by id, claiming the enrolment; note is rendered.
func (s *Store) OpenHandoff(ctx context.Context, now time.Time, in workflows.OpenHandoff, note string) error {
	panic("not built")
}

// WithdrawHandoff takes back what is still open.
func (s *Store) WithdrawHandoff(ctx context.Context, now time.Time, in workflows.WithdrawHandoff) error {
	panic("not built")
}

// HandoffFilter narrows Handoffs.
type HandoffFilter struct {
	State, Queue, Customer string // State "" means open and claimed
	Limit                  int
}

// Handoffs are sorted by priority, then age.
func (s *Store) Handoffs(ctx context.Context, f HandoffFilter) ([]Handoff, error) {
	panic("not built")
}

// Handoff by id; ErrNotFound.
func (s *Store) Handoff(ctx context.Context, id string) (Handoff, error) { panic("not built") }

// ClaimHandoff: ErrTaken by another, ErrTooLate once closed; claiming one's own again is fine.
func (s *Store) ClaimHandoff(ctx context.Context, now time.Time, id, agent string) error {
	panic("not built")
}

// ResolveHandoff closes it and writes the delivery (workflows.HandoffResolved) to its instance.
func (s *Store) ResolveHandoff(ctx context.Context, now time.Time, id, agent, outcome, note string) error {
	panic("not built")
}

// Customer by id (also a merged or anonymous one); ErrNotFound.
func (s *Store) Customer(ctx context.Context, id string) (Customer, error) { panic("not built") }

// Timeline is a customer's story, newest first.
func (s *Store) Timeline(ctx context.Context, customer string, limit int) ([]TimelineEntry, error) {
	panic("not built")
}

// AppMessages are what the app channel said to a customer, newest first.
func (s *Store) AppMessages(ctx context.Context, customer string, limit int) ([]Contact, error) {
	panic("not built")
}

// Enrolments in id order.
func (s *Store) Enrolments(ctx context.Context, f EnrolmentFilter) ([]Enrolment, error) {
	panic("not built")
}

// Command writes an order as a delivery to an open instance; ErrNotFound where none is open at that workflow id.
func (s *Store) Command(ctx context.Context, now time.Time, workflowID string, c workflows.Command) error {
	panic("not built")
}

// PauseJourney is the kill switch: from its commit on nothing of the journey is sent; open instances get the order too. It returns how many.
func (s *Store) PauseJourney(ctx context.Context, now time.Time, name, by string, paused bool) (int, error) {
	panic("not built")
}

// CloseLost closes an enrolment whose run is gone, and frees what it held; no effect on a closed one.
func (s *Store) CloseLost(ctx context.Context, now time.Time, enrolment, outcome, reason string) error {
	panic("not built")
}

// Counts for metrics and lists.
type Counts struct {
	Events, Customers int64
	Pending           int64            // deliveries not yet done
	OldestPending     time.Time        // virtual; zero: none
	Stuck             int64            // enrolments whose first delivery failed five times or more
	Open              map[string]int64 // by journey
	Outcomes          map[string]map[string]int64
	Contacts          map[string]int64 // "channel/status"
	Handoffs          int64            // open and claimed
	PausedJourneys    []string
}

// Counts reads them.
func (s *Store) Counts(ctx context.Context) (Counts, error) { panic("not built") }
