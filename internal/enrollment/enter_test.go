package enrollment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReentry(t *testing.T) {
	day := 24 * time.Hour
	cases := map[string]struct {
		mode  string
		after time.Duration
		open  string // second entry while the first enrollment is open
		ended string // second entry after the first enrollment has ended, an hour after its entry
		later string // second entry a week after the first
	}{
		"never":      {journey.ReentryNever, 0, "", "", ""},
		"always":     {journey.ReentryAlways, 0, "cart/ana/k1#2", "cart/ana/k1", "cart/ana/k1#3"},
		"after_exit": {journey.ReentryAfterExit, 0, "", "cart/ana/k1", ""},
		"after":      {journey.ReentryAfter, 7 * day, "", "", "cart/ana/k1"},
	}
	each(t, func(s *suite) {
		for name, c := range cases {
			d := enginetest.Cart(enginetest.Keyed, enginetest.Named("cart"), enginetest.Reentry(c.mode, c.after))
			s.Publish([]*journey.Definition{d}, enginetest.Reminder())
			customerID := "ana" + name
			enter := func(at time.Time) string {
				r := s.Ingest(at, s.Track(customerID, "Cart Updated", enginetest.Props{"cart_id": "k1"}))
				s.Drain()
				return strings.Join(r[0].Entered, " ")
			}
			want := func(what, got, want string) {
				if want = strings.Replace(want, "ana", customerID, 1); got != want {
					s.T.Fatalf("%s: %s: entered %q, want %q", name, what, got, want)
				}
			}
			want("first", enter(enginetest.Noon), "cart/ana/k1")
			first := s.OpenAt("cart/" + customerID + "/k1")
			want("while open", enter(enginetest.Noon.Add(time.Minute)), c.open)
			s.End(first, "completed", enginetest.Noon.Add(time.Hour))
			want("after its end", enter(enginetest.Noon.Add(time.Hour)), c.ended)
			want("a week later", enter(enginetest.Noon.Add(7*day)), c.later)
			// Another key and another customer are independent.
			r := s.Ingest(
				enginetest.Noon,
				s.Track(customerID, "Cart Updated", enginetest.Props{"cart_id": "k2"}),
				s.Track(customerID+"x", "Cart Updated", enginetest.Props{"cart_id": "k1"}),
			)
			s.Equal(len(r[0].Entered)+len(r[1].Entered), 2)
			s.Drain()
		}
	})
}

func TestReentryAfterRespectsTheOpenEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Reentry(journey.ReentryAfter, time.Hour))})
		s.Enter("ana", nil)
		s.Equal(s.Ingest(enginetest.Noon.Add(2*time.Hour), s.Track("ana", "Cart Updated", nil))[0].Entered, []string(nil))
	})
}

func TestAwaitingGoalDoesNotBlockReentry(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Exit = []journey.ExitRule{{Events: []string{"Cart Emptied"}, Outcome: "emptied"}}
		})})
		e := s.Enter("ana", nil)
		s.Must(
			s.Enrollments.Report(
				s.Ctx,
				enginetest.Noon,
				contract.Report{Ref: enginetest.Ref(e), Seq: 1, Parked: &contract.Position{Silent: true, Since: enginetest.Noon}},
			),
		)
		s.Equal(s.Enrollment(e.ID).State, unit.StateAwaitingGoal)
		r := s.Ingest(
			enginetest.Noon,
			s.Track("ana", "Cart Viewed", nil),
			s.Track("ana", "Cart Emptied", nil),
			s.Track("ana", "Order Completed", nil),
			s.Track("ana", "Cart Updated", nil),
		)
		s.Equal(r[0].DeliveredTo, []string(nil))
		s.Equal(r[1].DeliveredTo, []string(nil))
		s.Equal(r[2].DeliveredTo, []string{e.ID})
		s.Equal(r[3].Entered, []string{"cart/ana#2"})
	})
}

func TestEntryKeySeparatesEnrollments(t *testing.T) {
	cases := map[string]struct {
		value any
		want  string
	}{
		"text": {
			"k/1",
			"cart/ana/k%2F1",
		}, "number": {12.0, "cart/ana/12"}, "fraction": {0.5, "cart/ana/0.5"}, "large": {1e15, "cart/ana/1000000000000000"},
		"boolean": {true, "cart/ana/true"},
		"null":    {nil, ""}, "empty": {"", ""}, "list": {[]any{"x"}, ""},
		"long":       {strings.Repeat("x", 1000), journey.WorkflowID("cart", "ana", journey.Shorten(strings.Repeat("x", 1000), 500), 1)},
		"long kanji": {strings.Repeat("籠", 30), journey.WorkflowID("cart", "ana", strings.Repeat("籠", 30), 1)},
	}
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		for name, c := range cases {
			r := s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": c.value}))
			if got := strings.Join(r[0].Entered, " "); got != c.want {
				s.T.Fatalf("%s: entered %q, want %q", name, got, c.want)
			}
		}
		s.Equal(s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))[0].Entered, []string(nil))
	})
}

