package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

var emailAndApp = []channel.Spec{{Name: "email", Address: "email"}, {Name: "app", KeepsContent: true}}

// offering is content with the group "offers": discount and points, by e-mail and in the app, accepted by
// "Offer Accepted" within a day.
func offering(change ...func(*journey.Content)) *journey.Content {
	c := content([]*journey.Definition{cart()}, reminder())
	c.Messages["offer"] = &journey.Message{
		Name:       "offer",
		Treatments: map[string]journey.Treatment{"email": {"subject": "For you", "html": "x"}, "app": {"title": "For you", "body": "x"}},
	}
	c.Groups = map[string][]string{"offers": {"discount", "points"}}
	c.Actions = map[string]*journey.Action{}
	for name, value := range map[string]expr.Expr{"discount": "10", "points": "5"} {
		c.Actions[name] = &journey.Action{Name: name, Group: "offers", Message: "offer", Value: value, Cost: "1", Propensity: 0.5,
			Accept: &journey.Accept{
				Events: []string{"Offer Accepted"},
				When:   expr.Expr(`event.action == "` + name + `"`),
				Within: 24 * time.Hour,
			}}
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// brainy is a store that decides without chance, with content published and ana in it.
func (s *suite) brainy(change ...func(*journey.Content)) {
	s.T.Helper()
	s.Units.Channels, s.Offers.Certain = emailAndApp, true
	_, err := s.Catalog.Publish(s.ctx, noon, offering(change...))
	s.must(err)
	s.ingest(noon.Add(-time.Hour), s.identify("ana", props{"email": "ana@example.com", "tier": "gold", "mrr": 30.0}))
}

func (s *suite) question(e unit.Enrollment, key string) contract.Decide {
	return contract.Decide{
		Ref:         ref(e),
		EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent},
		Key:         key,
		Step:        "best",
		Visit:       1,
		Spec:        journey.Decide{Group: "offers"},
	}
}

func (s *suite) chooses(in contract.Decide, at time.Time) offer.Decided {
	s.T.Helper()
	d, err := s.Engine.Offers.Decide(s.ctx, at, wall, in, time.Minute)
	s.must(err)
	return d
}

// offers decides and sends.
func (s *suite) offers(e unit.Enrollment, key string, at time.Time) offer.Slot {
	s.T.Helper()
	d := s.chooses(s.question(e, key), at)
	if d.Reservation == nil {
		s.T.Fatalf("nothing was reserved: %+v", d.Decision)
	}
	s.must(s.Messages.Settle(s.ctx, at, *d.Reservation, message.Settlement{Status: contract.StatusSent}))
	return d.Decision.Slots[0]
}

// outcomes are the offers as they are, oldest first: "k discount by email: accepted, learned".
func (s *suite) outcomes() []string {
	s.T.Helper()
	var out []string
	s.must(s.Database.Read(s.ctx, func(tx sqldb.Conn) error {
		r, err := tx.QueryContext(s.ctx, `select key, action, channel, offered_at, outcome, learned from offers order by decided_at, key`)
		if err != nil {
			return err
		}
		defer r.Close()
		for r.Next() {
			var key, action, channel, outcome string
			var offered int64
			var learned int
			if err := r.Scan(&key, &action, &channel, &offered, &outcome, &learned); err != nil {
				return err
			}
			line := fmt.Sprintf("%s %s by %s: %s", key, action, channel, outcome)
			if offered == 0 {
				line += "unsaid"
			}
			if learned != 0 {
				line += ", learned"
			}
			out = append(out, line)
		}
		return r.Err()
	}))
	return out
}

func TestDecide(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		d := s.chooses(s.question(e, "k"), noon)
		s.same(
			[]any{d.Decision.Slots, d.Decision.Asked, d.Decision.Release, d.Send.Action, d.Send.Spec.Via, d.Reservation.Verdict.Addresses},
			[]any{
				[]offer.Slot{{Key: "k", Action: "discount", Message: "offer", Channel: "email", Propensity: 0.5, Priority: 4.5}},
				"offers",
				1,
				"discount",
				[]string{"email"},
				[]string{"ana@example.com"},
			},
		)
		s.same(s.outcomes(), []string{"k discount by email: unsaid"})
		c := s.contact("k")
		s.same([]any{c.Status, c.Action, c.Channel, c.Message}, []any{"sending", "discount", "email", "offer"})

		again := s.chooses(s.question(e, "k"), noon.Add(time.Minute)) // asked again, it is the same, and its send goes on as any other
		s.same(
			[]any{again.Decision.Slots, again.Decision.At, again.Reservation == nil, again.Send.Action},
			[]any{d.Decision.Slots, noon, true, "discount"},
		)
		_, err := s.Messages.Reserve(s.ctx, noon, wall, *again.Send, time.Minute)
		s.refused(err, message.ErrBusy)

		s.must(s.Messages.Settle(s.ctx, noon.Add(time.Second), *d.Reservation, message.Settlement{Status: contract.StatusSent}))
		s.same(s.outcomes(), []string{"k discount by email: "})
		all, err := s.Offers.Decisions(s.ctx, offer.DecisionFilter{Customer: "ana", Action: "discount"})
		s.must(err)
		if len(all) != 1 || len(all[0].Candidates) != 4 || all[0].Candidates[1].Reason != decisioning.LowerPriority {
			s.T.Fatalf("got %+v", all)
		}
	})
}

