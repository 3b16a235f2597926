package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// emitted is what the id of an event that a step made begins with; the step's visit follows.
const emitted = "tabi.emit/"

// Emit stores an event of an instance's customer, once per in.Key, and brings it to all journeys; it claims the
// enrollment. Its depth is one more than that of the events it follows from: the entry event, and the event at
// hand.
func (s *IngestRoom) Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error {
	name := clean(in.Spec.Event)
	if name == "" {
		return inputError("the event's name is missing")
	}
	calls := []SegmentCall{{Type: "track", MessageID: emitted + clean(in.Key), Event: name, Properties: properties, Source: "step"}}
	if err := s.intents.classify(ctx, calls); err != nil {
		return err
	}
	return s.db.change(ctx, now, func(tx conn, b *unit) error {
		e, p, claim := claimed(ctx, tx, in.Enrollment, in.Chain)
		if claim != nil && !replayed(e, in.Chain, claim) {
			return claim
		}
		seen, err := exists(ctx, tx, `select 1 from events where id = $1`, calls[0].MessageID)
		if err != nil || seen {
			return err
		}
		if claim != nil {
			return claim
		}
		depth := e.depth
		if err := within(ctx, tx, `select depth from events where id in (%s)`, sorted([]string{in.EntryEvent, in.Event}), func(r *sql.Rows) error {
			var one int
			err := r.Scan(&one)
			depth = max(depth, one)
			return err
		}); err != nil {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		call := calls[0]
		call.Depth = depth + 1
		_, err = applyEvent(ctx, b, p, &call, nil)
		return err
	})
}

// Assign changes traits once per key, as event "Customer Updated" heard by this instance too where it listens,
// claiming the enrollment. traits is nested, as in identify. What journeys cause so ends after ten links.
func (s *IngestRoom) Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error {
	return s.db.change(ctx, now, func(tx conn, b *unit) error {
		e, p, claim := claimed(ctx, tx, ref.Enrollment, ref.Chain)
		if claim != nil && !replayed(e, ref.Chain, claim) {
			return claim
		}
		seen, err := exists(ctx, tx, `select 1 from events where id = $1`, key)
		if err != nil || seen {
			return err
		}
		if claim != nil {
			return claim
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		_, err = applyEvent(ctx, b, p, &SegmentCall{Type: "identify", MessageID: key, Traits: traits, Source: "step", Depth: e.depth + 1}, nil)
		return err
	})
}
