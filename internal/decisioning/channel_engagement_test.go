package decisioning

import (
	"math"
	"testing"
	"time"
)

func TestChannelEngagement(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	// learned sums sends and answers, so many days ago.
	learned := func(sends, answers float64, days int) Engagement {
		w := EngagementWeight(now.AddDate(0, 0, -days))
		return Engagement{sends * w, answers * w}
	}
	for _, c := range []struct {
		name       string
		own        Engagement
		population float64
		want       float64
	}{
		{"nothing known", Engagement{}, 0, 0},
		{"nothing known of the customer", Engagement{}, 0.2, 0.2},
		{"four unanswered sends halve it", learned(4, 0, 0), 0.2, 0.1},
		{"a click", learned(1, AnswerClick, 0), 0, 0.2},
		{"an open says less", learned(1, AnswerOpen, 0), 0, 0.06},
		{"after a half-life it counts half", learned(4, 4, 90), 0, 2.0 / 6},
		{"long ago it is forgotten", learned(100, 100, 36500), 0.2, 0.2},
		{"never above one", learned(10, 30, 0), 0.5, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := AnswerRate(c.own, c.population, now); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestChannelEngagementWeight(t *testing.T) {
	t.Parallel()
	if got := EngagementWeight(engagementEpoch.Add(EngagementHalfLife)) / EngagementWeight(engagementEpoch); got != 2 {
		t.Errorf("a half-life later a send weighs %v times as much", got)
	}
	for _, at := range []time.Time{{}, engagementEpoch.AddDate(5000, 0, 0)} {
		if got := EngagementWeight(at); got <= 0 || math.IsInf(got, 0) {
			t.Errorf("%s: %v", at, got)
		}
	}
}

func TestPopulation(t *testing.T) {
	t.Parallel()
	rates, other := PopulationRates(map[string]Engagement{"email": {60, 30}, "push": {30, 30}})
	if len(rates) != 0 || other != 0 {
		t.Errorf("of few sends: %v, %v", rates, other)
	}
	rates, other = PopulationRates(map[string]Engagement{"email": {900, 90}, "push": {100, 60}})
	for name, want := range map[string]float64{"email": 0.105, "push": 0.375} {
		if math.Abs(rates[name]-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, rates[name], want)
		}
	}
	if math.Abs(other-0.15) > 1e-9 {
		t.Errorf("of other channels: %v", other)
	}
}