func TestDecideNothing(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Actions["discount"].Eligible, c.Actions["points"].Suitable = "false", "false"
		})
		e := s.enters("ana", nil)
		d := s.chooses(s.question(e, "k"), noon)
		s.same([]any{d.Send == nil, d.Decision.Reason, len(d.Decision.Slots)}, []any{true, decisioning.NotSuitable, 0})
		s.same(s.chooses(s.question(e, "k"), noon).Decision.Reason, decisioning.NotSuitable)
		all, err := s.Messages.Sends(s.ctx, message.SendFilter{Customer: "ana"})
		s.must(err)
		s.same(len(all), 0)
	})
}

func TestDecideOnlyChooses(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		in := s.question(e, "k")
		in.Spec.Choose = true
		d := s.chooses(in, noon)
		s.same([]any{d.Send == nil, d.Decision.Slots[0].Action, d.Decision.Slots[0].Key}, []any{true, "discount", ""})
		s.same(len(s.outcomes()), 0)
	})
}

func TestDecideReserves(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Policy = &journey.Policy{
				Limits: []journey.Limit{{Channel: "email", Max: 1, Per: 24 * time.Hour}, {Max: 2, Per: 24 * time.Hour}},
			}
		})
		e := s.enters("ana", nil)
		first := s.chooses(s.question(e, "k1"), noon) // not sent yet: the reservation counts
		s.same(s.chooses(s.question(e, "k2"), noon).Decision.Slots[0].Channel, "app")
		s.same(s.chooses(s.question(e, "k3"), noon).Decision.Reason, decisioning.CapReached)
		s.must(s.Messages.Settle(s.ctx, noon, *first.Reservation, message.Settlement{Status: contract.StatusFailed})) // given back
		s.same(s.chooses(s.question(e, "k4"), noon).Decision.Slots[0].Channel, "email")
		s.same(s.outcomes(), []string{"k2 discount by app: unsaid", "k4 discount by email: unsaid"})
	})
}

// Deciders at once never exceed a limit.
func TestDecideAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Policy = &journey.Policy{Limits: []journey.Limit{{Max: 3, Per: time.Hour}}}
		})
		e := s.enters("ana", nil)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if _, err := s.Engine.Offers.Decide(s.ctx, noon, wall, s.question(e, fmt.Sprint("k", i)), time.Minute); err != nil {
					s.T.Error(err)
				}
			})
		}
		wg.Wait()
		sending, err := s.Messages.Sends(s.ctx, message.SendFilter{Customer: "ana", Status: "sending"})
		s.must(err)
		s.same(len(sending), 3)
	})
}

func TestDecidePaused(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		_, err := s.Enrollments.PauseJourney(s.ctx, noon, "cart", "me", true)
		s.must(err)
		s.same(s.chooses(s.question(e, "k"), noon).Paused, true)
		all, err := s.Offers.Decisions(s.ctx, offer.DecisionFilter{})
		s.must(err)
		s.same(len(all), 0)
	})
}

func TestDecideRetry(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Policy = &journey.Policy{QuietHours: &journey.QuietHours{From: "21:00", To: "08:00", OnBlocked: journey.Queue}}
		})
		e := s.enters("ana", nil)
		d := s.chooses(s.question(e, "k"), noon)
		s.must(s.Messages.Settle(s.ctx, noon, *d.Reservation, message.Settlement{Status: contract.StatusRetry, Reason: "421"}))
		s.same(s.outcomes(), []string{"k discount by email: unsaid"})
		r, err := s.Messages.Reserve(s.ctx, noon.Add(time.Minute), wall, *d.Send, time.Minute)
		s.must(err)
		s.same([]any{r.Done == nil, r.Verdict.Channel}, []any{true, "email"})
		s.must(s.Messages.Settle(s.ctx, noon.Add(time.Minute), r, message.Settlement{Status: contract.StatusRetry, Reason: "421"}))
		r, err = s.Messages.Reserve(
			s.ctx,
			noon.Add(10*time.Hour),
			wall,
			*d.Send,
			time.Minute,
		) // a decision is dropped in quiet hours, not held
		s.must(err)
		s.same([]any{r.Done.Status, r.Done.Reason}, []any{"suppressed", decisioning.QuietHours})
		s.same(len(s.outcomes()), 0)
	})
}
