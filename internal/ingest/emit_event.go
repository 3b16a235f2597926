package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Emit stores an event for an enrollment's customer, once per in.Key, and applies it to all journeys. It claims the
// enrollment. The event's depth is one more than the largest depth of the enrollment, its entry event and the event the
// step handles; that bounds how long journeys can trigger each other, and a limits.Error says so.
func (s *Room) Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error {
	name := sqldb.Clean(in.Spec.Event)
	if name == "" {
		return sqldb.InputError("the event's name is missing")
	}
	calls := []customer.SegmentCall{{Type: "track", MessageID: event.EmitPrefix + sqldb.Clean(in.Key), Event: name, Properties: properties,
		Timestamp: in.Planned, Source: customer.SourceStep}}
	if err := s.intents.Classify(ctx, calls); err != nil {
		return err
	}
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, claim := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if claim != nil && !unit.Replayed(e, in.Chain, claim) {
			return claim
		}
		cause, stored, err := customer.CauseOf(ctx, tx, calls[0].MessageID, in.EntryEvent, in.Event)
		if err != nil || stored {
			return err
		}
		if claim != nil {
			return claim
		}
		if p.Merged != "" { // the customer is being forgotten: nothing is stored any more
			return nil
		}
		cause.Depth = max(cause.Depth, e.Depth)
		if cause, err = cause.Next(ctx, b); err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		call := calls[0]
		call.Depth, call.Root, call.Origin = cause.Depth, cause.Root, e.Origin
		_, err = s.ApplyEvent(ctx, b, p, &call, nil)
		return err
	})
}

// Record stores one track call that came straight to an enrollment as an event of the enrollment's customer of now, whoever the
// call names. The id that the enrollment began with may have been merged, or belong to another customer by now. It does
// not claim the enrollment, and not even a closed one refuses the event: it happened. Fails with an InputError if the event has
// no id or name, or if there is no such enrollment.
func (s *Room) Record(ctx context.Context, now time.Time, enrollmentID string, call customer.SegmentCall) (customer.Receipt, error) {
	if event.Control(call.MessageID) {
		return customer.Receipt{}, sqldb.InputError("messageId contains a control character, which no id has")
	}
	clean(&call)
	if call.Type != "track" || call.MessageID == "" || call.Event == "" {
		return customer.Receipt{}, sqldb.InputError("an event needs an id and a name")
	}
	calls := []customer.SegmentCall{call}
	if err := s.intents.Classify(ctx, calls); err != nil {
		return customer.Receipt{}, err
	}
	var receipt customer.Receipt
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, err := s.db.LockEnrollment(ctx, tx, enrollmentID)
		if errors.Is(err, sqldb.ErrNotFound) {
			return sqldb.InputError(fmt.Sprintf("there is no enrollment %q", enrollmentID))
		}
		if err != nil {
			return err
		}
		receipt = customer.Receipt{ID: call.MessageID, Customer: e.Customer, Duplicate: true}
		seen, err := customer.KnownEvents(ctx, tx, call.MessageID)
		if was, known := seen[call.MessageID]; known && (was.Name != call.Event || was.Customer != e.Customer && was.Origin != e.Origin) {
			return customer.ErrTaken
		}
		if err != nil || len(seen) > 0 {
			return err
		}
		if p.Merged != "" {
			receipt = customer.Receipt{ID: call.MessageID, Forgotten: true}
			return nil
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		call := calls[0]
		call.Origin = e.Origin
		receipt, err = s.ApplyEvent(ctx, b, p, &call, nil)
		return err
	})
	return receipt, err
}

// Assign changes traits, once per key, as an event "Customer Updated", which the enrollment itself receives too if it
// listens. It claims the enrollment. traits is nested, as in identify. It
// returns a limits.Error where the chain of events that journeys cause is too long, or the profile would be too large.
func (s *Room) Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error {
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, claim := s.db.Claimed(ctx, tx, ref.Enrollment, ref.Chain)
		if claim != nil && !unit.Replayed(e, ref.Chain, claim) {
			return claim
		}
		cause, stored, err := customer.CauseOf(ctx, tx, key, e.EntryEvent)
		if err != nil || stored {
			return err
		}
		if claim != nil {
			return claim
		}
		if p.Merged != "" { // the customer is being forgotten: nothing is stored any more
			return nil
		}
		cause.Depth = e.Depth
		if cause, err = cause.Next(ctx, b); err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		_, err = s.ApplyEvent(ctx, b, p, &customer.SegmentCall{Type: "identify", MessageID: key, Traits: traits,
			Source: customer.SourceStep, Depth: cause.Depth, Root: cause.Root, Origin: e.Origin}, nil)
		return err
	})
}
