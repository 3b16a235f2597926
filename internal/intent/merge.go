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

// Split is the OnSplit hook of this room: it moves the evidence of the events that moved, and recomputes the scores of both customers.
// Scores that were set by hand stay where they are. It runs after the events have moved.
func Split(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	if err := s.Move(ctx, b, "evidence", `update intent_evidence set customer = $1 where customer = $2 and
		event in (select id from event_log where customer = $1)`, nil); err != nil {
		return err
	}
	rules, err := RulesOf(ctx, b)
	if err != nil {
		return err
	}
	for _, p := range []*unit.LockedCustomer{s.From, s.To} {
		if rules == nil { // recomputed when a release has intents again
			if _, err := b.Tx.ExecContext(ctx, `delete from intents where customer = $1`, p.ID); err != nil {
				return err
			}
			continue
		}
		state := unit.State[intentState](b)
		if state.of == nil {
			state.of = map[string]*intentScores{}
		}
		state.of[p.ID] = newIntentScores(rules)
		if err := recomputeIntents(ctx, b, p); err != nil {
			return err
		}
	}
	return nil
}
