package message_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// publishPolicy publishes the journeys "cart" and "other" with a contact policy.
func (s *suite) publishPolicy(p journey.Policy) {
	s.T.Helper()
	c := enginetest.Content(
		[]*journey.Definition{
			enginetest.Cart(enginetest.Reentry(journey.ReentryAlways, 0)),
			enginetest.Cart(enginetest.Named("other"), enginetest.Reentry(journey.ReentryAlways, 0)),
		},
		enginetest.Reminder(),
	)
	c.Policy = &p
	_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
	s.Must(err)
}

// enterBoth enters a customer into "cart" and "other".
func (s *suite) enterBoth(customerID string) (cart, other unit.Enrollment) {
	s.T.Helper()
	s.SetTraits(customerID, enginetest.Props{"email": "a@example.com", "push_token": "t1"})
	r := s.Ingest(enginetest.Noon, s.Track(customerID, "Cart Updated", nil))
	s.Drain()
	return s.OpenAt(r[0].Entered[0]), s.OpenAt(r[0].Entered[1])
}

// reserveSend reserves a send at a time. It returns "permitted", or the status and reason of the send.
func (s *suite) reserveSend(e unit.Enrollment, key string, at time.Time, change ...func(*journey.Send)) (message.Reservation, string) {
	s.T.Helper()
	in := s.NewSend(e, key)
	in.Spec.Via = []string{"email"}
	for _, f := range change {
		f(&in.Spec)
	}
	r, err := s.Messages.Reserve(s.Ctx, at, enginetest.Wall, in, time.Minute)
	s.Must(err)
	if r.Done == nil {
		return r, "permitted"
	}
	return r, r.Done.Status + " " + r.Done.Reason
}

func (s *suite) settle(r message.Reservation, at time.Time, status string) {
	s.T.Helper()
	s.Must(s.Messages.Settle(s.Ctx, at, r, message.Settlement{Status: status}))
}

func via(channel string) func(*journey.Send) {
	return func(m *journey.Send) { m.Via = []string{channel} }
}

func topic(topic string) func(*journey.Send) { return func(m *journey.Send) { m.Topic = topic } }

func transactional(m *journey.Send) { m.Category = journey.Transactional }

const (
	permitted = "permitted"
	capped    = "suppressed " + decisioning.CapReached
)

func TestCapCountsAcrossJourneys(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		a, b := s.enterBoth("ana")
		first, got := s.reserveSend(a, "a1", enginetest.Noon)
		s.Equal(got, permitted)
		_, got = s.reserveSend(b, "b1", enginetest.Noon) // the first send is not sent yet, and counts
		s.Equal(got, capped)
		s.settle(first, enginetest.Noon, contract.StatusFailed)
		second, got := s.reserveSend(b, "b2", enginetest.Noon) // the failed send no longer counts
		s.Equal(got, permitted)
		s.settle(second, enginetest.Noon, contract.StatusRetry)
		_, got = s.reserveSend(a, "a2", enginetest.Noon)
		s.Equal(got, capped)
		second, got = s.reserveSend(b, "b2", enginetest.Noon) // the repeat does not count against itself
		s.Equal(got, permitted)
		s.settle(second, enginetest.Noon.Add(time.Minute), contract.StatusSent)
		_, got = s.reserveSend(a, "a3", enginetest.Noon.Add(enginetest.Day-time.Millisecond))
		s.Equal(got, capped)
		_, got = s.reserveSend(a, "a4", enginetest.Noon.Add(enginetest.Day)) // the window, from the planned moment, has passed
		s.Equal(got, permitted)
	})
}

