package decisioning

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/journey"
)

var began = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b)) }

func TestStrength(t *testing.T) {
	t.Parallel()
	type evidence struct {
		weight float64
		at     time.Duration
	}
	for _, c := range []struct {
		name     string
		halfLife time.Duration
		events   []evidence
		now      time.Duration
		want     float64
	}{
		{"nothing", 3 * day, nil, day, 0},
		{"at once", 3 * day, []evidence{{0.4, 0}}, 0, 0.4},
		{"one half-life", 3 * day, []evidence{{0.4, 0}}, 3 * day, 0.2},
		{"half of one", 3 * day, []evidence{{1, 0}}, 36 * time.Hour, math.Sqrt2 / 2},
		{"two events", 3 * day, []evidence{{0.4, 0}, {0.4, 3 * day}}, 3 * day, 0.6},
		{"the older comes later", 3 * day, []evidence{{0.4, 3 * day}, {0.4, 0}}, 3 * day, 0.6},
		{"against it", 3 * day, []evidence{{0.4, 0}, {-10, 0}}, 3 * day, -4.8},
		{"years later", day, []evidence{{1e6, 0}}, 20 * 365 * day, 0},
		{"years late", day, []evidence{{0.5, 20 * 365 * day}, {1e6, 0}}, 20 * 365 * day, 0.5},
		{"looked at too early", day, []evidence{{0.5, day}}, 0, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := Strength{HalfLife: c.halfLife}
			for _, e := range c.events {
				s = s.Add(e.weight, began.Add(e.at))
			}
			if got := s.ValueAt(began.Add(c.now)); !near(got, c.want) {
				t.Errorf("strength %v, want %v", got, c.want)
			}
			if got := s.ScoreAt(began.Add(c.now)); !near(got, 1-math.Exp(-max(0, c.want))) {
				t.Errorf("score %v of strength %v", got, c.want)
			}
		})
	}
}

func TestScoreAndStrengthAreInverse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ strength, score float64 }{
		{-3, 0}, {0, 0}, {0.4, 0.3296799539643607}, {math.Ln2, 0.5}, {1e-18, 1e-18}, {1, 0.6321205588285577}, {maxStrength, 1}, {1e9, 1},
	} {
		if got := Score(c.strength); !near(got, c.score) {
			t.Errorf("score of %v: %v, want %v", c.strength, got, c.score)
		}
		if want := min(max(c.strength, 0), maxStrength); !near(StrengthOf(c.score), want) {
			t.Errorf("strength of %v: %v, want %v", c.score, StrengthOf(c.score), want)
		}
	}
	if StrengthOf(-1) != 0 || Score(StrengthOf(2)) != 1 {
		t.Error("a score is from 0 to 1")
	}
}

func TestDecayBelowThreshold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		strength float64
		halfLife time.Duration
		x        float64
		after    time.Duration
		ok       bool
	}{
		{"below", 0.1, day, 0.3, 0, true},
		{"negative", -5, day, 0.3, 0, true},
		{"one half-life", 2 * StrengthOf(0.3), day, 0.3, day, true},
		{"four", 16 * StrengthOf(0.3), 3 * day, 0.3, 12 * day, true},
		{"just there", StrengthOf(0.5), day, 0.5, 0, true},
		{"never below nothing", 1, day, 0, 0, false},
		{"nor below less", 1, day, -1, 0, false},
		{"not a number", 1, day, math.NaN(), 0, false},
		{"below 1 at once", 3, day, 1, 0, true},
		{"in a thousand years", 1000, 365 * 100 * day, 0.001, 0, false},
	} {
		after, ok := FadesBelow(c.strength, c.halfLife, c.x)
		if ok != c.ok || (after-c.after).Abs() > time.Microsecond {
			t.Errorf("%s: %v %v, want %v %v", c.name, after, ok, c.after, c.ok)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	level := func(above bool, x float64) journey.Level {
		if above {
			return journey.Level{Intent: "x", Above: &x}
		}
		return journey.Level{Intent: "x", Below: &x}
	}
	for _, c := range []struct {
		name  string
		score float64
		after time.Duration // since it was set
		level journey.Level
		holds bool
		fades time.Duration // since it was set; 0: never
	}{
		{"above", 0.71, 0, level(true, 0.7), true, 0},
		{"at it is not above", 0.7, 0, level(true, 0.7), false, 0},
		{"no longer above", 0.71, day, level(true, 0.7), false, 0},
		{"below", 0.29, 0, level(false, 0.3), true, 0},
		{"at it is not below", 0.3, 0, level(false, 0.3), false, time.Millisecond},
		{"faded to it is below", 0.75, 3 * day, level(false, 0.5), true, 0},
		{"not a millisecond before", 0.75, 3*day - time.Millisecond, level(false, 0.5), false, 3 * day},
		{"to the millisecond", 0.51, 0, level(false, 0.3), false, 3 * day},
		{"asked between two", 0.51, 10*time.Millisecond + 300, level(false, 0.3), false, 3 * day},
		{"nothing is below nothing", 0, day, level(false, 0), false, 0},
		{"one is never reached", 1, 0, level(true, 1), false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := Strength{Value: StrengthOf(c.score), At: began, HalfLife: 3 * day}
			now := began.Add(c.after)
			if got := s.Holds(c.level, now); got != c.holds {
				t.Errorf("holds: %v, want %v", got, c.holds)
			}
			if c.holds {
				return
			}
			if at, ok := s.Fades(c.level, now); ok != (c.fades > 0) || ok && at.Sub(began) != c.fades {
				t.Errorf("fades %s after it was set (%v), want %s", at.Sub(began), ok, c.fades)
			}
		})
	}
}

// A sum that is kept is the sum over the events, whatever their order, and it is below a threshold right after
// it fades below, not before.
func TestStrengthProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		halfLife := time.Duration(rapid.Int64Range(int64(time.Minute), int64(90*day)).Draw(t, "half-life"))
		s := Strength{HalfLife: halfLife}
		n := rapid.IntRange(1, 20).Draw(t, "events")
		now := began.Add(400 * day)
		sum := 0.0
		for range n {
			weight := rapid.Float64Range(-10, 10).Draw(t, "weight")
			at := began.Add(time.Duration(rapid.Int64Range(0, int64(400*day)).Draw(t, "at")))
			s = s.Add(weight, at)
			sum += weight * math.Exp2(-float64(now.Sub(at))/float64(halfLife))
		}
		if got := s.ValueAt(now); math.Abs(got-sum) > 1e-9 {
			t.Fatalf("kept %v, summed %v", got, sum)
		}
		x := rapid.Float64Range(0.01, 0.99).Draw(t, "x")
		value := s.ValueAt(now)
		after, ok := FadesBelow(value, halfLife, x)
		if !ok {
			t.Fatal("it fades within a hundred years")
		}
		if got := Score(Decay(value, after+time.Millisecond, halfLife)); got >= x {
			t.Fatalf("score %v after %s, not below %v", got, after, x)
		}
		level := journey.Level{Below: &x}
		if at, ok := s.Fades(level, now); !s.Holds(level, now) &&
			(!ok || !s.Holds(level, at) || s.Holds(level, at.Add(-time.Millisecond))) {
			t.Fatalf("fades below %v at %v (%v): not to the millisecond", x, at, ok)
		}
		if before := after - time.Millisecond; before > 0 && Score(Decay(value, before, halfLife)) < x {
			t.Fatalf("below %v before %s", x, after)
		}
	})
}
