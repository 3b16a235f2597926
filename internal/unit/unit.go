package unit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Units starts units of work and holds what they share: the catalog, the options and the hooks.
type Units struct {
	*catalog.Catalog
	Options
	customers   Customers
	enrollments Enrollments
	committed   chan struct{}
	Hooks       Hooks
	// OnRefused is called after the commit of a Change in which entries were refused that no caller waits for; nil: nobody is.
	OnRefused func(ctx context.Context, now time.Time, list []RefusedEntry)
}

// Options are the settings of this process that decisions depend on.
type Options struct {
	Channels []channel.Spec // of this build
	Scenario bool           // see engine.Options
	// Pseudonyms makes workflow ids name customers and instance keys by pseudonyms.
	Pseudonyms bool
	Limits     limits.Limits // with its defaults
	Watch      Watch         // of a simulation
	Holdout    func(journey, drawID string, percent float64) bool
	Salt       []byte // of the digests by which forgotten customers are known; see Digest
}

// Watch has functions by which a simulation learns what would otherwise be silent. Each may be nil.
type Watch struct {
	// Assumed is called for each rule of consent that holds only because a missing property counts as given.
	Assumed func(name string, rule expr.Expr)
	// NotEntered is called where the condition of an entry is not true for a customer, with the reason in words.
	NotEntered func(journey, customer string, why string)
}

// New returns Units that calls the hooks h.
func New(c *catalog.Catalog, o Options, customers Customers, enrollments Enrollments, h Hooks) *Units {
	return &Units{
		Catalog: c, Options: o, customers: customers, enrollments: enrollments, committed: make(chan struct{}, 1), Hooks: h,
	}
}

// Customers are the functions of the room customer that every unit needs.
type Customers interface {
	// Lock locks customers in the order of their ids and creates the missing ones. ids are distinct and sorted. It leaves out
	// those that were forgotten: nothing creates them again.
	Lock(ctx context.Context, tx sqldb.Conn, now time.Time, salt []byte, ids []string) ([]*LockedCustomer, error)
	// Read returns a customer that is not locked.
	Read(ctx context.Context, tx sqldb.Conn, id string) (*LockedCustomer, error)
}

// Enrollments are the functions of the room enrollment that every unit needs.
type Enrollments interface {
	// Get returns an enrollment, or ErrNotFound.
	Get(ctx context.Context, tx sqldb.Conn, id string) (*EnrollmentRow, error)
	// LockCustomer locks the customer of an enrollment, or returns ErrNotFound.
	LockCustomer(ctx context.Context, tx sqldb.Conn, id string) (*LockedCustomer, error)
	// Open returns the open enrollments of customers, in any order.
	Open(ctx context.Context, tx sqldb.Conn, customers []string) ([]*EnrollmentRow, error)
	// Claim makes chain (a first run id) the owner of an enrollment. It returns ErrSuperseded if the enrollment is closed
	// or has another owner.
	Claim(ctx context.Context, tx sqldb.Conn, id, chain string) error
}

// HasSessions reports whether a channel has sessions: see channel.Spec.
func (s *Units) HasSessions(name string) bool {
	return slices.ContainsFunc(s.Channels, func(spec channel.Spec) bool { return spec.Name == name && spec.Sessions })
}

// Flush writes what a room has collected in a unit.
type Flush func(ctx context.Context, b *Unit) error

// Merge does a room's part when one customer, gone, becomes another one, survivor.
type Merge func(ctx context.Context, b *Unit, gone, survivor *LockedCustomer) error

// FlushBeforeMerge writes what the rooms have collected so far. It is a hook of its own in OnMerge, because the hooks after it
// move rows with SQL, which would miss rows that are not written.
func FlushBeforeMerge(ctx context.Context, b *Unit, _, _ *LockedCustomer) error { return b.Flush(ctx) }

// Split does a room's part when a merge is undone.
type Split func(ctx context.Context, b *Unit, s *Parting) error

// A Parting is a merge that is being undone: what came from IDs goes from one customer to another, which has no rows yet.
type Parting struct {
	From, To *LockedCustomer
	IDs      []string         // the ids that went into To, To's own first
	Moved    map[string]int64 // rows by what they are: events, enrollments …
}

// Move runs an update that moves rows to To ($1) from From ($2), and counts them as what. query has a place (%s) for the list of
// ids; without ids it has none.
func (s *Parting) Move(ctx context.Context, b *Unit, what, query string, ids []string) error {
	args := []any{s.To.ID, s.From.ID}
	if ids != nil {
		query = fmt.Sprintf(query, sqldb.List(3, len(ids)))
		for _, id := range ids {
			args = append(args, id)
		}
	}
	n, err := sqldb.Affected(ctx, b.Tx, query, args...)
	s.Moved[what] += n
	return err
}

