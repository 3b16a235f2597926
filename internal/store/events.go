package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

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

// newEvents are the events that a unit will write.
type newEvents struct {
	n    int
	list []*event
}

// appendEvent keeps an event. It is written with the batch, or when history is read.
func appendEvent(b *unit, ev *event) {
	s := state[newEvents](b)
	s.n++
	ev.n = s.n
	s.list = append(s.list, ev)
}

// flushEvents writes the events. Another transaction that took an id meanwhile makes this one start again.
func flushEvents(ctx context.Context, b *unit) error {
	s := state[newEvents](b)
	var values [][]any
	for _, ev := range s.list {
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
	s.list = nil
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

var _ expr.History = (*history)(nil)

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

// flusher returns what a history calls to write the events that its queries must see.
func flusher(b *unit) func(context.Context) error {
	return func(ctx context.Context) error { return flushEvents(ctx, b) }
}

const eventColumns = `id, customer, name, at, received_at, properties, source, depth`

func scanEvent(r scanner) (*event, error) {
	var ev event
	err := r.Scan(&ev.id, &ev.customer, &ev.name, &ev.at, &ev.received, &ev.text, &ev.source, &ev.depth)
	if err != nil {
		return nil, err
	}
	ev.properties, err = object(ev.text)
	return &ev, err
}

func eventByID(ctx context.Context, tx conn, id string) (*event, error) {
	ev, err := scanEvent(tx.QueryRowContext(ctx, `select `+eventColumns+` from events where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return ev, err
}

// mergeEvents moves the events of a customer to another.
func mergeEvents(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	_, err := b.tx.ExecContext(ctx, `update events set customer = $2 where customer = $1`, gone.id, survivor.id)
	return err
}

// SetClock sets the one virtual clock of this installation; ErrClockFixed once there are events and it differs.
func (s *CustomerRoom) SetClock(ctx context.Context, c clock.Clock) error {
	return s.db.setClock(ctx, c, func(tx conn) (bool, error) { return exists(ctx, tx, `select 1 from events limit 1`) })
}
