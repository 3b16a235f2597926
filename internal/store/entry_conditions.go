package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// conditionEntry is a journey that is entered by a change of state: when its condition turns true.
type conditionEntry struct {
	name, condition string // condition: its hash
	program         *journey.Program
}

// watches reports whether a journey is entered by a change of state.
func watches(p *journey.Program) (conditionEntry, bool) {
	if len(p.Entry.Events) > 0 || p.Entry.Schedule != nil || p.Entry.When == "" {
		return conditionEntry{}, false
	}
	sum := sha256.Sum256([]byte(p.Entry.When))
	return conditionEntry{name: p.Journey, condition: hex.EncodeToString(sum[:8]), program: p}, true
}

// conditionValue is what was last known of a condition.
type conditionValue struct {
	condition string
	holds     bool
	dirty     bool // to be written
}

// known is what is known of a watched journey's condition; what is known of an older condition does not count.
func (p *lockedCustomer) known(w conditionEntry) (holds, known bool) {
	t, ok := p.truths[w.name]
	return t.holds, ok && t.condition == w.condition
}

func (p *lockedCustomer) learn(w conditionEntry, holds bool) {
	if p.truths == nil {
		p.truths = map[string]conditionValue{}
	}
	p.truths[w.name] = conditionValue{condition: w.condition, holds: holds, dirty: true}
}

// blank reports whether a customer was made by this batch, and nothing came of it yet.
func (p *lockedCustomer) blank() bool {
	return p.version == 1 && len(p.truths) == 0 && len(p.traits) == 0
}

// watched are the journeys of the release that are entered by a change of state. Where there are any, what is
// known of the batch's customers is read.
func (b *unit) watched(ctx context.Context) ([]conditionEntry, error) {
	rel, err := b.release(ctx)
	if err != nil || len(rel.watched) == 0 {
		return nil, err
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		if p := b.people[id]; !p.recalled {
			p.recalled = true
			if p.version > 1 {
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
			p := b.people[id]
			if p.truths == nil {
				p.truths = map[string]conditionValue{}
			}
			if _, newer := p.truths[name]; !newer {
				p.truths[name] = t
			}
			return err
		},
	)
}

// holds evaluates a condition. ev may be nil.
func (b *unit) holds(ctx context.Context, p *lockedCustomer, traits map[string]any, w conditionEntry, ev *event) (bool, error) {
	intents, err := b.intents(ctx, p, w.program, w.program.Entry.When)
	if err != nil {
		return false, err
	}
	vars := journey.Vars{Customer: traitsOf(p.id, traits), Now: b.now, Intent: intents, Vars: w.program.Vars,
		History: &history{ctx: ctx, tx: b.tx, before: b.flushEvents, customer: p.id, now: b.now}}
	if ev != nil {
		vars.Entry, vars.Event, vars.EventName = ev.properties, ev.properties, ev.name
	}
	return w.program.Test(w.program.Entry.When, vars), nil
}

// recall finds out, before an event is stored, what was true without it, where that is not known. traits are
// those before the event.
func (b *unit) recall(ctx context.Context, p *lockedCustomer, traits map[string]any) error {
	all, err := b.watched(ctx)
	for _, w := range all {
		if _, known := p.known(w); known {
			continue
		}
		held, err := b.holds(ctx, p, traits, w, nil)
		if err != nil {
			return err
		}
		p.learn(w, held)
	}
	return err
}

// turned are the journeys whose condition an event made true.
func (b *unit) turned(ctx context.Context, p *lockedCustomer, ev *event) ([]string, error) {
	all, err := b.watched(ctx)
	var names []string
	for _, w := range all {
		was, known := p.known(w)
		is, err := b.holds(ctx, p, p.traits, w, ev)
		if err != nil {
			return nil, err
		}
		if !known || is != was {
			p.learn(w, is)
		}
		if is && !was {
			names = append(names, w.name)
		}
	}
	return names, err
}

// unite finds out what was true of two customers before they become one: what held for either is not new for both.
func (b *unit) unite(ctx context.Context, gone, survivor *lockedCustomer) error {
	all, err := b.watched(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	for _, w := range all {
		held := false
		for _, p := range []*lockedCustomer{gone, survivor} {
			if p.blank() && (p == gone || !gone.blank()) {
				continue
			}
			was, known := p.known(w)
			if !known {
				if was, err = b.holds(ctx, p, p.traits, w, nil); err != nil {
					return err
				}
			}
			held = held || was
		}
		survivor.learn(w, held)
	}
	gone.truths = nil
	_, err = b.tx.ExecContext(ctx, `delete from entry_conditions where customer = $1`, gone.id)
	return err
}

// united enters the customer into journeys whose condition a merge made true that is no event. The entry event
// is then one of its own.
func (b *unit) united(ctx context.Context, p *lockedCustomer, alias *event, changed []string, receipt *Receipt) error {
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
	names, err := b.turned(ctx, p, ev)
	if err != nil {
		return err
	}
	return b.enterAll(ctx, p, names, ev, receipt)
}

// flushTruths writes what was learned.
func (b *unit) flushTruths(ctx context.Context) error {
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		p := b.people[id]
		for _, name := range slices.Sorted(maps.Keys(p.truths)) {
			t := p.truths[name]
			if !t.dirty {
				continue
			}
			values = append(values, []any{id, name, t.condition, flag(t.holds)})
			t.dirty = false
			p.truths[name] = t
		}
	}
	_, err := insert(ctx, b.tx, "entry_conditions (customer, journey, condition, last_value)", values,
		"on conflict (customer, journey) do update set condition = excluded.condition, last_value = excluded.last_value")
	return err
}
