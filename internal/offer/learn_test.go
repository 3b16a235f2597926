package offer_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func (s *suite) learn(at time.Time) int {
	s.T.Helper()
	n, err := s.Offers.Learn(s.Ctx, at, 0)
	s.Must(err)
	return n
}

// An acceptance is credited to the last offer of the action, and the offers before it are ignored.
func TestAcceptance(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		s.DecideAndSend(e, "k1", enginetest.Noon)
		s.DecideAndSend(e, "k2", enginetest.Noon.Add(time.Hour))
		accept := func(at time.Time, action string) {
			s.T.Helper()
			s.Ingest(at, s.Track("ana", "Offer Accepted", enginetest.Props{"action": action}))
		}
		accept(enginetest.Noon.Add(2*time.Hour), "points") // points were not offered
		s.Equal(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: "})
		accept(enginetest.Noon.Add(3*time.Hour), "discount")
		accept(enginetest.Noon.Add(4*time.Hour), "discount") // counts once
		s.Equal(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})
		s.Equal([]int{s.learn(enginetest.Noon.Add(24 * time.Hour)), s.learn(enginetest.Noon.Add(24 * time.Hour))}, []int{1, 0})
		s.Equal(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted, learned"})
		s.Equal(s.learn(enginetest.Noon.Add(24*time.Hour+time.Millisecond)), 1)
		s.Equal(s.outcomes(), []string{"k1 discount by email: ignored, learned", "k2 discount by email: accepted, learned"})
		accept(enginetest.Noon.Add(24*time.Hour+time.Millisecond), "discount")
		s.Equal(s.learn(enginetest.Noon.Add(96*time.Hour)), 0)
	})
}

// An acceptance may arrive before the provider's answer: the offer that is being sent counts as the last one.
func TestAcceptanceBeforeTheSendIsSettled(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		s.DecideAndSend(e, "k1", enginetest.Noon)
		d := s.Decide(s.NewDecide(e, "k2"), enginetest.Noon.Add(time.Hour))
		accept := func(at time.Time) {
			s.Ingest(at, s.Track("ana", "Offer Accepted", enginetest.Props{"action": "discount"}))
		}
		accept(enginetest.Noon.Add(time.Hour + time.Second))
		s.Equal(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon.Add(2*time.Hour), *d.Reservation, message.Settlement{Status: contract.StatusSent}))
		s.Equal(s.outcomes(), []string{"k1 discount by email: ", "k2 discount by email: accepted"})

		// An offer whose send failed does not count; one whose outcome is unknown does.
		d = s.Decide(s.NewDecide(e, "k3"), enginetest.Noon.Add(3*time.Hour))
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon.Add(3*time.Hour), *d.Reservation, message.Settlement{Status: contract.StatusRetry}))
		accept(enginetest.Noon.Add(4 * time.Hour))
		s.Equal(s.outcomes()[2], "k3 discount by email: unsaid")
		r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon.Add(5*time.Hour), enginetest.Wall, *d.Send, time.Minute)
		s.Must(err)
		s.Must(
			s.Messages.Settle(s.Ctx, enginetest.Noon.Add(5*time.Hour), r, message.Settlement{Status: contract.StatusRetry, Unknown: true}),
		)
		accept(enginetest.Noon.Add(6 * time.Hour))
		s.Equal(s.outcomes()[2], "k3 discount by email: accepted")
	})
}

// An offer whose send waits for its journey or its provider is kept until the send is settled.
func TestUnsentOffersAreKept(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		d := s.Decide(s.NewDecide(e, "k"), enginetest.Noon)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, *d.Reservation, message.Settlement{Status: contract.StatusRetry}))
		s.DecideAndSend(s.Enter("ben", nil), "b", enginetest.Noon) // so that there is an outcome to learn
		_, err := s.Database.Writer.ExecContext(
			s.Ctx,
			`insert into offers (key, customer, action, channel, control, decided_at, within_ms, propensity, worth, cost, features)
			values ('lost', 'ana', 'points', 'email', '', 1, 1, 0, 0, 0, '')`,
		)
		s.Must(err)
		later := enginetest.Noon.Add(30 * enginetest.Day)
		s.learn(later)
		s.Equal(s.outcomes(), []string{"b discount by app: ignored, learned", "k discount by email: unsaid"})
		r, err := s.Messages.Reserve(s.Ctx, later, enginetest.Wall, *d.Send, time.Minute)
		s.Must(err)
		s.Must(s.Messages.Settle(s.Ctx, later, r, message.Settlement{Status: contract.StatusSent}))
		s.Equal(s.outcomes()[1], "k discount by email: ")
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
				s.PublishOffers()
				s.DecideAndSend(s.Enter("ana", nil), "k", enginetest.Noon)
				late := s.Track("ana", "Offer Accepted", enginetest.Props{"action": "discount"})
				late.Timestamp = enginetest.Noon.Add(-time.Hour)
				s.Ingest(enginetest.Noon.Add(c.after), late)
				s.Equal(s.outcomes(), []string{"k discount by email: " + c.want})
			})
		})
	}
}

