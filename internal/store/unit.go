package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
)

// units begin units of work.
type units struct {
	*catalog
	unitOptions
	committed chan struct{}
	hooks     hooks
}

// unitOptions are what decisions of this process go by.
type unitOptions struct {
	channels []channel.Spec // of this build
	scenario bool           // see engine.Options
	holdout  func(journey, customerID string, percent float64) bool
}

// newUnits returns what begins units of work.
func newUnits(c *catalog, o unitOptions, h hooks) *units {
	return &units{catalog: c, unitOptions: o, committed: make(chan struct{}, 1), hooks: h}
}

// hooks are what rooms do in the transaction of another one. Each list is in order; the engine fills it.
type hooks struct {
	// flush writes what the rooms have collected.
	flush []func(ctx context.Context, b *unit) error
	// beforeMerge runs before two customers become one, while both still have all that is theirs.
	beforeMerge []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error
	// onMerge moves what a room has of gone to survivor.
	onMerge []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error
	// afterMerge runs once survivor has everything.
	afterMerge []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error
	// onClose are the rooms that may hold something of an enrollment that ends.
	onClose []holder
}

// holder is a room that may hold something of an enrollment. One statement asks all holders, since most
// enrollments hold nothing when they end.
type holder struct {
	holds   string // a query that finds a row where something is held of the enrollment $1
	release func(ctx context.Context, b *unit, e *enrollmentRow, outcome string, at time.Time) error
}

// unit is one transaction: the customers it has locked, with their open enrollments, and what it will write. Rooms
// keep their own part of it with state, and write that part in the order of hooks.flush.
type unit struct {
	units     *units
	tx        conn
	now       time.Time
	customers map[string]*lockedCustomer
	rel       *release
	starts    []*enrollmentRow
	touched   map[string]*enrollmentRow
	states    map[any]any
	wake      bool
}

// state returns what a room keeps of a unit; each T is made once.
func state[T any](b *unit) *T {
	key := (*T)(nil)
	if found, ok := b.states[key]; ok {
		return found.(*T)
	}
	made := new(T)
	b.states[key] = made
	return made
}

// begin starts a unit in a transaction that is there already. The caller flushes it.
func (s *units) begin(tx conn, now time.Time) *unit {
	return &unit{
		units: s, tx: tx, now: now, customers: map[string]*lockedCustomer{}, touched: map[string]*enrollmentRow{}, states: map[any]any{},
	}
}

// change runs f with a unit in a transaction, writes the unit, and wakes the relay. f locks its customers first.
func (s *units) change(ctx context.Context, now time.Time, f func(tx conn, b *unit) error) error {
	wake := false
	err := s.write(ctx, func(tx conn) error {
		b := s.begin(tx, now)
		if err := f(tx, b); err != nil {
			return err
		}
		err := b.flush(ctx)
		wake = b.wake
		return err
	})
	if err == nil && wake {
		s.wake()
	}
	return err
}

// Committed is signaled, never blocking, when this process has committed entries of the outbox.
func (s *units) Committed() <-chan struct{} { return s.committed }

func (s *units) wake() {
	select {
	case s.committed <- struct{}{}:
	default:
	}
}

// hasChannel reports whether this build has a channel.
func (s *units) hasChannel(name string) bool {
	for i := range s.channels {
		if s.channels[i].Name == name {
			return true
		}
	}
	return false
}

