package intent

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A CustomerIntent is a customer's intent with its evidence.
type CustomerIntent struct {
	Intent   string
	Score    float64 // 0…1
	Strength float64
	HalfLife time.Duration
	Evidence []Evidence // the largest Left first, at most evidenceShown
}

// Evidence is an event that counts for an intent or against it.
type Evidence struct {
	Event  string // id
	Name   string // of the event; "set" if a person set the score
	At     time.Time
	Weight float64
	Left   float64 // what remains of Weight now
	Text   bool    // a classified message
}

// evidenceShown is the maximum number of listed events per intent.
const evidenceShown = 20

// Scores returns a customer's score for every intent of the release, by name, or ErrNotFound.
func (s *Room) Scores(ctx context.Context, now time.Time, customerID string) ([]CustomerIntent, error) {
	var out []CustomerIntent
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		id, err := customer.Canonical(ctx, tx, customerID)
		if errors.Is(err, sqldb.ErrNotFound) {
			id, err = customer.Canonical(ctx, tx, customer.Anonymous(customerID))
		}
		if err != nil {
			return err
		}
		rel, err := s.db.Current(ctx, tx)
		if err != nil || rel.Intents == nil {
			return err
		}
		rules := rel.Intents
		found, stale, err := ReadCustomerScores(ctx, tx, rules, []string{id})
		if err != nil {
			return err
		}
		l := found[id]
		var traces []Trace
		if len(stale) > 0 {
			p, err := customer.Read(ctx, tx, id)
			if err != nil {
				return err
			}
			if l.Of, traces, err = RecomputeScores(ctx, tx, rules, id, p.Vars(), nil); err != nil {
				return err
			}
		} else if traces, err = evidenceOf(ctx, tx, id, math.MaxInt64); err != nil {
			return err
		}
		byIntent := map[string][]Evidence{}
		for _, t := range traces {
			left := decisioning.Decay(t.Weight, now.Sub(sqldb.Moment(t.At)), rules.None(t.Intent).HalfLife)
			byIntent[t.Intent] = append(
				byIntent[t.Intent],
				Evidence{Event: t.Event, Name: t.Name, At: sqldb.Moment(t.At), Weight: t.Weight, Left: left,
					Text: t.Kind == evidenceText},
			)
		}
		for _, name := range rules.Names {
			strength := l.Strength(name)
			evidence := byIntent[name]
			slices.SortFunc(evidence, func(a, b Evidence) int {
				return cmp.Or(cmp.Compare(math.Abs(b.Left), math.Abs(a.Left)), b.At.Compare(a.At), cmp.Compare(a.Event, b.Event))
			})
			out = append(
				out,
				CustomerIntent{Intent: name, Score: strength.ScoreAt(now), Strength: strength.ValueAt(now), HalfLife: strength.HalfLife,
					Evidence: slices.Clone(evidence[:min(len(evidence), evidenceShown)])},
			)
		}
		return nil
	})
	return out, err
}

// evidenceOf returns a customer's stored evidence up to a time (Unix milliseconds).
func evidenceOf(ctx context.Context, tx sqldb.Conn, id string, until int64) ([]Trace, error) {
	var out []Trace
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var t Trace
		err := r.Scan(&t.Intent, &t.Event, &t.N, &t.Kind, &t.Name, &t.At, &t.Weight)
		out = append(out, t)
		return err
	}, `select intent, event, n, kind, name, at, weight from intent_evidence where customer = $1 and at <= $2`, id, until)
	return out, err
}

// ScoresThen returns a customer's scores at a past time, computed from the stored evidence.
func ScoresThen(ctx context.Context, tx sqldb.Conn, rules *catalog.IntentRules, id string, then time.Time) (map[string]float64, error) {
	l := newIntentScores(rules)
	if rules == nil {
		return l.Scores(then), nil
	}
	traces, err := evidenceOf(ctx, tx, id, sqldb.Millis(then))
	for _, t := range traces {
		l.Add(t.Intent, t.Weight, t.At)
	}
	return l.Scores(then), err
}

// ScoresOfPage returns the scores of customers that are not locked, or nil if the journey's entry condition does not use
// intents.
func ScoresOfPage(ctx context.Context, b *unit.Unit, program *journey.Program,
	traits map[string]map[string]any) (map[string]map[string]float64, error) {
	rules, err := RulesOf(ctx, b)
	if err != nil || rules == nil || !program.ReadsIntent(program.Entry.When) {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(traits))
	found, stale, err := ReadCustomerScores(ctx, b.Tx, rules, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range stale {
		if found[id].Of, _, err = RecomputeScores(ctx, b.Tx, rules, id, unit.TraitsOf(id, traits[id]), nil); err != nil {
			return nil, err
		}
	}
	out := map[string]map[string]float64{}
	for _, id := range ids {
		out[id] = found[id].Scores(b.Now)
	}
	return out, nil
}
