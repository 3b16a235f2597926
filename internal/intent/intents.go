package intent

import (
	"context"
	"database/sql"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Room keeps customers' intents, their evidence and the text classifier.
type Room struct {
	db     *unit.Units
	Asks   TextClassifier // asked before the built-in one; may be nil
	Notice func(text string, err error)

	Mu    sync.Mutex
	Reads *Classifier // the last classifier read from the database; nil: none yet
}

// New returns the room. asks classifies messages before the built-in classifier; nil: nothing does. notice is called once
// for a classifier that cannot be read.
func New(db *unit.Units, asks TextClassifier, notice func(text string, err error)) *Room {
	return &Room{db: db, Asks: asks, Notice: notice}
}

// Kinds of evidence. Events have the number of their line in the intent; text and set have numbers that no line has.
const (
	evidenceEvent = "event"
	evidenceText  = "text" // a classified message
	EvidenceSet   = "set"  // set by an operator
	textLine      = -1
	SetLine       = -2
)

// intentScores are the strengths of a customer's intents within a unit.
type intentScores struct {
	rules   *catalog.IntentRules
	Of      map[string]decisioning.Strength // by intent; missing: no evidence
	before  map[string]decisioning.Strength // as stored, before a recomputation
	dirty   map[string]bool                 // must be written
	lowered map[string]bool                 // lowered by the current event
}

// intentState is this room's part of a unit.
type intentState struct {
	of         map[string]*intentScores // by customer; missing: not read yet
	traces     [][]any                  // rows of intent_evidence to write
	classified []*customer.Event        // messages whose classification must be written
}

// AddTrace adds a row of intent_evidence to those that Flush writes. See Trace.Row.
func AddTrace(b *unit.Unit, row []any) {
	s := unit.State[intentState](b)
	s.traces = append(s.traces, row)
}

func newIntentScores(rules *catalog.IntentRules) *intentScores {
	return &intentScores{
		rules:   rules,
		Of:      map[string]decisioning.Strength{},
		before:  map[string]decisioning.Strength{},
		dirty:   map[string]bool{},
		lowered: map[string]bool{},
	}
}

// Strength returns the strength of an intent.
func (l *intentScores) Strength(name string) decisioning.Strength {
	if s, ok := l.Of[name]; ok {
		return s
	}
	return l.rules.None(name)
}

// Scores returns the score of every intent of the release at a time. Scores are rounded to twelve digits, so that a score
// that was set reads back as the same number.
func (l *intentScores) Scores(now time.Time) map[string]float64 {
	out := map[string]float64{}
	if l.rules != nil {
		for _, name := range l.rules.Names {
			out[name] = math.Round(l.Strength(name).ScoreAt(now)*1e12) / 1e12
		}
	}
	return out
}

// Add adds evidence to an intent.
func (l *intentScores) Add(name string, weight float64, at int64) {
	l.Of[name] = l.Strength(name).Add(weight, sqldb.Moment(at))
	l.dirty[name] = true
	if weight < 0 {
		l.lowered[name] = true
	}
}

// ReadCustomerScores returns the stored strengths of customers. stale lists the customers whose strengths are missing or belong
// to an older definition of an intent, and must be recomputed.
func ReadCustomerScores(ctx context.Context, tx sqldb.Conn, rules *catalog.IntentRules, ids []string) (found map[string]*intentScores,
	stale []string, err error) {
	found = map[string]*intentScores{}
	for _, id := range ids {
		found[id] = newIntentScores(rules)
	}
	if rules == nil {
		return found, nil, nil
	}
	unsettled := false
	old := map[string]bool{}
	if err := sqldb.Within(ctx, tx, `select customer, intent, definition, strength, at from intents where customer in (%s)
		union all select '', '', 0, 0, 0 from (`+sqldb.SettingQuery("intents")+`) as recomputation`, ids, func(r *sql.Rows) error {
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
		intentName := rules.Book.Intents[name]
		if intentName == nil {
			return nil
		}
		s := decisioning.Strength{Value: value, At: sqldb.Moment(at), HalfLife: intentName.HalfLife}
		found[id].before[name] = s
		if definition == rules.Since[name] {
			found[id].Of[name] = s
		} else {
			old[id] = true
		}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if old[id] || unsettled && len(found[id].Of) < len(rules.Names) {
			stale = append(stale, id)
		}
	}
	return found, stale, nil
}

// RulesOf returns the intents of the release that this transaction decides by; nil if there are none.
func RulesOf(ctx context.Context, b *unit.Unit) (*catalog.IntentRules, error) {
	rel, err := b.Release(ctx)
	if err != nil {
		return nil, err
	}
	return rel.Intents, nil
}

// ScoresOf returns the strengths of a customer of the unit. The first call reads those of all customers of the unit
// together, and recomputes the stale ones.
func ScoresOf(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) (*intentScores, error) {
	s := unit.State[intentState](b)
	if l := s.of[p.ID]; l != nil {
		return l, nil
	}
	if s.of == nil {
		s.of = map[string]*intentScores{}
	}
	rules, err := RulesOf(ctx, b)
	if err != nil {
		return nil, err
	}
	var ids, fresh []string
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		switch p := b.Customers[id]; {
		case s.of[id] != nil:
		case p.Version > 1:
			ids = append(ids, id)
		default: // created by this unit
			fresh = append(fresh, id)
		}
	}
	found, stale, err := ReadCustomerScores(ctx, b.Tx, rules, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		s.of[id] = found[id]
	}
	for _, id := range fresh {
		s.of[id] = newIntentScores(rules)
	}
	for _, id := range stale {
		if err := recomputeIntents(ctx, b, b.Customers[id]); err != nil {
			return nil, err
		}
	}
	return s.of[p.ID], nil
}

// ScoresFor returns the scores that expressions see. They are read only if one of the expressions uses an intent.
func ScoresFor(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, program *journey.Program,
	exprs ...expr.Expr) (map[string]float64, error) {
	if !slices.ContainsFunc(exprs, program.ReadsIntent) {
		return map[string]float64{}, nil
	}
	l, err := ScoresOf(ctx, b, p)
	if err != nil {
		return nil, err
	}
	return l.Scores(b.Now), nil
}

// LoadScores is the first OnEvent hook of this room: it reads the customer's scores before an event that may count as evidence
// is stored, because stale scores are recomputed from the stored events.
func LoadScores(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	if l := unit.State[intentState](b).of[p.ID]; l != nil {
		clear(l.lowered)
	}
	rules, err := RulesOf(ctx, b)
	if err != nil || rules == nil || len(rules.Clues[a.Name]) == 0 && !speaksOf(rules, a.Classified) {
		return err
	}
	_, err = ScoresOf(ctx, b, p)
	return err
}

// speaksOf reports whether a message was classified as an intent of the release.
func speaksOf(r *catalog.IntentRules, c *customer.Classification) bool {
	return r != nil && c != nil && c.Intent != "" && c.Confidence > 0 && r.Book.Intents[c.Intent] != nil
}

// AddEvidence is the second OnEvent hook of this room: it counts an event as evidence, and keeps the classification of a message.
// Conditions see the profile after the event and the scores before it.
func AddEvidence(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	ev := a.Event
	if ev.Classified != nil {
		s := unit.State[intentState](b)
		s.classified = append(s.classified, ev)
	}
	rules, err := RulesOf(ctx, b)
	if err != nil || rules == nil {
		return err
	}
	clues := rules.Clues[ev.Name]
	if len(clues) == 0 && !speaksOf(rules, ev.Classified) {
		return nil
	}
	l, err := ScoresOf(ctx, b, p)
	if err != nil {
		return err
	}
	past := &customer.History{Ctx: ctx, Tx: b.Tx, Before: customer.Flusher(b), Customer: p.ID, Now: b.Now}
	for _, t := range provenBy(rules, l, clues, ev, p.Vars(), b.Now, past, b.Meter) {
		l.Add(t.Intent, t.Weight, t.At)
		AddTrace(b, t.Row(p.ID))
	}
	if speaksOf(rules, ev.Classified) {
		t := Trace{
			Intent: ev.Classified.Intent,
			Event:  ev.ID,
			N:      textLine,
			Kind:   evidenceText,
			Name:   ev.Name,
			At:     ev.At,
			Weight: journey.TextWeight * ev.Classified.Confidence,
		}
		l.Add(t.Intent, t.Weight, t.At)
		AddTrace(b, t.Row(p.ID))
	}
	return nil
}

// A Trace is a row of intent_evidence.
type Trace struct {
	Intent, Event, Kind, Name string
	N                         int
	At                        int64
	Weight                    float64
}

// Row returns the trace as a row for AddTrace.
func (t Trace) Row(customerID string) []any {
	return []any{customerID, t.Intent, t.Event, t.N, t.Kind, t.Name, t.At, t.Weight}
}

// provenBy returns the evidence whose condition is true for an event.
func provenBy(r *catalog.IntentRules, l *intentScores, clues []catalog.EvidenceMatch, ev *customer.Event, customerID map[string]any,
	now time.Time, past expr.History, meter *expr.Meter) []Trace {
	var out []Trace
	var scope *journey.Scope
	for _, c := range clues {
		if c.When != "" && scope == nil {
			scope = journey.NewScope(
				expr.Vars{Customer: customerID, Event: ev.Properties, EventName: ev.Name, Intent: l.Scores(now), Now: now, History: past,
					Meter: meter},
			)
		}
		if r.Book.Test(c.When, scope) {
			out = append(
				out,
				Trace{Intent: c.Intent, Event: ev.ID, N: c.N, Kind: evidenceEvent, Name: ev.Name, At: ev.At, Weight: c.Weight},
			)
		}
	}
	return out
}

// Flush is the Flush hook of this room: it writes strengths, evidence and classifications.
func Flush(ctx context.Context, b *unit.Unit) error {
	s := unit.State[intentState](b)
	if err := keepClassifications(ctx, b, s.classified); err != nil {
		return err
	}
	s.classified = nil
	var values [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		l := s.of[id]
		if l == nil || len(l.dirty) == 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(l.dirty)) {
			s := l.Strength(name)
			values = append(values, []any{id, name, l.rules.Since[name], s.Value, sqldb.Millis(s.At)})
		}
		clear(l.dirty)
	}
	if _, err := sqldb.Insert(ctx, b.Tx, "intents (customer, intent, definition, strength, at)", values,
		"on conflict (customer, intent) do update set definition = excluded.definition, "+
			"strength = excluded.strength, at = excluded.at"); err != nil {
		return err
	}
	_, err := sqldb.Insert(
		ctx,
		b.Tx,
		"intent_evidence (customer, intent, event, n, kind, name, at, weight)",
		s.traces,
		"on conflict (customer, intent, event, n) do nothing",
	)
	s.traces = nil
	return err
}
