package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// View reads what expressions and templates of an instance may see, claiming the enrollment. The history it
// gives reads the database when it is asked, with this ctx.
func (s *Store) View(ctx context.Context, now time.Time, ref contract.Ref, scene contract.Scene) (journey.Vars, error) {
	var vars journey.Vars
	err := s.look(ctx, ref, func(tx conn, e *enrollment, p *lockedCustomer) (err error) {
		vars, err = s.vars(ctx, tx, e, p, scene, now)
		return err
	})
	return vars, err
}

// look reads on behalf of an instance, claiming the enrollment.
func (s *Store) look(ctx context.Context, ref contract.Ref, f func(tx conn, e *enrollment, p *lockedCustomer) error) error {
	unclaimed := false
	look := func(tx conn) error {
		e, err := enrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, ErrNotFound) {
			return ErrSuperseded
		}
		if err != nil {
			return err
		}
		if unclaimed = e.Chain == ""; unclaimed {
			return nil
		}
		if e.Chain != ref.Chain {
			return ErrSuperseded
		}
		p, err := scanPerson(
			tx.QueryRowContext(ctx, `select id, version, traits, merged_into, created_at from customers where id = $1`, e.Customer),
		)
		if err != nil {
			return err
		}
		return f(tx, e, p)
	}
	err := s.read(ctx, look)
	if err == nil && unclaimed {
		if err = s.write(ctx, func(tx conn) error { return claim(ctx, tx, ref.Enrollment, ref.Chain) }); err == nil {
			err = s.read(ctx, look)
		}
	}
	return err
}

// vars puts together what an instance may see.
func (s *Store) vars(ctx context.Context, tx conn, e *enrollment, p *lockedCustomer, scene contract.Scene, now time.Time) (journey.Vars, error) {
	entry := scene.EntryEvent
	if entry == "" {
		entry = e.EntryEvent
	}
	ids := []string{entry, scene.Event}
	for _, id := range scene.StepEvents {
		ids = append(ids, id)
	}
	events := map[string]*event{}
	if err := within(ctx, tx, `select `+eventColumns+` from events where id in (%s)`, sorted(ids), func(r *sql.Rows) error {
		ev, err := scanEvent(r)
		if err == nil {
			events[ev.id] = ev
		}
		return err
	}); err != nil {
		return journey.Vars{}, err
	}
	rel, err := s.current(ctx, tx)
	if err != nil {
		return journey.Vars{}, err
	}
	intents, err := s.lookLeanings(ctx, tx, rel.intents, p, now)
	if err != nil {
		return journey.Vars{}, err
	}
	v := journey.Vars{
		Customer: p.vars(), Entry: map[string]any{}, Intent: intents.scores(now), Vars: map[string]any{}, Steps: map[string]map[string]any{}, Now: now,
		History: &history{ctx: ctx, tx: s.reader, customer: p.id, now: now},
	}
	maps.Copy(v.Vars, scene.Vars)
	if ev := events[entry]; ev != nil {
		v.Entry = ev.properties
	}
	if ev := events[scene.Event]; ev != nil {
		v.Event, v.EventName = ev.properties, ev.name
	}
	for id, result := range scene.Steps {
		if v.Steps[id] = maps.Clone(result); v.Steps[id] == nil {
			v.Steps[id] = map[string]any{}
		}
	}
	for id, from := range scene.StepEvents {
		if v.Steps[id] == nil {
			v.Steps[id] = map[string]any{}
		}
		properties := map[string]any{}
		if ev := events[from]; ev != nil {
			properties = ev.properties
			if said := written(ev.name, properties); said != "" {
				v.Steps[id]["text"] = said
			}
		}
		v.Steps[id]["properties"] = properties
	}
	return v, responses(ctx, tx, e.ID, scene.StepCalls, v.Steps)
}

const eventColumns = `id, customer, name, at, received_at, properties, source, depth`

func scanEvent(r scanner) (*event, error) {
	var ev event
	err := r.Scan(&ev.id, &ev.customer, &ev.name, &ev.at, &ev.received, &ev.text, &ev.source, &ev.depth)
	if err != nil {
		return nil, err
	}
	ev.properties, err = object(ev.text)
	return &ev, err
}

func eventByID(ctx context.Context, tx conn, id string) (*event, error) {
	ev, err := scanEvent(tx.QueryRowContext(ctx, `select `+eventColumns+` from events where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return ev, err
}

// Assign changes traits once per key, as event "Customer Updated" heard by this instance too where it listens,
// claiming the enrollment. traits is nested, as in identify. What journeys cause so ends after ten links.
func (s *Store) Assign(ctx context.Context, now time.Time, ref contract.Ref, key string, traits map[string]any) error {
	return s.change(ctx, now, func(tx conn, b *unit) error {
		e, p, claim := claimed(ctx, tx, ref.Enrollment, ref.Chain)
		if claim != nil && !replayed(e, ref.Chain, claim) {
			return claim
		}
		seen, err := exists(ctx, tx, `select 1 from events where id = $1`, key)
		if err != nil || seen {
			return err
		}
		if claim != nil {
			return claim
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		_, err = b.take(ctx, p, &SegmentCall{Type: "identify", MessageID: key, Traits: traits, Source: "step", Depth: e.depth + 1}, nil)
		return err
	})
}
