package store

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// resum sums a customer's intents up anew, from the events that the current definitions name. What was
// classified or set by hand is kept.
func recomputeIntents(ctx context.Context, b *unit, p *lockedCustomer) error {
	l := state[intentState](b).of[p.id]
	of, traces, err := resummed(ctx, b.tx, l.rules, p.id, p.vars(), flusher(b))
	if err != nil {
		return err
	}
	if _, err := b.tx.ExecContext(ctx, `delete from intent_evidence where customer = $1 and kind = 'event'`, p.id); err != nil {
		return err
	}
	l.of = of
	for _, name := range l.rules.names {
		l.dirty[name] = true
	}
	for _, t := range traces {
		if t.kind == evidenceEvent {
			addTrace(b, t.row(p.id))
		}
	}
	return nil
}

// resummed takes a customer's events in the order in which they came, as ingest did, and gives the strengths
// and their evidence. Of the profile, evidence sees what it is now: what it was then is not kept.
func resummed(
	ctx context.Context,
	tx conn,
	rules *intentRules,
	id string,
	customerID map[string]any,
	flush func(context.Context) error,
) (map[string]decisioning.Strength, []trace, error) {
	l := newLeanings(rules)
	kept, err := keptEvidence(ctx, tx, rules, id)
	if err != nil {
		return nil, nil, err
	}
	var events []*event
	if err := within(ctx, tx, `select `+eventColumns+`, n from events where customer = $1 and name in (%s)`, rules.events, func(r *sql.Rows) error {
		var ev event
		if err := r.Scan(&ev.id, &ev.customer, &ev.name, &ev.at, &ev.received, &ev.text, &ev.source, &ev.depth, &ev.n); err != nil {
			return err
		}
		if isMade(&ev) {
			return nil
		}
		var err error
		ev.properties, err = object(ev.text)
		events = append(events, &ev)
		return err
	}, id); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(events, func(a, b *event) int {
		if a.received != b.received {
			return int(min(1, max(-1, a.received-b.received)))
		}
		return a.n - b.n
	})
	var traces []trace
	count := func(t trace) {
		if t.kind == evidenceSet { // nothing before it counts
			l.of[t.intent] = rules.none(t.intent)
			traces = slices.DeleteFunc(traces, func(other trace) bool { return other.intent == t.intent })
		}
		l.add(t.intent, t.weight, t.at)
		traces = append(traces, t)
	}
	for _, ev := range events {
		for len(kept) > 0 && kept[0].at < ev.received {
			count(kept[0])
			kept = kept[1:]
		}
		now := moment(ev.received)
		past := &history{ctx: ctx, tx: tx, before: flush, customer: id, now: now, received: ev.received, n: ev.n}
		for _, t := range provenBy(rules, l, rules.clues[ev.name], ev, customerID, now, past) {
			count(t)
		}
	}
	for _, t := range kept {
		count(t)
	}
	return l.of, traces, nil
}

// isMade reports whether an event was made for an entry that no event of the customer caused: it is no evidence.
func isMade(ev *event) bool {
	return ev.source == "schedule" || strings.HasPrefix(ev.id, "tabi.merge/") || strings.HasPrefix(ev.id, setEvent)
}

// keptEvidence is what no definition changes, in the order of time.
func keptEvidence(ctx context.Context, tx conn, rules *intentRules, id string) ([]trace, error) {
	var out []trace
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var t trace
		err := r.Scan(&t.intent, &t.event, &t.n, &t.kind, &t.name, &t.at, &t.weight)
		if rules.book.Intents[t.intent] != nil {
			out = append(out, t)
		}
		return err
	}, `select intent, event, n, kind, name, at, weight from intent_evidence where customer = $1 and kind <> 'event' order by at, event, n`, id)
	return out, err
}

// redefine has the customers that there are summed up anew.
func redefine(ctx context.Context, tx conn) error {
	there, err := exists(ctx, tx, `select 1 from customers limit 1`)
	if err != nil || !there {
		return err
	}
	_, err = tx.ExecContext(
		ctx,
		`insert into settings (key, value) values ('intents', '') on conflict (key) do update set value = excluded.value`,
	)
	return err
}

// refreshLooks is how many customers are looked at for each that may be summed up.
const refreshLooks = 20

