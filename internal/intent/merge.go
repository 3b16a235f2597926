package intent

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// Merge is the OnMerge hook of this room. It adds the strengths of gone to those of survivor and moves the evidence.
// No event counts twice, since no event belongs to both customers. It must run before the events move, because a stale
// customer is recomputed from its own events first.
func Merge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	rules, err := RulesOf(ctx, b)
	if err != nil {
		return err
	}
	if rules == nil { // recomputed when a release has intents again
		return moveIntents(ctx, b, gone, survivor)
	}
	into, err := ScoresOf(ctx, b, survivor)
	if err != nil {
		return err
	}
	from, err := ScoresOf(ctx, b, gone)
	if err != nil {
		return err
	}
	if err := Flush(ctx, b); err != nil { // what ScoresOf has recomputed
		return err
	}
	for _, name := range rules.Names {
		if s, ok := from.Of[name]; ok {
			into.Of[name] = into.Strength(name).Plus(s)
			into.dirty[name] = true
		}
	}
	unit.State[intentState](b).of[gone.ID] = newIntentScores(rules)
	if gone.Version == 1 && len(from.Of) == 0 {
		return nil
	}
	return moveIntents(ctx, b, gone, survivor)
}

// moveIntents moves the evidence of gone to survivor and deletes the strengths of gone.
func moveIntents(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if _, err := b.Tx.ExecContext(ctx, `update intent_evidence set customer = $2 where customer = $1`, gone.ID, survivor.ID); err != nil {
		return err
	}
	_, err := b.Tx.ExecContext(ctx, `delete from intents where customer = $1`, gone.ID)
	return err
}
