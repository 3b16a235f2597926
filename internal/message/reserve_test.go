package message_test

import (
	"errors"
	"strconv"
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

func TestReserveAndSettle(t *testing.T) {
	each(t, func(s *suite) {
		release := s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"language": "ja"}))
		e := s.Enter("ana", enginetest.Props{"cart_id": "k1"})
		r := s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
		s.Equal(
			[]any{r.Done == nil, r.Unsettled, r.Release, r.Message.Name, r.Language, r.Category, r.Verdict.Channel},
			[]any{true, false, release, "reminder", "ja", "marketing", "email"},
		)
		s.Equal(r.Vars.Entry, enginetest.Props{"cart_id": "k1"})
		s.Must(
			s.Messages.Settle(
				s.Ctx,
				enginetest.Noon.Add(time.Second),
				r,
				message.Settlement{Status: contract.StatusSent, ProviderID: "p1", Said: map[string]string{"title": "Hi"}},
			),
		)
		s.Must(
			s.Messages.Settle(s.Ctx, enginetest.Noon.Add(time.Second), r, message.Settlement{Status: contract.StatusSent}),
		) // reported twice
		s.Equal(
			s.SendOf("k"),
			message.Send{
				Key:        "k",
				Enrollment: e.ID,
				Journey:    "cart",
				Step:       "nudge",
				Message:    "reminder",
				Customer:   "ana",
				Addresses:  []string{"a@example.com"},
				Channel:    "email",
				Category:   "marketing",
				Topic:      "news",
				Status:     "sent",
				ProviderID: "p1",
				Attempts:   1,
				Release:    release,
				At:         enginetest.Noon.Add(time.Second),
				Said:       map[string]string{"title": "Hi"},
				Tried:      []decisioning.ChannelVerdict{{Channel: "email"}, {Channel: "push", Reason: "NO_ADDRESS"}},
			},
		)
		s.Equal(s.Reserve(e, "k", enginetest.Wall, enginetest.NoConsent).Done, &contract.SendResult{Status: "sent", Channel: "email"})
		s.WantError(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusFailed}), unit.ErrSuperseded)
	})
}

func TestReserveLease(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		first := s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
		_, err := s.TryReserve(enginetest.Wall.Add(time.Second), s.NewSend(e, "k"), enginetest.ByEmail)
		s.WantError(err, message.ErrBusy)
		second := s.Reserve(e, "k", enginetest.Wall.Add(2*time.Minute), enginetest.ByPush)
		s.Equal([]any{second.Unsettled, second.Verdict.Channel}, []any{true, "email"}) // it may have been sent by e-mail
		s.WantError(s.Messages.Settle(s.Ctx, enginetest.Noon, first, message.Settlement{Status: contract.StatusSent}), unit.ErrSuperseded)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, second, message.Settlement{Status: contract.StatusRetry, Reason: "421"}))
		s.Equal(s.SendOf("k").Unknown, true)
		third := s.Reserve(e, "k", enginetest.Wall, enginetest.ByPush)
		s.Equal(
			[]any{third.Unsettled, third.Verdict.Channel},
			[]any{true, "email"},
		) // the second surely failed; the first may still have gone out
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, third, message.Settlement{Status: contract.StatusSent}))
		got := s.SendOf("k")
		s.Equal([]any{got.Unknown, got.Attempts, got.Channel}, []any{false, 2, "email"})
	})
}

func TestReserveOfAnUnsettledSendThatIsNoLongerPermitted(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
		s.Equal(
			s.Reserve(e, "k", enginetest.Wall.Add(time.Hour), enginetest.NoConsent).Done,
			&contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"},
		)
		s.Equal(s.SendOf("k").Unknown, true)
	})
}

func TestReserveRefusals(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) { d.Entry.Holdout = 100 })}, enginetest.Reminder())
		held := s.Enter("held", nil)
		s.Equal(
			s.Reserve(held, "h", enginetest.Wall, enginetest.ByEmail).Done,
			&contract.SendResult{Status: "suppressed", Reason: "HOLDOUT"},
		)
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.Equal(
			s.Reserve(e, "s", enginetest.Wall, enginetest.NoConsent).Done,
			&contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"},
		)
		s.Equal(
			s.Reserve(e, "s", enginetest.Wall, enginetest.ByEmail).Done,
			&contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"},
		) // decided
		missing := s.NewSend(e, "m")
		missing.Spec.Message = "gone"
		r, err := s.TryReserve(enginetest.Wall, missing, enginetest.ByEmail)
		s.Must(err)
		s.Equal(r.Done, &contract.SendResult{Status: "failed", Reason: "NO_MESSAGE"})
		other := s.NewSend(e, "o")
		other.Chain = "another"
		_, err = s.TryReserve(enginetest.Wall, other, enginetest.ByEmail)
		s.WantError(err, unit.ErrSuperseded)
	})
}

