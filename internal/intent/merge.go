package intent

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// joinIntents makes one customer's intents of two: strengths add up, and the evidence goes along. No event
// counts twice, since none was of both. It is to be called before the events move.
func MergeIntents(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	rules, err := RulesOf(ctx, b)
	if err != nil {
		return err
	}
	if rules == nil { // what is kept is summed up anew when a release has intents again
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
	if err := FlushIntents(ctx, b); err != nil { // what was just summed up anew
		return err
	}
	for _, name := range rules.Names {
		if s, ok := from.Of[name]; ok {
			into.Of[name] = into.Strength(name).Plus(s)
			into.dirty[name] = true
		}
	}
	unit.State[intentState](b).of[gone.ID] = newLeanings(rules)
	if gone.Version == 1 && len(from.Of) == 0 {
		return nil
	}
	return moveIntents(ctx, b, gone, survivor)
}

// moveIntents gives a customer's evidence to another, and forgets the strengths that rested on it.
func moveIntents(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if _, err := b.Tx.ExecContext(ctx, `update intent_evidence set customer = $2 where customer = $1`, gone.ID, survivor.ID); err != nil {
		return err
	}
	_, err := b.Tx.ExecContext(ctx, `delete from intents where customer = $1`, gone.ID)
	return err
}
