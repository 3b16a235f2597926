package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// IntentScore is a customer's intent, with what it rests on.
type IntentScore struct {
	Intent   string
	Score    float64 // from 0 to 1
	Strength float64
	HalfLife time.Duration
	Evidence []IntentEvidence // what is left of it the most first, at most 20
}

// IntentEvidence is an event that speaks for an intent or against it.
type IntentEvidence struct {
	Event  string // id
	Name   string // of the event; "set" where it was set by hand
	At     time.Time
	Weight float64
	Left   float64 // of Weight, now
	Text   bool    // it was classified by its words
}

// evidenceShown is how much evidence of an intent is listed.
const evidenceShown = 20

// IntentRoom are all intents of the release, by name, as a customer's events speak for them now; ErrNotFound.
func (s *IntentRoom) Intents(ctx context.Context, now time.Time, customerID string) ([]IntentScore, error) {
	var out []IntentScore
	err := s.db.read(ctx, func(tx conn) error {
		id, err := canonical(ctx, tx, customerID)
		if errors.Is(err, ErrNotFound) {
			id, err = canonical(ctx, tx, anonymous(customerID))
		}
		if err != nil {
			return err
		}
		rel, err := s.db.current(ctx, tx)
		if err != nil || rel.intents == nil {
			return err
		}
		rules := rel.intents
		found, stale, err := readLeanings(ctx, tx, rules, []string{id})
		if err != nil {
			return err
		}
		l := found[id]
		var traces []trace
		if len(stale) > 0 {
			p, err := scanPerson(
				tx.QueryRowContext(ctx, `select id, version, traits, merged_into, created_at from customers where id = $1`, id),
			)
			if err != nil {
				return err
			}
			if l.of, traces, err = resummed(ctx, tx, rules, id, p.vars(), nil); err != nil {
				return err
			}
		} else if traces, err = evidenceOf(ctx, tx, id, math.MaxInt64); err != nil {
			return err
		}
		byIntent := map[string][]IntentEvidence{}
		for _, t := range traces {
			left := decisioning.Decay(t.weight, now.Sub(moment(t.at)), rules.none(t.intent).HalfLife)
			byIntent[t.intent] = append(
				byIntent[t.intent],
				IntentEvidence{Event: t.event, Name: t.name, At: moment(t.at), Weight: t.weight, Left: left, Text: t.kind == evidenceText},
			)
		}
		for _, name := range rules.names {
			strength := l.strength(name)
			evidence := byIntent[name]
			slices.SortFunc(evidence, func(a, b IntentEvidence) int {
				return cmp.Or(cmp.Compare(math.Abs(b.Left), math.Abs(a.Left)), b.At.Compare(a.At), cmp.Compare(a.Event, b.Event))
			})
			out = append(
				out,
				IntentScore{Intent: name, Score: strength.ScoreAt(now), Strength: strength.ValueAt(now), HalfLife: strength.HalfLife,
					Evidence: slices.Clone(evidence[:min(len(evidence), evidenceShown)])},
			)
		}
		return nil
	})
	return out, err
}

// evidenceOf is what is kept of a customer's evidence up to a moment.
func evidenceOf(ctx context.Context, tx conn, id string, until int64) ([]trace, error) {
	var out []trace
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var t trace
		err := r.Scan(&t.intent, &t.event, &t.n, &t.kind, &t.name, &t.at, &t.weight)
		out = append(out, t)
		return err
	}, `select intent, event, n, kind, name, at, weight from intent_evidence where customer = $1 and at <= $2`, id, until)
	return out, err
}

// scoresThen are a customer's scores as they were at a moment that is past, by the evidence that is kept.
func scoresThen(ctx context.Context, tx conn, rules *intentRules, id string, then time.Time) (map[string]float64, error) {
	l := newLeanings(rules)
	if rules == nil {
		return l.scores(then), nil
	}
	traces, err := evidenceOf(ctx, tx, id, millis(then))
	for _, t := range traces {
		l.add(t.intent, t.weight, t.at)
	}
	return l.scores(then), err
}

// scoresOfPage are the scores of customers that are not locked, where a journey's entry condition asks for them.
func scoresOfPage(ctx context.Context, b *unit, program *journey.Program, traits map[string]map[string]any) (map[string]map[string]float64, error) {
	rules, err := rulesOf(ctx, b)
	if err != nil || rules == nil || !program.ReadsIntent(program.Entry.When) {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(traits))
	found, stale, err := readLeanings(ctx, b.tx, rules, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range stale {
		if found[id].of, _, err = resummed(ctx, b.tx, rules, id, traitsOf(id, traits[id]), nil); err != nil {
			return nil, err
		}
	}
	out := map[string]map[string]float64{}
	for _, id := range ids {
		out[id] = found[id].scores(b.now)
	}
	return out, nil
}
