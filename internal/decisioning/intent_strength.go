package decisioning

import (
	"math"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Strength is how strongly a customer's events indicate an intent (docs/language/intents.md): Σ weight ·
// 2^(−age/half-life). It is stored as its value at a moment, from which every later value follows without reading the
// events. It is negative where the events speak against the intent.
//
// Medallia's MXO keeps interests as decaying counts too ("diminished cumulative count"); its formula is not
// published.
type Strength struct {
	Value    float64
	At       time.Time // virtual time
	HalfLife time.Duration
}

// ValueAt returns the strength at a moment; at or before At it is Value.
func (s Strength) ValueAt(t time.Time) float64 { return Decay(s.Value, t.Sub(s.At), s.HalfLife) }

// ScoreAt returns the score at a moment.
func (s Strength) ScoreAt(t time.Time) float64 { return Score(s.ValueAt(t)) }

// Add adds evidence from an event at a moment; of an older event it adds what has not decayed by At. The sum does not
// depend on the order of events.
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

// Plus merges the strengths of two customers that are one.
func (s Strength) Plus(other Strength) Strength { return s.Add(other.Value, other.At) }

// Decay returns what is left of a value after age: value · 2^(−age/halfLife).
func Decay(value float64, age, halfLife time.Duration) float64 {
	switch {
	case age <= 0 || value == 0:
		return value
	case halfLife <= 0:
		return 0
	}
	return value * math.Exp2(-float64(age)/float64(halfLife))
}

// Score returns 1 − e^(−max(0, strength)), between 0 and 1.
func Score(strength float64) float64 { return -math.Expm1(-max(0, strength)) }

// maxStrength is the strength whose score rounds to 1.
const maxStrength = 38

// StrengthOf returns the strength with a given score: −ln(1 − score). It is 0 for scores up to 0 and maxStrength from
// 1 on.
func StrengthOf(score float64) float64 {
	switch {
	case score >= 1:
		return maxStrength
	case score > 0:
		return -math.Log1p(-score)
	}
	return 0
}

// Tolerances of levels. They absorb rounding: a score that was set to a threshold is at it, and a score that fades to a
// threshold is below it from that moment on.
const (
	scoreFuzz = 1e-12
	fadeFuzz  = time.Microsecond
)

// Holds reports whether a level holds at a moment, in whole milliseconds. A score at the threshold is neither above
// nor below it; one that has faded to it is below.
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

// Fades returns the next moment, in whole milliseconds, at which a level with Below that does not hold now will hold
// by fading alone; ok is false if there is none.
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
	for !at.After(now) || !s.Holds(level, at) { // one or two steps: the sums are exact to less than a millisecond
		at = at.Add(time.Millisecond)
	}
	return at, true
}

// fadeHorizon is how far ahead fading is computed.
const fadeHorizon = 100 * 365 * 24 * time.Hour

// FadesBelow returns how long it takes until the score of a strength has faded to x: halfLife · log2(strength /
// −ln(1−x)), or 0 if it is below x already. At that moment the score is x, and right after it is below. ok is false
// if it never fades that far: x is 0 or less, or the moment is more than a hundred years ahead.
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
