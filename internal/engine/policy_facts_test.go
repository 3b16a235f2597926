package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// governed publishes two journeys, cart and other, under a contact policy.
func (s *suite) governed(p journey.Policy) {
	s.T.Helper()
	c := content(
		[]*journey.Definition{cart(reentry(journey.ReentryAlways, 0)), cart(named("other"), reentry(journey.ReentryAlways, 0))},
		reminder(),
	)
	c.Policy = &p
	_, err := s.Catalog.Publish(s.ctx, noon, c)
	s.must(err)
}

// both enters cart and other.
func (s *suite) both(customerID string) (cart, other unit.Enrollment) {
	s.T.Helper()
	s.has(customerID, props{"email": "a@example.com", "push_token": "t1"})
	r := s.ingest(noon, s.track(customerID, "Cart Updated", nil))
	s.drain()
	return s.at(r[0].Entered[0]), s.at(r[0].Entered[1])
}

// decides reserves a send at a time, and returns its status and reason.
func (s *suite) decides(e unit.Enrollment, key string, at time.Time, change ...func(*journey.Send)) (message.Reservation, string) {
	s.T.Helper()
	in := s.send(e, key)
	in.Spec.Via = []string{"email"}
	for _, f := range change {
		f(&in.Spec)
	}
	r, err := s.Messages.Reserve(s.ctx, at, wall, in, time.Minute)
	s.must(err)
	if r.Done == nil {
		return r, "permitted"
	}
	return r, r.Done.Status + " " + r.Done.Reason
}

func (s *suite) settles(r message.Reservation, at time.Time, status string) {
	s.T.Helper()
	s.must(s.Messages.Settle(s.ctx, at, r, message.Settlement{Status: status}))
}

func by(channel string) func(*journey.Send) {
	return func(m *journey.Send) { m.Via = []string{channel} }
}

func about(topic string) func(*journey.Send) { return func(m *journey.Send) { m.Topic = topic } }

func transactional(m *journey.Send) { m.Category = journey.Transactional }

const (
	permitted = "permitted"
	capped    = "suppressed " + decisioning.CapReached
)

func TestALimitHoldsOverJourneys(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: day}}})
		a, b := s.both("ana")
		first, got := s.decides(a, "a1", noon)
		s.same(got, permitted)
		_, got = s.decides(b, "b1", noon) // the first is not sent yet, and counts
		s.same(got, capped)
		s.settles(first, noon, contract.StatusFailed)
		second, got := s.decides(b, "b2", noon) // given back
		s.same(got, permitted)
		s.settles(second, noon, contract.StatusRetry)
		_, got = s.decides(a, "a2", noon)
		s.same(got, capped)
		second, got = s.decides(b, "b2", noon) // the repeat does not count against itself
		s.same(got, permitted)
		s.settles(second, noon.Add(time.Minute), contract.StatusSent)
		_, got = s.decides(a, "a3", noon.Add(day+time.Minute-time.Millisecond))
		s.same(got, capped)
		_, got = s.decides(a, "a4", noon.Add(day+time.Minute)) // a window later it is out of it
		s.same(got, permitted)
	})
}

func TestLimitsCountByChannelTopicAndCategory(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{
			{Channel: "email", Max: 1, Per: day}, {Topic: "sale", Max: 1, Per: day}, {Max: 3, Per: 7 * day},
		}})
		a, _ := s.both("ana")
		n := 0
		says := func(want string, change ...func(*journey.Send)) {
			s.T.Helper()
			n++
			r, got := s.decides(a, fmt.Sprintf("k%d", n), noon, change...)
			s.same(got, want)
			if got == permitted {
				s.settles(r, noon, contract.StatusSent)
			}
		}
		says(permitted, by("email"), transactional) // counts, though it asks no limit
		says(capped, by("email"))
		says(permitted, by("email"), transactional)
		says(permitted, by("push"), about("sale"))
		says(capped, by("push"), about("sale"))
		says(capped, by("push")) // three in a week, of all channels
		says(permitted, by("push"), transactional)
	})
}

func TestLimitsAreOfTheReleaseThatCounts(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: day}}})
		a, _ := s.both("ana")
		r, _ := s.decides(a, "k1", noon)
		s.settles(r, noon, contract.StatusSent)
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 2, Per: day}}})
		_, got := s.decides(a, "k2", noon)
		s.same(got, permitted)
		s.same(s.contact("k2").Release, s.contact("k1").Release+1)
	})
}

func TestADoubtfulContactCounts(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: day}}})
		a, b := s.both("ana")
		r, _ := s.decides(a, "a1", noon)
		s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusFailed, Unknown: true}))
		_, got := s.decides(b, "b1", noon)
		s.same(got, capped)
	})
}