// flush writes what the rooms have collected.
func (b *unit) flush(ctx context.Context) error {
	for _, write := range b.units.hooks.flush {
		if err := write(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// program returns a revision.
func (b *unit) load(ctx context.Context, revision string) (*packedProgram, error) {
	return b.units.load(ctx, b.tx, revision)
}

// lockedCustomer is a customer that the transaction has locked.
type lockedCustomer struct {
	id      string
	version int64
	traits  map[string]any
	merged  string // another customer it was merged into
	created int64
	stored  map[string]any   // traits as the database has them; a change makes a new map
	dirty   bool             // traits to be written
	open    []*enrollmentRow // open and watching, oldest first

	locked  bool // what a decision finds stale of the customer is to be stored
	drafted bool // a decision is made before the lock: it fails where something of the customer is stale
}

func scanPerson(r scanner) (*lockedCustomer, error) {
	var p lockedCustomer
	var traits string
	if err := r.Scan(&p.id, &p.version, &traits, &p.merged, &p.created); err != nil {
		return nil, err
	}
	var err error
	p.traits, err = object(traits)
	p.stored = p.traits
	return &p, err
}

// vars are the traits as expressions and templates see them: with the customer's id, where no trait has that name.
func (p *lockedCustomer) vars() map[string]any { return traitsOf(p.id, p.traits) }

func traitsOf(id string, traits map[string]any) map[string]any {
	out := maps.Clone(traits)
	if out == nil {
		out = map[string]any{}
	}
	if _, given := out["id"]; !given {
		out["id"] = id
	}
	return out
}

// lock locks customers in the order of their ids, makes those that are not there, and adopts them.
func (b *unit) lock(ctx context.Context, ids []string) error {
	ids = sorted(ids)
	var found []*lockedCustomer
	var values [][]any
	for _, id := range ids {
		values = append(values, []any{id, 1, "{}", millis(b.now)})
	}
	err := pieces(b.tx, nil, values, func(source, _ string, args []any) error {
		return rows(ctx, b.tx, func(r *sql.Rows) error {
			p, err := scanPerson(r)
			found = append(found, p)
			return err
		}, `insert into customers (id, version, traits, created_at) `+source+`
			on conflict (id) do update set version = customers.version + 1 returning id, version, traits, merged_into, created_at`, args...)
	})
	if err != nil {
		return err
	}
	return b.adopt(ctx, found...)
}

// adopt makes locked customers part of the batch, with their open enrollments.
func (b *unit) adopt(ctx context.Context, people ...*lockedCustomer) error {
	var ids []string
	for _, p := range people {
		b.customers[p.id] = p
		if p.version > 1 && p.merged == "" {
			ids = append(ids, p.id)
		}
	}
	err := within(
		ctx,
		b.tx,
		`select `+enrollmentColumns+` from enrollments where customer in (%s) and state <> 'closed'`,
		ids,
		func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			if err == nil {
				p := b.customers[e.Customer]
				p.open = append(p.open, e)
			}
			return err
		},
	)
	for _, p := range people {
		p.sort()
	}
	return err
}

// sort puts the oldest enrollment first.
func (p *lockedCustomer) sort() {
	slices.SortFunc(p.open, func(a, b *enrollmentRow) int {
		return cmp.Or(a.EnteredAt.Compare(b.EnteredAt), cmp.Compare(a.ID, b.ID))
	})
}

// enrollment gives the batch's own copy of an enrollment that is not closed.
func (b *unit) enrollment(e *enrollmentRow) *enrollmentRow {
	for _, own := range b.customers[e.Customer].open {
		if own.ID == e.ID {
			return own
		}
	}
	return e
}

// release is the one this transaction decides by.
func (b *unit) release(ctx context.Context) (*release, error) {
	if b.rel == nil {
		r, err := b.units.current(ctx, b.tx)
		if err != nil {
			return nil, err
		}
		b.rel = r
	}
	return b.rel, nil
}

// flushTraits writes the profiles that changed.
func flushTraits(ctx context.Context, b *unit) error {
	var traits [][]any
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		p := b.customers[id]
		if !p.dirty {
			continue
		}
		raw, err := text(p.traits)
		if err != nil {
			return err
		}
		traits = append(traits, []any{id, raw})
		p.dirty, p.stored = false, p.traits
	}
	return update(ctx, b.tx, "customers", "id", "traits = v.column2", []string{"text", "text"}, traits)
}

// flushEnrollments writes the new enrollments, and how far the queues of others reach.
func flushEnrollments(ctx context.Context, b *unit) error {
	lane := lanesOf(b)
	var starts [][]any
	for _, e := range b.starts {
		e.fresh = false
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
				e.depth,
				millis(e.EnteredAt),
				e.State,
				flag(e.Holdout),
				e.tail,
				e.queuedAt,
				lane(e),
			},
		)
	}
	b.starts = nil
	if _, err := insert(ctx, b.tx, "enrollments (id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, depth, entered_at, state, holdout, last_seq, queued_at, due_at)", starts, ""); err != nil {
		return err
	}
	var tails [][]any
	for _, id := range slices.Sorted(maps.Keys(b.touched)) {
		e := b.touched[id]
		tails = append(tails, []any{id, e.tail, millis(b.now), lane(e)})
	}
	clear(b.touched)
	return update(ctx, b.tx, "enrollments", "id", "last_seq = v.column2, queued_at = case when enrollments.next_seq > enrollments.last_seq then v.column3 else enrollments.queued_at end, "+
		"due_at = case when enrollments.next_seq > enrollments.last_seq then v.column4 else enrollments.due_at end",
		[]string{"text", "bigint", "bigint", "bigint"}, tails)
}

// unused reports whether a customer was made by this unit, and nothing was entered.
func (p *lockedCustomer) unused() bool { return p.version <= 1 && len(p.open) == 0 }
