package relay

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const digest = `journey: digest
entry:
  schedule: {at: "09:30", timezone: UTC}
  when: customer.tier == "gold"
goal: {event: Bye}
steps:
  - wait: 1d
`

// soon makes it a minute before half past nine, and a minute a second on the wall.
func soon() journey.Clock {
	return journey.Clock{Origin: at.Add(29 * time.Minute), Epoch: clock.Wall(), Scale: 60}
}

func (b *bundle) seed(n int) {
	b.t.Helper()
	var calls []store.Call
	for i := range n {
		calls = append(
			calls,
			store.Call{
				Type:      "identify",
				MessageID: fmt.Sprint("seed", i),
				UserID:    fmt.Sprintf("c%03d", i),
				Traits:    map[string]any{"tier": "gold"},
			},
		)
	}
	if _, err := b.store.Ingest(b.t.Context(), at, calls); err != nil {
		b.t.Fatal(err)
	}
}

// The relay sleeps until the moment, not until it happens to look again.
func TestRelayWakesForASchedule(t *testing.T) {
	b := setup(t, digest)
	b.seed(3)
	b.relay.cfg.Clock, b.relay.cfg.ScheduleEvery = soon(), time.Hour
	b.play("three to start by schedule", func() bool { return len(b.fake.seen(&b.fake.started)) == 3 })
	list, err := b.store.Enrollments(t.Context(), store.EnrollmentFilter{Journey: "digest"})
	if err != nil || len(list) != 3 || list[0].EntryName != "Journey Scheduled" || list[0].EnteredAt.Before(at.Add(30*time.Minute)) {
		t.Fatal(list, err)
	}
}

func TestRelayWithoutSchedules(t *testing.T) {
	b := setup(t)
	wait, err := b.relay.runSchedules(t.Context())
	if wait != time.Second || err != nil {
		t.Fatal(wait, err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if wait, err = b.relay.runSchedules(t.Context()); wait != time.Second || err == nil {
		t.Fatal(wait, err)
	}
}

func TestSeveralRelaysRunASchedule(t *testing.T) {
	b := setup(t, digest)
	const n = 250 // more than a page
	b.seed(n)
	b.relay.cfg.Clock, b.relay.cfg.ScheduleEvery, b.relay.cfg.Workers = soon(), 20*time.Millisecond, 8
	second := New(b.relay.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	b.play("all to start", func() bool { return distinct(b.fake.seen(&b.fake.started)) >= n && b.settled() })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	counts, err := b.store.Counts(t.Context())
	if err != nil || counts.Open["digest"] != n || counts.Events != 2*n || distinct(b.fake.seen(&b.fake.started)) != n {
		t.Error(counts, err)
	}
}

func distinct(ids []string) int {
	slices.Sort(ids)
	return len(slices.Compact(ids))
}

const greetingAnew = `journey: greeting
entry: {event: Hello, key: event.n}
goal: {event: Bye}
steps:
  - wait_for: {event: Reply}
    timeout: 1d
`

func TestOrdersToMove(t *testing.T) {
	for _, c := range []struct {
		name          string
		update        func(ctx context.Context, id string) error
		state, reason string
	}{
		{"taken", nil, store.MoveOrdered, ""},
		{"taken before", rejects("taken before", contract.RejectDuplicate), store.MoveOrdered, ""},
		{"ended meanwhile", rejects("the instance has ended", contract.RejectEnded), store.MoveOrdered, ""},
		{"refused", rejects("step \"x\" is a send", contract.RejectInvalid), store.MoveRefused, `step "x" is a send`},
		{"refused in another way", rejects("not now", "CannotMove"), store.MoveRefused, "not now"},
		{"nobody answers", func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, store.MoveOrdered, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			b.event("e1", "Hello", map[string]any{"n": "1"})
			b.play("the start", b.settled)
			b.publish(greetingAnew)
			page, err := b.store.Migrate(t.Context(), at, store.Migration{Journey: "greeting", By: "me"})
			if err != nil || len(page.Instances) != 1 || page.Instances[0].State != store.MoveOrdered {
				t.Fatal(page, err)
			}
			b.fake.update = c.update
			b.play("the order", b.settled)
			b.fake.mu.Lock()
			order := b.fake.orders[0]
			b.fake.mu.Unlock()
			if p, err := journey.Load(order.Definition, page.Instances[0].To); err != nil || p.Revision() != order.Revision ||
				order.Kind != contract.MigrateOrder {
				t.Error(order, err)
			}
			moves, err := b.store.Moves(t.Context(), "greeting", "", 0)
			if err != nil || len(moves) != 1 || moves[0].State != c.state || moves[0].Reason != c.reason {
				t.Error(moves, err)
			}
		})
	}
}

func rejects(why, kind string) func(context.Context, string) error {
	return func(context.Context, string) error { return temporal.NewNonRetryableApplicationError(why, kind, nil) }
}
