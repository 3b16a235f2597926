package store

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// IntentRoom are what customers' events say about their intents.
type IntentRoom struct {
	db     *units
	asks   TextClassifier // before the built-in one; may be nil
	notice func(text string, err error)

	mu    sync.Mutex
	reads *Classifier // the latest that was read
}

// newIntentRoom returns the room. asks is asked before the built-in classifier, nil: nothing is. notice is told once of a
// classifier that cannot be read.
func newIntentRoom(db *units, asks TextClassifier, notice func(text string, err error)) *IntentRoom {
	return &IntentRoom{db: db, asks: asks, notice: notice}
}

// Kinds of evidence. Text and set have numbers that no line of a file has.
const (
	evidenceEvent = "event"
	evidenceText  = "text" // a message, as it was classified
	evidenceSet   = "set"  // by hand
	textLine      = -1
	setLine       = -2
)

// intentScores are what is known of a customer's intents.
type intentScores struct {
	rules   *intentRules
	of      map[string]decisioning.Strength // by intent; those without evidence may be missing
	before  map[string]decisioning.Strength // as they were stored, where they are summed up anew
	dirty   map[string]bool                 // to be written
	lowered map[string]bool                 // by the event at hand
}

// intentState is what intents keep of a unit.
type intentState struct {
	of         map[string]*intentScores // by customer, once they are read
	traces     [][]any                  // rows of evidence to be written
	classified []*event                 // messages whose classification is to be written
}

func addTrace(b *unit, row []any) {
	s := state[intentState](b)
	s.traces = append(s.traces, row)
}

// keepClassification has what a message was classified as written with the unit.
func keepClassification(b *unit, ev *event) {
	if ev.classified != nil {
		s := state[intentState](b)
		s.classified = append(s.classified, ev)
	}
}

func newLeanings(rules *intentRules) *intentScores {
	return &intentScores{
		rules:   rules,
		of:      map[string]decisioning.Strength{},
		before:  map[string]decisioning.Strength{},
		dirty:   map[string]bool{},
		lowered: map[string]bool{},
	}
}

// strength of an intent.
func (l *intentScores) strength(name string) decisioning.Strength {
	if s, ok := l.of[name]; ok {
		return s
	}
	return l.rules.none(name)
}

// scores are those of every intent of the release at a moment, to twelve digits: a score that was set is what was set.
func (l *intentScores) scores(now time.Time) map[string]float64 {
	out := map[string]float64{}
	if l.rules != nil {
		for _, name := range l.rules.names {
			out[name] = math.Round(l.strength(name).ScoreAt(now)*1e12) / 1e12
		}
	}
	return out
}

// add counts evidence.
func (l *intentScores) add(name string, weight float64, at int64) {
	l.of[name] = l.strength(name).Add(weight, moment(at))
	l.dirty[name] = true
	if weight < 0 {
		l.lowered[name] = true
	}
}

