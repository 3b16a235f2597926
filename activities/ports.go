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
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Rooms are the parts of the database side that activities use: one interface for each room. In every method now is
// virtual time and wall is real time. A call on behalf of an enrollment that is closed, or that another run has claimed,
// fails with unit.ErrSuperseded (or *unit.EndedError, which has the outcome).
type Rooms struct {
	Catalog     Catalog
	Enrollments Enrollments
	Handoffs    Handoffs
	Intake      Intake
	Intents     Intents
	Messages    Messages
	Offers      Offers
	Outbox      Outbox
	Variables   Variables
}

// Catalog has the compiled journeys.
type Catalog interface {
	// Program returns the compiled journey of a revision.
	Program(ctx context.Context, revision string) (*journey.Program, error)
}

// Enrollments has the state of enrollments outside Temporal.
type Enrollments interface {
	// Report records where an enrollment is, which steps it passed and how it ended.
	Report(ctx context.Context, now time.Time, r contract.Report) error
	// RecordMigration moves an enrollment to another revision, or refuses to.
	RecordMigration(ctx context.Context, now time.Time, in contract.Move) (contract.MoveResult, error)
}

// Handoffs has the queues of agents.
type Handoffs interface {
	Open(ctx context.Context, now time.Time, in contract.OpenHandoff, note string) error
	Withdraw(ctx context.Context, now time.Time, in contract.WithdrawHandoff) error
}

// Intake accepts events and traits of customers.
type Intake interface {
	// Ingest applies Segment calls in one transaction; receipts are in the order of calls.
	Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)
	// Record stores one track call as an event of an enrollment's customer of now; not even a closed enrollment refuses it.
	Record(ctx context.Context, now time.Time, enrollment string, call customer.SegmentCall) (customer.Receipt, error)
	// Assign sets traits of the customer, once per key.
	Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error
	// Emit ingests an event of the customer, once per key.
	Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error
}

// Intents has customers' intents, and the texts they were classified from.
type Intents interface {
	// Levels reports which intent levels hold, and when decay will cross the next one.
	Levels(ctx context.Context, now time.Time, in contract.Levels) (contract.LevelsResult, error)
	// ReadMessage returns the text of a customer's message, with the intent it was classified as. It fails with
	// sqldb.ErrNotFound if the event is not a message.
	ReadMessage(ctx context.Context, ref contract.Ref, event string) (intent.ClassifiedMessage, error)
}

// Messages has the ledger of sends. A send is reserved before the provider is called and settled after it.
type Messages interface {
	// Reserve decides a send by the contact policy and leases its row for ttl. It fails with message.ErrBusy while
	// another attempt holds the lease.
	Reserve(ctx context.Context, now, wall time.Time, in contract.Send, ttl time.Duration) (message.Reservation, error)
	// Settle writes the outcome of a reserved send.
	Settle(ctx context.Context, now time.Time, r message.Reservation, o message.Settlement) error
	// StoreLinks stores the links of a send that have a code; a repeat changes nothing.
	StoreLinks(ctx context.Context, now time.Time, links []tracking.Stored) error
	// TakeTrial leases a test for ttl, and SettleTrial records what came of an attempt.
	TakeTrial(ctx context.Context, wall time.Time, key string, ttl time.Duration) (message.Trial, error)
	SettleTrial(ctx context.Context, now time.Time, t message.Trial, o message.Settlement) error
}

// Offers chooses the next best action.
type Offers interface {
	// Decide decides, and reserves the send of the chosen action for ttl if it can be sent at once.
	Decide(ctx context.Context, now, wall time.Time, in contract.Decide, ttl time.Duration) (offer.Decided, error)
}

// Outbox has the events that are not delivered yet.
type Outbox interface {
	// Undelivered lists the ids of events that arrived by at and are still in the outbox.
	Undelivered(ctx context.Context, ref contract.Ref, at time.Time) ([]string, error)
}

// Variables has the data that the expressions of an enrollment read.
type Variables interface {
	// View returns what the expressions of an enrollment see at this moment.
	View(ctx context.Context, now time.Time, ref contract.Ref, scene contract.EvalContext) (expr.Vars, error)
	// KeepResponse stores the response of an HTTP call for the templates of later steps.
	KeepResponse(ctx context.Context, now time.Time, in contract.Call, r contract.CallResult) error
}
