package customer

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// An Event is a row of events.
type Event struct {
	ID, Customer, Name, Source string
	Origin                     string // the id that the call named; default: Customer
	At, Received               int64
	N                          int
	Properties                 map[string]any
	Text                       string // properties as stored JSON
	Depth                      int
	Root                       string // with Depth: the id of the event at the beginning of the chain
	Lazy                       bool   // stored only if the customer enters a journey because of it
	Classified                 *Classification
}

// Sources of events that tabi makes itself.
const (
	SourceStep     = "step"     // a step of a journey: emit, set
	SourceSchedule = "schedule" // entry by schedule
)

// Planned returns the moment for which the event was planned, in Unix milliseconds: for an event that tabi made, its time; for
// any other, its arrival. Re-entry compares these moments.
func (e *Event) Planned() int64 {
	if (e.Source == SourceStep || e.Source == SourceSchedule) && e.At != 0 {
		return min(e.At, e.Received)
	}
	return e.Received
}

// newEvents collects the events of a unit.
type newEvents struct {
	n    int
	list []*Event
}

// AppendEvent adds an event to a unit. It is written when the unit is flushed, or earlier if a History is read.
func AppendEvent(b *unit.Unit, ev *Event) {
	s := unit.State[newEvents](b)
	s.n++
	ev.N = s.n
	s.list = append(s.list, ev)
}

// FlushEvents is a Flush hook of this room: it writes the events. If another transaction has stored one of the ids
// meanwhile, it returns ErrAgain.
func FlushEvents(ctx context.Context, b *unit.Unit) error {
	s := unit.State[newEvents](b)
	var values [][]any
	for _, ev := range s.list {
		values = append(values, []any{ev.ID, ev.Customer, ev.Name, ev.At, ev.Received, ev.N, ev.Text, ev.Source, ev.Depth,
			cmp.Or(ev.Origin, ev.Customer), ev.Root})
	}
	n, err := sqldb.Insert(
		ctx,
		b.Tx,
		"events (id, customer, name, at, received_at, n, properties, source, depth, origin, root)",
		values,
		"on conflict (id) do nothing",
	)
	if err == nil && n != int64(len(values)) {
		err = sqldb.ErrAgain
	}
	s.list = nil
	return err
}

// History implements count() and last() over a customer's events. It caches results, since an expression may ask the same
// more than once.
type History struct {
	Ctx      context.Context
	Tx       sqldb.Conn
	Before   func(ctx context.Context) error // writes the events that the query must see; may be nil
	Customer string
	Now      time.Time
	Received int64 // with N: later events do not count; 0: all count
	N        int
	counts   map[string]float64
	lasts    map[string]int64
}

var _ expr.History = (*History)(nil)

func (h *History) flush() error {
	if h.Before == nil {
		return nil
	}
	return h.Before(h.Ctx)
}

// known narrows a query to the events up to Received and N.
func (h *History) known(args ...any) (clause string, all []any) {
	if h.Received == 0 {
		return "", args
	}
	received, n := sqldb.List(len(args)+1, 1), sqldb.List(len(args)+2, 1)
	return ` and (received_at < ` + received + ` or received_at = ` + received + ` and n <= ` + n + `)`, append(args, h.Received, h.N)
}

// Count returns the number of the customer's events with a name within span before Now. A span of 0 is all time.
func (h *History) Count(name string, span time.Duration) (float64, error) {
	memo := name + "\x00" + span.String()
	if n, known := h.counts[memo]; known {
		return n, nil
	}
	if err := h.flush(); err != nil {
		return 0, err
	}
	var since int64
	if span > 0 {
		since = sqldb.Millis(h.Now.Add(-span))
	}
	var n float64
	clause, args := h.known(h.Customer, name, since)
	err := h.Tx.QueryRowContext(h.Ctx, `select count(*) from events where customer = $1 and name = $2 and at > $3`+clause, args...).Scan(&n)
	if err == nil {
		if h.counts == nil {
			h.counts = map[string]float64{}
		}
		h.counts[memo] = n
	}
	return n, sqldb.DatabaseError(err)
}