func TestEntryConditionSeesTheChangedCustomerAndHistory(t *testing.T) {
	each(t, func(s *suite) {
		gold := enginetest.Cart(enginetest.Named("gold"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Customer Updated"}, `customer.tier == "gold" && event.tier == "gold"`
		})
		often := enginetest.Cart(enginetest.Named("often"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Seen"}, `count("Seen", "2d") >= 3`
		})
		s.Publish([]*journey.Definition{gold, often})
		s.Equal(s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"tier": "gold"}))[0].Entered, []string{"gold/ana"})
		r := s.Ingest(
			enginetest.Noon,
			s.Track("ana", "Seen", nil),
			s.Track("ben", "Seen", nil),
			s.Track("ana", "Seen", nil),
			s.Track("ana", "Seen", nil),
		)
		s.Equal(r[2].Entered, []string(nil))
		s.Equal(r[3].Entered, []string{"often/ana"})
		old := s.Track("eve", "Seen", nil)
		old.Timestamp = enginetest.Noon.Add(-49 * time.Hour)
		r = s.Ingest(enginetest.Noon, old, s.Track("eve", "Seen", nil), s.Track("eve", "Seen", nil))
		s.Equal(r[2].Entered, []string(nil))
	})
}

func TestEventsGoToOpenInstancesBeforeEntries(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(enginetest.Named("b")),
				enginetest.Cart(enginetest.Named("a")),
				enginetest.Cart(enginetest.Named("c"), func(d *journey.Definition) {
					d.Goal.Events = []string{"Cart Updated"}
				}),
			},
		)
		r := s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		s.Equal(r[0].Entered, []string{"a/ana", "b/ana", "c/ana"})
		s.Equal(r[0].DeliveredTo, []string(nil)) // an enrollment does not receive its entry event again
		s.Drain()
		r = s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		s.Equal(len(r[0].DeliveredTo), 1)
	})
}

func TestDeferredEntry(t *testing.T) {
	both := func(d *journey.Definition) { d.Goal.Events = []string{"Order Completed", "Cart Updated"} }
	cases := []struct {
		name  string
		ended int // how many of the waiting events are delivered before the enrollment ends; -1: it stays open
		want  string
	}{
		{"ends by what came before", 1, "cart/ana"},
		{"does not end", -1, ""},
		{"ends by the event itself", 2, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(s *suite) {
				s.Publish([]*journey.Definition{enginetest.Cart(both)})
				e := s.Enter("ana", nil)
				s.Ingest(enginetest.Noon.Add(time.Minute), s.Track("ana", "Order Completed", nil))
				r := s.Ingest(enginetest.Noon.Add(2*time.Minute), s.Track("ana", "Cart Updated", nil))
				s.Equal(r[0].Entered, []string(nil))
				s.Equal(r[0].DeliveredTo, []string{e.ID})
				taken := 0
				for range 10 {
					for _, l := range s.Lease() {
						for _, d := range l.Deliveries {
							if d.Delivery == nil || l.Enrollment.ID != e.ID {
								continue
							}
							if taken++; taken == c.ended {
								s.End(e, "goal", enginetest.Noon.Add(3*time.Minute))
								break
							}
							s.Must(s.Outbox.Delivered(s.Ctx, l, d.Seq))
						}
						s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "", time.Time{}))
					}
				}
				all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{State: unit.StateOpen})
				s.Must(err)
				var open []string
				for _, other := range all {
					if other.ID != e.ID {
						open = append(open, other.WorkflowID)
						s.Equal(other.EnteredAt, enginetest.Noon.Add(2*time.Minute))
					}
				}
				s.Equal(strings.Join(open, " "), c.want)
			})
		})
	}
}

