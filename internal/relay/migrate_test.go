package relay

import (
	"context"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const greetingRevised = `journey: greeting
entry: {event: Hello, key: event.n}
goal: {event: Bye}
steps:
  - wait_for: {event: Reply}
    timeout: 1d
`

func TestMigrationCommands(t *testing.T) {
	for _, c := range []struct {
		name          string
		update        func(ctx context.Context, id string) error
		state, reason string
	}{
		{"taken", nil, enrollment.MigrationOrdered, ""},
		{"taken before", rejects("taken before", contract.RejectDuplicate), enrollment.MigrationOrdered, ""},
		{"ended meanwhile", rejects("the enrollment has ended", contract.RejectJourneyEnded), enrollment.MigrationOrdered, ""},
		{"refused", rejects("step \"x\" is a send", contract.RejectInvalid), enrollment.MigrationRefused, `step "x" is a send`},
		{"refused in another way", rejects("not now", "CannotMove"), enrollment.MigrationRefused, "not now"},
		{"nobody answers", func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, enrollment.MigrationOrdered, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			b.event("e1", "Hello", map[string]any{"n": "1"})
			b.play("the start", b.settled)
			b.publish(greetingRevised)
			page, err := b.store.Enrollments.Migrate(t.Context(), at, enrollment.Migration{Journey: "greeting", By: "me"})
			if err != nil || len(page.Migrations) != 1 || page.Migrations[0].State != enrollment.MigrationOrdered {
				t.Fatal(page, err)
			}
			b.fake.update = c.update
			b.play("the order", b.settled)
			b.fake.mu.Lock()
			order := b.fake.orders[0]
			b.fake.mu.Unlock()
			if p, err := journey.Load(order.Definition, page.Migrations[0].To); err != nil || p.Revision() != order.Revision ||
				order.Kind != contract.MigrateOrder {
				t.Error(order, err)
			}
			moves, err := b.store.Enrollments.MigrationStatuses(t.Context(), "greeting", "", 0)
			if err != nil || len(moves) != 1 || moves[0].State != c.state || moves[0].Reason != c.reason {
				t.Error(moves, err)
			}
		})
	}
}

func rejects(why, kind string) func(context.Context, string) error {
	return func(context.Context, string) error { return temporal.NewNonRetryableApplicationError(why, kind, nil) }
}
