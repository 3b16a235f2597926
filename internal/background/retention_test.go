package background

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// retains configures the jobs to delete, at a moment long after everything.
func (s *suite) retains(policy string) {
	s.t.Helper()
	keep, err := retention.Parse(policy)
	if err != nil {
		s.t.Fatal(err)
	}
	st := s.store
	s.cfg.Keep, s.cfg.Clock = keep, from(at.Add(1000*24*time.Hour), 1)
	s.cfg.Retention = Retention{
		Customers: st.Customers, Enrollments: st.Enrollments, Handoffs: st.Handoffs, Intents: st.Intents, Messages: st.Messages,
		Offers: st.Offers, Outbox: st.Outbox, Rejections: st.Rejections, Visitors: st.Erasure, Audit: st.Audit,
		Noting: func(ctx context.Context, kind string, before time.Time) context.Context {
			return retention.Noting(ctx, kind, before, nil)
		},
		TakeTurn: func(ctx context.Context, holder string, wall time.Time, change func(*retention.Turn)) (retention.Turn, bool, error) {
			return retention.TakeTurn(ctx, st.Database, holder, wall, change)
		},
	}
}

// events returns how many there are.
func (s *suite) events() int {
	s.t.Helper()
	n := 0
	if err := s.store.Database.Reader.QueryRowContext(s.t.Context(), `select count(*) from events`).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// One process deletes at a time, the others rest. When it is gone, another one continues with the customers after those that it has
// looked through. What was deleted is noted with it, and the pass and its end are seen.
func TestOneProcessDeletesAtATime(t *testing.T) {
	s := setup(t)
	var calls []customer.SegmentCall
	for i := range 2*walkPage + 1 {
		id := fmt.Sprintf("c%03d", i)
		calls = append(calls, customer.SegmentCall{Type: "track", MessageID: id, UserID: id, Event: "Hello"})
	}
	s.ingest(calls...)
	s.retains("events=400d")
	core, logs := observer.New(zap.WarnLevel)
	first := New(s.cfg)
	s.cfg.Keep, s.cfg.Logger = retention.Policy{retention.Events: 500 * 24 * time.Hour}, zap.New(core)
	second := New(s.cfg)
	one, two := first.pruneByCustomer(), second.pruneByCustomer()
	page := func(job func(context.Context) (bool, error), left int) {
		t.Helper()
		if _, err := job(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.events(); n != left {
			t.Errorf("%d events are left, want %d", n, left)
		}
	}
	page(one, walkPage+1)
	page(two, walkPage+1)
	if n := logs.FilterMessageSnippet("another process deletes by another TABI_RETENTION").Len(); n != 1 {
		t.Errorf("%d warnings of the other policy", n)
	}
	begins, err := retention.ReadBegins(t.Context(), s.store.Database.Reader)
	if err != nil || !begins[retention.Events].After(at.Add(600*24*time.Hour)) {
		t.Errorf("%v, %v", begins, err)
	}
	first.turn.asked, second.turn.asked = time.Time{}, time.Time{}
	page(one, 1) // it stores how far it was before this page
	took, mine, err := retention.TakeTurn(t.Context(), s.store.Database, first.turn.holder, clock.Wall().Add(-2*retention.TurnFor),
		func(*retention.Turn) {})
	if err != nil || !mine || took.After != "c099" || took.Rows[retention.Events] != walkPage {
		t.Fatalf("%+v, %v", took, err)
	}
	page(two, 1) // the second page again, which changes nothing
	page(two, 0)
	page(two, 0)
	if took, err = retention.ReadTurn(t.Context(), s.store.Database.Reader); err != nil || took.Holder != second.turn.holder ||
		took.Passed.IsZero() || took.After != "" || took.Customers != 0 {
		t.Errorf("%+v, %v", took, err)
	}
	first.turn.asked = time.Time{}
	if mine, err := first.myTurn(t.Context(), nil); err != nil || mine {
		t.Errorf("the first process has the turn again: %v", err)
	}
}

// A customer who is forgotten is not named by the position of the pass.
func TestForgottenCustomerIsNoPosition(t *testing.T) {
	s := setup(t)
	s.retains("")
	reached := func(now *retention.Turn) { now.After = "anon:a7" }
	if _, _, err := retention.TakeTurn(t.Context(), s.store.Database, "p", clock.Wall(), reached); err != nil {
		t.Fatal(err)
	}
	s.ingest(customer.SegmentCall{Type: "track", MessageID: "m", AnonymousID: "a7", Event: "Hello"})
	if dropped, err := s.store.Erasure.DropVisitor(t.Context(), at, "anon:a7"); err != nil || !dropped {
		t.Fatal(dropped, err)
	}
	if now, err := retention.ReadTurn(t.Context(), s.store.Database.Reader); err != nil || now.After != "" {
		t.Errorf("%+v, %v", now, err)
	}
}
