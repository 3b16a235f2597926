package intent

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// recomputeIntents recomputes a customer's strengths from the stored events, and replaces the evidence of kind event.
//
// The invariant: the stored strength of an intent is the one that the current definition would have produced if it had
// always been in force. A strength is one number that decays with the intent's half-life, so adding an event needs no
// history; but it cannot be corrected. Each row of intents therefore names the release since which its intent has had
// its definition. Example: release 7 changes the weight of "Pricing Viewed" from 1 to 2. Ana's row says definition 3, so
// ReadCustomerScores reports her as stale, and her strengths are recomputed from her events with weight 2. Without the release
// in the row, part of her score would count by the old weight until it has decayed.
//
// Recomputation happens in two ways that may overlap. An event of a stale customer recomputes that customer at once, in
// its own transaction, before the event counts. Recompute goes through all others in the background. Both hold the
// customer's lock, and a recomputed row has the current definition, so none is done twice and no event counts twice.
//
// Events are counted in the order of arrival (received_at, n), not of their own time, because that is the order in which
// Ingest counted them: a condition may read the scores before the event. Evidence from classified messages and from
// scores that an operator set has no definition and is kept; a set score discards everything before it. Conditions see
// the current profile, since earlier ones are not stored. See docs/decisions/0006.
func recomputeIntents(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error {
	l := unit.State[intentState](b).of[p.ID]
	of, traces, err := RecomputeScores(ctx, b.Tx, l.rules, p.ID, p.Vars(), customer.Flusher(b))
	if err != nil {
		return err
	}
	if _, err := b.Tx.ExecContext(ctx, `delete from intent_evidence where customer = $1 and kind = 'event'`, p.ID); err != nil {
		return err
	}
	l.Of = of
	for _, name := range l.rules.Names {
		l.dirty[name] = true
	}
	for _, t := range traces {
		if t.Kind == evidenceEvent {
			AddTrace(b, t.Row(p.ID))
		}
	}
	return nil
}

// DropEvidence deletes a customer's stored evidence for an intent.
func DropEvidence(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, name string) error {
	_, err := b.Tx.ExecContext(ctx, `delete from intent_evidence where customer = $1 and intent = $2`, p.ID, name)
	return err
}

// RecomputeScores counts a customer's events in the order of their arrival and returns the strengths and their evidence. It only
// reads. See recomputeIntents.
func RecomputeScores(
	ctx context.Context,
	tx sqldb.Conn,
	rules *catalog.IntentRules,
	id string,
	customerID map[string]any,
	flush func(context.Context) error,
) (map[string]decisioning.Strength, []Trace, error) {
	l := newIntentScores(rules)
	kept, err := keptEvidence(ctx, tx, rules, id)
	if err != nil {
		return nil, nil, err
	}
	events, err := customer.EventsNamed(ctx, tx, id, rules.Events)
	if err != nil {
		return nil, nil, err
	}
	events = slices.DeleteFunc(events, isMade)
	var traces []Trace
	count := func(t Trace) {
		if t.Kind == EvidenceSet { // discards everything before it
			l.Of[t.Intent] = rules.None(t.Intent)
			traces = slices.DeleteFunc(traces, func(other Trace) bool { return other.Intent == t.Intent })
		}
		l.Add(t.Intent, t.Weight, t.At)
		traces = append(traces, t)
	}
	for _, ev := range events {
		for len(kept) > 0 && kept[0].At < ev.Received {
			count(kept[0])
			kept = kept[1:]
		}
		now := sqldb.Moment(ev.Received)
		past := &customer.History{Ctx: ctx, Tx: tx, Before: flush, Customer: id, Now: now, Received: ev.Received, N: ev.N}
		for _, t := range provenBy(rules, l, rules.Clues[ev.Name], ev, customerID, now, past, nil) {
			count(t)
		}
	}
	for _, t := range kept {
		count(t)
	}
	return l.Of, traces, nil
}

// isMade reports whether tabi itself created an event, for an entry that no event of the customer caused. Such an event is
// no evidence.
func isMade(ev *customer.Event) bool {
	return ev.Source == customer.SourceSchedule || strings.HasPrefix(ev.ID, event.MergePrefix) ||
		strings.HasPrefix(ev.ID, event.IntentPrefix)
}

// keptEvidence returns the evidence that does not depend on definitions, by time.
func keptEvidence(ctx context.Context, tx sqldb.Conn, rules *catalog.IntentRules, id string) ([]Trace, error) {
	var out []Trace
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var t Trace
		err := r.Scan(&t.Intent, &t.Event, &t.N, &t.Kind, &t.Name, &t.At, &t.Weight)
		if rules.Book.Intents[t.Intent] != nil {
			out = append(out, t)
		}
		return err
	}, `select intent, event, n, kind, name, at, weight from intent_evidence where customer = $1 and kind <> 'event' order by at, event,
	n`, id)
	return out, err
}

