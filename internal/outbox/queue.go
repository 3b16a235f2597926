package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// queued is a stored delivery, joined with its event.
type queued struct {
	seq               int64
	kind, Event, Body string
	name, properties  string
	trace             string
	At, received      int64
}

// queues reads the first LeaseDeliveries of each enrollment, up to a deferred entry that is not at the head.
func (s *Room) queues(ctx context.Context, tx sqldb.Conn, ids []string) (map[string][]queued, error) {
	out := map[string][]queued{}
	ends := map[string]bool{}
	err := sqldb.Within(
		ctx,
		tx,
		`select d.enrollment, d.seq, d.kind, d.event, d.body, coalesce(e.name, ''), coalesce(e.properties, ''), coalesce(e.at, 0),
		coalesce(e.received_at, 0), d.trace
		from outbox d join enrollment_queues n on n.id = d.enrollment left join event_log e on e.id = d.event
		where d.enrollment in (%s) and d.seq >= n.next_seq and d.seq < n.next_seq + $1 order by d.enrollment, d.seq`,
		ids,
		func(r *sql.Rows) error {
			var id string
			var q queued
			if err := r.Scan(&id, &q.seq, &q.kind, &q.Event, &q.Body, &q.name, &q.properties, &q.At, &q.received, &q.trace); err != nil {
				return err
			}
			if ends[id] = ends[id] || q.kind == DeliverEntry && len(out[id]) > 0; !ends[id] {
				out[id] = append(out[id], q)
			}
			return nil
		},
		LeaseDeliveries,
	)
	return out, err
}

// deliveries converts stored deliveries to what the relay sends, with the properties that the journey reads. Their JSON is
// copied from the event's row: the run decodes it, nobody before.
func (s *Room) deliveries(ctx context.Context, tx sqldb.Conn, e *unit.EnrollmentRow, queue []queued, clock clock.Clock) ([]Delivery,
	error) {
	p, err := s.db.Load(ctx, tx, e.Revision)
	if err != nil {
		return nil, err
	}
	reads := p.Reads()
	if to := e.Revisions(); len(to) > 1 { // the new revision may read the deliveries after the order
		next, err := s.db.Load(ctx, tx, to[1])
		if err != nil {
			return nil, err
		}
		more := next.Reads()
		reads.Entry, reads.Event = slices.Concat(reads.Entry, more.Entry), slices.Concat(reads.Event, more.Event)
	}
	var out []Delivery
	for _, q := range queue {
		d := Delivery{Seq: q.seq, Trace: q.trace, Size: len(q.properties) + len(q.Body)}
		switch q.kind {
		case DeliverStart:
			entry, err := journey.ProjectJSON(q.properties, reads.Entry)
			if err != nil {
				return nil, err
			}
			d.Start = &contract.Input{
				Interpreter: contract.InterpreterVersion, Enrollment: e.ID, Journey: e.Journey, Revision: e.Revision, Definition: p.Packed,
				Customer: e.Customer, Draw: e.Draw, Key: e.Key,
				Clock: clock, EnteredAt: e.EnteredAt, EntryEvent: e.EntryEvent, EntryName: e.EntryName,
				Entry: entry, Holdout: e.Holdout,
			}
			if q.Body != "" {
				d.Start.Snapshot = []byte(q.Body)
			}
		case DeliverEvent:
			properties, err := journey.ProjectJSON(q.properties, reads.Event)
			if err != nil {
				return nil, err
			}
			d.Delivery = &contract.Delivery{
				ID:         q.Event,
				Enrollment: e.ID,
				Received:   sqldb.Moment(q.received),
				Event:      &contract.CustomerEvent{Name: q.name, Time: sqldb.Moment(q.At), Properties: properties},
			}
			if q.Body != "" {
				if err := json.Unmarshal([]byte(q.Body), &d.Delivery.Event.Traits); err != nil {
					return nil, err
				}
			}
		default:
			d.Delivery = &contract.Delivery{}
			if err := json.Unmarshal([]byte(q.Body), d.Delivery); err != nil {
				return nil, err
			}
			if order := d.Delivery.Command; order != nil && order.Kind == contract.MigrateOrder {
				to, err := s.db.Load(ctx, tx, order.Revision)
				if err != nil {
					return nil, err
				}
				order.Definition = to.Packed
				d.Size += base64.StdEncoding.EncodedLen(len(to.Packed))
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// Requeue fills the queue of an enrollment that begins again: its start with the snapshot, then the events which the lost
// run may have taken, then what it had not got. The enrollment's queue must be marked as done. orders are the kinds of
// commands that were still in the queue.
func Requeue(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, snapshot string, events []string) (orders map[string]bool,
	err error) {
	var rest []queued
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		q := queued{}
		err := r.Scan(&q.seq, &q.kind, &q.Event, &q.Body, &q.At)
		rest = append(rest, q)
		return err
	}, `delete from outbox where enrollment = $1 returning seq, kind, event, body, at`, e.ID); err != nil {
		return nil, err
	}
	slices.SortFunc(rest, func(a, b queued) int { return cmp.Compare(a.seq, b.seq) })
	Enqueue(b, e, DeliverStart, e.EntryEvent, snapshot, sqldb.Millis(b.Now))
	for _, id := range events {
		if !slices.ContainsFunc(rest, func(q queued) bool { return q.kind == DeliverEvent && q.Event == id }) {
			Enqueue(b, e, DeliverEvent, id, "", sqldb.Millis(b.Now))
		}
	}
	orders = map[string]bool{}
	for _, q := range rest {
		if q.kind == DeliverStart {
			continue
		}
		if q.kind == deliverMessage {
			var d contract.Delivery
			if err := json.Unmarshal([]byte(q.Body), &d); err != nil {
				return nil, err
			}
			if d.Command != nil {
				orders[d.Command.Kind] = true
			}
		}
		Enqueue(b, e, q.kind, q.Event, q.Body, q.At)
	}
	return orders, nil
}
