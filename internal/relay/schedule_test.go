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
	"github.com/tabi-journeys/tabi/workflows"
)

const digest = `journey: digest
entry:
  schedule: {at: "09:30", timezone: UTC}
  when: customer.tier == "gold"
goal: {event: Bye}
steps:
  - wait: 1d
`

// hourly makes a second on the wall an hour of the installation's time, from at on.
func hourly() journey.Clock { return journey.Clock{Origin: at, Epoch: clock.Wall(), Scale: 3600} }

func (b *bundle) seed(n int) {
	b.t.Helper()
	for i := range n {
		if err := b.store.Seed(b.t.Context(), at, fmt.Sprintf("c%03d", i), map[string]any{"tier": "gold"}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// The relay sleeps until the moment, not until it happens to look again.
func TestRelayWakesForASchedule(t *testing.T) {
	b := setup(t, digest)
	b.seed(3)
	b.relay.cfg.Clock, b.relay.cfg.ScheduleEvery = hourly(), time.Hour
	b.play("three to start by schedule", func() bool { return len(b.fake.seen(&b.fake.started)) == 3 })
	list, err := b.store.Enrolments(t.Context(), store.EnrolmentFilter{Journey: "digest"})
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
	const n = 450
	b.seed(n)
	b.relay.cfg.Clock, b.relay.cfg.ScheduleEvery = hourly(), 5*time.Millisecond
	second := New(b.relay.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	b.play("all to start", func() bool { return len(b.fake.seen(&b.fake.started)) >= n && b.settled() })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	started := b.fake.seen(&b.fake.started)
	slices.Sort(started)
	if len(slices.Compact(slices.Clone(started))) != n || len(started) != n {
		t.Errorf("%d starts", len(started))
	}
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
		{"taken before", rejects("taken before", workflows.RejectDuplicate), store.MoveOrdered, ""},
		{"ended meanwhile", rejects("the instance has ended", workflows.RejectEnded), store.MoveOrdered, ""},
		{"refused", rejects("step \"x\" is a send", workflows.RejectInvalid), store.MoveRefused, `step "x" is a send`},
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
			if p, err := journey.Load(order.Definition, page.Instances[0].To); err != nil || p.Revision() != order.Revision || order.Kind != workflows.MigrateOrder {
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