// redefine starts a recomputation of all customers by Recompute.
func redefine(ctx context.Context, tx sqldb.Conn) error {
	there, err := customer.Any(ctx, tx)
	if err != nil || !there {
		return err
	}
	return sqldb.SetSetting(ctx, tx, "intents", "")
}

// refreshLooks is how many customers are checked for each one that may be recomputed.
const refreshLooks = 20

// Recompute recomputes the intents of at most limit customers after a release that defined intents differently, and
// notifies the enrollments that wait for a score that changed. The customers are locked meanwhile. more reports whether
// to call again at once. A customer with a new event does not have to wait for this: the event recomputes its scores.
func (s *Room) Recompute(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	there, err := sqldb.Exists(ctx, s.db.Reader, sqldb.SettingQuery("intents"))
	if err != nil || !there {
		return false, sqldb.DatabaseError(err)
	}
	err = s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		more = false
		// Concurrent refreshes and publications wait for each other here.
		there, err := sqldb.LockSetting(ctx, tx, "intents")
		if err != nil || !there {
			return err
		}
		rules, err := RulesOf(ctx, b)
		if err != nil {
			return err
		}
		if rules == nil {
			return sqldb.DropSetting(ctx, tx, "intents")
		}
		reached, err := sqldb.Setting(ctx, tx, "intents")
		if err != nil {
			return err
		}
		if more, err = refreshPage(ctx, b, rules, &reached, limit); err != nil {
			return err
		}
		if more {
			return sqldb.SetSetting(ctx, tx, "intents", reached)
		}
		return sqldb.DropSetting(ctx, tx, "intents")
	})
	return more && err == nil, err
}

// refreshPage handles the customers after reached, in id order. Customers without evidence are not locked.
func refreshPage(ctx context.Context, b *unit.Unit, rules *catalog.IntentRules, reached *string, limit int) (more bool, err error) {
	page, err := customer.IDs(ctx, b.Tx, *reached, limit*refreshLooks)
	if err != nil {
		return false, err
	}
	if len(page) > 0 {
		*reached = page[len(page)-1]
	}
	more = len(page) >= limit*refreshLooks
	concerned, err := customer.WithEvents(ctx, b.Tx, page, rules.Events)
	if err != nil {
		return false, err
	}
	if err := sqldb.Within(ctx, b.Tx, `select distinct customer from intents where customer in (%s)`, page, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		concerned[id] = true
		return err
	}); err != nil {
		return false, err
	}
	ids := slices.DeleteFunc(page, func(id string) bool { return !concerned[id] }) // in the database's order, like reached
	if len(ids) > limit {
		ids, more = ids[:limit], true
		*reached = ids[limit-1]
	}
	if err := b.Lock(ctx, ids); err != nil {
		return false, err
	}
	for _, id := range sqldb.Sorted(ids) {
		if p := b.Customers[id]; p != nil && p.Merged == "" {
			if err := settleIntents(ctx, b, p); err != nil {
				return false, err
			}
		}
	}
	return more, nil
}

// settleIntents recomputes a customer's intents if they are stale, and notifies the enrollments that wait for a score that
// changed.
func settleIntents(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error {
	l, err := ScoresOf(ctx, b, p)
	if err != nil || l.rules == nil {
		return err
	}
	moved := map[string]bool{}
	for _, name := range l.rules.Names {
		before, known := l.before[name]
		if !known {
			before = l.rules.None(name)
		}
		moved[name] = math.Abs(before.ScoreAt(b.Now)-l.Strength(name).ScoreAt(b.Now)) > 1e-9 || before.HalfLife != l.Strength(name).HalfLife
	}
	return NotifyScoresChanged(ctx, b, p, slices.Clone(p.Open), moved)
}

// NotifyScoresChanged notifies enrollments that scores have changed without an event. It notifies those with a level of a
// moved intent that holds now, or that will hold by decay and so at another time than the enrollment has computed.
func NotifyScoresChanged(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, open []*unit.EnrollmentRow,
	moved map[string]bool) error {
	for _, e := range open {
		wakes, err := anyLevel(ctx, b, p, e, func(level journey.Level, holds bool) bool {
			return moved[level.Intent] && (holds || level.Below != nil)
		})
		if err != nil {
			return err
		}
		if !wakes {
			continue
		}
		id := "intent/" + e.ID + "/" + strconv.FormatInt(e.Tail+1, 10)
		if err := outbox.EnqueueMessage(b, e, contract.Delivery{ID: id, Enrollment: e.ID,
			ScoresChanged: &contract.ScoresChanged{}}); err != nil {
			return err
		}
	}
	return nil
}
