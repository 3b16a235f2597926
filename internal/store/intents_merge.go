package store

import (
	"context"
)

// joinIntents makes one customer's intents of two: strengths add up, and the evidence goes along. No event
// counts twice, since none was of both. It is to be called before the events move.
func mergeIntents(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	rules, err := rulesOf(ctx, b)
	if err != nil {
		return err
	}
	if rules == nil { // what is kept is summed up anew when a release has intents again
		return moveIntents(ctx, b, gone, survivor)
	}
	into, err := scoresOf(ctx, b, survivor)
	if err != nil {
		return err
	}
	from, err := scoresOf(ctx, b, gone)
	if err != nil {
		return err
	}
	if err := flushIntents(ctx, b); err != nil { // what was just summed up anew
		return err
	}
	for _, name := range rules.names {
		if s, ok := from.of[name]; ok {
			into.of[name] = into.strength(name).Plus(s)
			into.dirty[name] = true
		}
	}
	state[intentState](b).of[gone.id] = newLeanings(rules)
	if gone.version == 1 && len(from.of) == 0 {
		return nil
	}
	return moveIntents(ctx, b, gone, survivor)
}

// moveIntents gives a customer's evidence to another, and forgets the strengths that rested on it.
func moveIntents(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	if _, err := b.tx.ExecContext(ctx, `update intent_evidence set customer = $2 where customer = $1`, gone.id, survivor.id); err != nil {
		return err
	}
	_, err := b.tx.ExecContext(ctx, `delete from intents where customer = $1`, gone.id)
	return err
}
