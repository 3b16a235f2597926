package catalog_test

import (
	"errors"
	"testing"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// A release may not drop a topic that an open enrollment names.
func TestPublishRefusesToDropANeededTopic(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		cart := enginetest.Cart(func(d *journey.Definition) {
			for i := range d.Steps {
				if send, ok := d.Steps[i].Spec.(*journey.Send); ok {
					send.Topic = "offers"
				}
			}
		})
		with := func(topics map[string]*journey.Topic) (int, error) {
			c := enginetest.Content([]*journey.Definition{cart}, enginetest.Reminder())
			c.Topics = topics
			return s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
		}
		offers, news := &journey.Topic{Channels: []string{"email"}}, &journey.Topic{Channels: []string{"email"}}
		_, err := with(map[string]*journey.Topic{"offers": offers, "news": news})
		s.Must(err)
		e := s.Enter("ana", nil)
		for _, topics := range []map[string]*journey.Topic{nil, {"news": news}} {
			_, err := with(topics)
			var dropped *catalog.DroppedError
			if !errors.As(err, &dropped) {
				s.T.Fatalf("got %v, want a DroppedError", err)
			}
			s.Equal(dropped.Missing, []string{`topic "offers", named by journey cart (revision ` + e.Revision + ", 1 open)"})
		}
		_, err = with(map[string]*journey.Topic{"offers": offers}) // nobody names news
		s.Must(err)
	})
}
