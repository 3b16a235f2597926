package analytics_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// holdOutH holds out customers whose id begins with h.
func (s *suite) holdOutH() {
	s.Engine.Units.Holdout = func(_, customerID string, percent float64) bool {
		return percent > 0 && strings.HasPrefix(customerID, "h")
	}
}

func measured(d *journey.Definition) {
	d.Goal.Value, d.Entry.Holdout, d.Timeout = "event.total", 50, 10*enginetest.Day
}

// enterAt enters a customer with a cart of their own.
func (s *suite) enterAt(at time.Time, customerID string) unit.Enrollment {
	s.T.Helper()
	r := s.Ingest(at, s.Track(customerID, "Cart Updated", enginetest.Props{"cart_id": "of " + customerID}))
	if len(r[0].Entered) != 1 {
		s.T.Fatalf("%s: entered %v (%s)", customerID, r[0].Entered, r[0].Refused)
	}
	e := s.OpenAt(r[0].Entered[0])
	s.Drain()
	return e
}

// orders ingests an order of a cart.
func (s *suite) orders(at time.Time, customerID, cart string, total float64) {
	s.T.Helper()
	s.Ingest(at, s.Track(customerID, "Order Completed", enginetest.Props{"cart_id": cart, "total": total}))
	s.Drain()
}

func (s *suite) report(at time.Time, e unit.Enrollment, seq int, parked *contract.Position, passed ...contract.StepVisit) {
	s.T.Helper()
	for i := range passed {
		passed[i].At = at
	}
	s.Must(s.Enrollments.Report(s.Ctx, at, contract.Report{Ref: enginetest.Ref(e), Seq: seq, Passed: passed, Parked: parked}))
}

func (s *suite) end(at time.Time, e unit.Enrollment, outcome string, value float64) {
	s.T.Helper()
	s.Must(
		s.Enrollments.Report(
			s.Ctx,
			at,
			contract.Report{Ref: enginetest.Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: outcome, At: at, Value: value}},
		),
	)
}

func (s *suite) numbersOf(now time.Time, name string) analytics.Numbers {
	s.T.Helper()
	n, err := s.Analytics.Numbers(s.Ctx, now, name)
	s.Must(err)
	return n
}

