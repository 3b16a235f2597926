package engine

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// What came of offers is counted per action and channel, per journey, and per control group.
func TestAcceptanceIsCounted(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) {
			c.Policy = &journey.Policy{ControlGroups: map[string]float64{journey.ControlPropensityOnly: 50}}
		})
		day := 24 * time.Hour
		for i := range 40 {
			id := fmt.Sprintf("c%d", i)
			s.ingest(noon, s.identify(id, props{"email": id + "@example.com"}))
			e := s.enters2(id)
			slot := s.offers(e, e.ID+"/best/1", noon)
			if i%4 == 0 {
				s.ingest(noon.Add(time.Hour), s.track(id, "Offer Accepted", props{"action": slot.Action}))
			}
		}
		later := noon.Add(2 * day)
		_, err := s.Offers.Learn(s.ctx, later, 0)
		s.must(err)
		s.offers(s.enters("open", nil), "open/best/1", later) // nothing is known of it yet

		got, err := s.Analytics.Acceptance(s.ctx, later, time.Time{})
		s.must(err)
		var all analytics.Offers
		for _, a := range got.Actions {
			all.Made, all.Accepted, all.Ignored, all.Open = all.Made+a.Made, all.Accepted+a.Accepted, all.Ignored+a.Ignored, all.Open+a.Open
			all.Worth, all.Cost = all.Worth+a.Worth, all.Cost+a.Cost
			if a.Evidence <= 0 && a.Accepted+a.Ignored > 0 {
				t.Errorf("%s by %s: the model says nothing: %+v", a.Action, a.Channel, a)
			}
		}
		if all.Made != 41 || all.Accepted != 10 || all.Ignored != 30 || all.Open != 1 || all.Cost != 41 || all.Worth < 10*5 {
			t.Errorf("in all %+v", all)
		}
		if len(got.Journeys) != 1 || got.Journeys[0].Journey != "cart" || got.Journeys[0].Made != 41 ||
			math.Abs(got.Journeys[0].Net-(all.Worth-all.Cost)) > 1e-9 {
			t.Errorf("journeys: %+v", got.Journeys)
		}
		if len(got.Controls) != 2 || got.Controls[0].Control != "" || got.Controls[1].Control != journey.ControlPropensityOnly {
			t.Fatalf("controls: %+v", got.Controls)
		}
		full, control := got.Controls[0], got.Controls[1]
		if !control.Against.Compared || full.Against.Compared || full.Made+control.Made != 41 {
			t.Errorf("full %+v, control %+v", full, control)
		}
		if d := control.Against.Rate; d.Low > d.Share || d.High < d.Share || math.Abs(d.Share-(full.Rate.Share-control.Rate.Share)) > 1e-9 {
			t.Errorf("difference of the rates %+v", d)
		}
		if d := control.Against.Value; d.Low >= d.Share || d.High <= d.Share {
			t.Errorf("difference of the values %+v", d)
		}
		none, err := s.Analytics.Acceptance(s.ctx, later, later.Add(time.Hour))
		s.must(err)
		if len(none.Actions)+len(none.Journeys)+len(none.Controls) != 0 {
			t.Errorf("of the future: %+v", none)
		}
	})
}

func TestMeanOf(t *testing.T) {
	t.Parallel()
	// 1, 2, 3: the mean is 2, its standard error 1/√3.
	if m := analytics.MeanOf(6, 14, 3); m.Mean != 2 || math.Abs(m.High-2-stats.Z95/math.Sqrt(3)) > 1e-12 ||
		math.Abs(m.Low+m.High-4) > 1e-12 {
		t.Errorf("%+v", m)
	}
	if m := analytics.MeanOf(0, 0, 0); m != (analytics.Mean{}) {
		t.Errorf("of nothing %+v", m)
	}
	if m := analytics.MeanOf(3, 9, 1); m != (analytics.Mean{Mean: 3, Low: 3, High: 3}) {
		t.Errorf("of one %+v", m)
	}
	// One offer worth 4 at a cost of 1, accepted: its value may be that of any rate that one acceptance leaves
	// possible.
	if r := stats.Wilson(1, 1); analytics.MeanOf(3, 9, 1).Widened(r, 4, 1) != (analytics.Mean{Mean: 3, Low: 4*r.Low - 1, High: 3}) ||
		r.Low > 0.3 {
		t.Errorf("of one, widened %+v", analytics.MeanOf(3, 9, 1).Widened(r, 4, 1))
	}
	if m := (analytics.Mean{Mean: 2, Low: 1, High: 3}).Widened(stats.Wilson(50, 100), 400,
		0); m != (analytics.Mean{Mean: 2, Low: 1, High: 3}) {
		t.Errorf("it was narrowed: %+v", m)
	}
}

// A conversation holds the customer's messages and the sends with stored text, oldest first.
func TestConversation(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		d := s.chooses(s.question(e, "k1"), noon)
		s.must(
			s.Messages.Settle(
				s.ctx,
				noon,
				*d.Reservation,
				message.Settlement{Status: "sent", Said: map[string]string{"title": "For you", "body": "Take it"}},
			),
		)
		s.ingest(noon.Add(time.Minute), s.track("ana", "Message Received", props{"text": "no, thanks", "channel": "app"}))
		s.ingest(noon.Add(2*time.Minute), s.track("ana", "Message Received", props{"text": "really"}))
		got, err := s.Messages.Conversation(s.ctx, "ana", 2)
		s.must(err)
		if len(got) != 2 || got[0].Text != "no, thanks" || !got[0].Customer || got[0].Channel != "app" || got[1].Text != "really" {
			t.Errorf("the latest two: %+v", got)
		}
		if got, err = s.Messages.Conversation(s.ctx, "ana", 0); err != nil || len(got) != 3 || got[0].Customer ||
			got[0].Text != "For you\nTake it" ||
			got[0].Journey != "cart" {
			t.Errorf("all: %+v, %v", got, err)
		}
		if got, err = s.Messages.Conversation(s.ctx, "nobody", 0); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %+v, %v", got, err)
		}
	})
}