func TestReserveRaceHasOneWinner(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.SetTraits("ana", enginetest.ByEmail)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				switch _, err := s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, s.NewSend(e, "k"), time.Minute); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, message.ErrBusy):
					s.T.Error(err)
				}
			}()
		}
		wg.Wait()
		s.Equal(won.Load(), int64(1))
	})
}

func TestGoneAddressesBounce(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		r := s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
		s.Must(
			s.Messages.Settle(
				s.Ctx,
				enginetest.Noon,
				r,
				message.Settlement{Status: contract.StatusFailed, Reason: "550 no such user", Gone: []string{"a@example.com"}},
			),
		)
		s.Equal(s.Reserve(e, "k2", enginetest.Wall, enginetest.ByEmail).Done, &contract.SendResult{Status: "suppressed", Reason: "BOUNCED"})
		s.Equal(s.Reserve(e, "k3", enginetest.Wall, enginetest.ByPush).Verdict.Channel, "push")
		s.Equal(s.Reserve(e, "k4", enginetest.Wall, enginetest.Props{"email": "b@example.com"}).Verdict.Channel, "email")
	})
}

func TestSendOutlivesItsEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		for i, c := range []struct{ settled, want string }{{contract.StatusSent, "sent"}, {contract.StatusRetry, "failed"},
			{contract.StatusFailed, "failed"}} {
			e := s.Enter("c"+strconv.Itoa(i), nil)
			r := s.Reserve(e, e.ID, enginetest.Wall, enginetest.ByEmail)
			s.End(e, "goal", enginetest.Noon)
			s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: c.settled, Reason: "why"}))
			s.Equal(s.SendOf(e.ID).Status, c.want)
		}
	})
}

func TestAppMessages(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		for i := range 3 {
			r := s.reserveInApp(e, strconv.Itoa(i))
			s.Must(
				s.Messages.Settle(
					s.Ctx,
					enginetest.Noon.Add(time.Duration(i)*time.Second),
					r,
					message.Settlement{Status: contract.StatusSent, Said: map[string]string{"title": strconv.Itoa(i)}},
				),
			)
		}
		s.reserveInApp(e, "pending")
		got, err := s.Messages.AppMessages(s.Ctx, "ana", 2)
		s.Must(err)
		s.Equal([]string{got[0].Said["title"], got[1].Said["title"]}, []string{"2", "1"})
		s.Equal(len(got), 2)
	})
}

func (s *suite) reserveInApp(e unit.Enrollment, key string) message.Reservation {
	s.T.Helper()
	in := s.NewSend(e, key)
	in.Spec.Via = []string{"app"}
	r, err := s.TryReserve(enginetest.Wall, in, enginetest.ByEmail)
	s.Must(err)
	return r
}

// A repeated send whose outcome is unknown keeps its channel, even if another one would be chosen now. If the
// policy forbids that channel, no other one is used.
func TestUnknownOutcomeKeepsItsChannel(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		s.SetTraits("ana", enginetest.Props{"push_token": "t1"})
		e := s.EnterCart("ana")
		in := s.NewSend(e, "k")
		r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, in, time.Minute)
		s.Must(err)
		s.Equal(r.Verdict.Channel, "push")
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: true}))
		s.SetTraits("ana", enginetest.Props{"push_token": "t1", "email": "a@example.com"})
		r, err = s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, in, time.Minute)
		s.Must(err)
		s.Equal([]any{r.Unsettled, r.Verdict.Channel}, []any{true, "push"})
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: contract.StatusRetry, Unknown: true}))
		s.SetTraits("ana", enginetest.Props{"push_token": "t1", "email": "a@example.com", "consent": enginetest.Props{"push": false}})
		r, err = s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, in, time.Minute)
		s.Must(err)
		if r.Done == nil || r.Done.Status != contract.StatusSuppressed || r.Done.Reason != "NO_CONSENT" {
			t.Errorf("sent by another channel: %+v", r)
		}
	})
}