// The wanted funnel is counted by hand. The window is the journey's ten days.
func TestFunnel(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured)}, enginetest.Reminder())

		s.orders(enginetest.Noon.Add(-time.Hour), "a6", "of a6", 10) // before entry: does not count
		a1 := s.enterAt(enginetest.Noon, "a1")
		r := s.Reserve(a1, "k1", enginetest.Wall, enginetest.ByEmail)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusSent}))
		s.orders(enginetest.Noon.Add(enginetest.Day), "a1", "of a1", 100)
		s.end(enginetest.Noon.Add(enginetest.Day), a1, contract.Goal, 100)
		a2 := s.enterAt(enginetest.Noon, "a2")
		r = s.Reserve(a2, "k2", enginetest.Wall, enginetest.ByEmail)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusFailed, Reason: "REFUSED"}))
		s.end(enginetest.Noon.Add(2*enginetest.Day), a2, contract.Completed, 0)
		s.orders(enginetest.Noon.Add(5*enginetest.Day), "a2", "of a2", 40) // late, but in the window
		s.orders(enginetest.Noon.Add(6*enginetest.Day), "a2", "of a2", 60) // the first counts
		a3 := s.enterAt(enginetest.Noon, "a3")
		s.end(enginetest.Noon.Add(2*enginetest.Day), a3, contract.Completed, 0)
		s.orders(enginetest.Noon.Add(10*enginetest.Day+time.Millisecond), "a3", "of a3", 70) // the window has passed
		a4 := s.enterAt(enginetest.Noon, "a4")
		s.orders(enginetest.Noon.Add(enginetest.Day), "a4", "another", 80) // another customer's cart
		s.end(enginetest.Noon.Add(2*enginetest.Day), a4, contract.TimedOut, 0)
		a6 := s.enterAt(enginetest.Noon, "a6")
		s.end(enginetest.Noon.Add(2*enginetest.Day), a6, contract.Completed, 0)
		s.enterAt(enginetest.Noon.Add(12*enginetest.Day), "a5") // maturing
		s.enterAt(enginetest.Noon.Add(12*enginetest.Day), "a1") // a second entry

		h1 := s.enterAt(enginetest.Noon, "h1")
		s.orders(enginetest.Noon.Add(9*enginetest.Day), "h1", "of h1", 30)
		s.end(enginetest.Noon.Add(9*enginetest.Day), h1, contract.Goal, 30)
		h2 := s.enterAt(enginetest.Noon, "h2")
		s.end(enginetest.Noon.Add(10*enginetest.Day), h2, contract.TimedOut, 0)
		h3 := s.enterAt(enginetest.Noon, "h3")
		s.end(enginetest.Noon.Add(enginetest.Day), h3, "emptied", 0)
		s.orders(enginetest.Noon.Add(3*enginetest.Day), "h3", "of h3", 20) // exited, and bought anyway
		s.enterAt(enginetest.Noon.Add(12*enginetest.Day), "h4")

		f := s.numbersOf(enginetest.Noon.Add(15*enginetest.Day), "cart").Funnel
		s.Equal(f.Treated, analytics.Group{Maturing: 1, Customers: 5, Converted: 2, Late: 1, Value: 140, PerHead: 28,
			Rate: stats.Wilson(2, 5)})
		s.Equal(f.HeldOut, analytics.Group{Maturing: 1, Customers: 3, Converted: 2, Late: 1, Value: 50, PerHead: 50.0 / 3,
			Rate: stats.Wilson(2, 3)})
		s.Equal(f.Milestones, []analytics.Milestone{{Step: "nudge", Message: "reminder", Customers: 1}})
		s.Equal(
			[]any{f.Goal, f.Compared, f.Lifted, math.Round(1000 * f.Difference.Share), math.Round(1000 * f.Lift)},
			[]any{true, true, true, -267.0, -400.0},
		)
		if f.Difference.Low >= 0 || f.Difference.High <= 0 {
			s.T.Errorf("got a difference for eight customers: %+v", f.Difference)
		}

		// On the first day no window has passed.
		f = s.numbersOf(enginetest.Noon.Add(enginetest.Day), "cart").Funnel
		s.Equal([]any{f.Treated.Customers, f.Treated.Maturing, f.HeldOut.Maturing, f.Compared}, []any{int64(0), int64(6), int64(4), false})

		// Merged customers count once, by their first entry.
		s.Ingest(
			enginetest.Noon.Add(13*enginetest.Day),
			customer.SegmentCall{Type: "alias", MessageID: "merge", UserID: "a2", PreviousID: "h2"},
		)
		s.Drain()
		f = s.numbersOf(enginetest.Noon.Add(15*enginetest.Day), "cart").Funnel
		s.Equal([]any{f.Treated.Customers, f.HeldOut.Customers}, []any{int64(5), int64(2)})
	})
}

// A goal's `within` is the window, for both groups; a goal after it does not count, though it ended the enrollment.
func TestFunnelWithin(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish(
			[]*journey.Definition{enginetest.Cart(measured, func(d *journey.Definition) { d.Goal.Within = 3 * enginetest.Day })},
			enginetest.Reminder(),
		)
		a := s.enterAt(enginetest.Noon, "a")
		s.orders(enginetest.Noon.Add(4*enginetest.Day), "a", "of a", 10)
		s.end(enginetest.Noon.Add(4*enginetest.Day), a, contract.Goal, 10)
		b := s.enterAt(enginetest.Noon, "b")
		s.orders(enginetest.Noon.Add(3*enginetest.Day), "b", "of b", 20) // the last moment
		s.end(enginetest.Noon.Add(3*enginetest.Day+time.Second), b, contract.Completed, 0)
		s.enterAt(enginetest.Noon, "c") // still open, because the order in the window is not reported yet
		s.Ingest(enginetest.Noon.Add(2*enginetest.Day), s.Track("c", "Order Completed", enginetest.Props{"cart_id": "of c", "total": 5}))
		f := s.numbersOf(enginetest.Noon.Add(3*enginetest.Day), "cart").Funnel
		s.Equal(f.Treated, analytics.Group{Customers: 3, Converted: 2, Late: 1, Value: 25, PerHead: 25.0 / 3, Rate: stats.Wilson(2, 3)})
		s.Equal(f.HeldOut, analytics.Group{Rate: stats.Wilson(0, 0)})
		s.Equal(f.Compared, false)
	})
}