func TestConcurrentDecidersShareALimit(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 2, Per: day}}})
		a, b := s.both("ana")
		var allowed atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				e := []unit.Enrollment{a, b}[i%2]
				in := s.send(e, fmt.Sprintf("k%d", i))
				r, err := s.Messages.Reserve(s.ctx, noon, wall, in, time.Minute)
				if err != nil {
					s.T.Error(err)
				} else if r.Done == nil {
					allowed.Add(1)
				}
			})
		}
		wg.Wait()
		s.same(allowed.Load(), int64(2))
	})
}

// night is ten hours before a moment, in UTC; the policy is quiet from 21:00 to 08:00.
var (
	night   = time.Date(2026, 3, 2, 22, 0, 0, 0, time.UTC)
	morning = time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)
	quiet   = journey.QuietHours{From: "21:00", To: "08:00", OnBlocked: journey.Queue}
)

const held = "held " + decisioning.QuietHours

func TestASendHeldByQuietHours(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet, Limits: []journey.Limit{{Max: 1, Per: day}}})
		a, b := s.both("ana")
		r, got := s.decides(a, "a1", night)
		s.same(got, held)
		s.same(r.Done.Until, morning)
		row := s.contact("a1")
		s.same(
			[]any{row.Status, row.Reason, row.Channel, row.Until, row.Tried},
			[]any{contract.StatusHeld, decisioning.QuietHours, "", morning,
				[]decisioning.ChannelVerdict{{Channel: "email", Reason: decisioning.QuietHours, HeldUntil: morning}}},
		)
		_, got = s.decides(a, "a1", morning.Add(-time.Millisecond)) // asked again too soon
		s.same(got, held)
		other, got := s.decides(b, "b1", morning) // what is held reserves nothing
		s.same(got, permitted)
		_, got = s.decides(a, "a1", morning) // where it ends, everything is decided afresh
		s.same(got, capped)
		s.settles(other, morning, contract.StatusSent)
		s.same(s.contact("a1").Until, time.Time{})
		_, got = s.decides(b, "receipt", night, transactional)
		s.same(got, permitted)
	})
}

func TestQuietHoursAreTheCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(
			journey.Policy{
				QuietHours: &journey.QuietHours{From: "21:00", To: "08:00", MissingTimezone: "Asia/Tokyo", OnBlocked: journey.Drop},
			},
		)
		a, b := s.both("ana")
		_, got := s.decides(a, "a1", noon) // 21:00 in Tokyo
		s.same(got, "suppressed "+decisioning.QuietHours)
		s.has("ana", props{"timezone": "America/New_York"})
		_, got = s.decides(b, "b1", noon) // 07:00 there
		s.same(got, "suppressed "+decisioning.QuietHours)
		_, got = s.decides(b, "b2", noon.Add(time.Hour))
		s.same(got, permitted)
	})
}

func TestAHeldSendEndsWithItsInstance(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet})
		a, b := s.both("ana")
		s.decides(a, "a1", night)
		s.decides(b, "b1", night)
		parked := func(seq int, step string) {
			s.must(
				s.Enrollments.Report(
					s.ctx,
					night,
					contract.Report{
						Ref:    ref(b),
						Seq:    seq,
						Parked: &contract.Position{Step: step, Kind: "send", Since: night, Until: morning},
					},
				),
			)
		}
		parked(1, "nudge")
		s.same(s.contact("b1").Status, contract.StatusHeld)
		parked(2, "response") // rerouted
		got := s.contact("b1")
		s.same([]any{got.Status, got.Reason, got.Until}, []any{"suppressed", "REROUTED", time.Time{}})
		s.ends(a, "goal", night.Add(time.Hour))
		got = s.contact("a1")
		s.same([]any{got.Status, got.Reason, got.Unknown, got.Until}, []any{"suppressed", "JOURNEY_ENDED", false, time.Time{}})
	})
}

// An attempt that may have gone out, and whose repeat comes into quiet hours, is remembered as such.
func TestAHeldRepeatKeepsItsDoubt(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet})
		a, _ := s.both("ana")
		_, got := s.decides(a, "a1", noon)
		s.same(got, permitted)
		in := s.send(a, "a1")
		r, err := s.Messages.Reserve(s.ctx, night, wall.Add(time.Hour), in, time.Minute)
		s.must(err)
		s.same(r.Done.Status, contract.StatusHeld)
		s.has("ana", props{"email": nil})
		r, err = s.Messages.Reserve(s.ctx, morning, wall.Add(2*time.Hour), in, time.Minute)
		s.must(err)
		s.same([]any{r.Unsettled, r.Verdict.Channel}, []any{true, "email"})
	})
}

