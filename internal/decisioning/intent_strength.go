package decisioning

import (
	"math"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Strength is how strongly a customer's events speak for an intent (LANGUAGE: Intents): Σ weight ·
// 2^(−age/half-life), kept as its value at a moment, from which every later one follows without a look at the
// events. It may be below 0, where they speak against it.
//
// Counts that fade are how Medallia's MXO keeps interest too ("diminished cumulative count"; how those fade is
// not published).
type Strength struct {
	Value    float64
	At       time.Time // virtual
	HalfLife time.Duration
}

// ValueAt is the strength at a moment. Before At it is Value: nothing grows by being looked at too early.
func (s Strength) ValueAt(t time.Time) float64 { return Decay(s.Value, t.Sub(s.At), s.HalfLife) }

// ScoreAt is the score at a moment.
func (s Strength) ScoreAt(t time.Time) float64 { return Score(s.ValueAt(t)) }

// Add counts evidence of an event that happened at a moment: of an older one, what is left of it by now. The
// sum is the same in whatever order events come.
func (s Strength) Add(weight float64, at time.Time) Strength {
	if s.At.IsZero() {
		s.At = at
	}
	if at.After(s.At) {
		s.Value, s.At = s.ValueAt(at)+weight, at
	} else {
		s.Value += Decay(weight, s.At.Sub(at), s.HalfLife)
	}
	return s
}

// Plus joins the strengths of two customers who turn out to be one.
func (s Strength) Plus(other Strength) Strength { return s.Add(other.Value, other.At) }

// Decay is what is left of a value after some time: value · 2^(−age/halfLife). However old, it gets to 0 and no
// further.
func Decay(value float64, age, halfLife time.Duration) float64 {
	switch {
	case age <= 0 || value == 0:
		return value
	case halfLife <= 0:
		return 0
	}
	return value * math.Exp2(-float64(age)/float64(halfLife))
}

// Score is 1 − e^(−max(0, strength)): from 0 to 1.
func Score(strength float64) float64 { return -math.Expm1(-max(0, strength)) }

// maxStrength is the strength whose score is 1 as far as a float64 can tell.
const maxStrength = 38

// StrengthOf is the strength that has a score: −ln(1 − score). Of 0 and less it is 0, of 1 and more the least
// whose score rounds to 1.
func StrengthOf(score float64) float64 {
	switch {
	case score >= 1:
		return maxStrength
	case score > 0:
		return -math.Log1p(-score)
	}
	return 0
}

// Tolerances of levels: a score that was set is what was set, and what fades to a threshold is below it from
// that moment on, whatever the last bits of the sums say.
const (
	scoreFuzz = 1e-12
	fadeFuzz  = time.Microsecond
)

// Holds reports whether a level holds at a moment, in whole milliseconds. A score that is at the threshold is
// neither above nor below it; one that has faded to it is below.
func (s Strength) Holds(level journey.Level, now time.Time) bool {
	now = now.Truncate(time.Millisecond)
	score := s.ScoreAt(now)
	switch {
	case level.Above != nil:
		return score > *level.Above+scoreFuzz
	case level.Below == nil || !(*level.Below > 0):
		return false
	case score < *level.Below-scoreFuzz:
		return true
	case !now.After(s.At):
		return false
	}
	after, ok := FadesBelow(s.ValueAt(now), s.HalfLife, *level.Below)
	return ok && after <= fadeFuzz
}

// Fades is the next moment, in whole milliseconds, at which a level with Below that does not hold will by
// fading alone; ok is false where none comes.
func (s Strength) Fades(level journey.Level, now time.Time) (at time.Time, ok bool) {
	if level.Below == nil || level.Above != nil {
		return time.Time{}, false
	}
	now = now.Truncate(time.Millisecond)
	after, ok := FadesBelow(s.ValueAt(now), s.HalfLife, *level.Below)
	if !ok {
		return time.Time{}, false
	}
	at = now.Add(max(after-fadeFuzz, 0)).Truncate(time.Millisecond)
	for !at.After(now) || !s.Holds(level, at) { // one step or two: the sums are exact to less than a millisecond
		at = at.Add(time.Millisecond)
	}
	return at, true
}

// fadeHorizon is the furthest that is looked ahead.
const fadeHorizon = 100 * 365 * 24 * time.Hour

// FadesBelow is how long it takes until the score of a strength has faded to x: halfLife · log2(strength /
// −ln(1−x)); 0 where it is below already. ok is false where it never will: x is 0 or less, or that is more than
// a hundred years ahead. Exactly then the score is x: it is below x right after.
func FadesBelow(strength float64, halfLife time.Duration, x float64) (after time.Duration, ok bool) {
	switch {
	case !(x > 0) || halfLife < 0:
		return 0, false
	case Score(strength) < x:
		return 0, true
	}
	after64 := float64(halfLife) * math.Log2(strength/StrengthOf(x))
	if !(after64 < float64(fadeHorizon)) {
		return 0, false
	}
	return time.Duration(math.Ceil(max(0, after64))), true
}