// Hooks are the lists of hooks that a unit calls, each in its order. See package engine, which fills them.
type Hooks struct {
	Flush   []Flush  // when the unit is about to commit
	OnMerge []Merge  // when two customers become one
	OnSplit []Split  // when a merge is undone
	OnClose []Holder // when an enrollment ends

	OnForget []Forget // when a customer is forgotten
}

// A Holder is a room that may hold something for an enrollment, such as a reserved send. One statement asks all holders,
// since most enrollments hold nothing when they end.
type Holder struct {
	Holds   string // a query that returns a row if something is held for enrollment $1
	Release func(ctx context.Context, b *Unit, e *EnrollmentRow, outcome string, at time.Time) error
}

// A Unit is one transaction: the customers it has locked, with their open enrollments, and what it will write. Rooms keep
// their own part of it with State, and write that part in Flush.
//
// The invariant: a unit locks its customers with its first statement, in the order of their ids, collects its new rows,
// and writes them together in the order of Hooks.Flush. A room never writes rows of another room; it calls a hook, or a
// function of that room that collects rows in State. Example: Ingest with 100 events of 40 customers takes one statement
// for the locks, one for the open enrollments, and one insert for all events.
//
// Without the lock order two units that touch Ana and Ben deadlock on PostgreSQL. Without the flush order a row would be
// written before the row it refers to: the outbox names enrollments, and those name events. Without collecting, the
// number of statements would grow with the number of events. See docs/decisions/0010 and 0011.
type Unit struct {
	Units     *Units
	Tx        sqldb.Conn
	Now       time.Time
	Customers map[string]*LockedCustomer
	rel       *catalog.Release
	Starts    []*EnrollmentRow
	Touched   map[string]*EnrollmentRow
	states    map[any]any
	Wake      bool
	Trace     string         // traceparent of the call that is handled now; see package tracing
	Refused   []RefusedEntry // see Units.OnRefused
	Meter     *expr.Meter    // of the request whose call is handled now; nil: conditions may cost what they like
}

// A RefusedEntry is an entry into a journey that was not possible, and that no caller waits for.
type RefusedEntry struct {
	tolerant.Problem `json:"-"`
	Journey          string `json:"journey"`
	Customer         string `json:"customer"`
	Event            string `json:"event"` // its name
	EventID          string `json:"event_id"`
}

// State returns a room's part of a unit. It is created, as the zero T, at the first call.
func State[T any](b *Unit) *T {
	key := (*T)(nil)
	if found, ok := b.states[key]; ok {
		return found.(*T)
	}
	made := new(T)
	b.states[key] = made
	return made
}

// Begin starts a unit in an existing transaction. The caller flushes it.
func (s *Units) Begin(tx sqldb.Conn, now time.Time) *Unit {
	return &Unit{
		Units: s, Tx: tx, Now: now, Customers: map[string]*LockedCustomer{}, Touched: map[string]*EnrollmentRow{}, states: map[any]any{},
	}
}

// Change runs f with a unit in a new transaction, flushes the unit, and wakes the relay after the commit. f must lock its
// customers first. f may run several times if the transaction is repeated.
func (s *Units) Change(ctx context.Context, now time.Time, f func(tx sqldb.Conn, b *Unit) error) error {
	wake := false
	var refused []RefusedEntry
	err := s.Write(ctx, func(tx sqldb.Conn) error {
		b := s.Begin(tx, now)
		if err := f(tx, b); err != nil {
			return err
		}
		err := b.Flush(ctx)
		wake, refused = b.Wake, b.Refused
		return err
	})
	if err == nil && wake {
		s.Wake()
	}
	if err == nil && len(refused) > 0 && s.OnRefused != nil {
		s.OnRefused(ctx, now, refused)
	}
	return err
}

// Committed returns a channel that is signaled when this process has committed deliveries.
func (s *Units) Committed() <-chan struct{} { return s.committed }

// Wake signals Committed. It does not block; several signals that are not received yet count as one.
func (s *Units) Wake() {
	select {
	case s.committed <- struct{}{}:
	default:
	}
}

// AddressTrait returns the trait that holds the addresses of a channel; empty if it needs none, or this build lacks it.
func (s *Units) AddressTrait(channel string) string {
	for i := range s.Channels {
		if s.Channels[i].Name == channel {
			return s.Channels[i].Address
		}
	}
	return ""
}

