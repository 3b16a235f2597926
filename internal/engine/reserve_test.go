package engine

import (
	"errors"
	"strconv"
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

// Traits by which a customer may be written to, by e-mail or by push, or may not.
var (
	yes  = props{"email": "a@example.com", "push_token": nil, "consent": props{"marketing": true}}
	push = props{"email": nil, "push_token": "t1", "consent": props{"marketing": true}}
	no   = props{"email": "a@example.com", "consent": props{"marketing": false}}
)

func (s *suite) send(e unit.Enrollment, key string) contract.Send {
	return contract.Send{Ref: ref(e), EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent}, Key: key, Step: "nudge", Visit: 1,
		Spec: journey.Send{Message: "reminder", Via: []string{"email", "push"}, Category: journey.Marketing, Topic: "news"}}
}

// has sets traits of the customer, without an event.
func (s *suite) has(customerID string, traits props) {
	s.T.Helper()
	s.must(s.Customers.SetTraits(s.ctx, noon, customerID, traits))
}

// asks reserves a send to a customer with these traits.
func (s *suite) asks(at time.Time, in contract.Send, traits props) (message.Reservation, error) {
	s.T.Helper()
	s.has(in.Customer, traits)
	return s.Messages.Reserve(s.ctx, noon, at, in, time.Minute)
}

func (s *suite) reserves(e unit.Enrollment, key string, at time.Time, traits props) message.Reservation {
	s.T.Helper()
	r, err := s.asks(at, s.send(e, key), traits)
	s.must(err)
	return r
}

func (s *suite) contact(key string) message.Send {
	s.T.Helper()
	all, err := s.Messages.Sends(s.ctx, message.SendFilter{})
	s.must(err)
	for _, c := range all {
		if c.Key == key {
			return c
		}
	}
	s.T.Fatalf("no contact %s", key)
	return message.Send{}
}

func TestReserveAndSettle(t *testing.T) {
	each(t, func(s *suite) {
		release := s.publishes([]*journey.Definition{cart()}, reminder())
		s.ingest(noon, s.identify("ana", props{"language": "ja"}))
		e := s.enters("ana", props{"cart_id": "k1"})
		r := s.reserves(e, "k", wall, yes)
		s.same(
			[]any{r.Done == nil, r.Unsettled, r.Release, r.Message.Name, r.Language, r.Category, r.Verdict.Channel},
			[]any{true, false, release, "reminder", "ja", "marketing", "email"},
		)
		s.same(r.Vars.Entry, props{"cart_id": "k1"})
		s.must(
			s.Messages.Settle(
				s.ctx,
				noon.Add(time.Second),
				r,
				message.Settlement{Status: contract.StatusSent, ProviderID: "p1", Said: map[string]string{"title": "Hi"}},
			),
		)
		s.must(s.Messages.Settle(s.ctx, noon.Add(time.Second), r, message.Settlement{Status: contract.StatusSent})) // said twice
		s.same(
			s.contact("k"),
			message.Send{
				Key:        "k",
				Enrollment: e.ID,
				Journey:    "cart",
				Step:       "nudge",
				Message:    "reminder",
				Customer:   "ana",
				Channel:    "email",
				Category:   "marketing",
				Topic:      "news",
				Status:     "sent",
				ProviderID: "p1",
				Attempts:   1,
				Release:    release,
				At:         noon.Add(time.Second),
				Said:       map[string]string{"title": "Hi"},
				Tried:      []decisioning.ChannelVerdict{{Channel: "email"}, {Channel: "push", Reason: "NO_ADDRESS"}},
			},
		)
		s.same(s.reserves(e, "k", wall, no).Done, &contract.SendResult{Status: "sent", Channel: "email"})
		s.refused(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusFailed}), unit.ErrSuperseded)
	})
}

func TestReserveLease(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		first := s.reserves(e, "k", wall, yes)
		_, err := s.asks(wall.Add(time.Second), s.send(e, "k"), yes)
		s.refused(err, message.ErrBusy)
		second := s.reserves(e, "k", wall.Add(2*time.Minute), push)
		s.same([]any{second.Unsettled, second.Verdict.Channel}, []any{true, "email"}) // it may have gone out there
		s.refused(s.Messages.Settle(s.ctx, noon, first, message.Settlement{Status: contract.StatusSent}), unit.ErrSuperseded)
		s.must(s.Messages.Settle(s.ctx, noon, second, message.Settlement{Status: contract.StatusRetry, Reason: "421"}))
		s.same(s.contact("k").Unknown, true)
		third := s.reserves(e, "k", wall, push)
		s.same(
			[]any{third.Unsettled, third.Verdict.Channel},
			[]any{true, "email"},
		) // the second surely failed; the first may still have gone out
		s.must(s.Messages.Settle(s.ctx, noon, third, message.Settlement{Status: contract.StatusSent}))
		got := s.contact("k")
		s.same([]any{got.Unknown, got.Attempts, got.Channel}, []any{false, 2, "email"})
	})
}