// Concurrent learners learn each outcome once, and two engines have the same models.
func TestLearnOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		const n = 60
		for i := range n {
			s.DecideAndSend(e, "k"+strconv.Itoa(i), enginetest.Noon.Add(time.Duration(i)*time.Minute))
			if i%3 == 0 {
				s.Ingest(
					enginetest.Noon.Add(time.Duration(i)*time.Minute),
					s.Track("ana", "Offer Accepted", enginetest.Props{"action": "discount"}),
				)
			}
		}
		over := enginetest.Noon.Add(48 * time.Hour)
		learned := make([]int, 4)
		var wg sync.WaitGroup
		for i := range learned {
			wg.Go(func() {
				for {
					got, err := s.Offers.Learn(s.Ctx, over, 7)
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
		s.Equal(sum, n)
		var evidence, positives float64
		s.Must(
			s.Database.Reader.QueryRowContext(s.Ctx, `select evidence, positives from models where action = 'discount' and channel =
			'email'`).
				Scan(&evidence, &positives),
		)
		s.Equal([]float64{evidence, positives}, []float64{n, n / 3})

		// The next decision uses what was learned, in this engine and in another one on the same database.
		first := s.Decide(s.NewDecide(e, "after"), over)
		s.Offers.Models.Models = nil
		second := s.Decide(s.NewDecide(e, "after2"), over)
		got := first.Decision.Candidates[0]
		if got.Propensity == 0.5 || got.Evidence <= 2 {
			s.T.Errorf("nothing was learned: the estimate is %g of %g outcomes", got.Propensity, got.Evidence)
		}
		s.Equal(second.Decision.Candidates[0].Propensity, got.Propensity)
	})
}

// A merge moves offers and decisions.
func TestOffersOfMergedCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		d, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, offer.Inbound{AnonymousID: "a1", Group: "offers", RequestID: "r1"})
		s.Must(err)
		s.Equal(d.Slots[0].Action, "discount")
		c := s.Identify("ana", nil)
		c.AnonymousID = "a1"
		s.Ingest(enginetest.Noon.Add(time.Minute), c, s.Track("ana", "Offer Accepted", enginetest.Props{"action": "discount"}))
		s.Equal(s.outcomes(), []string{"inbound/anon:a1/r1 discount by app: accepted"})
		all, err := s.Offers.Decisions(s.Ctx, offer.DecisionFilter{Customer: "ana"})
		s.Must(err)
		s.Equal(len(all), 1)
	})
}

func TestInbound(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = &journey.Policy{
				Limits:     []journey.Limit{{Channel: "app", Max: 3, Per: time.Hour}},
				QuietHours: &journey.QuietHours{From: "11:00", To: "13:00", OnBlocked: journey.Queue},
			}
			c.Actions["points"].Applicable = `event.page == "account"`
		})
		in := offer.Inbound{UserID: "ana", Group: "offers", Slots: 2, Context: enginetest.Props{"page": "account"}, Preview: true}
		show := func(in offer.Inbound) []string {
			s.T.Helper()
			d, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, in)
			s.Must(err)
			out := []string{}
			for _, slot := range d.Slots {
				out = append(out, slot.Action+" by "+slot.Channel)
			}
			return append(out, d.Reason)
		}
		rows := func() []int {
			s.T.Helper()
			contacts, err := s.Messages.Sends(s.Ctx, message.SendFilter{Customer: "ana", Channel: "app", Status: "sent"})
			s.Must(err)
			decisions, err := s.Offers.Decisions(s.Ctx, offer.DecisionFilter{})
			s.Must(err)
			return []int{len(contacts), len(decisions), len(s.outcomes())}
		}
		s.Equal(show(in), []string{"discount by app", "points by app", ""})
		s.Equal(rows(), []int{0, 0, 0}) // a preview stores nothing
		in.Preview, in.RequestID = false, "r1"
		s.Equal(show(in), []string{"discount by app", "points by app", ""})
		s.Equal(show(in), []string{"discount by app", "points by app", ""}) // the same request
		s.Equal(rows(), []int{2, 1, 2})
		in.RequestID = "r2"
		s.Equal(show(in), []string{"discount by app", ""}) // the cap allows one more
		in.RequestID = "r3"
		s.Equal(show(in), []string{"CAP_REACHED"})
		in.RequestID, in.Context, in.Channel = "r4", enginetest.Props{"page": "home"}, "phone"
		s.Equal(show(in), []string{"discount by phone", ""})
		s.Ingest(enginetest.Noon.Add(time.Minute), s.Track("ana", "Offer Accepted", enginetest.Props{"action": "points"}))
		s.Equal(s.learn(enginetest.Noon.Add(time.Minute)), 1)
		messages, err := s.Messages.AppMessages(s.Ctx, "ana", 10) // offers that the page showed are not messages of the app
		s.Must(err)
		s.Equal(len(messages), 0)
		for _, bad := range []offer.Inbound{{Group: "offers", RequestID: "r"}, {UserID: "ana", Group: "offers"},
			{UserID: "ana", Group: "offers", RequestID: "r", Slots: 21}} {
			if _, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, bad); !message.IsInput(err) {
				s.T.Errorf("%+v: got %v", bad, err)
			}
		}
	})
}

