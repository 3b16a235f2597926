package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
)

// SetIntents replaces scores of a customer, which fade from now on, and wakes the instances that wait for them.
// Whoever enters by a change of state that this makes true enters now. An error for which IsInput is true names
// an intent that the release does not have.
func (s *IngestRoom) SetIntents(ctx context.Context, now time.Time, customerID string, scores map[string]float64) error {
	customerID = clean(customerID)
	if customerID == "" {
		return inputError("the customer is missing")
	}
	return s.db.change(ctx, now, func(tx conn, b *unit) error {
		names, err := identify(ctx, b, []SegmentCall{{Type: "track", UserID: customerID}})
		if err != nil {
			return err
		}
		p := b.customers[names[customerID]]
		rules, err := rulesOf(ctx, b)
		if err != nil {
			return err
		}
		if err := loadEntryConditions(ctx, b, p, p.traits); err != nil {
			return err
		}
		l, err := scoresOf(ctx, b, p)
		if err != nil {
			return err
		}
		key, err := newID(millis(now))
		if err != nil {
			return err
		}
		moved := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(scores)) {
			if rules == nil || rules.book.Intents[name] == nil {
				return inputError(fmt.Sprintf("there is no intent %q in the current release", name))
			}
			if _, err := tx.ExecContext(ctx, `delete from intent_evidence where customer = $1 and intent = $2`, p.id, name); err != nil {
				return err
			}
			t := trace{
				intent: name,
				event:  setEvent + key,
				n:      setLine,
				kind:   evidenceSet,
				name:   evidenceSet,
				at:     millis(now),
				weight: decisioning.StrengthOf(scores[name]),
			}
			l.of[name] = rules.none(name)
			l.add(name, t.weight, t.at)
			addTrace(b, t.row(p.id))
			moved[name] = true
		}
		open := slices.Clone(p.open)
		ev := &event{
			id:         setEvent + key,
			customer:   p.id,
			name:       eventUpdated,
			source:     "set",
			at:         millis(now),
			received:   millis(now),
			properties: map[string]any{},
			text:       "{}",
			lazy:       true,
		}
		turned, err := conditionsTurnedTrue(ctx, b, p, ev)
		if err != nil {
			return err
		}
		if err := enterAll(ctx, b, p, turned, ev, &Receipt{}); err != nil {
			return err
		}
		return notifyScoresChanged(ctx, b, p, open, moved)
	})
}
