package unit

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Units begin units of work.
type Units struct {
	*catalog.Catalog
	UnitOptions
	committed chan struct{}
	Hooks     Hooks
}

// UnitOptions are what decisions of this process go by.
type UnitOptions struct {
	Channels []channel.Spec // of this build
	Scenario bool           // see engine.Options
	Holdout  func(journey, customerID string, percent float64) bool
}

// New returns what begins units of work.
func New(c *catalog.Catalog, o UnitOptions, h Hooks) *Units {
	return &Units{Catalog: c, UnitOptions: o, committed: make(chan struct{}, 1), Hooks: h}
}

// Flush writes what a room has collected in a unit.
type Flush func(ctx context.Context, b *Unit) error

// Merge does a room's part when one customer, gone, becomes another one, survivor.
type Merge func(ctx context.Context, b *Unit, gone, survivor *LockedCustomer) error

// Hooks are what rooms do in the transaction of another one. Each list is in order; the engine fills it.
type Hooks struct {
	// Flush writes what the rooms have collected.
	Flush []Flush
	// BeforeMerge runs before two customers become one, while both still have all that is theirs.
	BeforeMerge []Merge
	// OnMerge moves what a room has of gone to survivor.
	OnMerge []Merge
	// AfterMerge runs once survivor has everything.
	AfterMerge []Merge
	// OnClose are the rooms that may hold something of an enrollment that ends.
	OnClose []Holder
}

// Holder is a room that may hold something of an enrollment. One statement asks all holders, since most
// enrollments hold nothing when they end.
type Holder struct {
	Holds   string // a query that finds a row where something is held of the enrollment $1
	Release func(ctx context.Context, b *Unit, e *EnrollmentRow, outcome string, at time.Time) error
}

// Unit is one transaction: the customers it has locked, with their open enrollments, and what it will write. Rooms
// keep their own part of it with state, and write that part in the order of hooks.flush.
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
}

// State returns what a room keeps of a unit; each T is made once.
func State[T any](b *Unit) *T {
	key := (*T)(nil)
	if found, ok := b.states[key]; ok {
		return found.(*T)
	}
	made := new(T)
	b.states[key] = made
	return made
}

// Begin starts a unit in a transaction that is there already. The caller flushes it.
func (s *Units) Begin(tx sqldb.Conn, now time.Time) *Unit {
	return &Unit{
		Units: s, Tx: tx, Now: now, Customers: map[string]*LockedCustomer{}, Touched: map[string]*EnrollmentRow{}, states: map[any]any{},
	}
}

// Change runs f with a unit in a transaction, writes the unit, and wakes the relay. f locks its customers first.
func (s *Units) Change(ctx context.Context, now time.Time, f func(tx sqldb.Conn, b *Unit) error) error {
	wake := false
	err := s.Write(ctx, func(tx sqldb.Conn) error {
		b := s.Begin(tx, now)
		if err := f(tx, b); err != nil {
			return err
		}
		err := b.Flush(ctx)
		wake = b.Wake
		return err
	})
	if err == nil && wake {
		s.Wake()
	}
	return err
}

// Committed is signaled, never blocking, when this process has committed entries of the outbox.
func (s *Units) Committed() <-chan struct{} { return s.committed }

func (s *Units) Wake() {
	select {
	case s.committed <- struct{}{}:
	default:
	}
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

// program returns a revision.
func (b *Unit) Load(ctx context.Context, revision string) (*catalog.PackedProgram, error) {
	return b.Units.Load(ctx, b.Tx, revision)
}

// LockedCustomer is a customer that the transaction has locked.
type LockedCustomer struct {
	ID      string
	Version int64
	Traits  map[string]any
	Merged  string // another customer it was merged into
	Created int64
	Stored  map[string]any   // traits as the database has them; a change makes a new map
	Dirty   bool             // traits to be written
	Open    []*EnrollmentRow // open and watching, oldest first

	Locked  bool // what a decision finds stale of the customer is to be stored
	Drafted bool // a decision is made before the lock: it fails where something of the customer is stale
}

func ScanPerson(r sqldb.Scanner) (*LockedCustomer, error) {
	var p LockedCustomer
	var traits string
	if err := r.Scan(&p.ID, &p.Version, &traits, &p.Merged, &p.Created); err != nil {
		return nil, err
	}
	var err error
	p.Traits, err = sqldb.Object(traits)
	p.Stored = p.Traits
	return &p, err
}

// Vars are the traits as expressions and templates see them: with the customer's id, where no trait has that name.
func (p *LockedCustomer) Vars() map[string]any { return TraitsOf(p.ID, p.Traits) }

func TraitsOf(id string, traits map[string]any) map[string]any {
	out := maps.Clone(traits)
	if out == nil {
		out = map[string]any{}
	}
	if _, given := out["id"]; !given {
		out["id"] = id
	}
	return out
}

// Lock locks customers in the order of their ids, makes those that are not there, and adopts them.
func (b *Unit) Lock(ctx context.Context, ids []string) error {
	ids = sqldb.Sorted(ids)
	var found []*LockedCustomer
	var values [][]any
	for _, id := range ids {
		values = append(values, []any{id, 1, "{}", sqldb.Millis(b.Now)})
	}
	err := sqldb.Pieces(b.Tx, nil, values, func(source, _ string, args []any) error {
		return sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
			p, err := ScanPerson(r)
			found = append(found, p)
			return err
		}, `insert into customers (id, version, traits, created_at) `+source+`
			on conflict (id) do update set version = customers.version + 1 returning id, version, traits, merged_into, created_at`, args...)
	})
	if err != nil {
		return err
	}
	return b.Adopt(ctx, found...)
}

