package engine

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const day = 24 * time.Hour

// halves holds out the customers whose id begins with h.
func (s *suite) halves() {
	s.Engine.Units.Holdout = func(_, customerID string, percent float64) bool {
		return percent > 0 && strings.HasPrefix(customerID, "h")
	}
}

func measured(d *journey.Definition) {
	d.Goal.Value, d.Entry.Holdout, d.Timeout = "event.total", 50, 10*day
}

// comes enters a customer with a cart of their own at a moment.
func (s *suite) comes(at time.Time, customerID string) unit.Enrollment {
	s.T.Helper()
	r := s.ingest(at, s.track(customerID, "Cart Updated", props{"cart_id": "of " + customerID}))
	if len(r[0].Entered) != 1 {
		s.T.Fatalf("%s: entered %v (%s)", customerID, r[0].Entered, r[0].Refused)
	}
	e := s.at(r[0].Entered[0])
	s.drain()
	return e
}

// buys is an order of a cart.
func (s *suite) buys(at time.Time, customerID, cart string, total float64) {
	s.T.Helper()
	s.ingest(at, s.track(customerID, "Order Completed", props{"cart_id": cart, "total": total}))
	s.drain()
}

func (s *suite) reports(at time.Time, e unit.Enrollment, seq int, parked *contract.Position, passed ...contract.StepVisit) {
	s.T.Helper()
	for i := range passed {
		passed[i].At = at
	}
	s.must(s.Enrollments.Report(s.ctx, at, contract.Report{Ref: ref(e), Seq: seq, Passed: passed, Parked: parked}))
}

func (s *suite) ended(at time.Time, e unit.Enrollment, outcome string, value float64) {
	s.T.Helper()
	s.must(
		s.Enrollments.Report(
			s.ctx,
			at,
			contract.Report{Ref: ref(e), Seq: 99, Ended: &contract.Ended{Outcome: outcome, At: at, Value: value}},
		),
	)
}

func (s *suite) numbersOf(now time.Time, name string) analytics.Numbers {
	s.T.Helper()
	n, err := s.Analytics.Numbers(s.ctx, now, name)
	s.must(err)
	return n
}

// The funnel, counted by hand. The window is the journey's ten days.
func TestFunnel(t *testing.T) {
	each(t, func(s *suite) {
		s.halves()
		s.publishes([]*journey.Definition{cart(measured)}, reminder())

		s.buys(noon.Add(-time.Hour), "a6", "of a6", 10) // before entry: does not count
		a1 := s.comes(noon, "a1")
		r := s.reserves(a1, "k1", wall, yes)
		s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusSent}))
		s.buys(noon.Add(day), "a1", "of a1", 100)
		s.ended(noon.Add(day), a1, contract.Goal, 100)
		a2 := s.comes(noon, "a2")
		r = s.reserves(a2, "k2", wall, yes)
		s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusFailed, Reason: "REFUSED"}))
		s.ended(noon.Add(2*day), a2, contract.Completed, 0)
		s.buys(noon.Add(5*day), "a2", "of a2", 40) // late, and in the window
		s.buys(noon.Add(6*day), "a2", "of a2", 60) // the first counts
		a3 := s.comes(noon, "a3")
		s.ended(noon.Add(2*day), a3, contract.Completed, 0)
		s.buys(noon.Add(10*day+time.Millisecond), "a3", "of a3", 70) // the window is over
		a4 := s.comes(noon, "a4")
		s.buys(noon.Add(day), "a4", "another", 80) // not their cart
		s.ended(noon.Add(2*day), a4, contract.TimedOut, 0)
		a6 := s.comes(noon, "a6")
		s.ended(noon.Add(2*day), a6, contract.Completed, 0)
		s.comes(noon.Add(12*day), "a5") // maturing
		s.comes(noon.Add(12*day), "a1") // a second entry

		h1 := s.comes(noon, "h1")
		s.buys(noon.Add(9*day), "h1", "of h1", 30)
		s.ended(noon.Add(9*day), h1, contract.Goal, 30)
		h2 := s.comes(noon, "h2")
		s.ended(noon.Add(10*day), h2, contract.TimedOut, 0)
		h3 := s.comes(noon, "h3")
		s.ended(noon.Add(day), h3, "emptied", 0)
		s.buys(noon.Add(3*day), "h3", "of h3", 20) // left by an exit, and bought all the same
		s.comes(noon.Add(12*day), "h4")

		f := s.numbersOf(noon.Add(15*day), "cart").Funnel
		s.same(f.Treated, analytics.Group{Maturing: 1, Customers: 5, Converted: 2, Late: 1, Value: 140, PerHead: 28,
			Rate: stats.Wilson(2, 5)})
		s.same(f.HeldOut, analytics.Group{Maturing: 1, Customers: 3, Converted: 2, Late: 1, Value: 50, PerHead: 50.0 / 3,
			Rate: stats.Wilson(2, 3)})
		s.same(f.Milestones, []analytics.Milestone{{Step: "nudge", Message: "reminder", Customers: 1}})
		s.same(
			[]any{f.Goal, f.Compared, f.Lifted, math.Round(1000 * f.Difference.Share), math.Round(1000 * f.Lift)},
			[]any{true, true, true, -267.0, -400.0},
		)
		if f.Difference.Low >= 0 || f.Difference.High <= 0 {
			s.T.Errorf("eight customers prove nothing: %+v", f.Difference)
		}

		// On the day itself, nobody's window is over.
		f = s.numbersOf(noon.Add(day), "cart").Funnel
		s.same([]any{f.Treated.Customers, f.Treated.Maturing, f.HeldOut.Maturing, f.Compared}, []any{int64(0), int64(6), int64(4), false})

		// Two customers that turn out to be one count once, by their first entry.
		s.ingest(noon.Add(13*day), customer.SegmentCall{Type: "alias", MessageID: "merge", UserID: "a2", PreviousID: "h2"})
		s.drain()
		f = s.numbersOf(noon.Add(15*day), "cart").Funnel
		s.same([]any{f.Treated.Customers, f.HeldOut.Customers}, []any{int64(5), int64(2)})
	})
}

