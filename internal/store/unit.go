package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// lockedCustomer is a customer that the transaction has locked.
type lockedCustomer struct {
	id      string
	version int64
	traits  map[string]any
	merged  string // another customer it was merged into
	created int64
	stored  map[string]any // traits as the database has them; a change makes a new map
	dirty   bool           // traits to be written
	open    []*enrollment  // open and watching, oldest first

	leanings *intentScores // nil: not read
	locked   bool          // what a decision finds stale of the customer is to be stored
	drafted  bool          // a decision is made ahead of the lock: what is stale waits for it

	recalled bool                      // truths were read
	truths   map[string]conditionValue // by journey
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

// event is a row of events.
type event struct {
	id, customer, name, source string
	at, received               int64
	n                          int
	properties                 map[string]any
	text                       string // properties as stored
	depth                      int
	lazy                       bool // stored only if somebody enters by it
	classified                 *classification
}

// unit collects what a transaction writes, so that it goes out in few statements.
type unit struct {
	s       *Store
	tx      conn
	now     time.Time
	people  map[string]*lockedCustomer
	rel     *release
	paused  map[string]bool
	n       int
	events  []*event
	starts  []*enrollment
	touched map[string]*enrollment
	rows    [][]any // deliveries
	traces  [][]any // evidence of intents
	wake    bool
}

// change runs f with a batch in a transaction, writes the batch, and wakes the relay. f locks its customers first.
func (s *Store) change(ctx context.Context, now time.Time, f func(tx conn, b *unit) error) error {
	wake := false
	err := s.write(ctx, func(tx conn) error {
		b := &unit{s: s, tx: tx, now: now, people: map[string]*lockedCustomer{}, touched: map[string]*enrollment{}}
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
		b.people[p.id] = p
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
				p := b.people[e.Customer]
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
	slices.SortFunc(p.open, func(a, b *enrollment) int { return cmp.Or(a.EnteredAt.Compare(b.EnteredAt), cmp.Compare(a.ID, b.ID)) })
}

// enrollment gives the batch's own copy of an enrollment that is not closed.
func (b *unit) enrollment(e *enrollment) *enrollment {
	for _, own := range b.people[e.Customer].open {
		if own.ID == e.ID {
			return own
		}
	}
	return e
}

// release is the one this transaction decides by.
func (b *unit) release(ctx context.Context) (*release, error) {
	if b.rel == nil {
		r, err := b.s.current(ctx, b.tx)
		if err != nil {
			return nil, err
		}
		b.rel = r
	}
	return b.rel, nil
}

// pausedJourney asks the kill switch.
func (b *unit) pausedJourney(ctx context.Context, name string) (bool, error) {
	if b.paused == nil {
		b.paused = map[string]bool{}
		if err := rows(ctx, b.tx, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			b.paused[name] = true
			return err
		}, `select journey from paused_journeys where paused = 1`); err != nil {
			return false, err
		}
	}
	return b.paused[name], nil
}

// Kinds of deliveries.
const (
	deliverStart   = "start"
	deliverEvent   = "event" // an event of the customer: body holds the traits it changed
	deliverMessage = "message"
	deliverEntry   = "entry" // a deferred entry: nothing to deliver
)

// deliver puts something at the end of an enrollment's queue.
func (b *unit) deliver(e *enrollment, kind, event, body string, at int64) {
	if !e.pending() {
		e.queuedAt = at
	}
	e.tail++
	b.rows = append(b.rows, []any{e.ID, e.tail, kind, event, body, at})
	if !e.fresh {
		b.touched[e.ID] = e
	}
	b.wake = true
}

// store keeps an event; it is written with the batch, or when history is read.
func (b *unit) store(ev *event) {
	b.n++
	ev.n = b.n
	b.events = append(b.events, ev)
}

// flushEvents writes the events. Another transaction that took an id meanwhile makes this one start again.
func (b *unit) flushEvents(ctx context.Context) error {
	var values [][]any
	for _, ev := range b.events {
		values = append(values, []any{ev.id, ev.customer, ev.name, ev.at, ev.received, ev.n, ev.text, ev.source, ev.depth})
	}
	n, err := insert(
		ctx,
		b.tx,
		"events (id, customer, name, at, received_at, n, properties, source, depth)",
		values,
		"on conflict (id) do nothing",
	)
	if err == nil && n != int64(len(values)) {
		err = errAgain
	}
	if err == nil {
		err = b.keepClassifications(ctx, b.events)
	}
	b.events = nil
	return err
}

// flush writes everything.
func (b *unit) flush(ctx context.Context) error {
	var traits, zones [][]any
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		p := b.people[id]
		if !p.dirty {
			continue
		}
		raw, err := text(p.traits)
		if err != nil {
			return err
		}
		traits = append(traits, []any{id, raw})
		if zone := zoneOf(p.traits); zone != p.zone() {
			zones = append(zones, []any{id, zone, millis(b.now)})
		}
		p.dirty, p.stored = false, p.traits
	}
	if _, err := insert(ctx, b.tx, "customer_timezones (customer, timezone, since_at)", zones,
		"on conflict (customer) do update set timezone = excluded.timezone, since_at = excluded.since_at"); err != nil {
		return err
	}
	if err := update(ctx, b.tx, "customers", "id", "traits = v.column2", []string{"text", "text"}, traits); err != nil {
		return err
	}
	if err := b.flushEvents(ctx); err != nil {
		return err
	}
	if err := b.flushTruths(ctx); err != nil {
		return err
	}
	if err := b.flushIntents(ctx); err != nil {
		return err
	}
	lane := b.lanes()
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
	if err := update(ctx, b.tx, "enrollments", "id", "last_seq = v.column2, queued_at = case when enrollments.next_seq > enrollments.last_seq then v.column3 else enrollments.queued_at end, "+
		"due_at = case when enrollments.next_seq > enrollments.last_seq then v.column4 else enrollments.due_at end",
		[]string{"text", "bigint", "bigint", "bigint"}, tails); err != nil {
		return err
	}
	_, err := insert(ctx, b.tx, "outbox (enrollment, seq, kind, event, body, at)", b.rows, "")
	b.rows = nil
	return err
}

// history answers count() and last() over a customer's events. It is memoised, since an expression may ask the
// same more than once.
type history struct {
	ctx      context.Context
	tx       conn
	before   func(ctx context.Context) error // writes what the query must see; may be nil
	customer string
	now      time.Time
	received int64 // events that came after this one do not count; 0: all do
	n        int
	counts   map[string]float64
	lasts    map[string]int64
}

var _ journey.History = (*history)(nil)

func (h *history) flush() error {
	if h.before == nil {
		return nil
	}
	return h.before(h.ctx)
}

// known narrows a query to the events that had come by then.
func (h *history) known(args ...any) (clause string, all []any) {
	if h.received == 0 {
		return "", args
	}
	received, n := list(len(args)+1, 1), list(len(args)+2, 1)
	return ` and (received_at < ` + received + ` or received_at = ` + received + ` and n <= ` + n + `)`, append(args, h.received, h.n)
}

// Count is how many events of that name the customer had within the time up to now; 0 is all time.
func (h *history) Count(name string, span time.Duration) (float64, error) {
	memo := name + "\x00" + span.String()
	if n, known := h.counts[memo]; known {
		return n, nil
	}
	if err := h.flush(); err != nil {
		return 0, err
	}
	var since int64
	if span > 0 {
		since = millis(h.now.Add(-span))
	}
	var n float64
	clause, args := h.known(h.customer, name, since)
	err := h.tx.QueryRowContext(h.ctx, `select count(*) from events where customer = $1 and name = $2 and at > $3`+clause, args...).Scan(&n)
	if err == nil {
		if h.counts == nil {
			h.counts = map[string]float64{}
		}
		h.counts[memo] = n
	}
	return n, databaseError(err)
}

// Last is the time of the customer's latest event of that name.
func (h *history) Last(name string) (at time.Time, found bool, err error) {
	last, known := h.lasts[name]
	if !known {
		if err := h.flush(); err != nil {
			return time.Time{}, false, err
		}
		clause, args := h.known(h.customer, name)
		if err := h.tx.QueryRowContext(h.ctx, `select coalesce(max(at), 0) from events where customer = $1 and name = $2`+clause, args...).Scan(&last); err != nil {
			return time.Time{}, false, databaseError(err)
		}
		if h.lasts == nil {
			h.lasts = map[string]int64{}
		}
		h.lasts[name] = last
	}
	return moment(last), last != 0, nil
}
