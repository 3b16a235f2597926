package catalog_test

import (
	"errors"
	"testing"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestPublish(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		n, c, err := s.Catalog.Content(s.Ctx)
		s.Must(err)
		s.Equal([]int{n, len(c.Journeys), len(c.Messages)}, []int{0, 0, 0})
		s.Equal(s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder()), 1)
		s.Equal(s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder()), 1) // nothing changed
		changed := enginetest.Reminder()
		changed.Treatments["email"]["subject"] = "Still there"
		s.Equal(s.Publish([]*journey.Definition{enginetest.Cart()}, changed), 2)
		n, c, err = s.Catalog.Content(s.Ctx)
		s.Must(err)
		s.Equal(n, 2)
		s.Equal(c.Messages["reminder"], changed)
		s.Equal(c.Journeys["cart"].Revision(), enginetest.Cart().Revision())
	})
}

func TestPublishRefusesToDropNeededContent(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		bare := enginetest.Reminder()
		bare.Treatments = map[string]journey.Treatment{"push": {"title": "x"}}
		by := "named by journey cart (revision " + e.Revision + ", 1 open)"
		for want, messages := range map[string][]*journey.Message{
			`message "reminder", ` + by:                        nil,
			`the email treatment of message "reminder", ` + by: {bare},
		} {
			_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, enginetest.Content(nil, messages...))
			var dropped *catalog.DroppedError
			if !errors.As(err, &dropped) {
				s.T.Fatalf("got %v, want a DroppedError", err)
			}
			s.Equal(dropped.Missing, []string{want})
		}
		s.End(e, "goal", enginetest.Noon)
		s.Equal(s.Publish(nil), 2)
	})
}

func TestConcurrentPublishes(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		done := make(chan error, 8)
		for i := range 8 {
			go func() {
				m := enginetest.Reminder()
				m.About = string(rune('a' + i))
				_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, enginetest.Content([]*journey.Definition{enginetest.Cart()}, m))
				done <- err
			}()
		}
		for range 8 {
			s.Must(<-done)
		}
		n, _, err := s.Catalog.Content(s.Ctx)
		s.Must(err)
		s.Equal(n, 8)
	})
}
