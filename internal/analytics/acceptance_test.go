package analytics_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// Acceptances are counted per action and channel, per journey, and per control group.
func TestAcceptanceIsCounted(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = &journey.Policy{ControlGroups: map[string]float64{journey.ControlPropensityOnly: 50}}
		})
		day := 24 * time.Hour
		for i := range 40 {
			id := fmt.Sprintf("c%d", i)
			s.Ingest(enginetest.Noon, s.Identify(id, enginetest.Props{"email": id + "@example.com"}))
			e := s.EnterCart(id)
			slot := s.DecideAndSend(e, e.ID+"/best/1", enginetest.Noon)
			if i%4 == 0 {
				s.Ingest(enginetest.Noon.Add(time.Hour), s.Track(id, "Offer Accepted", enginetest.Props{"action": slot.Action}))
			}
		}
		later := enginetest.Noon.Add(2 * day)
		_, err := s.Offers.Learn(s.Ctx, later, 0)
		s.Must(err)
		s.DecideAndSend(s.Enter("open", nil), "open/best/1", later) // its outcome is not known yet

		got, err := s.Analytics.Acceptance(s.Ctx, later, time.Time{})
		s.Must(err)
		var all analytics.Offers
		for _, a := range got.Actions {
			all.Made, all.Accepted, all.Ignored, all.Open = all.Made+a.Made, all.Accepted+a.Accepted, all.Ignored+a.Ignored, all.Open+a.Open
			all.Worth, all.Cost = all.Worth+a.Worth, all.Cost+a.Cost
			if a.Evidence <= 0 && a.Accepted+a.Ignored > 0 {
				t.Errorf("%s by %s: no estimate of the model: %+v", a.Action, a.Channel, a)
			}
		}
		if all.Made != 41 || all.Accepted != 10 || all.Ignored != 30 || all.Open != 1 || all.Cost != 41 || all.Worth < 10*5 {
			t.Errorf("got totals %+v", all)
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
		none, err := s.Analytics.Acceptance(s.Ctx, later, later.Add(time.Hour))
		s.Must(err)
		if len(none.Actions)+len(none.Journeys)+len(none.Controls) != 0 {
			t.Errorf("got %+v for a time in the future", none)
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
		t.Errorf("got %+v for no values", m)
	}
	if m := analytics.MeanOf(3, 9, 1); m != (analytics.Mean{Mean: 3, Low: 3, High: 3}) {
		t.Errorf("got %+v for one value", m)
	}
	// For one accepted offer worth 4 at a cost of 1, the interval of the value covers all rates that one acceptance leaves
	// possible.
	if r := stats.Wilson(1, 1); analytics.MeanOf(3, 9, 1).Widened(r, 4, 1) != (analytics.Mean{Mean: 3, Low: 4*r.Low - 1, High: 3}) ||
		r.Low > 0.3 {
		t.Errorf("got %+v for one value, widened", analytics.MeanOf(3, 9, 1).Widened(r, 4, 1))
	}
	if m := (analytics.Mean{Mean: 2, Low: 1, High: 3}).Widened(stats.Wilson(50, 100), 400,
		0); m != (analytics.Mean{Mean: 2, Low: 1, High: 3}) {
		t.Errorf("widening narrowed the interval: %+v", m)
	}
}
