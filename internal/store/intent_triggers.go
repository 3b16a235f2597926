package store

import (
	"context"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// levelled reports whether some level that an instance listens to meets a test. It is not asked of one that is
// on no step.
func anyLevel(ctx context.Context, b *unit, p *lockedCustomer, e *enrollmentRow, test func(level journey.Level, holds bool) bool) (bool, error) {
	if e.State != StateOpen || e.Holdout {
		return false, nil
	}
	for _, revision := range e.revisions() {
		program, err := b.load(ctx, revision)
		if err != nil {
			return false, err
		}
		levels := program.Listens().Levels
		if len(levels) == 0 {
			continue
		}
		l, err := scoresOf(ctx, b, p)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(levels, func(level journey.Level) bool {
			return test(level, l.strength(level.Intent).Holds(level, b.now))
		}) {
			return true, nil
		}
	}
	return false, nil
}

// concerns reports whether an event must be told to an instance for its levels: one holds after it, or one is
// to hold by fading and the event has brought that nearer.
func levelsTriggered(ctx context.Context, b *unit, p *lockedCustomer, e *enrollmentRow) (bool, error) {
	return anyLevel(ctx, b, p, e, func(level journey.Level, holds bool) bool {
		return holds || level.Below != nil && state[intentState](b).of[p.id].lowered[level.Intent]
	})
}

// Levels says which levels of the customer's intents hold, and when the next of those with Below will by fading
// alone, claiming the enrollment. It only reads.
func (s *IntentRoom) Levels(ctx context.Context, now time.Time, in contract.Levels) (contract.LevelsResult, error) {
	var result contract.LevelsResult
	err := s.db.readClaimed(ctx, in.Ref, func(tx conn, e *enrollmentRow, p *lockedCustomer) error {
		result = contract.LevelsResult{Hold: make([]bool, len(in.Levels))}
		rel, err := s.db.current(ctx, tx)
		if err != nil {
			return err
		}
		l, err := readScores(ctx, s.db, tx, rel.intents, p, now)
		if err != nil {
			return err
		}
		for i, level := range in.Levels {
			strength := l.strength(level.Intent)
			if result.Hold[i] = strength.Holds(level, now); result.Hold[i] {
				continue
			}
			if at, ok := strength.Fades(level, now); ok && (result.Fade.IsZero() || at.Before(result.Fade)) {
				result.Fade = at
			}
		}
		return nil
	})
	return result, err
}

// readScores reads a customer's intents. What is stale is summed up: for the look alone, and stored where the
// transaction has locked the customer.
func readScores(ctx context.Context, db *units, tx conn, rules *intentRules, p *lockedCustomer, now time.Time) (*intentScores, error) {
	found, stale, err := readLeanings(ctx, tx, rules, []string{p.id})
	if err != nil {
		return nil, err
	}
	l := found[p.id]
	switch {
	case len(stale) == 0:
		return l, nil
	case p.drafted:
		return nil, errAgain
	case p.locked:
		b := db.begin(tx, now)
		own := *p
		if err := b.adopt(ctx, &own); err != nil {
			return nil, err
		}
		if err := settleIntents(ctx, b, &own); err != nil {
			return nil, err
		}
		return state[intentState](b).of[own.id], b.flush(ctx)
	}
	l.of, _, err = resummed(ctx, tx, rules, p.id, p.vars(), nil)
	return l, err
}