// Last returns the time of the customer's latest event with a name.
func (h *History) Last(name string) (at time.Time, found bool, err error) {
	last, known := h.lasts[name]
	if !known {
		if err := h.flush(); err != nil {
			return time.Time{}, false, err
		}
		clause, args := h.known(h.Customer, name)
		if err := h.Tx.QueryRowContext(h.Ctx, `select coalesce(max(at), 0) from events where customer = $1 and name = $2`+clause,
			args...).Scan(&last); err != nil {
			return time.Time{}, false, sqldb.DatabaseError(err)
		}
		if h.lasts == nil {
			h.lasts = map[string]int64{}
		}
		h.lasts[name] = last
	}
	return sqldb.Moment(last), last != 0, nil
}

// Flusher returns a function for History.Before that writes the events of a unit.
func Flusher(b *unit.Unit) func(context.Context) error {
	return func(ctx context.Context) error { return FlushEvents(ctx, b) }
}

const eventColumns = `id, customer, name, at, received_at, properties, source, depth, origin`

func scanEvent(r sqldb.Scanner) (*Event, error) {
	var ev Event
	err := r.Scan(&ev.ID, &ev.Customer, &ev.Name, &ev.At, &ev.Received, &ev.Text, &ev.Source, &ev.Depth, &ev.Origin)
	if err != nil {
		return nil, err
	}
	ev.Properties, err = sqldb.Object(ev.Text)
	return &ev, err
}

