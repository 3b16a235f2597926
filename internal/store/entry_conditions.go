package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// conditionValue is what was last known of a condition.
type conditionValue struct {
	condition string
	holds     bool
	dirty     bool // to be written
}

// conditions are what a unit knows of the entry conditions of a customer.
type conditions struct {
	read   bool                      // from the database
	values map[string]conditionValue // by journey
}

// conditionState is what entry conditions keep of a unit.
type conditionState struct{ of map[string]*conditions }

func conditionsOf(b *unit, customerID string) *conditions {
	s := state[conditionState](b)
	if s.of == nil {
		s.of = map[string]*conditions{}
	}
	if s.of[customerID] == nil {
		s.of[customerID] = &conditions{values: map[string]conditionValue{}}
	}
	return s.of[customerID]
}

// known is what is known of a watched journey's condition; what is known of an older condition does not count.
func knownValue(b *unit, p *lockedCustomer, w conditionEntry) (holds, known bool) {
	t, ok := conditionsOf(b, p.id).values[w.name]
	return t.holds, ok && t.condition == w.condition
}

func learnValue(b *unit, p *lockedCustomer, w conditionEntry, holds bool) {
	conditionsOf(b, p.id).values[w.name] = conditionValue{condition: w.condition, holds: holds, dirty: true}
}

// blank reports whether a customer was made by this batch, and nothing came of it yet.
func isBlank(b *unit, p *lockedCustomer) bool {
	return p.version == 1 && len(conditionsOf(b, p.id).values) == 0 && len(p.traits) == 0
}

// watched are the journeys of the release that are entered by a change of state. Where there are any, what is
// known of the batch's customers is read.
func watchedConditions(ctx context.Context, b *unit) ([]conditionEntry, error) {
	rel, err := b.release(ctx)
	if err != nil || len(rel.watched) == 0 {
		return nil, err
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		if c := conditionsOf(b, id); !c.read {
			c.read = true
			if b.customers[id].version > 1 {
				ids = append(ids, id)
			}
		}
	}
	return rel.watched, within(
		ctx,
		b.tx,
		`select customer, journey, condition, last_value from entry_conditions where customer in (%s)`,
		ids,
		func(r *sql.Rows) error {
			var id, name string
			var t conditionValue
			var holds int
			err := r.Scan(&id, &name, &t.condition, &holds)
			t.holds = holds != 0
			c := conditionsOf(b, id)
			if _, newer := c.values[name]; !newer {
				c.values[name] = t
			}
			return err
		},
	)
}

// holds evaluates a condition. ev may be nil.
func conditionHolds(ctx context.Context, b *unit, p *lockedCustomer, traits map[string]any, w conditionEntry, ev *event) (bool, error) {
	intents, err := scoresFor(ctx, b, p, w.program, w.program.Entry.When)
	if err != nil {
		return false, err
	}
	vars := expr.Vars{Customer: traitsOf(p.id, traits), Now: b.now, Intent: intents, Vars: w.program.Vars,
		History: &history{ctx: ctx, tx: b.tx, before: flusher(b), customer: p.id, now: b.now}}
	if ev != nil {
		vars.Entry, vars.Event, vars.EventName = ev.properties, ev.properties, ev.name
	}
	return w.program.Test(w.program.Entry.When, vars), nil
}

// recall finds out, before an event is stored, what was true without it, where that is not known. traits are
// those before the event.
func loadEntryConditions(ctx context.Context, b *unit, p *lockedCustomer, traits map[string]any) error {
	all, err := watchedConditions(ctx, b)
	for _, w := range all {
		if _, known := knownValue(b, p, w); known {
			continue
		}
		held, err := conditionHolds(ctx, b, p, traits, w, nil)
		if err != nil {
			return err
		}
		learnValue(b, p, w, held)
	}
	return err
}

// turned are the journeys whose condition an event made true.
func conditionsTurnedTrue(ctx context.Context, b *unit, p *lockedCustomer, ev *event) ([]string, error) {
	all, err := watchedConditions(ctx, b)
	var names []string
	for _, w := range all {
		was, known := knownValue(b, p, w)
		is, err := conditionHolds(ctx, b, p, p.traits, w, ev)
		if err != nil {
			return nil, err
		}
		if !known || is != was {
			learnValue(b, p, w, is)
		}
		if is && !was {
			names = append(names, w.name)
		}
	}
	return names, err
}

// unite finds out what was true of two customers before they become one: what held for either is not new for both.
func mergeConditions(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	all, err := watchedConditions(ctx, b)
	if err != nil || len(all) == 0 {
		return err
	}
	for _, w := range all {
		held := false
		for _, p := range []*lockedCustomer{gone, survivor} {
			if isBlank(b, p) && (p == gone || !isBlank(b, gone)) {
				continue
			}
			was, known := knownValue(b, p, w)
			if !known {
				if was, err = conditionHolds(ctx, b, p, p.traits, w, nil); err != nil {
					return err
				}
			}
			held = held || was
		}
		learnValue(b, survivor, w, held)
	}
	clear(conditionsOf(b, gone.id).values)
	_, err = b.tx.ExecContext(ctx, `delete from entry_conditions where customer = $1`, gone.id)
	return err
}

// united enters the customer into journeys whose condition a merge made true that is no event. The entry event
// is then one of its own.
func enterAfterMerge(ctx context.Context, b *unit, p *lockedCustomer, alias *event, changed []string, receipt *Receipt) error {
	ev := &event{
		id:       "tabi.merge/" + alias.id,
		customer: p.id,
		name:     eventUpdated,
		source:   alias.source,
		at:       alias.at,
		received: alias.received,
		depth:    alias.depth,
		lazy:     true,
	}
	properties := map[string]any{}
	for _, name := range changed {
		if value, has := p.traits[name]; has {
			properties[name] = value
		}
	}
	var err error
	if ev.properties, ev.text, err = normal(properties); err != nil {
		return err
	}
	names, err := conditionsTurnedTrue(ctx, b, p, ev)
	if err != nil {
		return err
	}
	return enterAll(ctx, b, p, names, ev, receipt)
}

// flushTruths writes what was learned.
func flushConditions(ctx context.Context, b *unit) error {
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		c := conditionsOf(b, id)
		for _, name := range slices.Sorted(maps.Keys(c.values)) {
			t := c.values[name]
			if !t.dirty {
				continue
			}
			values = append(values, []any{id, name, t.condition, flag(t.holds)})
			t.dirty = false
			c.values[name] = t
		}
	}
	_, err := insert(ctx, b.tx, "entry_conditions (customer, journey, condition, last_value)", values,
		"on conflict (customer, journey) do update set condition = excluded.condition, last_value = excluded.last_value")
	return err
}
