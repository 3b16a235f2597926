package engine

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func (s *suite) learns(at time.Time) int {
	s.T.Helper()
	n, err := s.Offers.Learn(s.ctx, at, 0)
	s.must(err)
	return n
}

// An acceptance is credited to the last offer of the action, and the offers before it are ignored.
func TestAcceptance(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		s.offers(e, "k1", noon)
		s.offers(e, "k2", noon.Add(time.Hour))
		accept := func(at time.Time, action string) {
			s.T.Helper()
			s.ingest(at, s.track("ana", "Offer Accepted", props{"action": action}))
		}
		accept(noon.Add(2*time.Hour), "points") // there was no offer of it
		s.same(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: "})
		accept(noon.Add(3*time.Hour), "discount")
		accept(noon.Add(4*time.Hour), "discount") // once
		s.same(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})
		s.same([]int{s.learns(noon.Add(24 * time.Hour)), s.learns(noon.Add(24 * time.Hour))}, []int{1, 0})
		s.same(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted, learned"})
		s.same(s.learns(noon.Add(24*time.Hour+time.Millisecond)), 1)
		s.same(s.outcomes(), []string{"k1 discount by email: ignored, learned", "k2 discount by email: accepted, learned"})
		accept(noon.Add(24*time.Hour+time.Millisecond), "discount")
		s.same(s.learns(noon.Add(96*time.Hour)), 0)
	})
}

// An acceptance may be faster than the provider's word: the offer that is on its way is the last.
func TestAnAcceptanceMayComeBeforeTheSendIsSettled(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		s.offers(e, "k1", noon)
		d := s.chooses(s.question(e, "k2"), noon.Add(time.Hour))
		accept := func(at time.Time) { s.ingest(at, s.track("ana", "Offer Accepted", props{"action": "discount"})) }
		accept(noon.Add(time.Hour + time.Second))
		s.same(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})
		s.must(s.Messages.Settle(s.ctx, noon.Add(2*time.Hour), *d.Reservation, message.Settlement{Status: contract.StatusSent}))
		s.same(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})

		// One that surely did not go out is none; one of which nobody knows is.
		d = s.chooses(s.question(e, "k3"), noon.Add(3*time.Hour))
		s.must(s.Messages.Settle(s.ctx, noon.Add(3*time.Hour), *d.Reservation, message.Settlement{Status: contract.StatusRetry}))
		accept(noon.Add(4 * time.Hour))
		s.same(s.outcomes()[2], "k3 discount by email: unsaid")
		r, err := s.Messages.Reserve(s.ctx, noon.Add(5*time.Hour), wall, *d.Send, time.Minute)
		s.must(err)
		s.must(s.Messages.Settle(s.ctx, noon.Add(5*time.Hour), r, message.Settlement{Status: contract.StatusRetry, Unknown: true}))
		accept(noon.Add(6 * time.Hour))
		s.same(s.outcomes()[2], "k3 discount by email: accepted")
	})
}

// An offer whose send waits for its journey or its provider is kept until that is over.
func TestOffersThatWaitToBeSaidAreKept(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		d := s.chooses(s.question(e, "k"), noon)
		s.must(s.Messages.Settle(s.ctx, noon, *d.Reservation, message.Settlement{Status: contract.StatusRetry}))
		s.offers(s.enters("ben", nil), "b", noon) // there is something to learn
		_, err := s.Database.Writer.ExecContext(
			s.ctx,
			`insert into offers (key, customer, action, channel, control, decided_at, within_ms, propensity, worth, cost, features)
			values ('lost', 'ana', 'points', 'email', '', 1, 1, 0, 0, 0, '')`,
		)
		s.must(err)
		later := noon.Add(30 * day)
		s.learns(later)
		s.same(s.outcomes(), []string{"b discount by app: ignored, learned", "k discount by email: unsaid"})
		r, err := s.Messages.Reserve(s.ctx, later, wall, *d.Send, time.Minute)
		s.must(err)
		s.must(s.Messages.Settle(s.ctx, later, r, message.Settlement{Status: contract.StatusSent}))
		s.same(s.outcomes()[1], "k discount by email: ")
	})
}

// The window is open until its last moment, by arrival.
func TestAcceptanceWindow(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "accepted"}, {24 * time.Hour, "accepted"}, {24*time.Hour + time.Millisecond, ""}} {
		t.Run(c.after.String(), func(t *testing.T) {
			each(t, func(s *suite) {
				s.brainy()
				s.offers(s.enters("ana", nil), "k", noon)
				late := s.track("ana", "Offer Accepted", props{"action": "discount"})
				late.Timestamp = noon.Add(-time.Hour)
				s.ingest(noon.Add(c.after), late)
				s.same(s.outcomes(), []string{"k discount by email: " + c.want})
			})
		})
	}
}