// Caps compare the moments for which sends were planned, not those at which the activities happened to run.
func TestCapsComparePlannedMoments(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		a, b := s.enterBoth("ana")
		n := 0
		says := func(want string, e unit.Enrollment, planned, ran time.Time) {
			s.T.Helper()
			n++
			in := s.NewSend(e, fmt.Sprintf("k%d", n))
			in.Spec.Via, in.Planned = []string{"email"}, planned
			r, err := s.Messages.Reserve(s.Ctx, ran, enginetest.Wall, in, time.Minute)
			s.Must(err)
			got := permitted
			if r.Done != nil {
				got = r.Done.Status + " " + r.Done.Reason
			} else {
				s.settle(r, ran.Add(20*time.Millisecond), contract.StatusSent)
			}
			if got != want {
				s.T.Errorf("send %d: %s, want %s", n, got, want)
			}
		}
		day := func(n int) time.Time { return enginetest.Noon.Add(time.Duration(n) * enginetest.Day) }
		for i, delay := range []time.Duration{900, 30, 31, 400, 29000, 0} { // each morning, whatever the delays
			says(permitted, a, day(i), day(i).Add(delay*time.Millisecond))
			says(capped, b, day(i), day(i).Add(delay*time.Millisecond))
			says(capped, b, day(i+1).Add(-time.Millisecond), day(i+1).Add(-time.Millisecond))
		}
		says(permitted, a, day(10), day(10).Add(5*time.Hour)) // five hours of outage
		says(permitted, a, day(11), day(11).Add(time.Second))
		says(capped, b, day(11).Add(-time.Hour), day(11).Add(time.Minute)) // planned before, and runs after it
		// Four days of outage: not all that was planned for them goes out at once.
		says(permitted, a, day(21), day(25))
		says(capped, b, day(22), day(25).Add(time.Minute))
		says(capped, a, day(23), day(25).Add(2*time.Minute))
		says(capped, b, day(25), day(25).Add(3*time.Minute))
		says(permitted, a, day(26), day(26))
		says(capped, b, day(27).Add(-time.Second), day(27))
		says(permitted, a, day(27), day(27))
		says(capped, a, day(40), day(28).Add(-time.Minute)) // a moment in the future counts as now
	})
}

func TestCapsCountByChannelTopicAndCategory(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{
			{
				Channel: "email",
				Max:     1,
				Per:     enginetest.Day,
			}, {Topic: "sale", Max: 1, Per: enginetest.Day}, {Max: 3, Per: 7 * enginetest.Day},
		}})
		a, _ := s.enterBoth("ana")
		n := 0
		says := func(want string, change ...func(*journey.Send)) {
			s.T.Helper()
			n++
			r, got := s.reserveSend(a, fmt.Sprintf("k%d", n), enginetest.Noon, change...)
			s.Equal(got, want)
			if got == permitted {
				s.settle(r, enginetest.Noon, contract.StatusSent)
			}
		}
		says(permitted, via("email"), transactional) // counts for caps, though no cap limits it
		says(capped, via("email"))
		says(permitted, via("email"), transactional)
		says(permitted, via("push"), topic("sale"))
		says(capped, via("push"), topic("sale"))
		says(capped, via("push")) // three in a week, over all channels
		says(permitted, via("push"), transactional)
	})
}

func TestCapsOfTheCurrentRelease(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		a, _ := s.enterBoth("ana")
		r, _ := s.reserveSend(a, "k1", enginetest.Noon)
		s.settle(r, enginetest.Noon, contract.StatusSent)
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 2, Per: enginetest.Day}}})
		_, got := s.reserveSend(a, "k2", enginetest.Noon)
		s.Equal(got, permitted)
		s.Equal(s.SendOf("k2").Release, s.SendOf("k1").Release+1)
	})
}

func TestUnknownOutcomeCountsTowardsACap(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		a, b := s.enterBoth("ana")
		r, _ := s.reserveSend(a, "a1", enginetest.Noon)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusFailed, Unknown: true}))
		_, got := s.reserveSend(b, "b1", enginetest.Noon)
		s.Equal(got, capped)
	})
}

func TestConcurrentSendsShareACap(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 2, Per: enginetest.Day}}})
		a, b := s.enterBoth("ana")
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				e := []unit.Enrollment{a, b}[i%2]
				in := s.NewSend(e, fmt.Sprintf("k%d", i))
				r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, in, time.Minute)
				if err != nil {
					s.T.Error(err)
				} else if r.Done == nil {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		s.Equal(allowed.Load(), int64(2))
	})
}

// The policy is quiet from 21:00 to 08:00; night is 22:00 of the day before morning, in UTC.
var (
	night   = time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	morning = time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)
	quiet   = journey.QuietHours{From: "21:00", To: "08:00", OnBlocked: journey.Queue}
)

const held = "held " + decisioning.QuietHours