// EventByID returns an event, or ErrNotFound.
func EventByID(ctx context.Context, tx sqldb.Conn, id string) (*Event, error) {
	ev, err := scanEvent(tx.QueryRowContext(ctx, `select `+eventColumns+` from events where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqldb.ErrNotFound
	}
	return ev, err
}

// EventsByID returns events by their ids. Unknown ids are ignored.
func EventsByID(ctx context.Context, tx sqldb.Conn, ids []string) (map[string]*Event, error) {
	out := map[string]*Event{}
	err := sqldb.Within(ctx, tx, `select `+eventColumns+` from events where id in (%s)`, sqldb.Sorted(ids), func(r *sql.Rows) error {
		ev, err := scanEvent(r)
		if err == nil {
			out[ev.ID] = ev
		}
		return err
	})
	return out, err
}

// EventProperties returns the properties of a stored event; nil where it was deleted.
func (s *Room) EventProperties(ctx context.Context, id string) (out map[string]any, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		events, err := EventsByID(ctx, tx, []string{id})
		if ev := events[id]; ev != nil {
			out = ev.Properties
		}
		return err
	})
	return out, err
}

// EventsNamed returns a customer's events with one of the names, in the order of their arrival.
func EventsNamed(ctx context.Context, tx sqldb.Conn, customerID string, names []string) ([]*Event, error) {
	var out []*Event
	err := sqldb.Within(ctx, tx, `select `+eventColumns+`, n from events where customer = $1 and name in (%s)`, names,
		func(r *sql.Rows) error {
			var ev Event
			if err := r.Scan(&ev.ID, &ev.Customer, &ev.Name, &ev.At, &ev.Received, &ev.Text, &ev.Source, &ev.Depth, &ev.Origin,
				&ev.N); err != nil {
				return err
			}
			var err error
			ev.Properties, err = sqldb.Object(ev.Text)
			out = append(out, &ev)
			return err
		}, customerID)
	slices.SortFunc(out, func(a, b *Event) int { return cmp.Or(cmp.Compare(a.Received, b.Received), cmp.Compare(a.N, b.N)) })
	return out, err
}

// EventsAfter returns a customer's events that were accepted after those with the ids, in the order of their arrival: those
// of the last one's millisecond or later, without the ids. Unknown ids are ignored; without a known one it returns all.
func EventsAfter(ctx context.Context, tx sqldb.Conn, customerID string, ids []string) ([]*Event, error) {
	var last int64
	known := map[string]bool{}
	if err := sqldb.Within(ctx, tx, `select id, received_at from events where id in (%s)`, sqldb.Sorted(ids), func(r *sql.Rows) error {
		var id string
		var at int64
		err := r.Scan(&id, &at)
		known[id], last = true, max(last, at)
		return err
	}); err != nil {
		return nil, err
	}
	var out []*Event
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		ev, err := scanEvent(r)
		if err == nil && !known[ev.ID] {
			out = append(out, ev)
		}
		return err
	}, `select `+eventColumns+` from events where customer = $1 and received_at >= $2 order by received_at, n`, customerID, last)
	return out, err
}

// A KnownEvent is what a stored event is compared by with a call of the same id.
type KnownEvent struct{ Name, Customer, Origin string }

// KnownEvents returns those of the ids that belong to a stored event.
func KnownEvents(ctx context.Context, tx sqldb.Conn, ids ...string) (map[string]KnownEvent, error) {
	out := map[string]KnownEvent{}
	query := `select id, name, customer, origin from events where id in (%s)`
	err := sqldb.Within(ctx, tx, query, sqldb.Sorted(ids), func(r *sql.Rows) error {
		var id string
		var known KnownEvent
		err := r.Scan(&id, &known.Name, &known.Customer, &known.Origin)
		out[id] = known
		return err
	})
	return out, err
}

// A Cause is what a step's event comes from: the event in the longest chain among those that the step knows.
type Cause struct {
	Depth int
	Root  string // id of the event at the beginning of the chain
}

// CauseOf returns the cause among events, and reports whether the event with id own is stored already. Unknown ids do not count. Of
// two chains of one length the later event's is the cause.
func CauseOf(ctx context.Context, tx sqldb.Conn, own string, events ...string) (cause Cause, stored bool, err error) {
	err = sqldb.Within(ctx, tx, `select id, depth, root from events where id in (%s) order by received_at, n`,
		sqldb.Sorted(append(events, own)), func(r *sql.Rows) error {
			var id, root string
			var depth int
			err := r.Scan(&id, &depth, &root)
			switch {
			case id == own:
				stored = true
			case depth >= cause.Depth:
				cause = Cause{depth, cmp.Or(root, id)}
			}
			return err
		})
	return cause, stored, err
}

// Next returns the cause of the event that a step causes now, or an Error if the chain is too long, or too many events descend from its
// root. The descendants of an event from outside are only counted from their own descendants on: an enrollment may cause events for
// years, and that is no chain reaction.
func (c Cause) Next(ctx context.Context, b *unit.Unit) (Cause, error) {
	next := Cause{c.Depth + 1, c.Root}
	if next.Depth > MaxDepth {
		return next, b.Units.Limits.TooDeep(next.Depth)
	}
	if c.Depth == 0 {
		return next, nil
	}
	n, most := 0, b.Units.Limits.Descendants
	err := b.Tx.QueryRowContext(ctx, `select count(*) from (select 1 from events where root = $1 and root <> '' and received_at > $2
		limit $3) as caused`, c.Root, sqldb.Millis(b.Now.Add(-limits.DescendantsWithin)), most).Scan(&n)
	if err == nil && n >= most {
		err = b.Units.Limits.CausedTooMany(c.Root)
	}
	return next, err
}

// WithEvents returns which of the customers have an event with one of the names.
func WithEvents(ctx context.Context, tx sqldb.Conn, customers, names []string) (map[string]bool, error) {
	if len(names) == 0 {
		return map[string]bool{}, nil
	}
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = name
	}
	return found(ctx, tx, `select distinct customer from events where name in (`+sqldb.List(1, len(args))+`) and customer in (%s)`,
		customers, args...)
}

// WithEventAt returns which of the customers have an event with a name, a time (Unix milliseconds) and a prefix of its id.
func WithEventAt(ctx context.Context, tx sqldb.Conn, customers []string, name string, at int64, prefix string) (map[string]bool, error) {
	return found(ctx, tx, `select customer from events where name = $1 and at = $2 and substr(id, 1, length($3)) = $3 and
		customer in (%s)`, customers, name, at, prefix)
}

// found returns the set of texts that a query of sqldb.Within selects.
func found(ctx context.Context, tx sqldb.Conn, query string, ids []string, first ...any) (map[string]bool, error) {
	out := map[string]bool{}
	err := sqldb.Within(ctx, tx, query, ids, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		out[id] = true
		return err
	}, first...)
	return out, err
}

// MergeEvents moves the events of gone to survivor.
func MergeEvents(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	_, err := b.Tx.ExecContext(ctx, `update events set customer = $2 where customer = $1`, gone.ID, survivor.ID)
	return err
}

// SetClock sets the virtual clock of this installation. It returns ErrClockFixed if the clock differs and there are events.
func (s *Room) SetClock(ctx context.Context, c clock.Clock) error {
	return s.db.SetClock(ctx, c, func(tx sqldb.Conn) (bool, error) { return sqldb.Exists(ctx, tx, `select 1 from events limit 1`) })
}