// Adopt makes locked customers part of the batch, with their open enrollments.
func (b *Unit) Adopt(ctx context.Context, people ...*LockedCustomer) error {
	var ids []string
	for _, p := range people {
		b.Customers[p.ID] = p
		if p.Version > 1 && p.Merged == "" {
			ids = append(ids, p.ID)
		}
	}
	err := sqldb.Within(
		ctx,
		b.Tx,
		`select `+EnrollmentColumns+` from enrollments where customer in (%s) and state <> 'closed'`,
		ids,
		func(r *sql.Rows) error {
			e, err := ScanEnrollment(r)
			if err == nil {
				p := b.Customers[e.Customer]
				p.Open = append(p.Open, e)
			}
			return err
		},
	)
	for _, p := range people {
		p.Sort()
	}
	return err
}

// Sort puts the oldest enrollment first.
func (p *LockedCustomer) Sort() {
	slices.SortFunc(p.Open, func(a, b *EnrollmentRow) int {
		return cmp.Or(a.EnteredAt.Compare(b.EnteredAt), cmp.Compare(a.ID, b.ID))
	})
}

// Enrollment gives the batch's own copy of an enrollment that is not closed.
func (b *Unit) Enrollment(e *EnrollmentRow) *EnrollmentRow {
	for _, own := range b.Customers[e.Customer].Open {
		if own.ID == e.ID {
			return own
		}
	}
	return e
}

// Release is the one this transaction decides by.
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

// FlushTraits writes the profiles that changed.
func FlushTraits(ctx context.Context, b *Unit) error {
	var traits [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		p := b.Customers[id]
		if !p.Dirty {
			continue
		}
		raw, err := sqldb.Text(p.Traits)
		if err != nil {
			return err
		}
		traits = append(traits, []any{id, raw})
		p.Dirty, p.Stored = false, p.Traits
	}
	return sqldb.Update(ctx, b.Tx, "customers", "id", "traits = v.column2", []string{"text", "text"}, traits)
}

// FlushEnrollments writes the new enrollments, and how far the queues of others reach.
func FlushEnrollments(ctx context.Context, b *Unit) error {
	lane := lanesOf(b)
	var starts [][]any
	for _, e := range b.Starts {
		e.Fresh = false
		starts = append(
			starts,
			[]any{
				e.ID,
				e.WorkflowID,
				e.Journey,
				e.Revision,
				e.Customer,
				e.Key,
				e.EntryEvent,
				e.EntryName,
				e.Depth,
				sqldb.Millis(e.EnteredAt),
				e.State,
				sqldb.Flag(e.Holdout),
				e.Tail,
				e.QueuedAt,
				lane(e),
			},
		)
	}
	b.Starts = nil
	if _, err := sqldb.Insert(ctx, b.Tx, "enrollments (id, workflow_id, journey, revision, customer, instance_key, entry_event, "+
		"entry_name, depth, entered_at, state, holdout, last_seq, queued_at, due_at)", starts, ""); err != nil {
		return err
	}
	var tails [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Touched)) {
		e := b.Touched[id]
		tails = append(tails, []any{id, e.Tail, sqldb.Millis(b.Now), lane(e)})
	}
	clear(b.Touched)
	return sqldb.Update(ctx, b.Tx, "enrollments", "id", "last_seq = v.column2, queued_at = case when enrollments.next_seq > "+
		"enrollments.last_seq then v.column3 else enrollments.queued_at end, "+
		"due_at = case when enrollments.next_seq > enrollments.last_seq then v.column4 else enrollments.due_at end",
		[]string{"text", "bigint", "bigint", "bigint"}, tails)
}

// Unused reports whether a customer was made by this unit, and nothing was entered.
func (p *LockedCustomer) Unused() bool { return p.Version <= 1 && len(p.Open) == 0 }
