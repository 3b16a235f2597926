package analytics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestTimeline(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", enginetest.Props{"cart_id": "k1"})
		r := s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon.Add(time.Minute), r, message.Settlement{Status: contract.StatusSent}))
		s.OpenHandoff(e, "h", "", enginetest.Noon.Add(2*time.Minute))
		s.End(e, "goal", enginetest.Noon.Add(3*time.Minute))
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 0)
		s.Must(err)
		var lines []string
		for _, l := range story {
			lines = append(lines, l.Kind+": "+l.Title)
		}
		s.Equal(
			lines,
			[]string{"ended: cart: goal", "handoff: support withdrawn", "send: reminder sent", "entered: cart", "event: Cart Updated"},
		)
		s.Equal(story[4].Detail, enginetest.Props{"cart_id": "k1"})
		story, err = s.Analytics.Timeline(s.Ctx, "ana", 2)
		s.Must(err)
		s.Equal(len(story), 2)
		story, err = s.Analytics.Timeline(s.Ctx, strings.Repeat("x", 10), 2)
		s.Must(err)
		s.Equal(len(story), 0)
	})
}