// Learners at once learn each outcome once, and two stores come to the same models.
func TestLearnOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		const n = 60
		for i := range n {
			s.offers(e, "k"+strconv.Itoa(i), noon.Add(time.Duration(i)*time.Minute))
			if i%3 == 0 {
				s.ingest(noon.Add(time.Duration(i)*time.Minute), s.track("ana", "Offer Accepted", props{"action": "discount"}))
			}
		}
		over := noon.Add(48 * time.Hour)
		learned := make([]int, 4)
		var wg sync.WaitGroup
		for i := range learned {
			wg.Go(func() {
				for {
					got, err := s.Offers.Learn(s.ctx, over, 7)
					if err != nil {
						s.T.Error(err)
						return
					}
					if learned[i] += got; got == 0 {
						return
					}
				}
			})
		}
		wg.Wait()
		sum := 0
		for _, one := range learned {
			sum += one
		}
		s.same(sum, n)
		var evidence, positives float64
		s.must(
			s.Database.Reader.QueryRowContext(s.ctx, `select evidence, positives from models where action = 'discount' and channel = 'email'`).
				Scan(&evidence, &positives),
		)
		s.same([]float64{evidence, positives}, []float64{n, n / 3})

		// What was learned counts at the next decision, in this store and in another one that has seen nothing of it.
		first := s.chooses(s.question(e, "after"), over)
		s.Offers.Models.Models = nil
		second := s.chooses(s.question(e, "after2"), over)
		got := first.Decision.Candidates[0]
		if got.Propensity == 0.5 || got.Evidence <= 2 {
			s.T.Errorf("nothing was learned: the estimate is %g of %g outcomes", got.Propensity, got.Evidence)
		}
		s.same(second.Decision.Candidates[0].Propensity, got.Propensity)
	})
}

// A merge moves offers and decisions.
func TestOffersOfMerged(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		d, err := s.Offers.DecideInbound(s.ctx, noon, offer.Inbound{AnonymousID: "a1", Group: "offers", RequestID: "r1"})
		s.must(err)
		s.same(d.Slots[0].Action, "discount")
		c := s.identify("ana", nil)
		c.AnonymousID = "a1"
		s.ingest(noon.Add(time.Minute), c, s.track("ana", "Offer Accepted", props{"action": "discount"}))
		s.same(s.outcomes(), []string{"inbound/anon:a1/r1 discount by app: accepted"})
		all, err := s.Offers.Decisions(s.ctx, offer.DecisionFilter{Customer: "ana"})
		s.must(err)
		s.same(len(all), 1)
	})
}

func TestInbound(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Policy = &journey.Policy{
				Limits:     []journey.Limit{{Channel: "app", Max: 3, Per: time.Hour}},
				QuietHours: &journey.QuietHours{From: "11:00", To: "13:00", OnBlocked: journey.Queue},
			}
			c.Actions["points"].Applicable = `event.page == "account"`
		})
		in := offer.Inbound{UserID: "ana", Group: "offers", Slots: 2, Context: props{"page": "account"}, Preview: true}
		show := func(in offer.Inbound) []string {
			s.T.Helper()
			d, err := s.Offers.DecideInbound(s.ctx, noon, in)
			s.must(err)
			out := []string{}
			for _, slot := range d.Slots {
				out = append(out, slot.Action+" by "+slot.Channel)
			}
			return append(out, d.Reason)
		}
		rows := func() []int {
			s.T.Helper()
			contacts, err := s.Messages.Sends(s.ctx, message.SendFilter{Customer: "ana", Channel: "app", Status: "sent"})
			s.must(err)
			decisions, err := s.Offers.Decisions(s.ctx, offer.DecisionFilter{})
			s.must(err)
			return []int{len(contacts), len(decisions), len(s.outcomes())}
		}
		s.same(show(in), []string{"discount by app", "points by app", ""})
		s.same(rows(), []int{0, 0, 0}) // a preview keeps nothing
		in.Preview, in.RequestID = false, "r1"
		s.same(show(in), []string{"discount by app", "points by app", ""})
		s.same(show(in), []string{"discount by app", "points by app", ""}) // the same request
		s.same(rows(), []int{2, 1, 2})
		in.RequestID = "r2"
		s.same(show(in), []string{"discount by app", ""}) // one more contact is left
		in.RequestID = "r3"
		s.same(show(in), []string{"CAP_REACHED"})
		in.RequestID, in.Context, in.Channel = "r4", props{"page": "home"}, "phone"
		s.same(show(in), []string{"discount by phone", ""})
		s.ingest(noon.Add(time.Minute), s.track("ana", "Offer Accepted", props{"action": "points"}))
		s.same(s.learns(noon.Add(time.Minute)), 1)
		messages, err := s.Messages.AppMessages(s.ctx, "ana", 10) // what the page showed itself is no message of the app
		s.must(err)
		s.same(len(messages), 0)
		for _, bad := range []offer.Inbound{{Group: "offers", RequestID: "r"}, {UserID: "ana", Group: "offers"},
			{UserID: "ana", Group: "offers", RequestID: "r", Slots: 21}} {
			if _, err := s.Offers.DecideInbound(s.ctx, noon, bad); !message.IsInput(err) {
				s.T.Errorf("%+v: got %v", bad, err)
			}
		}
	})
}