// What customers did outside of their enrollments still counts once they are forgotten and their events are gone.
func TestFunnelOfForgottenCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured)}, enginetest.Reminder())
		for _, id := range []string{"a1", "h1"} {
			e := s.enterAt(enginetest.Noon, id)
			s.end(enginetest.Noon.Add(enginetest.Day), e, contract.Completed, 0)
			s.orders(enginetest.Noon.Add(2*enginetest.Day), id, "of "+id, 40)
			s.orders(enginetest.Noon.Add(3*enginetest.Day), id, "of "+id, 60)
		}
		e := s.enterAt(enginetest.Noon, "a2")
		s.end(enginetest.Noon.Add(enginetest.Day), e, contract.Completed, 0)
		s.orders(enginetest.Noon.Add(2*enginetest.Day), "a2", "of another", 80)
		before := s.numbersOf(enginetest.Noon.Add(15*enginetest.Day), "cart").Funnel
		s.Equal([]any{before.Treated.Converted, before.Treated.Value, before.HeldOut.Converted}, []any{int64(1), 40.0, int64(1)})
		for _, id := range []string{"a1", "a2", "h1"} {
			r, err := s.Erasure.Start(s.Ctx, enginetest.Noon.Add(14*enginetest.Day), id, "ticket 12", "sam", false)
			s.Must(err)
			for more := true; more; {
				more, err = s.Erasure.Erase(s.Ctx, enginetest.Noon.Add(14*enginetest.Day), r.ID)
				s.Must(err)
			}
		}
		s.Equal(s.numbersOf(enginetest.Noon.Add(15*enginetest.Day), "cart").Funnel, before)
	})
}

// A goal without events is any event; a condition may read the customer.
func TestFunnelReadsTheCustomer(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Goal = &journey.Goal{When: `customer.tier == "gold" && count("Order Completed", "30d") >= 2.0`, Value: "customer.worth"}
			d.Timeout = 10 * enginetest.Day
		})}, enginetest.Reminder())
		for _, customerID := range []string{"ana", "bea"} {
			e := s.enterAt(enginetest.Noon, customerID)
			s.end(enginetest.Noon.Add(enginetest.Day), e, contract.Completed, 0)
			s.orders(enginetest.Noon.Add(2*enginetest.Day), customerID, "x", 1)
			s.orders(enginetest.Noon.Add(3*enginetest.Day), customerID, "x", 1)
		}
		s.Ingest(enginetest.Noon.Add(4*enginetest.Day), s.Identify("ana", enginetest.Props{"tier": "gold", "worth": 7}))
		f := s.numbersOf(enginetest.Noon.Add(11*enginetest.Day), "cart").Funnel
		s.Equal([]any{f.Treated.Customers, f.Treated.Converted, f.Treated.Late, f.Treated.Value}, []any{int64(2), int64(1), int64(1), 7.0})
	})
}