// A deferred entry is decided where nobody waits for the answer: one that exceeds a limit is among the refused calls.
func TestRefusedDeferredEntryIsSaid(t *testing.T) {
	each(t, func(s *suite) {
		core, lines := observer.New(zapcore.WarnLevel)
		s.Units.OnRefused = rejection.NewRecorder(s.Rejections, zap.New(core), prometheus.NewRegistry()).Entries
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		s.Ingest(enginetest.Noon.Add(time.Minute), s.Track("ana", "Order Completed", nil))
		s.Ingest(enginetest.Noon.Add(2*time.Minute), s.Track("ana", "Cart Updated", nil))
		s.Units.Limits.Open = 0
		s.End(e, "goal", enginetest.Noon.Add(3*time.Minute))
		s.Drain()
		page, err := s.Rejections.List(s.Ctx, rejection.Filter{Limit: 10})
		s.Must(err)
		if len(page) != 1 || page[0].Door != rejection.Entry || page[0].Code != limits.OpenEnrollments ||
			!strings.Contains(page[0].Payload, `"journey":"cart"`) || !strings.Contains(page[0].Payload, `"customer":"ana"`) {
			t.Errorf("%+v", page)
		}
		if lines.Len() != 1 || strings.Contains(fmt.Sprint(lines.All()[0].ContextMap()), "ana") {
			t.Errorf("%v", lines.All())
		}
	})
}

func TestDeferredEntryOfALostEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil)) // its start is not delivered yet
		e := s.OpenAt("cart/ana")
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil), s.Track("ana", "Cart Updated", nil))
		s.CloseLost(e.ID, "cancelled", "terminated")
		again := s.OpenAt("cart/ana")
		if again.ID == e.ID {
			s.T.Fatal("the lost enrollment is still open")
		}
		// The second entry is decided after the first, which is open then and blocks it.
		s.Equal(s.Drain(), []string{"start cart/ana"})
		all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{})
		s.Must(err)
		s.Equal(len(all), 2)
	})
}

func TestHoldoutIsSticky(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Entry.Holdout = 50
			d.Exit = []journey.ExitRule{{Events: []string{"Cart Emptied"}, Outcome: "emptied"}}
		})})
		held := 0
		for i := range 40 {
			id := fmt.Sprintf("c%d", i)
			e := s.Enter(id, nil)
			s.Equal(e.Holdout, journey.Bucket("cart", id) < 0.5)
			if !e.Holdout {
				continue
			}
			held++
			r := s.Ingest(
				enginetest.Noon,
				s.Track(id, "Cart Viewed", nil),
				s.Track(id, "Order Completed", nil),
				s.Track(id, "Cart Emptied", nil),
			)
			s.Equal([]int{len(r[0].DeliveredTo), len(r[1].DeliveredTo), len(r[2].DeliveredTo)}, []int{0, 1, 1})
		}
		if held == 0 || held == 40 {
			s.T.Fatalf("%d of 40 customers are held out, want about half", held)
		}
	})
}

func TestEnrollByOperator(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(enginetest.Keyed, func(d *journey.Definition) { d.Entry.When = `event.total >= 50` }),
				enginetest.Cart(enginetest.Named("other")),
			},
		)
		start := func(name string, p enginetest.Props) customer.Receipt {
			s.N++
			return s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("s%d", s.N), UserID: "ana",
				Enter:      name,
				Properties: p})[0]
		}
		s.Equal(start("cart", enginetest.Props{"cart_id": "k1"}).Entered, []string{"cart/ana/k1"})
		s.Equal(s.OpenAt("cart/ana/k1").EntryName, "Journey Started")
		s.Drain()
		for want, r := range map[string]customer.Receipt{
			"an enrollment is open":     start("cart", enginetest.Props{"cart_id": "k1"}),
			"has no value":              start("cart", nil),
			"there is no journey \"x\"": start("x", nil),
		} {
			if len(r.Entered) != 0 || !strings.Contains(r.Refused, want) {
				s.T.Fatalf("refused with %q, want %q", r.Refused, want)
			}
		}
		_, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "cart", "eve", true)
		s.Must(err)
		s.Equal(start("cart", enginetest.Props{"cart_id": "k2"}).Refused, "the journey is paused")
	})
}

func TestRemovedJourneyStopsEntries(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.Publish(nil, enginetest.Reminder())
		s.Equal(s.Ingest(enginetest.Noon, s.Track("ben", "Cart Updated", nil))[0].Entered, []string(nil))
		s.Equal(
			s.Ingest(enginetest.Noon, s.Track("ana", "Order Completed", nil))[0].DeliveredTo,
			[]string{e.ID},
		) // open enrollments continue
	})
}
