package enrollment

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// EndYounger is the last OnMerge hook of this room. If both customers have an open enrollment in the same journey with the
// same key, it orders the younger one to end. A journey with re-entry "always" keeps both.
func EndYounger(ctx context.Context, b *unit.Unit, gone, p *unit.LockedCustomer) error {
	type slot struct{ journey, key string }
	older := map[slot]bool{}
	for _, e := range p.Open {
		if e.State != unit.StateOpen {
			continue
		}
		program, err := b.Load(ctx, e.Revision)
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
			Command: &contract.Command{Kind: "exit", By: "tabi", Reason: "merged with " + gone.ID}}
		if err := outbox.EnqueueMessage(b, e, order); err != nil {
			return err
		}
	}
	return nil
}
