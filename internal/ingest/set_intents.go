package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// SetIntents replaces scores of a customer, which decay from now on, and notifies the enrollments that wait for them. If
// an entry condition becomes true, the customer enters that journey now. It returns an InputError if the release has no
// such intent.
func (s *Room) SetIntents(ctx context.Context, now time.Time, customerID string, scores map[string]float64) error {
	customerID = sqldb.Clean(customerID)
	if customerID == "" {
		return sqldb.InputError("the customer is missing")
	}
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		names, err := customer.Identify(ctx, b, []customer.SegmentCall{{Type: "track", UserID: customerID}})
		if err != nil {
			return err
		}
		p := b.Customers[names[customerID]]
		if p == nil {
			return unit.ErrForgotten
		}
		rules, err := intent.RulesOf(ctx, b)
		if err != nil {
			return err
		}
		if err := enrollment.LoadEntryConditions(ctx, b, p); err != nil {
			return err
		}
		l, err := intent.ScoresOf(ctx, b, p)
		if err != nil {
			return err
		}
		key, err := enrollment.NewID(sqldb.Millis(now))
		if err != nil {
			return err
		}
		moved := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(scores)) {
			if rules == nil || rules.Book.Intents[name] == nil {
				return sqldb.InputError(fmt.Sprintf("there is no intent %q in the current release", name))
			}
			if err := intent.DropEvidence(ctx, b, p, name); err != nil {
				return err
			}
			t := intent.Trace{
				Intent: name,
				Event:  event.IntentPrefix + key,
				N:      intent.SetLine,
				Kind:   intent.EvidenceSet,
				Name:   intent.EvidenceSet,
				At:     sqldb.Millis(now),
				Weight: decisioning.StrengthOf(scores[name]),
			}
			l.Of[name] = rules.None(name)
			l.Add(name, t.Weight, t.At)
			intent.AddTrace(b, t.Row(p.ID))
			moved[name] = true
		}
		open := slices.Clone(p.Open)
		ev := &customer.Event{
			ID:         event.IntentPrefix + key,
			Customer:   p.ID,
			Name:       event.CustomerUpdated,
			Source:     "set",
			At:         sqldb.Millis(now),
			Received:   sqldb.Millis(now),
			Properties: map[string]any{},
			Text:       "{}",
			Lazy:       true,
		}
		turned, err := enrollment.ConditionsTurnedTrue(ctx, b, p, ev)
		if err != nil {
			return err
		}
		if err := enrollment.EnterAll(ctx, b, p, turned, ev, nil); err != nil {
			return err
		}
		return intent.NotifyScoresChanged(ctx, b, p, open, moved)
	})
}
