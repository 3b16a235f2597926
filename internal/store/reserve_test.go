package store

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/brain"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows"
)

// yes permits every send by e-mail.
func yes(brain.Standing) brain.Verdict {
	return brain.Verdict{Channel: "email", Addresses: []string{"a@example.com"}}
}

func no(brain.Standing) brain.Verdict { return brain.Verdict{Reason: brain.NoConsent} }

func (s *suite) send(e Enrolment, key string) workflows.Send {
	return workflows.Send{Ref: ref(e), Scene: workflows.Scene{EntryEvent: e.EntryEvent}, Key: key, Step: "nudge", Visit: 1,
		Spec: journey.Send{Message: "reminder", Via: []string{"email"}, Category: journey.Marketing, Topic: "news"}}
}

func (s *suite) reserves(e Enrolment, key string, at time.Time, decide func(brain.Standing) brain.Verdict) Reservation {
	s.Helper()
	r, err := s.Reserve(s.ctx, noon, at, s.send(e, key), time.Minute, decide)
	s.must(err)
	return r
}

func (s *suite) contact(key string) Contact {
	s.Helper()
	all, err := s.Contacts(s.ctx, ContactFilter{})
	s.must(err)
	for _, c := range all {
		if c.Key == key {
			return c
		}
	}
	s.Fatalf("no contact %s", key)
	return Contact{}
}

func TestReserveAndSettle(t *testing.T) {
	each(t, func(s *suite) {
		release := s.publishes([]*journey.Definition{cart()}, reminder())
		s.ingest(noon, s.identify("ana", props{"language": "ja"}))
		e := s.enters("ana", props{"cart_id": "k1"})
		r := s.reserves(e, "k", wall, func(st brain.Standing) brain.Verdict {
			s.same([]any{st.Customer, st.Traits["language"], st.AgentActive, st.Release, st.Content.Messages["reminder"].Name, st.Bounced("email", "a@example.com")},
				[]any{"ana", "ja", false, release, "reminder", false})
			return yes(st)
		})
		s.same([]any{r.Done == nil, r.Unsettled, r.Release, r.Message.Name, r.Language, r.Category, r.Verdict.Channel}, []any{true, false, release, "reminder", "ja", "marketing", "email"})
		s.same(r.Vars.Entry, props{"cart_id": "k1"})
		s.must(s.Settle(s.ctx, noon.Add(time.Second), r, Settlement{Status: workflows.StatusSent, ProviderID: "p1", App: map[string]string{"title": "Hi"}}))
		s.must(s.Settle(s.ctx, noon.Add(time.Second), r, Settlement{Status: workflows.StatusSent})) // said twice
		s.same(s.contact("k"), Contact{Key: "k", Enrolment: e.ID, Journey: "cart", Step: "nudge", Message: "reminder", Customer: "ana", Channel: "email", Category: "marketing",
			Status: "sent", ProviderID: "p1", Attempts: 1, Release: release, At: noon.Add(time.Second), App: map[string]string{"title": "Hi"}})
		s.same(s.reserves(e, "k", wall, no).Done, &workflows.SendResult{Status: "sent", Channel: "email"})
		s.refused(s.Settle(s.ctx, noon, r, Settlement{Status: workflows.StatusFailed}), ErrNotMine)
	})
}

func TestReserveLease(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		first := s.reserves(e, "k", wall, yes)
		_, err := s.Reserve(s.ctx, noon, wall.Add(time.Second), s.send(e, "k"), time.Minute, yes)
		s.refused(err, ErrBusy)
		push := func(brain.Standing) brain.Verdict { return brain.Verdict{Channel: "push"} }
		second := s.reserves(e, "k", wall.Add(2*time.Minute), push)
		s.same([]any{second.Unsettled, second.Verdict.Channel}, []any{true, "email"}) // it may have gone out there
		s.refused(s.Settle(s.ctx, noon, first, Settlement{Status: workflows.StatusSent}), ErrNotMine)
		s.must(s.Settle(s.ctx, noon, second, Settlement{Status: workflows.StatusRetry, Reason: "421"}))
		s.same(s.contact("k").Unknown, true)
		third := s.reserves(e, "k", wall, push)
		s.same([]any{third.Unsettled, third.Verdict.Channel}, []any{false, "push"})
		s.must(s.Settle(s.ctx, noon, third, Settlement{Status: workflows.StatusSent}))
		got := s.contact("k")
		s.same([]any{got.Unknown, got.Attempts, got.Channel}, []any{false, 2, "push"})
	})
}

