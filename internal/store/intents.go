package store

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// intentRules are the intents of a release, made ready to be kept.
type intentRules struct {
	book   *journey.Rulebook
	names  []string                   // sorted
	since  map[string]int64           // the release since which each is defined as it is
	clues  map[string][]evidenceMatch // by event name
	events []string                   // names of events that are evidence, sorted
}

// evidenceMatch is a line of an intent's evidence.
type evidenceMatch struct {
	intent string
	n      int
	*journey.Evidence
}

// Kinds of evidence. Text and set have numbers that no line of a file has.
const (
	evidenceEvent = "event"
	evidenceText  = "text" // a message, as it was classified
	evidenceSet   = "set"  // by hand
	textLine      = -1
	setLine       = -2
)

// newIntentRules is nil where a release has no intents: then nothing is kept, and nothing read.
func newIntentRules(book *journey.Rulebook, since map[string]int64) *intentRules {
	if len(book.Intents) == 0 {
		return nil
	}
	r := &intentRules{book: book, names: slices.Sorted(maps.Keys(book.Intents)), since: since, clues: map[string][]evidenceMatch{}}
	for _, name := range r.names {
		evidence := book.Intents[name].Evidence
		for n := range evidence {
			for _, event := range sorted(evidence[n].Events) {
				r.clues[event] = append(r.clues[event], evidenceMatch{intent: name, n: n, Evidence: &evidence[n]})
			}
		}
	}
	r.events = slices.Sorted(maps.Keys(r.clues))
	return r
}

// none is the strength of an intent of which there is no evidence.
func (r *intentRules) none(name string) decisioning.Strength {
	s := decisioning.Strength{}
	if r != nil && r.book.Intents[name] != nil {
		s.HalfLife = r.book.Intents[name].HalfLife
	}
	return s
}

// intentScores are what is known of a customer's intents.
type intentScores struct {
	rules   *intentRules
	of      map[string]decisioning.Strength // by intent; those without evidence may be missing
	before  map[string]decisioning.Strength // as they were stored, where they are summed up anew
	dirty   map[string]bool                 // to be written
	lowered map[string]bool                 // by the event at hand
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
		intent := rules.book.Intents[name]
		if intent == nil {
			return nil
		}
		s := decisioning.Strength{Value: value, At: moment(at), HalfLife: intent.HalfLife}
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
func (b *unit) intentRules(ctx context.Context) (*intentRules, error) {
	rel, err := b.release(ctx)
	if err != nil {
		return nil, err
	}
	return rel.intents, nil
}

// leanings of a customer of the batch. Those of all its customers are read together, and what is stale is
// summed up anew.
func (b *unit) leanings(ctx context.Context, p *lockedCustomer) (*intentScores, error) {
	if p.leanings != nil {
		return p.leanings, nil
	}
	rules, err := b.intentRules(ctx)
	if err != nil {
		return nil, err
	}
	var ids, fresh []string
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		switch p := b.people[id]; {
		case p.leanings != nil:
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
		b.people[id].leanings = found[id]
	}
	for _, id := range fresh {
		b.people[id].leanings = newLeanings(rules)
	}
	for _, id := range stale {
		if err := b.resum(ctx, b.people[id]); err != nil {
			return nil, err
		}
	}
	return p.leanings, nil
}

// intents are the scores that expressions see; they are read only if one of them asks.
func (b *unit) intents(ctx context.Context, p *lockedCustomer, program *journey.Program, exprs ...journey.Expr) (map[string]float64, error) {
	if !slices.ContainsFunc(exprs, program.ReadsIntent) {
		return map[string]float64{}, nil
	}
	l, err := b.leanings(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.scores(b.now), nil
}

// suspect gives the clues that an event is, before it is stored: where there are any, what was known before is read.
func (b *unit) suspect(ctx context.Context, p *lockedCustomer, ev *event) ([]evidenceMatch, error) {
	if p.leanings != nil {
		clear(p.leanings.lowered)
	}
	rules, err := b.intentRules(ctx)
	if err != nil || rules == nil {
		return nil, err
	}
	clues := rules.clues[ev.name]
	if len(clues) == 0 && !rules.told(ev.classified) {
		return nil, nil
	}
	_, err = b.leanings(ctx, p)
	return clues, err
}

// told reports whether a message speaks of an intent of the release.
func (r *intentRules) told(c *classification) bool {
	return r != nil && c != nil && c.intent != "" && c.confidence > 0 && r.book.Intents[c.intent] != nil
}

// weigh counts an event as evidence. Its conditions see the profile after the event and the scores before it.
func (b *unit) weigh(ctx context.Context, p *lockedCustomer, ev *event, clues []evidenceMatch) error {
	rules, err := b.intentRules(ctx)
	if err != nil || rules == nil || len(clues) == 0 && !rules.told(ev.classified) {
		return err
	}
	l, err := b.leanings(ctx, p)
	if err != nil {
		return err
	}
	past := &history{ctx: ctx, tx: b.tx, before: b.flushEvents, customer: p.id, now: b.now}
	for _, t := range rules.proof(l, clues, ev, p.vars(), b.now, past) {
		l.add(t.intent, t.weight, t.at)
		b.traces = append(b.traces, t.row(p.id))
	}
	if rules.told(ev.classified) {
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
		b.traces = append(b.traces, t.row(p.id))
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

func (t trace) row(customer string) []any {
	return []any{customer, t.intent, t.event, t.n, t.kind, t.name, t.at, t.weight}
}

// proof are the clues whose condition is true of an event.
func (r *intentRules) proof(l *intentScores, clues []evidenceMatch, ev *event, customer map[string]any, now time.Time, past journey.History) []trace {
	var out []trace
	var scope *journey.Scope
	for _, c := range clues {
		if c.When != "" && scope == nil {
			scope = journey.NewScope(
				journey.Vars{Customer: customer, Event: ev.properties, EventName: ev.name, Intent: l.scores(now), Now: now, History: past},
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
func (b *unit) flushIntents(ctx context.Context) error {
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		l := b.people[id].leanings
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
		b.traces,
		"on conflict (customer, intent, event, n) do nothing",
	)
	b.traces = nil
	return err
}
