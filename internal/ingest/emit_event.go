package ingest

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Emit stores an event for an enrollment's customer, once per in.Key, and applies it to all journeys. It claims the
// enrollment. The event's depth is one more than the largest depth of the enrollment, its entry event and the event the
// step handles; that bounds how long journeys can trigger each other.
func (s *Room) Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error {
	name := sqldb.Clean(in.Spec.Event)
	if name == "" {
		return sqldb.InputError("the event's name is missing")
	}
	calls := []customer.SegmentCall{{Type: "track", MessageID: event.EmitPrefix + sqldb.Clean(in.Key), Event: name, Properties: properties,
		Source: "step"}}
	if err := s.intents.Classify(ctx, calls); err != nil {
		return err
	}
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, claim := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if claim != nil && !unit.Replayed(e, in.Chain, claim) {
			return claim
		}
		seen, err := customer.KnownEvents(ctx, tx, calls[0].MessageID)
		if err != nil || len(seen) > 0 {
			return err
		}
		if claim != nil {
			return claim
		}
		depth, err := customer.MaxDepthOf(ctx, tx, in.EntryEvent, in.Event)
		if err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		call := calls[0]
		call.Depth = max(e.Depth, depth) + 1
		_, err = s.ApplyEvent(ctx, b, p, &call, nil)
		return err
	})
}

// Assign changes traits, once per key, as an event "Customer Updated", which the enrollment itself receives too if it
// listens. It claims the enrollment. traits is nested, as in identify. Events that journeys cause end at depth ten.
func (s *Room) Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error {
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, claim := s.db.Claimed(ctx, tx, ref.Enrollment, ref.Chain)
		if claim != nil && !unit.Replayed(e, ref.Chain, claim) {
			return claim
		}
		seen, err := customer.KnownEvents(ctx, tx, key)
		if err != nil || len(seen) > 0 {
			return err
		}
		if claim != nil {
			return claim
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		_, err = s.ApplyEvent(ctx, b, p, &customer.SegmentCall{Type: "identify", MessageID: key, Traits: traits, Source: "step",
			Depth: e.Depth + 1}, nil)
		return err
	})
}
