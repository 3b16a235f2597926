package store

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// endYounger orders the younger of two open instances of one journey and key to end. A journey that lets
// customers in again while they are in it keeps both.
func endYounger(ctx context.Context, b *unit, gone, p *lockedCustomer) error {
	type slot struct{ journey, key string }
	older := map[slot]bool{}
	for _, e := range p.open {
		if e.State != StateOpen {
			continue
		}
		program, err := b.load(ctx, e.Revision)
		if err != nil {
			return err
		}
		if program.Entry.Reentry == journey.ReentryAlways {
			continue
		}
		at := slot{e.Journey, e.Key}
		if !older[at] {
			older[at] = true
			continue
		}
		order := contract.Delivery{ID: "merge/" + e.ID, Enrollment: e.ID,
			Command: &contract.Command{Kind: "exit", By: "tabi", Reason: "merged with " + gone.id}}
		if err := enqueueMessage(b, e, order); err != nil {
			return err
		}
	}
	return nil
}
