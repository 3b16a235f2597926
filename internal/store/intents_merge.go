package store

import (
	"context"
)

// joinIntents makes one customer's intents of two: strengths add up, and the evidence goes along. No event
// counts twice, since none was of both. It is to be called before the events move.
func (b *unit) joinIntents(ctx context.Context, gone, survivor *lockedCustomer) error {
	rules, err := b.intentRules(ctx)
	if err != nil {
		return err
	}
	if rules == nil { // what is kept is summed up anew when a release has intents again
		return b.moveIntents(ctx, gone, survivor)
	}
	into, err := b.leanings(ctx, survivor)
	if err != nil {
		return err
	}
	from, err := b.leanings(ctx, gone)
	if err != nil {
		return err
	}
	if err := b.flushIntents(ctx); err != nil { // what was just summed up anew
		return err
	}
	for _, name := range rules.names {
		if s, ok := from.of[name]; ok {
			into.of[name] = into.strength(name).Plus(s)
			into.dirty[name] = true
		}
	}
	gone.leanings = newLeanings(rules)
	if gone.version == 1 && len(from.of) == 0 {
		return nil
	}
	return b.moveIntents(ctx, gone, survivor)
}

// moveIntents gives a customer's evidence to another, and forgets the strengths that rested on it.
func (b *unit) moveIntents(ctx context.Context, gone, survivor *lockedCustomer) error {
	if _, err := b.tx.ExecContext(ctx, `update intent_evidence set customer = $2 where customer = $1`, gone.id, survivor.id); err != nil {
		return err
	}
	_, err := b.tx.ExecContext(ctx, `delete from intents where customer = $1`, gone.id)
	return err
}
