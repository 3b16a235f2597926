package enrollment

import (
	"context"
	"errors"
	"strings"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// EnterAll enters the customer into each of the journeys that allows it. receipt is nil where no caller waits for one.
func EnterAll(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, names []string, ev *customer.Event,
	receipt *customer.Receipt) error {
	for _, name := range names {
		if err := enterNoted(ctx, b, p, entry{journey: name, event: ev, at: ev.Planned()}, receipt); err != nil {
			return err
		}
	}
	return nil
}

// enterNoted is enter with a receipt. If the customer has too many open enrollments, a strict entry is an error, and otherwise the
// receipt has a warning: a change of traits that makes an entry condition true is stored all the same. Where nobody reads the receipt, as
// with entries that were deferred, are scheduled, or follow from a step, the entry is among the refused calls.
func enterNoted(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, q entry, receipt *customer.Receipt) error {
	unread := receipt == nil || q.event.Source == customer.SourceStep
	if receipt == nil {
		receipt = &customer.Receipt{}
	}
	address, refused, err := enter(ctx, b, p, q)
	problem := tolerant.Problem{}
	var over *limits.Error
	switch {
	case errors.As(err, &over) && !q.strict:
		problem = tolerant.Problem{Code: over.Code, Message: over.Message}
	case err != nil:
		return err
	case strings.HasSuffix(refused, badKey):
		problem = tolerant.Problem{Code: "bad_key", Message: "journey " + q.journey + " is not entered: " + refused}
	case address != "":
		receipt.Entered = append(receipt.Entered, address)
	}
	if problem.Code == "" {
		return nil
	}
	receipt.Warnings = append(receipt.Warnings, problem.Message)
	if unread {
		b.Refused = append(b.Refused, unit.RefusedEntry{
			Problem: problem, Journey: q.journey, Customer: p.ID, Event: q.event.Name, EventID: q.event.ID,
		})
	}
	return nil
}