// RefreshIntents sums up anew, after a release that defined intents otherwise, those of at most limit
// customers, who are locked meanwhile, and wakes the instances that wait for one that moved; more reports that
// there is more to do at once. A customer who is heard of meanwhile does not wait for it.
func (s *IntentRoom) RefreshIntents(ctx context.Context, now time.Time, limit int) (more bool, err error) {
	there, err := exists(ctx, s.db.reader, `select 1 from settings where key = 'intents'`)
	if err != nil || !there {
		return false, databaseError(err)
	}
	err = s.db.change(ctx, now, func(tx conn, b *unit) error {
		more = false
		// Two who refresh, and one who publishes, wait for each other here.
		n, err := affected(ctx, tx, `update settings set value = value where key = 'intents'`)
		if err != nil || n == 0 {
			return err
		}
		rules, err := rulesOf(ctx, b)
		if err != nil {
			return err
		}
		if rules == nil {
			_, err := tx.ExecContext(ctx, `delete from settings where key = 'intents'`)
			return err
		}
		reached, err := setting(ctx, tx, "intents")
		if err != nil {
			return err
		}
		if more, err = refreshPage(ctx, b, rules, &reached, limit); err != nil {
			return err
		}
		if more {
			_, err = tx.ExecContext(ctx, `update settings set value = $1 where key = 'intents'`, reached)
		} else {
			_, err = tx.ExecContext(ctx, `delete from settings where key = 'intents'`)
		}
		return err
	})
	return more && err == nil, err
}

// refreshPage looks at the customers behind reached, in the order of their ids. Those of whom there is no
// evidence are not locked.
func refreshPage(ctx context.Context, b *unit, rules *intentRules, reached *string, limit int) (more bool, err error) {
	var page []string
	concerned := map[string]bool{}
	if err := rows(ctx, b.tx, func(r *sql.Rows) error {
		err := r.Scan(reached)
		page = append(page, *reached)
		return err
	}, `select id from customers where merged_into = '' and id > $1 order by id limit $2`, *reached, limit*refreshLooks); err != nil {
		return false, err
	}
	more = len(page) >= limit*refreshLooks
	collect := func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		concerned[id] = true
		return err
	}
	if err := within(ctx, b.tx, `select distinct customer from intents where customer in (%s)`, page, collect); err != nil {
		return false, err
	}
	if len(rules.events) > 0 {
		first := make([]any, len(rules.events))
		for i, name := range rules.events {
			first[i] = name
		}
		if err := within(ctx, b.tx, `select distinct customer from events where name in (`+list(1, len(first))+`) and customer in (%s)`, page, collect, first...); err != nil {
			return false, err
		}
	}
	ids := slices.DeleteFunc(page, func(id string) bool { return !concerned[id] }) // in the database's order, which reached goes by
	if len(ids) > limit {
		ids, more = ids[:limit], true
		*reached = ids[limit-1]
	}
	if err := b.lock(ctx, ids); err != nil {
		return false, err
	}
	for _, id := range sorted(ids) {
		if p := b.customers[id]; p.merged == "" {
			if err := settleIntents(ctx, b, p); err != nil {
				return false, err
			}
		}
	}
	return more, nil
}

// settleIntents sums a customer's intents up, where they are stale, and tells the instances that wait for one
// that moved by it.
func settleIntents(ctx context.Context, b *unit, p *lockedCustomer) error {
	l, err := scoresOf(ctx, b, p)
	if err != nil || l.rules == nil {
		return err
	}
	moved := map[string]bool{}
	for _, name := range l.rules.names {
		before, known := l.before[name]
		if !known {
			before = l.rules.none(name)
		}
		moved[name] = math.Abs(before.ScoreAt(b.now)-l.strength(name).ScoreAt(b.now)) > 1e-9 || before.HalfLife != l.strength(name).HalfLife
	}
	return notifyScoresChanged(ctx, b, p, slices.Clone(p.open), moved)
}

// intentsMoved tells instances of a customer that scores have changed, though nothing happened: those with a
// level of such an intent that holds now, or that will hold by fading, at another moment than they know of.
func notifyScoresChanged(ctx context.Context, b *unit, p *lockedCustomer, open []*enrollmentRow, moved map[string]bool) error {
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
		id := "intent/" + e.ID + "/" + strconv.FormatInt(e.tail+1, 10)
		if err := enqueueMessage(b, e, contract.Delivery{ID: id, Enrollment: e.ID, ScoresChanged: &contract.ScoresChanged{}}); err != nil {
			return err
		}
	}
	return nil
}

// setEvent is what the ids of what is set by hand begin with.
const setEvent = "tabi.intent/"
