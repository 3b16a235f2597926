package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// queryLevels asks the store, by one activity, which levels hold, by Level.Words: those that w waits for (nil:
// none), and those of the reroute rules that may fire. Without all, these are only the rules that fading alone
// can make fire. It also learns when the next score fades below its level, and records that in LevelCrossing.
// History has the answers only, no scores; if no level counts, nothing is asked.
func (r *run) queryLevels(ctx workflow.Context, w *wait, all bool) (holds map[string]bool, err error) {
	crossed := r.levelCrossed(ctx)
	holds = map[string]bool{}
	var wanted []journey.Level
	if w != nil {
		wanted = slices.Clone(w.levels)
		w.levelHolds, w.scoresStale = holds, false
	}
	for _, rule := range r.openReroutes() {
		if rule.Level != nil && (all || rule.Level.Below != nil) {
			wanted = append(wanted, *rule.Level)
		}
	}
	var asked []journey.Level
	for _, level := range wanted {
		if words := level.Words(); !holds[words] {
			holds[words] = true
			asked = append(asked, level)
		}
	}
	if len(asked) == 0 {
		r.state.LevelCrossing = time.Time{}
		return holds, nil
	}
	var result contract.LevelsResult
	if err := r.local(ctx, contract.LevelsActivity, "check intent levels", contract.Levels{Ref: r.ref(), Levels: asked},
		&result); err != nil {
		return nil, err
	}
	for i, level := range asked {
		holds[level.Words()] = i < len(result.Hold) && result.Hold[i]
	}
	if crossed {
		return holds, nil // what fell below while a step ran is still to be handled
	}
	r.state.LevelCrossing = result.Fade
	if now := r.now(ctx); !r.state.LevelCrossing.IsZero() && !r.state.LevelCrossing.After(now) {
		r.state.LevelCrossing = now.Add(time.Millisecond) // it was in the future when the store answered, and is past by now
	}
	return holds, nil
}

// levelCrossed reports whether the moment has come at which a score falls below a level.
func (r *run) levelCrossed(ctx workflow.Context) bool {
	return !r.state.LevelCrossing.IsZero() && !r.now(ctx).Before(r.state.LevelCrossing)
}

// handleLevelCrossing asks for the levels again when a score should have fallen below one: it may have risen since. A
// reroute rule fires here, an arm when the step's find is called.
func (r *run) handleLevelCrossing(ctx workflow.Context, w *wait) error {
	r.awake.by, r.awake.due, r.state.LevelCrossing = r.state.LevelCrossing, r.state.LevelCrossing, time.Time{}
	w.scoresStale = true
	var rules []rule
	for _, rule := range r.openReroutes() {
		if rule.Level != nil && rule.Level.Below != nil && len(rule.Events) == 0 {
			rules = append(rules, rerouteRule(rule))
		}
	}
	i, err := r.firstToFire(ctx, w, nil, rules)
	if err != nil || i < 0 {
		return err
	}
	return r.fire(ctx, nil, rules[i])
}
