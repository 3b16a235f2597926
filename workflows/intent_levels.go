package workflows

import (
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// levelWords names a level for people, and from others: complaint above 0.7.
func levelWords(l *journey.Level) string {
	if l == nil {
		return ""
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	if l.Above != nil {
		return l.Intent + " above " + number(*l.Above)
	}
	if l.Below != nil {
		return l.Intent + " below " + number(*l.Below)
	}
	return l.Intent
}

// queryLevels asks the world, in one go, which levels hold: those that the step it is parked at waits for, and those
// of the reroute rules that may fire: all of them, or only those that fading can make hold. It learns too when
// fading will. History has the answers alone, and nothing where no level counts.
func (r *run) queryLevels(ctx workflow.Context, all bool) error {
	crossed := r.levelCrossed(ctx)
	wanted := slices.Clone(r.waits)
	for _, rule := range r.mayReroute() {
		if rule.Level != nil && (all || rule.Level.Below != nil) {
			wanted = append(wanted, *rule.Level)
		}
	}
	var asked []journey.Level
	r.holds, r.stale = map[string]bool{}, false
	for _, level := range wanted {
		if words := levelWords(&level); !r.holds[words] {
			r.holds[words] = true
			asked = append(asked, level)
		}
	}
	if len(asked) == 0 {
		r.state.LevelCrossing = time.Time{}
		return nil
	}
	var result contract.LevelsResult
	if err := r.local(ctx, contract.LevelsActivity, "intents", contract.Levels{Ref: r.ref(), Levels: asked}, &result); err != nil {
		return err
	}
	for i, level := range asked {
		r.holds[levelWords(&level)] = i < len(result.Hold) && result.Hold[i]
	}
	if crossed {
		return nil // what fell below while a step ran is still to be looked at
	}
	r.state.LevelCrossing = result.Fade
	if now := r.now(ctx); !r.state.LevelCrossing.IsZero() && !r.state.LevelCrossing.After(now) {
		r.state.LevelCrossing = now.Add(time.Millisecond) // it was to come when it was told, and has come meanwhile
	}
	return nil
}

// levelCrossed reports whether the moment has come at which a score was to fall below a level.
func (r *run) levelCrossed(ctx workflow.Context) bool {
	return !r.state.LevelCrossing.IsZero() && !r.now(ctx).Before(r.state.LevelCrossing)
}

// handleLevelCrossing looks at the levels when a score was to have fallen below one: it may have risen since. A reroute rule
// fires here, an arm when the step looks.
func (r *run) handleLevelCrossing(ctx workflow.Context) error {
	r.woke, r.state.LevelCrossing = r.state.LevelCrossing, time.Time{}
	r.stale = true
	var rules []rule
	for _, rule := range r.mayReroute() {
		if rule.Level != nil && rule.Level.Below != nil && len(rule.Events) == 0 {
			rules = append(rules, rerouting(rule))
		}
	}
	i, err := r.first(ctx, nil, rules)
	if err != nil || i < 0 {
		return err
	}
	return r.fire(ctx, nil, rules[i])
}
