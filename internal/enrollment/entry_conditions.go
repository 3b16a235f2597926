package enrollment

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// conditionValue is the last known value of an entry condition.
type conditionValue struct {
	condition string
	holds     bool
	dirty     bool // must be written
}

// conditions are the known entry conditions of a customer within a unit.
type conditions struct {
	read   bool                      // from the database
	values map[string]conditionValue // by journey
}

// conditionState is the unit's state of entry conditions, by customer.
type conditionState struct{ of map[string]*conditions }

func conditionsOf(b *unit.Unit, customerID string) *conditions {
	s := unit.State[conditionState](b)
	if s.of == nil {
		s.of = map[string]*conditions{}
	}
	if s.of[customerID] == nil {
		s.of[customerID] = &conditions{values: map[string]conditionValue{}}
	}
	return s.of[customerID]
}

// knownValue returns the known value of a journey's entry condition. The value of an older condition does not count.
func knownValue(b *unit.Unit, p *unit.LockedCustomer, w catalog.ConditionEntry) (holds, known bool) {
	t, ok := conditionsOf(b, p.ID).values[w.Name]
	return t.holds, ok && t.condition == w.Condition
}

func learnValue(b *unit.Unit, p *unit.LockedCustomer, w catalog.ConditionEntry, holds bool) {
	conditionsOf(b, p.ID).values[w.Name] = conditionValue{condition: w.Condition, holds: holds, dirty: true}
}

// isBlank reports whether this unit created the customer and nothing has changed it yet.
func isBlank(b *unit.Unit, p *unit.LockedCustomer) bool {
	return p.Version == 1 && len(conditionsOf(b, p.ID).values) == 0 && len(p.Traits) == 0
}

// watchedConditions returns the journeys of the release that have an entry condition but no entry event. If there are any,
// it reads the known values of all customers of the unit.
func watchedConditions(ctx context.Context, b *unit.Unit) ([]catalog.ConditionEntry, error) {
	rel, err := b.Release(ctx)
	if err != nil || len(rel.Watched) == 0 {
		return nil, err
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		if c := conditionsOf(b, id); !c.read {
			c.read = true
			if b.Customers[id].Version > 1 {
				ids = append(ids, id)
			}
		}
	}
	return rel.Watched, sqldb.Within(
		ctx,
		b.Tx,
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

// conditionHolds evaluates a condition. ev may be nil.
func conditionHolds(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, w catalog.ConditionEntry,
	ev *customer.Event) (bool, error) {
	intents, err := intent.ScoresFor(ctx, b, p, w.Program, w.Program.Entry.When)
	if err != nil {
		return false, err
	}
	vars := expr.Vars{Customer: p.Vars(), Now: b.Now, Intent: intents, Vars: w.Program.Vars, Meter: b.Meter,
		History: &customer.History{Ctx: ctx, Tx: b.Tx, Before: customer.Flusher(b), Customer: p.ID, Now: b.Now}}
	if ev != nil {
		vars.Entry, vars.Event, vars.EventName = ev.Properties, ev.Properties, ev.Name
	}
	return w.Program.Test(w.Program.Entry.When, vars), nil
}

// LoadConditions is the first OnEvent hook of this room: it evaluates the conditions whose value is unknown, before the event
// changes the traits and is stored.
func LoadConditions(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, _ *customer.Arrival) error {
	return LoadEntryConditions(ctx, b, p)
}

// LoadEntryConditions evaluates the conditions whose value is unknown, for the traits of now.
func LoadEntryConditions(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error {
	all, err := watchedConditions(ctx, b)
	for _, w := range all {
		if _, known := knownValue(b, p, w); known {
			continue
		}
		held, err := conditionHolds(ctx, b, p, w, nil)
		if err != nil {
			return err
		}
		learnValue(b, p, w, held)
	}
	return err
}

// ConditionsTurnedTrue returns the journeys whose condition an event has made true. See docs/decisions/0004.
func ConditionsTurnedTrue(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, ev *customer.Event) ([]string, error) {
	all, err := watchedConditions(ctx, b)
	var names []string
	for _, w := range all {
		was, known := knownValue(b, p, w)
		is, err := conditionHolds(ctx, b, p, w, ev)
		if err != nil {
			return nil, err
		}
		if !known || is != was {
			learnValue(b, p, w, is)
		}
		if is && !was {
			names = append(names, w.Name)
		}
	}
	return names, err
}

// MergeConditions is the first OnMerge hook of this room. A condition that was true for either customer counts as true for
// both, so that a merge alone does not enter a journey again.
func MergeConditions(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	all, err := watchedConditions(ctx, b)
	if err != nil || len(all) == 0 {
		return err
	}
	for _, w := range all {
		held := false
		for _, p := range []*unit.LockedCustomer{gone, survivor} {
			if isBlank(b, p) && (p == gone || !isBlank(b, gone)) {
				continue
			}
			was, known := knownValue(b, p, w)
			if !known {
				if was, err = conditionHolds(ctx, b, p, w, nil); err != nil {
					return err
				}
			}
			held = held || was
		}
		learnValue(b, survivor, w, held)
	}
	clear(conditionsOf(b, gone.ID).values)
	return ForgetConditions(ctx, b, gone)
}

// ForgetConditions is the OnTraitsSet hook of this room: it deletes the known values of a customer, so that the next event
// evaluates the entry conditions for the traits of now first.
func ForgetConditions(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error {
	_, err := b.Tx.ExecContext(ctx, `delete from entry_conditions where customer = $1`, p.ID)
	return err
}

// enterAfterMerge enters the customer into journeys whose condition became true by an alias, which is no event. It creates
// an entry event for that.
func enterAfterMerge(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, alias *customer.Event, changed []string,
	receipt *customer.Receipt) error {
	ev := &customer.Event{
		ID:       event.MergePrefix + alias.ID,
		Customer: p.ID,
		Name:     event.CustomerUpdated,
		Source:   alias.Source,
		At:       alias.At,
		Received: alias.Received,
		Depth:    alias.Depth,
		Lazy:     true,
	}
	properties := map[string]any{}
	for _, name := range changed {
		if value, has := p.Traits[name]; has {
			properties[name] = value
		}
	}
	var err error
	if ev.Properties, ev.Text, err = sqldb.Normal(properties); err != nil {
		return err
	}
	names, err := ConditionsTurnedTrue(ctx, b, p, ev)
	if err != nil {
		return err
	}
	return EnterAll(ctx, b, p, names, ev, receipt)
}

// FlushConditions is a Flush hook of this room: it writes the changed values.
func FlushConditions(ctx context.Context, b *unit.Unit) error {
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		c := conditionsOf(b, id)
		for _, name := range slices.Sorted(maps.Keys(c.values)) {
			t := c.values[name]
			if !t.dirty {
				continue
			}
			values = append(values, []any{id, name, t.condition, sqldb.Flag(t.holds)})
			t.dirty = false
			c.values[name] = t
		}
	}
	_, err := sqldb.Insert(ctx, b.Tx, "entry_conditions (customer, journey, condition, last_value)", values,
		"on conflict (customer, journey) do update set condition = excluded.condition, last_value = excluded.last_value")
	return err
}
