package message_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
)

// A conversation holds the customer's messages and the sends with stored text, oldest first.
func TestConversation(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		d := s.Decide(s.NewDecide(e, "k1"), enginetest.Noon)
		s.Must(
			s.Messages.Settle(
				s.Ctx,
				enginetest.Noon,
				*d.Reservation,
				message.Settlement{Status: "sent", Said: map[string]string{"title": "For you", "body": "Take it"}},
			),
		)
		s.Ingest(
			enginetest.Noon.Add(time.Minute),
			s.Track("ana", "Message Received", enginetest.Props{"text": "no, thanks", "channel": "app"}),
		)
		s.Ingest(enginetest.Noon.Add(2*time.Minute), s.Track("ana", "Message Received", enginetest.Props{"text": "really"}))
		got, err := s.Messages.Conversation(s.Ctx, "ana", 2)
		s.Must(err)
		if len(got) != 2 || got[0].Text != "no, thanks" || !got[0].Customer || got[0].Channel != "app" || got[1].Text != "really" {
			t.Errorf("got latest two turns %+v", got)
		}
		if got, err = s.Messages.Conversation(s.Ctx, "ana", 0); err != nil || len(got) != 3 || got[0].Customer ||
			got[0].Text != "For you\nTake it" ||
			got[0].Journey != "cart" {
			t.Errorf("got all turns %+v, %v", got, err)
		}
		if got, err = s.Messages.Conversation(s.Ctx, "nobody", 0); err != nil || len(got) != 0 {
			t.Errorf("got turns %+v, %v of an unknown customer", got, err)
		}
	})
}