// A goal's `within` is the window, for both groups; a goal after it does not count, though it ended the enrollment.
func TestFunnelWithin(t *testing.T) {
	each(t, func(s *suite) {
		s.halves()
		s.publishes([]*journey.Definition{cart(measured, func(d *journey.Definition) { d.Goal.Within = 3 * day })}, reminder())
		a := s.comes(noon, "a")
		s.buys(noon.Add(4*day), "a", "of a", 10)
		s.ended(noon.Add(4*day), a, contract.Goal, 10)
		b := s.comes(noon, "b")
		s.buys(noon.Add(3*day), "b", "of b", 20) // the last moment
		s.ended(noon.Add(3*day+time.Second), b, contract.Completed, 0)
		s.comes(noon, "c") // still open, as nobody has told of the order that came in time
		s.ingest(noon.Add(2*day), s.track("c", "Order Completed", props{"cart_id": "of c", "total": 5}))
		f := s.numbersOf(noon.Add(3*day), "cart").Funnel
		s.same(f.Treated, analytics.Group{Customers: 3, Converted: 2, Late: 1, Value: 25, PerHead: 25.0 / 3, Rate: stats.Wilson(2, 3)})
		s.same(f.HeldOut, analytics.Group{Rate: stats.Wilson(0, 0)})
		s.same(f.Compared, false)
	})
}

// A goal without events is any event; a condition may read the customer.
func TestFunnelReadsTheCustomer(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Goal = &journey.Goal{When: `customer.tier == "gold" && count("Order Completed", "30d") >= 2.0`, Value: "customer.worth"}
			d.Timeout = 10 * day
		})}, reminder())
		for _, customerID := range []string{"ana", "bea"} {
			e := s.comes(noon, customerID)
			s.ended(noon.Add(day), e, contract.Completed, 0)
			s.buys(noon.Add(2*day), customerID, "x", 1)
			s.buys(noon.Add(3*day), customerID, "x", 1)
		}
		s.ingest(noon.Add(4*day), s.identify("ana", props{"tier": "gold", "worth": 7}))
		f := s.numbersOf(noon.Add(11*day), "cart").Funnel
		s.same([]any{f.Treated.Customers, f.Treated.Converted, f.Treated.Late, f.Treated.Value}, []any{int64(2), int64(1), int64(1), 7.0})
	})
}