func TestReserveOfAnUnsettledSendThatIsNoLongerPermitted(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.reserves(e, "k", wall, yes)
		s.same(s.reserves(e, "k", wall.Add(time.Hour), no).Done, &workflows.SendResult{Status: "suppressed", Reason: "NO_CONSENT"})
		s.same(s.contact("k").Unknown, true)
	})
}

func TestReserveRefusals(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) { d.Entry.Holdout = 100 })}, reminder())
		held := s.enters("held", nil)
		s.same(s.reserves(held, "h", wall, yes).Done, &workflows.SendResult{Status: "suppressed", Reason: "HOLDOUT"})
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.same(s.reserves(e, "s", wall, no).Done, &workflows.SendResult{Status: "suppressed", Reason: "NO_CONSENT"})
		s.same(s.reserves(e, "s", wall, yes).Done, &workflows.SendResult{Status: "suppressed", Reason: "NO_CONSENT"}) // decided
		missing := s.send(e, "m")
		missing.Spec.Message = "gone"
		r, err := s.Reserve(s.ctx, noon, wall, missing, time.Minute, yes)
		s.must(err)
		s.same(r.Done, &workflows.SendResult{Status: "failed", Reason: "NO_MESSAGE"})
		other := s.send(e, "o")
		other.Chain = "another"
		_, err = s.Reserve(s.ctx, noon, wall, other, time.Minute, yes)
		s.refused(err, ErrNotMine)
	})
}

func TestReserveRaceHasOneWinner(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				switch _, err := s.Reserve(s.ctx, noon, wall, s.send(e, "k"), time.Minute, yes); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrBusy):
					s.Error(err)
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
		s.must(s.Settle(s.ctx, noon, r, Settlement{Status: workflows.StatusFailed, Reason: "550 no such user", Gone: []string{"a@example.com"}}))
		s.reserves(e, "k2", wall, func(st brain.Standing) brain.Verdict {
			s.same([]bool{st.Bounced("email", "a@example.com"), st.Bounced("push", "a@example.com"), st.Bounced("email", "b@example.com")}, []bool{true, false, false})
			return no(st)
		})
	})
}

func TestASendThatOutlivesItsInstance(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		for i, c := range []struct{ settled, want string }{{workflows.StatusSent, "sent"}, {workflows.StatusRetry, "failed"}, {workflows.StatusFailed, "failed"}} {
			e := s.enters("c"+strconv.Itoa(i), nil)
			r := s.reserves(e, e.ID, wall, yes)
			s.ends(e, "goal", noon)
			s.must(s.Settle(s.ctx, noon, r, Settlement{Status: c.settled, Reason: "why"}))
			s.same(s.contact(e.ID).Status, c.want)
		}
	})
}

func TestAppMessages(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		for i := range 3 {
			r := s.reserves(e, strconv.Itoa(i), wall, func(brain.Standing) brain.Verdict { return brain.Verdict{Channel: "app"} })
			s.must(s.Settle(s.ctx, noon.Add(time.Duration(i)*time.Second), r, Settlement{Status: workflows.StatusSent, App: map[string]string{"title": strconv.Itoa(i)}}))
		}
		s.reserves(e, "pending", wall, func(brain.Standing) brain.Verdict { return brain.Verdict{Channel: "app"} })
		got, err := s.AppMessages(s.ctx, "ana", 2)
		s.must(err)
		s.same([]string{got[0].App["title"], got[1].App["title"]}, []string{"2", "1"})
		s.same(len(got), 2)
	})
}