func TestQuietHoursHoldASend(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet, Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		a, b := s.enterBoth("ana")
		r, got := s.reserveSend(a, "a1", night)
		s.Equal(got, held)
		s.Equal(r.Done.Until, morning)
		row := s.SendOf("a1")
		s.Equal(
			[]any{row.Status, row.Reason, row.Channel, row.Until, row.Tried},
			[]any{contract.StatusHeld, decisioning.QuietHours, "", morning,
				[]decisioning.ChannelVerdict{{Channel: "email", Reason: decisioning.QuietHours, HeldUntil: morning}}},
		)
		_, got = s.reserveSend(a, "a1", morning.Add(-time.Millisecond)) // the repeat comes too early
		s.Equal(got, held)
		other, got := s.reserveSend(b, "b1", morning) // a held send reserves nothing
		s.Equal(got, permitted)
		_, got = s.reserveSend(a, "a1", morning) // after quiet hours everything is decided again
		s.Equal(got, capped)
		s.settle(other, morning, contract.StatusSent)
		s.Equal(s.SendOf("a1").Until, time.Time{})
		_, got = s.reserveSend(b, "receipt", night, transactional)
		s.Equal(got, permitted)
	})
}

func TestQuietHoursUseTheCustomersTimezone(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(
			journey.Policy{
				QuietHours: &journey.QuietHours{From: "21:00", To: "08:00", MissingTimezone: "Asia/Tokyo", OnBlocked: journey.Drop},
			},
		)
		a, b := s.enterBoth("ana")
		_, got := s.reserveSend(a, "a1", enginetest.Noon) // 21:00 in Tokyo
		s.Equal(got, "suppressed "+decisioning.QuietHours)
		s.SetTraits("ana", enginetest.Props{"timezone": "America/New_York"})
		_, got = s.reserveSend(b, "b1", enginetest.Noon) // 07:00 there
		s.Equal(got, "suppressed "+decisioning.QuietHours)
		_, got = s.reserveSend(b, "b2", enginetest.Noon.Add(time.Hour))
		s.Equal(got, permitted)
	})
}

func TestHeldSendEndsWithItsEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet})
		a, b := s.enterBoth("ana")
		s.reserveSend(a, "a1", night)
		s.reserveSend(b, "b1", night)
		parked := func(seq int, step string) {
			s.Must(
				s.Enrollments.Report(
					s.Ctx,
					night,
					contract.Report{
						Ref:    enginetest.Ref(b),
						Seq:    seq,
						Parked: &contract.Position{Step: step, Kind: "send", Since: night, Until: morning},
					},
				),
			)
		}
		parked(1, "nudge")
		s.Equal(s.SendOf("b1").Status, contract.StatusHeld)
		parked(2, "response") // rerouted
		got := s.SendOf("b1")
		s.Equal([]any{got.Status, got.Reason, got.Until}, []any{"suppressed", "REROUTED", time.Time{}})
		s.End(a, "goal", night.Add(time.Hour))
		got = s.SendOf("a1")
		s.Equal([]any{got.Status, got.Reason, got.Unknown, got.Until}, []any{"suppressed", "JOURNEY_ENDED", false, time.Time{}})
	})
}

// If the repeat of an attempt that may have gone out falls into quiet hours, its outcome stays unknown.
func TestHeldRepeatKeepsItsUnknownOutcome(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet})
		a, _ := s.enterBoth("ana")
		_, got := s.reserveSend(a, "a1", enginetest.Noon)
		s.Equal(got, permitted)
		in := s.NewSend(a, "a1")
		r, err := s.Messages.Reserve(s.Ctx, night, enginetest.Wall.Add(time.Hour), in, time.Minute)
		s.Must(err)
		s.Equal(r.Done.Status, contract.StatusHeld)
		s.SetTraits("ana", enginetest.Props{"email": nil})
		r, err = s.Messages.Reserve(s.Ctx, morning, enginetest.Wall.Add(2*time.Hour), in, time.Minute)
		s.Must(err)
		s.Equal([]any{r.Unsettled, r.Verdict.Channel}, []any{true, "email"})
	})
}

func TestSendOfADecisionIsNotHeld(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet})
		a, _ := s.enterBoth("ana")
		in := s.NewSend(a, "a1")
		in.Action = "discount"
		r, err := s.Messages.Reserve(s.Ctx, night, enginetest.Wall, in, time.Minute)
		s.Must(err)
		s.Equal(r.Done, &contract.SendResult{Status: "suppressed", Reason: decisioning.QuietHours})
		s.Equal(s.SendOf("a1").Action, "discount")
	})
}

