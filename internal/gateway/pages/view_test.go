package pages

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// The comparison in words, and where its intervals are drawn.
func TestFunnelInWords(t *testing.T) {
	t.Parallel()
	d := &journey.Definition{
		Journey: "j",
		Timeout: 14 * 24 * time.Hour,
		Goal:    &journey.Goal{},
		Paths:   []journey.Path{{Name: journey.Main, Start: journey.End}},
	}
	compare := func(a, n, b, m int64) journeyView {
		f := analytics.Funnel{
			Goal:     true,
			Compared: true,
			Treated:  analytics.Group{Customers: n, Converted: a, Rate: stats.Wilson(a, n)},
			HeldOut:  analytics.Group{Customers: m, Converted: b, Rate: stats.Wilson(b, m)},
		}
		f.Difference = stats.Newcombe(f.Treated.Rate, f.HeldOut.Rate)
		f.Lifted, f.Lift = b > 0, f.Difference.Share/f.HeldOut.Rate.Share
		return viewJourney(analytics.Numbers{Current: d.Revision(), Funnel: f}, d, "")
	}
	for _, want := range []struct {
		a, n, b, m int64
		words      string
	}{
		{56, 70, 48, 80, "Treated customers reach the goal more often: +20.0 percentage points (95 %: +5.2 to +33.4), a relative lift " +
			"of +33 %."},
		{48, 80, 56, 70, "Treated customers reach the goal less often: −20.0 percentage points (95 %: −33.4 to −5.2), a relative lift " +
			"of -25 %."},
		{5, 56, 0, 29, "There is no clear difference yet: +8.9 percentage points (95 %: −3.8 to +19.3). The interval contains 0, so " +
			"both groups may be the same."},
	} {
		v := compare(want.a, want.n, want.b, want.m)
		if v.Verdict != want.words {
			t.Errorf("%d/%d, %d/%d: %q", want.a, want.n, want.b, want.m, v.Verdict)
		}
		if len(v.Groups) != 2 || len(v.Stages) != 2 || v.Window != "14d" {
			t.Errorf("%+v", v)
		}
		for _, g := range v.Groups {
			if g.Low < 0 || g.Low > g.At || g.At > g.High || g.High > 100.0001 {
				t.Errorf("an interval is drawn at %v…%v…%v", g.Low, g.At, g.High)
			}
		}
	}
}

func TestAlert(t *testing.T) {
	t.Parallel()
	got := alert(
		[]analytics.SendNumbers{
			{Status: "failed", Reason: "REFUSED", Count: 2},
			{Status: "failed", Reason: "RETRIES_ENDED", Count: 12},
			{Status: "failed", Reason: reasonEnded, Count: 99},
			{Status: "retry", Count: 3},
			{Status: "sent", Count: 5, InDoubt: 1},
		},
	)
	if want := "14 failed: RETRIES_ENDED, 3 retrying, 1 unknown"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := alert([]analytics.SendNumbers{{Status: "sent", Count: 5}}); got != "" {
		t.Errorf("nothing is wrong: %q", got)
	}
}

// Each action counts once in the funnel, by the channel that came furthest.
func TestFunnelOf(t *testing.T) {
	t.Parallel()
	got := funnelOf([]decisioning.Candidate{
		{Action: "a", Channel: "email", Stage: decisioning.StagePolicy}, {Action: "a", Channel: "app", Stage: decisioning.StageChosen},
		{
			Action:  "b",
			Channel: "app",
			Stage:   decisioning.StageArbitration,
		}, {Action: "c", Stage: decisioning.StageEligible}, {Action: "d", Channel: "sms", Stage: decisioning.StagePolicy},
	})
	var left []int
	for _, s := range got {
		left = append(left, s.Left)
	}
	for i, want := range []int{4, 3, 3, 3, 2, 1} { // considered, eligible, applicable, suitable, permitted, chosen
		if left[i] != want {
			t.Fatalf("left %v, want 4 3 3 3 2 1", left)
		}
	}
}