func TestTheSendOfADecisionIsNotHeld(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet})
		a, _ := s.both("ana")
		in := s.send(a, "a1")
		in.Action = "discount"
		r, err := s.Messages.Reserve(s.ctx, night, wall, in, time.Minute)
		s.must(err)
		s.same(r.Done, &contract.SendResult{Status: "suppressed", Reason: decisioning.QuietHours})
		s.same(s.contact("a1").Action, "discount")
	})
}

func TestASendThatIsGivenUpIsNotHeld(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet})
		a, _ := s.both("ana")
		r, _ := s.decides(a, "a1", noon)
		s.settles(r, noon, contract.StatusRetry)
		in := s.send(a, "a1")
		in.GiveUp = contract.RetriesEnded
		r, err := s.Messages.Reserve(s.ctx, night, wall, in, time.Minute)
		s.must(err)
		s.same([]any{r.Done == nil, r.Verdict.Channel}, []any{true, "email"})
		s.settles(r, night, contract.StatusFailed)
	})
}

// Rules see the customer's events, also in the transaction that decides.
func TestPolicyRulesSeeHistory(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{
			Suppress: []journey.Suppression{{When: `count("Ticket Opened", "7d") > 0`, Reason: "TICKET"}},
			Tone:     []journey.ToneRule{{When: `entry.total > 100 && customer.tier == "gold"`, Use: "warm"}},
		})
		s.has("ana", props{"email": "a@example.com", "tier": "gold"})
		r := s.ingest(noon, s.track("ana", "Cart Updated", props{"total": 120}))
		s.drain()
		e := s.at(r[0].Entered[0])
		res, got := s.decides(e, "k1", noon)
		s.same(got, permitted)
		s.same(res.Verdict.Tone, "warm")
		s.same(s.contact("k1").Tone, "warm")
		s.ingest(noon, s.track("ana", "Ticket Opened", nil))
		_, got = s.decides(e, "k2", noon)
		s.same(got, "suppressed TICKET")
	})
}

// A send that was being repeated when its enrollment went elsewhere gives its place in the limits back, unless it
// may have gone out.
func TestARepeatThatIsLeftBehindGivesItsPlaceBack(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{Limits: []journey.Limit{{Max: 1, Per: day}}})
		for id, unknown := range map[string]bool{"ana": false, "ben": true} {
			a, b := s.both(id)
			r, got := s.decides(a, id+"/a", noon)
			s.same(got, permitted)
			s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: unknown}))
			_, got = s.decides(b, id+"/b1", noon)
			s.same(got, "suppressed "+decisioning.CapReached)
			s.must(
				s.Enrollments.Report(
					s.ctx,
					noon,
					contract.Report{Ref: ref(a), Seq: 1, Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: noon}},
				),
			)
			left := s.contact(id + "/a")
			s.same([]any{left.Status, left.Reason, left.Unknown}, []any{"failed", "REROUTED", unknown})
			want := permitted
			if unknown {
				want = "suppressed " + decisioning.CapReached
			}
			_, got = s.decides(b, id+"/b2", noon)
			s.same(got, want)
		}
	})
}

// Back at the same step, it is another visit: what the earlier one left is given up, and what its attempt did
// may still come to light.
func TestAnEarlierVisitIsLeftBehind(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{QuietHours: &quiet})
		a, b := s.both("ana")
		key := func(e unit.Enrollment, visit int) string { return fmt.Sprintf("%s/nudge/%d", e.ID, visit) }
		sending, _ := s.decides(b, key(b, 1), noon)
		s.decides(a, key(a, 1), night)
		s.decides(a, key(a, 2), night)
		for _, e := range []unit.Enrollment{a, b} {
			s.must(
				s.Enrollments.Report(
					s.ctx,
					night,
					contract.Report{
						Ref:    ref(e),
						Seq:    1,
						Parked: &contract.Position{Step: "nudge", Kind: "send", Since: night},
						Key:    key(e, 2),
					},
				),
			)
		}
		held, left := s.contact(key(a, 2)), s.contact(key(a, 1))
		s.same([]any{held.Status, left.Status, left.Reason}, []any{"held", "suppressed", "REROUTED"})
		left = s.contact(key(b, 1))
		s.same([]any{left.Status, left.Reason, left.Unknown}, []any{"failed", "REROUTED", true})
		s.settles(sending, night, contract.StatusSent)
		left = s.contact(key(b, 1))
		s.same([]any{left.Status, left.Unknown}, []any{"sent", false})
	})
}