func TestExplain(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		d, err := s.Offers.Explain(s.ctx, noon, "ana", "offers", nil, "")
		s.must(err)
		s.same(
			[]any{d.Direction, d.Customer, d.Release, len(d.Candidates), d.Slots},
			[]any{"preview", "ana", 1, 4, []offer.Slot{{Action: "discount", Message: "offer", Channel: "email", Propensity: 0.5,
				Priority: 4.5}}},
		)
		d, err = s.Offers.Explain(s.ctx, noon, "ana", "", []string{"points"}, "app")
		s.must(err)
		s.same(d.Slots[0].Channel, "app")
		_, err = s.Offers.Explain(s.ctx, noon, "nobody", "offers", nil, "")
		s.refused(err, sqldb.ErrNotFound)
	})
}

// A release may not drop what an open enrollment decides among.
func TestDroppedActions(t *testing.T) {
	each(t, func(s *suite) {
		deciding := cart(func(d *journey.Definition) {
			d.Steps[1] = journey.Step{
				ID:   "best",
				Kind: "decide",
				Path: journey.Main,
				Next: 2,
				Spec: &journey.Decide{Group: "offers", None: 2},
			}
			d.Steps = append(
				d.Steps,
				journey.Step{
					ID:   "one",
					Kind: "decide",
					Path: journey.Main,
					Next: journey.End,
					Spec: &journey.Decide{Actions: []string{"points"}, None: journey.End},
				},
			)
		})
		s.brainy(func(c *journey.Content) { c.Journeys["cart"] = deciding })
		s.enters("ana", nil)
		_, err := s.Catalog.Publish(s.ctx, noon, offering(func(c *journey.Content) {
			c.Groups = map[string][]string{"others": {"discount"}}
			delete(c.Actions, "points")
		}))
		dropped, ok := err.(*catalog.DroppedError)
		if !ok || len(dropped.Missing) != 2 {
			s.T.Fatalf("got %v", err)
		}
	})
}

// The key of an inbound decision tells customer, request and slot apart, whatever signs the ids hold.
func TestInboundKeys(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		for _, in := range []offer.Inbound{{UserID: "a/b", RequestID: "r"}, {UserID: "a", RequestID: "b/r"},
			{UserID: "a", RequestID: "r/2"}, {UserID: "a", RequestID: "r", Slots: 2}} {
			in.Group = "offers"
			d, err := s.Offers.DecideInbound(s.ctx, noon, in)
			s.must(err)
			if d.Customer != in.UserID || len(d.Slots) == 0 {
				t.Errorf("%+v: a decision for %q with %d slots", in, d.Customer, len(d.Slots))
			}
		}
	})
}

// A model that this build cannot read stops neither decisions nor learning: it is learned again.
func TestAnUnreadableModelIsLearnedAnew(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		slot := s.offers(e, "k1", noon)
		_, err := s.Offers.Learn(s.ctx, noon.Add(2*day), 0)
		s.must(err)
		s.must(s.Database.Write(s.ctx, func(tx sqldb.Conn) error {
			if _, err := tx.ExecContext(s.ctx, `update models set state = 'of another build', version = version + 1`); err != nil {
				return err
			}
			_, err := tx.ExecContext(s.ctx, `update settings set value = '2' where key = 'models'`)
			return err
		}))
		if again := s.offers(e, "k2", noon.Add(2*day)); again.Action == "" {
			t.Errorf("after %s nothing is decided: %+v", slot.Action, again)
		}
		n, err := s.Offers.Learn(s.ctx, noon.Add(4*day), 0)
		s.must(err)
		s.same(n, 1)
	})
}

// A repeat under the id that asked answers as before, also when that id was joined to another meanwhile.
func TestARepeatAfterAMergeIsARepeat(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		ask := func(in offer.Inbound) offer.Decision {
			s.T.Helper()
			in.Group, in.RequestID = "offers", "r1"
			d, err := s.Offers.DecideInbound(s.ctx, noon, in)
			s.must(err)
			return d
		}
		first := ask(offer.Inbound{AnonymousID: "a1"})
		join := s.identify("ana", nil)
		join.AnonymousID = "a1"
		s.ingest(noon, join)
		s.same(ask(offer.Inbound{AnonymousID: "a1"}).Key, first.Key)
		own := ask(offer.Inbound{UserID: "ana"})
		if own.Key == first.Key || own.Customer != "ana" {
			s.T.Errorf("ana's own request was answered by %+v", own)
		}
		// The anonymous id is somebody else's now, whose request it was not.
		join = s.identify("ben", nil)
		join.AnonymousID = "a1"
		s.ingest(noon, join)
		if d := ask(offer.Inbound{AnonymousID: "a1"}); d.Customer != "ben" || d.Key == first.Key {
			s.T.Errorf("ben's request was answered by %+v", d)
		}
	})
}
