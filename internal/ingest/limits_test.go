package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
)

// incompressible returns n bytes of text that PostgreSQL cannot compress into an index row.
func incompressible(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len()+4 <= n {
		b.WriteRune(rune(0x20000 + rng.IntN(0xa000))) // four bytes each
	}
	b.WriteString(strings.Repeat("x", n-b.Len()))
	return b.String()
}

// The longest ids, names, keys and values that are accepted fit into every index of both databases, and into the workflow ids
// of Temporal's SQL stores.
func TestLongestIDsAreStored(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		name := incompressible(1, 255)
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed, func(d *journey.Definition) { d.Entry.Events = []string{name} })})
		key := incompressible(2, 32<<10)
		for n, c := range []customer.SegmentCall{
			{UserID: incompressible(3, 255)},
			{AnonymousID: incompressible(4, 255)},
			{UserID: incompressible(5, 255), AnonymousID: incompressible(4, 255)},
		} {
			c.Type, c.Event, c.MessageID = "track", name, incompressible(uint64(10+n), 255)
			c.Properties = enginetest.Props{"cart_id": key, "zero": "a\x00b", "big": 1e308, "deep": strings.Repeat("[", 50)}
			r := s.Ingest(enginetest.Noon, c)[0]
			if n == 2 {
				continue // the merged customer has entered with this key before
			}
			if len(r.Entered) != 1 || len(r.Entered[0]) > 255 {
				s.T.Fatalf("call %d entered %q", n, r.Entered)
			}
			whole := journey.WorkflowID("cart", r.Customer, journey.Shorten(key, 500), 1)
			found, err := s.Enrollments.List(s.Ctx, enrollment.Filter{WorkflowID: whole})
			s.Must(err)
			if len(found) != 1 || len(found[0].Key) > 500 {
				s.T.Fatalf("found %+v", found)
			}
		}
	})
}

func TestTooLongIDsAreRefused(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		long := strings.Repeat("x", 300)
		for field, c := range map[string]customer.SegmentCall{
			"userId":      {UserID: long, MessageID: "m", Event: "Seen"},
			"anonymousId": {AnonymousID: long, MessageID: "m", Event: "Seen"},
			"messageId":   {UserID: "ana", MessageID: long, Event: "Seen"},
			"event":       {UserID: "ana", MessageID: "m", Event: long},
		} {
			c.Type = "track"
			_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{c})
			want := fmt.Sprintf("call 1: %s has 300 bytes; at most ", field)
			if !message.IsInput(err) || !strings.HasPrefix(err.Error(), want) {
				s.T.Errorf("%s: %v", field, err)
			}
		}
	})
}