func TestAbandonedSendIsNotHeld(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet})
		a, _ := s.enterBoth("ana")
		r, _ := s.reserveSend(a, "a1", enginetest.Noon)
		s.settle(r, enginetest.Noon, contract.StatusRetry)
		in := s.NewSend(a, "a1")
		in.GiveUp = contract.RetriesEnded
		r, err := s.Messages.Reserve(s.Ctx, night, enginetest.Wall, in, time.Minute)
		s.Must(err)
		s.Equal([]any{r.Done == nil, r.Verdict.Channel}, []any{true, "email"})
		s.settle(r, night, contract.StatusFailed)
	})
}

// Rules see the customer's events, including those of the deciding transaction.
func TestPolicyRulesSeeHistory(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{
			Suppress: []journey.Suppression{{When: `count("Ticket Opened", "7d") > 0`, Reason: "TICKET"}},
			Tone:     []journey.ToneRule{{When: `entry.total > 100 && customer.tier == "gold"`, Use: "warm"}},
		})
		s.SetTraits("ana", enginetest.Props{"email": "a@example.com", "tier": "gold"})
		r := s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"total": 120}))
		s.Drain()
		e := s.OpenAt(r[0].Entered[0])
		res, got := s.reserveSend(e, "k1", enginetest.Noon)
		s.Equal(got, permitted)
		s.Equal(res.Verdict.Tone, "warm")
		s.Equal(s.SendOf("k1").Tone, "warm")
		s.Ingest(enginetest.Noon, s.Track("ana", "Ticket Opened", nil))
		_, got = s.reserveSend(e, "k2", enginetest.Noon)
		s.Equal(got, "suppressed TICKET")
	})
}

// A send that waited for a repeat when its enrollment was rerouted no longer counts for caps, unless it
// may have gone out.
func TestAbandonedRepeatReturnsItsCap(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}})
		for id, unknown := range map[string]bool{"ana": false, "ben": true} {
			a, b := s.enterBoth(id)
			r, got := s.reserveSend(a, id+"/a", enginetest.Noon)
			s.Equal(got, permitted)
			s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: unknown}))
			_, got = s.reserveSend(b, id+"/b1", enginetest.Noon)
			s.Equal(got, "suppressed "+decisioning.CapReached)
			s.Must(
				s.Enrollments.Report(
					s.Ctx,
					enginetest.Noon,
					contract.Report{
						Ref:    enginetest.Ref(a),
						Seq:    1,
						Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: enginetest.Noon},
					},
				),
			)
			left := s.SendOf(id + "/a")
			s.Equal([]any{left.Status, left.Reason, left.Unknown}, []any{"failed", "REROUTED", unknown})
			want := permitted
			if unknown {
				want = "suppressed " + decisioning.CapReached
			}
			_, got = s.reserveSend(b, id+"/b2", enginetest.Noon)
			s.Equal(got, want)
		}
	})
}

// At another visit to the same step the send of the earlier visit is abandoned. The outcome of its attempt
// may still become known.
func TestEarlierVisitIsAbandoned(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{QuietHours: &quiet})
		a, b := s.enterBoth("ana")
		key := func(e unit.Enrollment, visit int) string { return fmt.Sprintf("%s/nudge/%d", e.ID, visit) }
		sending, _ := s.reserveSend(b, key(b, 1), enginetest.Noon)
		s.reserveSend(a, key(a, 1), night)
		s.reserveSend(a, key(a, 2), night)
		for _, e := range []unit.Enrollment{a, b} {
			s.Must(
				s.Enrollments.Report(
					s.Ctx,
					night,
					contract.Report{
						Ref:    enginetest.Ref(e),
						Seq:    1,
						Parked: &contract.Position{Step: "nudge", Kind: "send", Since: night},
						Key:    key(e, 2),
					},
				),
			)
		}
		held, left := s.SendOf(key(a, 2)), s.SendOf(key(a, 1))
		s.Equal([]any{held.Status, left.Status, left.Reason}, []any{"held", "suppressed", "REROUTED"})
		left = s.SendOf(key(b, 1))
		s.Equal([]any{left.Status, left.Reason, left.Unknown}, []any{"failed", "REROUTED", true})
		s.settle(sending, night, contract.StatusSent)
		left = s.SendOf(key(b, 1))
		s.Equal([]any{left.Status, left.Unknown}, []any{"sent", false})
	})
}