// HasChannel reports whether this build has a channel.
func (s *Units) HasChannel(name string) bool {
	for i := range s.Channels {
		if s.Channels[i].Name == name {
			return true
		}
	}
	return false
}

// Flush writes what the rooms have collected.
func (b *Unit) Flush(ctx context.Context) error {
	for _, write := range b.Units.Hooks.Flush {
		if err := write(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// Load returns the program of a revision.
func (b *Unit) Load(ctx context.Context, revision string) (*catalog.PackedProgram, error) {
	return b.Units.Load(ctx, b.Tx, revision)
}

// A LockedCustomer is a customer whose row the transaction has locked.
type LockedCustomer struct {
	ID      string
	Version int64
	Traits  map[string]any
	Merged  string // the customer it was merged into
	Draw    string // the id that its draws hash: holdouts, splits, control groups. It is the oldest of its ids, its own or a merged one
	Created int64
	Seed    string           // of its pseudonyms; see journey.Pseudonym
	Stored  map[string]any   // traits as stored; a change creates a new map
	Dirty   bool             // the traits have changed and must be written
	Open    []*EnrollmentRow // open and watching, oldest first

	Locked  bool // stale values that a decision recomputes are stored
	Drafted bool // the decision is made before the lock, and fails if a value is stale
}

// Vars returns the traits as expressions and templates see them. See TraitsOf.
func (p *LockedCustomer) Vars() map[string]any { return TraitsOf(p.ID, p.Traits) }

// TraitsOf returns a copy of traits in which id is the id by which tabi knows the customer. A trait of that name stays in the
// profile, and neither expressions nor templates see it.
func TraitsOf(id string, traits map[string]any) map[string]any {
	out := maps.Clone(traits)
	if out == nil {
		out = map[string]any{}
	}
	out["id"] = id
	return out
}

// Lock locks customers in the order of their ids, creates the missing ones, and adopts them. A customer who was forgotten is in
// b.Customers neither before nor after.
func (b *Unit) Lock(ctx context.Context, ids []string) error {
	found, err := b.Units.customers.Lock(ctx, b.Tx, b.Now, b.Units.Salt, sqldb.Sorted(ids))
	if err != nil {
		return err
	}
	return b.Adopt(ctx, found...)
}

// Adopt adds locked customers to the unit and reads their open enrollments.
func (b *Unit) Adopt(ctx context.Context, people ...*LockedCustomer) error {
	var ids []string
	for _, p := range people {
		b.Customers[p.ID] = p
		if p.Version > 1 && p.Merged == "" {
			ids = append(ids, p.ID)
		}
	}
	open, err := b.Units.enrollments.Open(ctx, b.Tx, ids)
	if err != nil {
		return err
	}
	for _, e := range open {
		p := b.Customers[e.Customer]
		p.Open = append(p.Open, e)
	}
	for _, p := range people {
		p.Sort()
	}
	return nil
}

// Sort puts the oldest enrollment first.
func (p *LockedCustomer) Sort() {
	slices.SortFunc(p.Open, func(a, b *EnrollmentRow) int {
		return cmp.Or(a.EnteredAt.Compare(b.EnteredAt), cmp.Compare(a.ID, b.ID))
	})
}

// Enrollment returns the unit's own copy of an enrollment, or e itself if it is closed.
func (b *Unit) Enrollment(e *EnrollmentRow) *EnrollmentRow {
	for _, own := range b.Customers[e.Customer].Open {
		if own.ID == e.ID {
			return own
		}
	}
	return e
}

// Release returns the release that this transaction decides by.
func (b *Unit) Release(ctx context.Context) (*catalog.Release, error) {
	if b.rel == nil {
		r, err := b.Units.Current(ctx, b.Tx)
		if err != nil {
			return nil, err
		}
		b.rel = r
	}
	return b.rel, nil
}

// Waiting returns the number of outbox entries that wait for the customer's enrollments.
func (p *LockedCustomer) Waiting() int {
	n := 0
	for _, e := range p.Open {
		n += int(max(e.Tail-e.Head+1, 0))
	}
	return n
}

// OpenIn returns the number of the customer's enrollments in a journey that have not ended.
func (p *LockedCustomer) OpenIn(journey string) int {
	n := 0
	for _, e := range p.Open {
		if e.Journey == journey {
			n++
		}
	}
	return n
}

// Unused reports whether this unit created the customer and no journey was entered.
func (p *LockedCustomer) Unused() bool { return p.Version <= 1 && len(p.Open) == 0 }
