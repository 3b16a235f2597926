package intent

import (
	"context"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// anyLevel reports whether a level that an enrollment listens to passes a test. It is false for an enrollment that is on no
// step.
func anyLevel(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, e *unit.EnrollmentRow,
	test func(level journey.Level, holds bool) bool) (bool, error) {
	if e.State != unit.StateOpen || e.Holdout {
		return false, nil
	}
	for _, revision := range e.Revisions() {
		program, err := b.Load(ctx, revision)
		if err != nil {
			return false, err
		}
		levels := program.Listens().Levels
		if len(levels) == 0 {
			continue
		}
		l, err := ScoresOf(ctx, b, p)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(levels, func(level journey.Level) bool {
			return test(level, l.Strength(level.Intent).Holds(level, b.Now))
		}) {
			return true, nil
		}
	}
	return false, nil
}

// LevelsTriggered reports whether an event must be delivered to an enrollment because of its levels: a level holds after
// the event, or a level that will hold by decay is reached sooner because the event lowered the score.
func LevelsTriggered(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, e *unit.EnrollmentRow) (bool, error) {
	return anyLevel(ctx, b, p, e, func(level journey.Level, holds bool) bool {
		return holds || level.Below != nil && unit.State[intentState](b).of[p.ID].lowered[level.Intent]
	})
}

// Levels returns which levels of the customer's intents hold, and when the next level with Below will hold by decay alone.
// It claims the enrollment and changes nothing else.
func (s *Room) Levels(ctx context.Context, now time.Time, in contract.Levels) (contract.LevelsResult, error) {
	var result contract.LevelsResult
	err := s.db.ReadClaimed(ctx, in.Ref, func(tx sqldb.Conn, e *unit.EnrollmentRow, p *unit.LockedCustomer) error {
		result = contract.LevelsResult{Hold: make([]bool, len(in.Levels))}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		l, err := ReadScores(ctx, s.db, tx, rel.Intents, p, now)
		if err != nil {
			return err
		}
		for i, level := range in.Levels {
			strength := l.Strength(level.Intent)
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

// ReadScores returns a customer's strengths. Stale ones are recomputed, and stored if the transaction has locked the
// customer. For a decision before the lock it returns ErrAgain instead.
func ReadScores(ctx context.Context, db *unit.Units, tx sqldb.Conn, rules *catalog.IntentRules, p *unit.LockedCustomer,
	now time.Time) (*intentScores, error) {
	found, stale, err := ReadCustomerScores(ctx, tx, rules, []string{p.ID})
	if err != nil {
		return nil, err
	}
	l := found[p.ID]
	switch {
	case len(stale) == 0:
		return l, nil
	case p.Drafted:
		return nil, sqldb.ErrAgain
	case p.Locked:
		b := db.Begin(tx, now)
		own := *p
		if err := b.Adopt(ctx, &own); err != nil {
			return nil, err
		}
		if err := settleIntents(ctx, b, &own); err != nil {
			return nil, err
		}
		return unit.State[intentState](b).of[own.ID], b.Flush(ctx)
	}
	l.Of, _, err = RecomputeScores(ctx, tx, rules, p.ID, p.Vars(), nil)
	return l, err
}