func TestReserveOfAnUnsettledSendThatIsNoLongerPermitted(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.reserves(e, "k", wall, yes)
		s.same(s.reserves(e, "k", wall.Add(time.Hour), no).Done, &contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"})
		s.same(s.contact("k").Unknown, true)
	})
}

func TestReserveRefusals(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) { d.Entry.Holdout = 100 })}, reminder())
		held := s.enters("held", nil)
		s.same(s.reserves(held, "h", wall, yes).Done, &contract.SendResult{Status: "suppressed", Reason: "HOLDOUT"})
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.same(s.reserves(e, "s", wall, no).Done, &contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"})
		s.same(s.reserves(e, "s", wall, yes).Done, &contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"}) // decided
		missing := s.send(e, "m")
		missing.Spec.Message = "gone"
		r, err := s.asks(wall, missing, yes)
		s.must(err)
		s.same(r.Done, &contract.SendResult{Status: "failed", Reason: "NO_MESSAGE"})
		other := s.send(e, "o")
		other.Chain = "another"
		_, err = s.asks(wall, other, yes)
		s.refused(err, unit.ErrSuperseded)
	})
}

func TestReserveRaceHasOneWinner(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.has("ana", yes)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				switch _, err := s.Messages.Reserve(s.ctx, noon, wall, s.send(e, "k"), time.Minute); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, message.ErrBusy):
					s.T.Error(err)
				}
			}()
		}
		wg.Wait()
		s.same(won.Load(), int64(1))
	})
}

func TestGoneAddressesBounce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		r := s.reserves(e, "k", wall, yes)
		s.must(
			s.Messages.Settle(
				s.ctx,
				noon,
				r,
				message.Settlement{Status: contract.StatusFailed, Reason: "550 no such user", Gone: []string{"a@example.com"}},
			),
		)
		s.same(s.reserves(e, "k2", wall, yes).Done, &contract.SendResult{Status: "suppressed", Reason: "BOUNCED"})
		s.same(s.reserves(e, "k3", wall, push).Verdict.Channel, "push")
		s.same(s.reserves(e, "k4", wall, props{"email": "b@example.com"}).Verdict.Channel, "email")
	})
}

func TestASendThatOutlivesItsInstance(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		for i, c := range []struct{ settled, want string }{{contract.StatusSent, "sent"}, {contract.StatusRetry, "failed"},
			{contract.StatusFailed, "failed"}} {
			e := s.enters("c"+strconv.Itoa(i), nil)
			r := s.reserves(e, e.ID, wall, yes)
			s.ends(e, "goal", noon)
			s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: c.settled, Reason: "why"}))
			s.same(s.contact(e.ID).Status, c.want)
		}
	})
}

func TestAppMessages(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		for i := range 3 {
			r := s.inApp(e, strconv.Itoa(i))
			s.must(
				s.Messages.Settle(
					s.ctx,
					noon.Add(time.Duration(i)*time.Second),
					r,
					message.Settlement{Status: contract.StatusSent, Said: map[string]string{"title": strconv.Itoa(i)}},
				),
			)
		}
		s.inApp(e, "pending")
		got, err := s.Messages.AppMessages(s.ctx, "ana", 2)
		s.must(err)
		s.same([]string{got[0].Said["title"], got[1].Said["title"]}, []string{"2", "1"})
		s.same(len(got), 2)
	})
}

func (s *suite) inApp(e unit.Enrollment, key string) message.Reservation {
	s.T.Helper()
	in := s.send(e, key)
	in.Spec.Via = []string{"app"}
	r, err := s.asks(wall, in, yes)
	s.must(err)
	return r
}

// A send of unknown fate that is repeated keeps its channel, though another would be chosen by now; where the
// policy forbids that channel, no other one says it.
func TestDoubtKeepsItsChannel(t *testing.T) {
	each(t, func(s *suite) {
		s.governed(journey.Policy{})
		s.has("ana", props{"push_token": "t1"})
		e := s.enters2("ana")
		in := s.send(e, "k")
		r, err := s.Messages.Reserve(s.ctx, noon, wall, in, time.Minute)
		s.must(err)
		s.same(r.Verdict.Channel, "push")
		s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: true}))
		s.has("ana", props{"push_token": "t1", "email": "a@example.com"})
		r, err = s.Messages.Reserve(s.ctx, noon, wall, in, time.Minute)
		s.must(err)
		s.same([]any{r.Unsettled, r.Verdict.Channel}, []any{true, "push"})
		s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: true}))
		s.has("ana", props{"push_token": "t1", "email": "a@example.com", "consent": props{"push": false}})
		r, err = s.Messages.Reserve(s.ctx, noon, wall, in, time.Minute)
		s.must(err)
		if r.Done == nil || r.Done.Status != contract.StatusSuppressed || r.Done.Reason != "NO_CONSENT" {
			t.Errorf("said by another channel: %+v", r)
		}
	})
}
