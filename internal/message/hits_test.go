package message_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Hits that come at once share transactions, and each is stored once.
func TestHitsAreStoredOnce(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		var all sync.WaitGroup
		failed := make(chan error, 400)
		for i := range 400 {
			all.Go(func() {
				h := tracking.Hit{Kind: tracking.Click, Link: i % 200, At: enginetest.Noon}
				failed <- s.Messages.StoreHit(s.Ctx, message.Hit{Hit: h, Send: "e/s/1", Of: 200, Due: enginetest.Noon})
			})
		}
		all.Wait()
		close(failed)
		for err := range failed {
			s.Must(err)
		}
		due, err := s.Messages.DueHits(s.Ctx, enginetest.Noon, 1000)
		s.Must(err)
		s.Equal(len(due), 200)
	})
}

// What was done with the links of a customer's messages, and the links, go with the customer, and with the send.
func TestTrackingGoesWithItsSend(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(nil, enginetest.Reminder())
		left := func() (n int) {
			const both = `select (select count(*) from tracking_hits) + (select count(*) from short_links)`
			s.Must(s.Database.Reader.QueryRowContext(s.Ctx, both).Scan(&n))
			return n
		}
		for _, who := range []string{"ana", "ben"} {
			s.Must(s.Database.Write(s.Ctx, func(tx sqldb.Conn) error {
				shown := []message.Shown{{Key: "of/" + who, Message: "reminder", Channel: "sms"}}
				return message.RecordShown(s.Ctx, tx, who, 1, enginetest.Noon, shown)
			}))
			for i := range 2 {
				at := enginetest.Noon.Add(time.Duration(i) * time.Minute)
				s.Must(s.Messages.StoreHit(s.Ctx, message.Hit{Hit: tracking.Hit{Kind: tracking.Click, At: at}, Send: "of/" + who, Of: 1}))
			}
			c := signedlink.Click{Key: "of/" + who, Of: 1, URL: "https://shop.example.com/" + who}
			s.Must(s.Messages.StoreLinks(s.Ctx, enginetest.Noon, []tracking.Stored{{Code: fmt.Sprintf("%011s", who), Click: c}}))
		}
		s.Equal(left(), 6)
		f := &unit.Forgetting{Customer: "ana", IDs: []string{"ana"}, Pseudonym: "forgotten/1", Secret: []byte("s"), Left: 100}
		s.Must(s.Units.Change(s.Ctx, enginetest.Noon, func(_ sqldb.Conn, b *unit.Unit) error { return message.Forget(s.Ctx, b, f) }))
		s.Equal(left(), 3)
		n, err := s.Messages.Prune(s.Ctx, enginetest.Noon.Add(1000*24*time.Hour), enginetest.Noon.Add(time.Hour), 10)
		s.Must(err)
		s.Equal([]int64{n, int64(left())}, []int64{2, 0})
	})
}
