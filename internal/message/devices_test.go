package message_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// What is pushed goes to the device's customer of now; a device that has registered since it was called dead is alive.
func TestDevicesAndWhatIsKnownOfThem(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		noon := enginetest.Noon
		n := 0
		signIn := func(user string) {
			s.T.Helper()
			n++
			s.Ingest(noon, customer.SegmentCall{
				Type: "identify", UserID: user, MessageID: user + string(rune('a'+n)), Timestamp: noon, Source: "http",
				Traits: map[string]any{"consent": map[string]any{"marketing": true}}, Context: map[string]any{"push_token": "t9"},
			})
		}
		push := func(e unit.Enrollment, settle message.Settlement) string {
			s.T.Helper()
			n++
			in := s.NewSend(e, "p"+string(rune('a'+n)))
			in.Spec.Via = []string{"push"}
			r, err := s.Messages.Reserve(s.Ctx, noon.Add(time.Hour), enginetest.Wall, in, time.Minute)
			s.Must(err)
			if r.Done != nil {
				return r.Done.Reason
			}
			settle.Status = contract.StatusFailed
			s.Must(s.Messages.Settle(s.Ctx, noon.Add(time.Hour), r, settle))
			return ""
		}
		ana, ben := s.EnterCart("ana"), s.EnterCart("ben")
		signIn("ana")
		s.Equal(push(ana, message.Settlement{}), "")
		signIn("ben")
		s.Equal(push(ana, message.Settlement{}), "NO_ADDRESS")
		s.Equal(push(ben, message.Settlement{}), "")

		gone := func(since time.Time) message.Settlement {
			return message.Settlement{Gone: []string{"t9"}, GoneSince: map[string]time.Time{"t9": since}}
		}
		s.Equal(push(ben, gone(clock.Wall().Add(-time.Hour))), "") // before the device has registered
		s.Equal(push(ben, gone(clock.Wall().Add(time.Hour))), "")
		s.Equal(push(ben, message.Settlement{}), "BOUNCED")
		signIn("ben")
		s.Equal(push(ben, message.Settlement{}), "")
		s.Equal(push(ben, message.Settlement{Gone: []string{"t9"}}), "")
		s.Equal(push(ben, message.Settlement{}), "BOUNCED")
	})
}

// A refusal because the customer has opted out at the provider is an opt-out; the segments of a text are in the ledger.
func TestOptOutsAtTheProvider(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.EnterCart("ana")
		r := s.Reserve(e, "k1", enginetest.Wall, enginetest.ByEmail)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{
			Status: contract.StatusFailed, OptedOut: []string{"A@example.com"}, Segments: 2,
		}))
		s.Equal(s.SendOf("k1").Segments, 2)
		s.Equal(s.reason(e, "k2", "a@example.com"), "NO_CONSENT")
		s.Equal(s.reason(e, "k3", "b@example.com"), "")
	})
}
