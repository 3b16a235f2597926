package activities

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Ports are what the activities need of the data side, one for each subject. In every method now is virtual time and
// wall is real time. A call on behalf of an enrollment that is closed, or that another run has claimed, fails with
// store.ErrNotMine (or *store.EndedError, which says how it ended).
type Ports struct {
	Sends       Sends
	Decisions   Decisions
	Enrollments Enrollments
	Handoffs    Handoffs
	Events      Events
}

// AllPorts returns ports that one object serves.
func AllPorts(all interface {
	Sends
	Decisions
	Enrollments
	Handoffs
	Events
}) Ports {
	return Ports{Sends: all, Decisions: all, Enrollments: all, Handoffs: all, Events: all}
}

// Sends is the ledger of sends. A send is reserved before the provider is called and settled after it.
type Sends interface {
	// Reserve decides a send by the contact policy and leases its row for ttl. It fails with store.ErrBusy while
	// another attempt holds the lease.
	Reserve(ctx context.Context, now, wall time.Time, in contract.Send, ttl time.Duration) (message.Reservation, error)
	// Settle writes the outcome of a reserved send.
	Settle(ctx context.Context, now time.Time, r message.Reservation, o message.Settlement) error
}

// Decisions chooses the next best action.
type Decisions interface {
	// Decide decides, and reserves the send of what was chosen for ttl where it can be sent at once.
	Decide(ctx context.Context, now, wall time.Time, in contract.Decide, ttl time.Duration) (offer.Decided, error)
}

// Enrollments is the state of enrollments outside Temporal, and the data that their expressions read.
type Enrollments interface {
	// Program returns the compiled journey of a revision.
	Program(ctx context.Context, revision string) (*journey.Program, error)
	// View returns what the expressions of an enrollment see at this moment.
	View(ctx context.Context, now time.Time, ref contract.Ref, scene contract.EvalContext) (expr.Vars, error)
	// Report records where an enrollment is, what it passed and how it ended.
	Report(ctx context.Context, now time.Time, r contract.Report) error
	// Assign sets traits of the customer, once per key.
	Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error
	// Emit ingests an event of the customer, once per key.
	Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error
	// KeepResponse stores the response of an HTTP call for the templates of later steps.
	KeepResponse(ctx context.Context, now time.Time, in contract.Call, r contract.CallResult) error
	// Levels answers which intent levels hold, and when the next one will be crossed by fading.
	Levels(ctx context.Context, now time.Time, in contract.Levels) (contract.LevelsResult, error)
	// RecordMigration moves an enrollment to another revision, or refuses to.
	RecordMigration(ctx context.Context, now time.Time, in contract.Move) (contract.MoveResult, error)
	// Undelivered lists the ids of events that arrived by at and are still in the outbox.
	Undelivered(ctx context.Context, ref contract.Ref, at time.Time) ([]string, error)
}

// Handoffs is the queues of agents.
type Handoffs interface {
	OpenHandoff(ctx context.Context, now time.Time, in contract.OpenHandoff, note string) error
	WithdrawHandoff(ctx context.Context, now time.Time, in contract.WithdrawHandoff) error
}

// Events takes events in, and reads those that a journey is about.
type Events interface {
	// Ingest applies Segment calls in one transaction; receipts are in the order of calls.
	Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)
	// ReadMessage returns what a customer wrote, with the intent it was classified as. It fails with
	// store.ErrNotFound where the event is no message.
	ReadMessage(ctx context.Context, ref contract.Ref, event string) (intent.ClassifiedMessage, error)
}