func TestNumbers(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Analytics.Numbers(s.ctx, noon, "cart")
		s.refused(err, sqldb.ErrNotFound)
		s.halves()
		s.publishes([]*journey.Definition{cart(measured)}, reminder())
		old := cart(measured).Revision()
		s.same(s.numbersOf(noon, "cart").Current, old)

		pass := func(step, kind, arm string, visit int) contract.StepVisit {
			return contract.StepVisit{Step: step, Kind: kind, Arm: arm, Visit: visit}
		}
		at := &contract.Position{Step: "response", Kind: "wait_for"}
		a := s.comes(noon, "a")
		s.reports(noon, a, 1, at)
		b := s.comes(noon, "b")
		s.reports(noon, b, 1, at, pass("response", "wait_for", "1", 1), pass("nudge", "send", "", 1))
		b2 := s.reserves(b, "kb", wall, yes)
		s.must(s.Messages.Settle(s.ctx, noon, b2, message.Settlement{Status: contract.StatusSent}))
		s.reports(noon, b, 2, at, pass("response", "wait_for", "on_timeout", 2), pass("nudge", "send", journey.ArmSkipped, 0))
		c := s.comes(noon, "c")
		s.reserves(c, "kc", wall, no)
		s.reports(noon, c, 1, nil, pass("response", "wait_for", "on_timeout", 1), pass("nudge", "send", journey.ArmBlocked, 1))
		s.ended(noon, c, contract.Completed, 0)
		s.comes(noon, "h")
		s.comes(noon, "starting")

		// Another revision, where the step has another neighbour.
		edited := cart(measured, func(d *journey.Definition) { d.Timeout = 20 * day })
		s.publishes([]*journey.Definition{edited}, reminder())
		d := s.comes(noon.Add(time.Hour), "d")
		s.reports(noon.Add(time.Hour), d, 1, at)
		w := s.comes(noon.Add(time.Hour), "w")
		s.reports(noon.Add(time.Hour), w, 1, &contract.Position{Silent: true})
		_, err = s.Enrollments.PauseJourney(s.ctx, noon.Add(time.Hour), "cart", "sam", true)
		s.must(err)

		n := s.numbersOf(noon.Add(2*time.Hour), "cart")
		s.same(
			[]any{n.Current, n.Entries, n.HeldOut, n.Cut, n.Since, n.Paused},
			[]any{edited.Revision(), int64(7), int64(1), false, noon, true},
		)
		s.same(n.Revisions, []analytics.RevisionNumbers{
			{
				Revision:     edited.Revision(),
				Entries:      2,
				Open:         2,
				AwaitingGoal: 1,
				Paused:       2,
				First:        noon.Add(time.Hour),
				Last:         noon.Add(time.Hour),
			},
			{Revision: old, Entries: 5, Open: 4, HeldOut: 1, Starting: 1, Paused: 4, First: noon, Last: noon},
		})
		s.same(n.Of(old), map[string]analytics.StepNumbers{
			"response": {
				Revision:    old,
				Step:        "response",
				Kind:        "wait_for",
				Here:        2,
				Passed:      3,
				Enrollments: 2,
				Arms:        map[string]int64{"1": 1, "on_timeout": 2},
			},
			"nudge": {
				Revision:    old,
				Step:        "nudge",
				Kind:        "send",
				Passed:      2,
				Enrollments: 2,
				Skipped:     1,
				Arms:        map[string]int64{"": 1, "on_blocked": 1, "skipped": 1},
				Sends: []analytics.SendNumbers{
					{Status: "suppressed", Reason: "NO_CONSENT", Count: 1},
					{Channel: "email", Status: "sent", Count: 1},
				},
			},
		})
		s.same(n.Of("")["response"].Here, int64(3))
		s.same(n.Ends, []analytics.EndNumbers{{Revision: old, Outcome: contract.Completed, Count: 1}})
	})
}

// Only the latest entries are looked at, and it is said so; who stands open is counted all the same.
func TestNumbersAreBounded(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		for i := range 5 {
			e := s.comes(noon.Add(time.Duration(i)*time.Minute), fmt.Sprintf("c%d", i))
			s.reports(
				noon,
				e,
				1,
				&contract.Position{Step: "response", Kind: "wait_for"},
				contract.StepVisit{Step: "before", Kind: "wait", Visit: 1},
			)
		}
		n, err := s.Analytics.NumbersUpTo(s.ctx, noon, "cart", 3)
		s.must(err)
		of := n.Of("")
		s.same(
			[]any{n.Entries, n.Cut, n.Since, of["response"].Here, of["before"].Passed},
			[]any{int64(3), true, noon.Add(2 * time.Minute), int64(5), int64(3)},
		)
		n, err = s.Analytics.NumbersUpTo(s.ctx, noon, "cart", 5)
		s.must(err)
		if diff := cmp.Diff([]any{int64(5), false}, []any{n.Entries, n.Cut}); diff != "" {
			s.T.Error(diff)
		}
	})
}

// In memory there is one connection: reading the customer behind the query must not wait for it.
func TestNumbersInMemory(t *testing.T) {
	t.Parallel()
	s := opened(t, ":memory:")
	s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
		d.Goal = &journey.Goal{Events: []string{"Order Completed"}, When: `count("Order Completed", "30d") >= 1.0`}
		d.Timeout = day
	})}, reminder())
	e := s.comes(noon, "ana")
	s.ended(noon.Add(time.Hour), e, contract.Completed, 0)
	s.buys(noon.Add(2*time.Hour), "ana", "x", 1)
	s.same(s.numbersOf(noon.Add(2*day), "cart").Funnel.Treated.Late, int64(1))
}