func TestNumbers(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Analytics.Numbers(s.Ctx, enginetest.Noon, "cart")
		s.WantError(err, sqldb.ErrNotFound)
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured)}, enginetest.Reminder())
		old := enginetest.Cart(measured).Revision()
		s.Equal(s.numbersOf(enginetest.Noon, "cart").Current, old)

		pass := func(step, kind, arm string, visit int) contract.StepVisit {
			return contract.StepVisit{Step: step, Kind: kind, Arm: arm, Visit: visit}
		}
		at := &contract.Position{Step: "response", Kind: "wait_for"}
		a := s.enterAt(enginetest.Noon, "a")
		s.report(enginetest.Noon, a, 1, at)
		b := s.enterAt(enginetest.Noon, "b")
		s.report(enginetest.Noon, b, 1, at, pass("response", "wait_for", "1", 1), pass("nudge", "send", "", 1))
		b2 := s.Reserve(b, "kb", enginetest.Wall, enginetest.ByEmail)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, b2, message.Settlement{Status: contract.StatusSent}))
		s.report(enginetest.Noon, b, 2, at, pass("response", "wait_for", "on_timeout", 2), pass("nudge", "send", journey.ArmSkipped, 0))
		c := s.enterAt(enginetest.Noon, "c")
		s.Reserve(c, "kc", enginetest.Wall, enginetest.NoConsent)
		s.report(enginetest.Noon, c, 1, nil, pass("response", "wait_for", "on_timeout", 1), pass("nudge", "send", journey.ArmBlocked, 1))
		s.end(enginetest.Noon, c, contract.Completed, 0)
		s.enterAt(enginetest.Noon, "h")
		s.enterAt(enginetest.Noon, "starting")

		// In another revision the step has another neighbor.
		edited := enginetest.Cart(measured, func(d *journey.Definition) { d.Timeout = 20 * enginetest.Day })
		s.Publish([]*journey.Definition{edited}, enginetest.Reminder())
		d := s.enterAt(enginetest.Noon.Add(time.Hour), "d")
		s.report(enginetest.Noon.Add(time.Hour), d, 1, at)
		w := s.enterAt(enginetest.Noon.Add(time.Hour), "w")
		s.report(enginetest.Noon.Add(time.Hour), w, 1, &contract.Position{Silent: true})
		_, err = s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon.Add(time.Hour), "cart", "sam", true)
		s.Must(err)

		n := s.numbersOf(enginetest.Noon.Add(2*time.Hour), "cart")
		s.Equal(
			[]any{n.Current, n.Entries, n.HeldOut, n.Cut, n.Since, n.Paused},
			[]any{edited.Revision(), int64(7), int64(1), false, enginetest.Noon, true},
		)
		s.Equal(n.Revisions, []analytics.RevisionNumbers{
			{
				Revision:     edited.Revision(),
				Entries:      2,
				Open:         2,
				AwaitingGoal: 1,
				Paused:       2,
				First:        enginetest.Noon.Add(time.Hour),
				Last:         enginetest.Noon.Add(time.Hour),
			},
			{Revision: old, Entries: 5, Open: 4, HeldOut: 1, Starting: 1, Paused: 4, First: enginetest.Noon, Last: enginetest.Noon},
		})
		of, _ := n.Of(old)
		s.Equal(of, map[string]analytics.StepNumbers{
			"response": {
				Revision:    old,
				Step:        "response",
				Shown:       "response",
				Kind:        "wait_for",
				Here:        2,
				Passed:      3,
				Enrollments: 2,
				Arms:        map[string]int64{"1": 1, "on_timeout": 2},
			},
			"nudge": {
				Revision:    old,
				Step:        "nudge",
				Shown:       "nudge",
				Kind:        "send",
				Passed:      2,
				Enrollments: 2,
				Skipped:     1,
				Arms:        map[string]int64{"": 1, "on_blocked": 1, "skipped": 1},
				Sends: []analytics.SendNumbers{
					{Message: "reminder", Status: "suppressed", Reason: "NO_CONSENT", Count: 1},
					{Message: "reminder", Channel: "email", Status: "sent", Count: 1},
				},
			},
		})
		all, elsewhere := n.Of("")
		s.Equal([]any{all["response"].Here, len(elsewhere)}, []any{int64(3), 0})
		s.Equal(n.Ends, []analytics.EndNumbers{{Revision: old, Outcome: contract.Completed, Count: 1}})
	})
}

// Only the latest entries are counted, and the result says so. Open enrollments are counted in full.
func TestNumbersAreBounded(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		for i := range 5 {
			e := s.enterAt(enginetest.Noon.Add(time.Duration(i)*time.Minute), fmt.Sprintf("c%d", i))
			s.report(
				enginetest.Noon,
				e,
				1,
				&contract.Position{Step: "response", Kind: "wait_for"},
				contract.StepVisit{Step: "before", Kind: "wait", Visit: 1},
			)
		}
		n, err := s.Analytics.NumbersUpTo(s.Ctx, enginetest.Noon, "cart", 3)
		s.Must(err)
		of, _ := n.Of("")
		s.Equal(
			[]any{n.Entries, n.Cut, n.Since, of["response"].Here, of["before"].Passed},
			[]any{int64(3), true, enginetest.Noon.Add(2 * time.Minute), int64(5), int64(3)},
		)
		n, err = s.Analytics.NumbersUpTo(s.Ctx, enginetest.Noon, "cart", 5)
		s.Must(err)
		if diff := cmp.Diff([]any{int64(5), false}, []any{n.Entries, n.Cut}); diff != "" {
			s.T.Error(diff)
		}
	})
}

// A database in memory has one connection: reading a customer during the query must not wait for it.
func TestNumbersInMemory(t *testing.T) {
	t.Parallel()
	s := &suite{enginetest.New(t, ":memory:")}
	s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
		d.Goal = &journey.Goal{Events: []string{"Order Completed"}, When: `count("Order Completed", "30d") >= 1.0`}
		d.Timeout = enginetest.Day
	})}, enginetest.Reminder())
	e := s.enterAt(enginetest.Noon, "ana")
	s.end(enginetest.Noon.Add(time.Hour), e, contract.Completed, 0)
	s.orders(enginetest.Noon.Add(2*time.Hour), "ana", "x", 1)
	s.Equal(s.numbersOf(enginetest.Noon.Add(2*enginetest.Day), "cart").Funnel.Treated.Late, int64(1))
}