// readLeanings reads what is kept of customers. stale are those of whom something is missing or of an older definition.
func readLeanings(ctx context.Context, tx conn, rules *intentRules, ids []string) (found map[string]*intentScores, stale []string, err error) {
	found = map[string]*intentScores{}
	for _, id := range ids {
		found[id] = newLeanings(rules)
	}
	if rules == nil {
		return found, nil, nil
	}
	unsettled := false
	old := map[string]bool{}
	if err := within(ctx, tx, `select customer, intent, definition, strength, at from intents where customer in (%s)
		union all select '', '', 0, 0, 0 from settings where key = 'intents'`, ids, func(r *sql.Rows) error {
		var id, name string
		var definition, at int64
		var value float64
		if err := r.Scan(&id, &name, &definition, &value, &at); err != nil {
			return err
		}
		if id == "" {
			unsettled = true
			return nil
		}
		intentName := rules.book.Intents[name]
		if intentName == nil {
			return nil
		}
		s := decisioning.Strength{Value: value, At: moment(at), HalfLife: intentName.HalfLife}
		found[id].before[name] = s
		if definition == rules.since[name] {
			found[id].of[name] = s
		} else {
			old[id] = true
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if old[id] || unsettled && len(found[id].of) < len(rules.names) {
			stale = append(stale, id)
		}
	}
	return found, stale, nil
}

// intentRules of the release this transaction decides by.
func rulesOf(ctx context.Context, b *unit) (*intentRules, error) {
	rel, err := b.release(ctx)
	if err != nil {
		return nil, err
	}
	return rel.intents, nil
}

// leanings of a customer of the batch. Those of all its customers are read together, and what is stale is
// summed up anew.
func scoresOf(ctx context.Context, b *unit, p *lockedCustomer) (*intentScores, error) {
	s := state[intentState](b)
	if l := s.of[p.id]; l != nil {
		return l, nil
	}
	if s.of == nil {
		s.of = map[string]*intentScores{}
	}
	rules, err := rulesOf(ctx, b)
	if err != nil {
		return nil, err
	}
	var ids, fresh []string
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		switch p := b.customers[id]; {
		case s.of[id] != nil:
		case p.version > 1:
			ids = append(ids, id)
		default: // made by this batch
			fresh = append(fresh, id)
		}
	}
	found, stale, err := readLeanings(ctx, b.tx, rules, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		s.of[id] = found[id]
	}
	for _, id := range fresh {
		s.of[id] = newLeanings(rules)
	}
	for _, id := range stale {
		if err := recomputeIntents(ctx, b, b.customers[id]); err != nil {
			return nil, err
		}
	}
	return s.of[p.id], nil
}

// intents are the scores that expressions see; they are read only if one of them asks.
func scoresFor(ctx context.Context, b *unit, p *lockedCustomer, program *journey.Program, exprs ...expr.Expr) (map[string]float64, error) {
	if !slices.ContainsFunc(exprs, program.ReadsIntent) {
		return map[string]float64{}, nil
	}
	l, err := scoresOf(ctx, b, p)
	if err != nil {
		return nil, err
	}
	return l.scores(b.now), nil
}

// suspect gives the clues that an event is, before it is stored: where there are any, what was known before is read.
func matchEvidence(ctx context.Context, b *unit, p *lockedCustomer, ev *event) ([]evidenceMatch, error) {
	if l := state[intentState](b).of[p.id]; l != nil {
		clear(l.lowered)
	}
	rules, err := rulesOf(ctx, b)
	if err != nil || rules == nil {
		return nil, err
	}
	clues := rules.clues[ev.name]
	if len(clues) == 0 && !speaksOf(rules, ev.classified) {
		return nil, nil
	}
	_, err = scoresOf(ctx, b, p)
	return clues, err
}

// told reports whether a message speaks of an intent of the release.
func speaksOf(r *intentRules, c *classification) bool {
	return r != nil && c != nil && c.intent != "" && c.confidence > 0 && r.book.Intents[c.intent] != nil
}

// weigh counts an event as evidence. Its conditions see the profile after the event and the scores before it.
func addEvidence(ctx context.Context, b *unit, p *lockedCustomer, ev *event, clues []evidenceMatch) error {
	rules, err := rulesOf(ctx, b)
	if err != nil || rules == nil || len(clues) == 0 && !speaksOf(rules, ev.classified) {
		return err
	}
	l, err := scoresOf(ctx, b, p)
	if err != nil {
		return err
	}
	past := &history{ctx: ctx, tx: b.tx, before: flusher(b), customer: p.id, now: b.now}
	for _, t := range provenBy(rules, l, clues, ev, p.vars(), b.now, past) {
		l.add(t.intent, t.weight, t.at)
		addTrace(b, t.row(p.id))
	}
	if speaksOf(rules, ev.classified) {
		t := trace{
			intent: ev.classified.intent,
			event:  ev.id,
			n:      textLine,
			kind:   evidenceText,
			name:   ev.name,
			at:     ev.at,
			weight: journey.TextWeight * ev.classified.confidence,
		}
		l.add(t.intent, t.weight, t.at)
		addTrace(b, t.row(p.id))
	}
	return nil
}

// trace is a row of intent_evidence.
type trace struct {
	intent, event, kind, name string
	n                         int
	at                        int64
	weight                    float64
}

func (t trace) row(customerID string) []any {
	return []any{customerID, t.intent, t.event, t.n, t.kind, t.name, t.at, t.weight}
}

// proof are the clues whose condition is true of an event.
func provenBy(r *intentRules, l *intentScores, clues []evidenceMatch, ev *event, customerID map[string]any, now time.Time, past expr.History) []trace {
	var out []trace
	var scope *journey.Scope
	for _, c := range clues {
		if c.When != "" && scope == nil {
			scope = journey.NewScope(
				expr.Vars{Customer: customerID, Event: ev.properties, EventName: ev.name, Intent: l.scores(now), Now: now, History: past},
			)
		}
		if r.book.Test(c.When, scope) {
			out = append(
				out,
				trace{intent: c.intent, event: ev.id, n: c.n, kind: evidenceEvent, name: ev.name, at: ev.at, weight: c.Weight},
			)
		}
	}
	return out
}

// flushIntents writes strengths, and the evidence they rest on.
func flushIntents(ctx context.Context, b *unit) error {
	s := state[intentState](b)
	if err := keepClassifications(ctx, b, s.classified); err != nil {
		return err
	}
	s.classified = nil
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		l := s.of[id]
		if l == nil || len(l.dirty) == 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(l.dirty)) {
			s := l.strength(name)
			values = append(values, []any{id, name, l.rules.since[name], s.Value, millis(s.At)})
		}
		clear(l.dirty)
	}
	if _, err := insert(ctx, b.tx, "intents (customer, intent, definition, strength, at)", values,
		"on conflict (customer, intent) do update set definition = excluded.definition, strength = excluded.strength, at = excluded.at"); err != nil {
		return err
	}
	_, err := insert(
		ctx,
		b.tx,
		"intent_evidence (customer, intent, event, n, kind, name, at, weight)",
		s.traces,
		"on conflict (customer, intent, event, n) do nothing",
	)
	s.traces = nil
	return err
}