func TestExplain(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		d, err := s.Offers.Explain(s.Ctx, enginetest.Noon, "ana", "offers", nil, "")
		s.Must(err)
		s.Equal(
			[]any{d.Direction, d.Customer, d.Release, len(d.Candidates), d.Slots},
			[]any{"preview", "ana", 1, 4, []offer.Slot{{Action: "discount", Message: "offer", Channel: "email", Propensity: 0.5,
				Priority: 4.5}}},
		)
		d, err = s.Offers.Explain(s.Ctx, enginetest.Noon, "ana", "", []string{"points"}, "app")
		s.Must(err)
		s.Equal(d.Slots[0].Channel, "app")
		_, err = s.Offers.Explain(s.Ctx, enginetest.Noon, "nobody", "offers", nil, "")
		s.WantError(err, sqldb.ErrNotFound)
	})
}

// A release may not drop actions among which an open enrollment decides.
func TestDroppedActions(t *testing.T) {
	each(t, func(s *suite) {
		deciding := enginetest.Cart(func(d *journey.Definition) {
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
		s.PublishOffers(func(c *journey.Content) { c.Journeys["cart"] = deciding })
		s.Enter("ana", nil)
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, enginetest.OfferContent(func(c *journey.Content) {
			c.Groups = map[string][]string{"others": {"discount"}}
			delete(c.Actions, "points")
		}))
		dropped, ok := err.(*catalog.DroppedError)
		if !ok || len(dropped.Missing) != 2 {
			s.T.Fatalf("got %v", err)
		}
	})
}

// The key of an inbound decision is distinct for each customer, request and slot, even if ids contain separators.
func TestInboundKeys(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		for _, in := range []offer.Inbound{{UserID: "a/b", RequestID: "r"}, {UserID: "a", RequestID: "b/r"},
			{UserID: "a", RequestID: "r/2"}, {UserID: "a", RequestID: "r", Slots: 2}} {
			in.Group = "offers"
			d, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, in)
			s.Must(err)
			if d.Customer != in.UserID || len(d.Slots) == 0 {
				t.Errorf("%+v: a decision for %q with %d slots", in, d.Customer, len(d.Slots))
			}
		}
	})
}

// A model that this build cannot read stops neither decisions nor learning: it is learned again.
func TestUnreadableModelIsLearnedAgain(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		slot := s.DecideAndSend(e, "k1", enginetest.Noon)
		_, err := s.Offers.Learn(s.Ctx, enginetest.Noon.Add(2*enginetest.Day), 0)
		s.Must(err)
		s.Must(s.Database.Write(s.Ctx, func(tx sqldb.Conn) error {
			if _, err := tx.ExecContext(s.Ctx, `update models set state = 'of another build', version = version + 1`); err != nil {
				return err
			}
			_, err := tx.ExecContext(s.Ctx, `update settings set value = '2' where key = 'models'`)
			return err
		}))
		if again := s.DecideAndSend(e, "k2", enginetest.Noon.Add(2*enginetest.Day)); again.Action == "" {
			t.Errorf("after %s nothing is decided: %+v", slot.Action, again)
		}
		n, err := s.Offers.Learn(s.Ctx, enginetest.Noon.Add(4*enginetest.Day), 0)
		s.Must(err)
		s.Equal(n, 1)
	})
}

// A repeated request gets the same answer, even if its id was merged into another one meanwhile.
func TestRepeatedDecisionAfterMerge(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		ask := func(in offer.Inbound) offer.Decision {
			s.T.Helper()
			in.Group, in.RequestID = "offers", "r1"
			d, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, in)
			s.Must(err)
			return d
		}
		first := ask(offer.Inbound{AnonymousID: "a1"})
		join := s.Identify("ana", nil)
		join.AnonymousID = "a1"
		s.Ingest(enginetest.Noon, join)
		s.Equal(ask(offer.Inbound{AnonymousID: "a1"}).Key, first.Key)
		own := ask(offer.Inbound{UserID: "ana"})
		if own.Key == first.Key || own.Customer != "ana" {
			s.T.Errorf("ana's own request was answered by %+v", own)
		}
		// The anonymous id belongs to another customer now, who did not make the request.
		join = s.Identify("ben", nil)
		join.AnonymousID = "a1"
		s.Ingest(enginetest.Noon, join)
		if d := ask(offer.Inbound{AnonymousID: "a1"}); d.Customer != "ben" || d.Key == first.Key {
			s.T.Errorf("ben's request was answered by %+v", d)
		}
	})
}
