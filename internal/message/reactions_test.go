package message_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// reactionsTo returns the reactions that the ledger has noted for a send, with how long after Noon they came.
func (s *suite) reactionsTo(key string) map[string]time.Duration {
	s.T.Helper()
	names := []string{"delivered", "opened", "clicked", "replied", "bounced", "complained", "opted_out"}
	at := make([]int64, len(names))
	into := make([]any, len(at))
	for i := range at {
		into[i] = &at[i]
	}
	s.Must(s.Database.Reader.QueryRowContext(s.Ctx, `select delivered_at, opened_at, clicked_at, replied_at, bounced_at, complained_at,
		opted_out_at from send_log where key = $1`, key).Scan(into...))
	out := map[string]time.Duration{}
	for i, name := range names {
		if at[i] != 0 {
			out[name] = sqldb.Moment(at[i]).Sub(enginetest.Noon)
		}
	}
	return out
}

// TestLedgerNotesReactions sends two mails and a push to Ana, and lets her react.
func TestLedgerNotesReactions(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		a, _ := s.enterBoth("ana")
		s.enterBoth("ben")
		for _, key := range []string{"first", "second"} {
			r, _ := s.reserveSend(a, key, enginetest.Noon, via("email"))
			s.settle(r, enginetest.Noon, contract.StatusSent)
		}
		r, _ := s.reserveSend(a, "pushed", enginetest.Noon, via("push"))
		s.settle(r, enginetest.Noon, contract.StatusSent)
		after := func(d time.Duration, name string, p enginetest.Props) {
			s.Ingest(enginetest.Noon.Add(d), s.Track("ana", name, p))
		}
		first := func(more enginetest.Props) enginetest.Props {
			more["key"] = "first"
			return more
		}

		after(1*time.Second, event.EmailDelivered, first(enginetest.Props{"channel": "email"}))
		after(2*time.Second, event.EmailOpened, first(enginetest.Props{"machine": true})) // a prefetcher
		after(3*time.Second, event.EmailOpened, first(enginetest.Props{}))
		after(4*time.Second, event.EmailOpened, first(enginetest.Props{})) // the first time counts
		after(5*time.Second, event.EmailLinkClicked, first(enginetest.Props{"url": "https://x.example"}))
		after(6*time.Second, event.PreferenceUpdated, first(enginetest.Props{"topic": "offers", "channel": "email", "value": true}))
		s.Ingest(enginetest.Noon, s.Track("ben", event.EmailBounced, first(enginetest.Props{"type": "hard"}))) // not a send to Ben
		want := map[string]time.Duration{"delivered": time.Second, "opened": 3 * time.Second, "clicked": 5 * time.Second}
		if diff := cmp.Diff(want, s.reactionsTo("first")); diff != "" {
			t.Errorf("reactions (-want +got):\n%s", diff)
		}

		after(7*time.Second, event.PreferenceUpdated, first(enginetest.Props{"topic": "offers", "channel": "email", "value": false}))
		after(8*time.Second, event.EmailMarkedAsSpam, first(enginetest.Props{}))
		after(9*time.Second, journey.MessageReceived, first(enginetest.Props{"channel": "email", "text": "Stop"}))
		want["opted_out"], want["complained"], want["replied"] = 7*time.Second, 8*time.Second, 9*time.Second
		if diff := cmp.Diff(want, s.reactionsTo("first")); diff != "" {
			t.Errorf("reactions (-want +got):\n%s", diff)
		}

		s.Equal(len(s.reactionsTo("second"))+len(s.reactionsTo("pushed")), 0)
		after(10*time.Second, event.PushClicked, enginetest.Props{"message": "reminder"})
		s.Equal(s.reactionsTo("pushed"), map[string]time.Duration{"clicked": 10 * time.Second})
	})
}

// TestLateReplyIsNoReaction has an event that names no send: within a week it belongs to the latest send on its channel.
func TestLateReplyIsNoReaction(t *testing.T) {
	each(t, func(s *suite) {
		s.publishPolicy(journey.Policy{})
		a, _ := s.enterBoth("ana")
		r, _ := s.reserveSend(a, "mail", enginetest.Noon, via("email"))
		s.settle(r, enginetest.Noon, contract.StatusSent)
		wrote := enginetest.Props{"channel": "email", "text": "Hello"}
		s.Ingest(enginetest.Noon.Add(8*enginetest.Day), s.Track("ana", journey.MessageReceived, wrote))
		s.Equal(s.reactionsTo("mail"), map[string]time.Duration{})
		at := 6 * enginetest.Day
		late := s.Track("ana", journey.MessageReceived, wrote)
		late.Timestamp = enginetest.Noon.Add(at)
		s.Ingest(enginetest.Noon.Add(8*enginetest.Day), late)
		s.Equal(s.reactionsTo("mail"), map[string]time.Duration{"replied": at})
	})
}
