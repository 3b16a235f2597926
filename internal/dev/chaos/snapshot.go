package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// snapshot is what the store holds at the end. Times are virtual, in Unix milliseconds.
type snapshot struct {
	events      map[string]*storedEvent // by id
	enrollments map[string]*enrollment  // by id
	rows        map[string]*sendRow     // by key
	forgets     []forgetRow
	reactions   map[string]int // clicks that are events, by ledger key
}

// forgetRow is a request to forget a customer.
type forgetRow struct {
	id, state, report string
	done              int64
}

type storedEvent struct {
	id, customer, name, order string
	key                       string // of the send that it is about
	n                         int64
	from, by                  time.Time // virtual: committed between the call and the first acknowledgement
}

type enrollment struct {
	id, workflow, journey, revision, customer, key, entryEvent, state, outcome, chain string
	entered, closed                                                                   int64
	passed                                                                            []contract.StepVisit
	rows                                                                              []*sendRow
}

type sendRow struct {
	key, enrollment, customer, step, channel, category, status, reason string
	unknown                                                            bool
	doubts, attempts                                                   int
	at                                                                 int64
}

// takeSnapshot reads the store.
func takeSnapshot(ctx context.Context, g *cluster) (*snapshot, error) {
	db, err := g.database.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	f := &snapshot{events: map[string]*storedEvent{}, enrollments: map[string]*enrollment{}, rows: map[string]*sendRow{}}
	if f.reactions, err = reactionsOf(ctx, db); err != nil {
		return nil, err
	}
	err = each(ctx, db, `select id, customer, name, received_at, n, properties from events where id not like '`+event.ReactionPrefix+
		`%'`, func(r *sql.Rows) error {
		var e storedEvent
		var properties string
		var received int64
		if err := r.Scan(&e.id, &e.customer, &e.name, &received, &e.n, &properties); err != nil {
			return err
		}
		e.from = time.UnixMilli(received)
		e.by = e.from
		var of struct{ Order, Key string }
		_ = json.Unmarshal([]byte(properties), &of)
		e.order, e.key = of.Order, of.Key
		f.events[e.id] = &e
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(
		ctx,
		db,
		`select id, workflow_id, journey, revision, customer, instance_key, entry_event, state, outcome, first_run_id,
			entered_at, closed_at from enrollments`,
		func(r *sql.Rows) error {
			var e enrollment
			f.enrollments[""] = nil
			err := r.Scan(
				&e.id,
				&e.workflow,
				&e.journey,
				&e.revision,
				&e.customer,
				&e.key,
				&e.entryEvent,
				&e.state,
				&e.outcome,
				&e.chain,
				&e.entered,
				&e.closed,
			)
			f.enrollments[e.id] = &e
			return err
		},
	)
	if err != nil {
		return nil, err
	}
	delete(f.enrollments, "")
	err = each(
		ctx,
		db,
		`select enrollment, step, visit, kind, at, arm, outcome from step_visits order by enrollment, seq, position`,
		func(r *sql.Rows) error {
			var id string
			var p contract.StepVisit
			var at int64
			err := r.Scan(&id, &p.Step, &p.Visit, &p.Kind, &at, &p.Arm, &p.Outcome)
			p.At = time.UnixMilli(at)
			if e := f.enrollments[id]; e != nil {
				e.passed = append(e.passed, p)
			}
			return err
		},
	)
	if err != nil {
		return nil, err
	}
	if err := each(ctx, db, `select id, state, report, done_at from forget_requests`, func(r *sql.Rows) error {
		var q forgetRow
		err := r.Scan(&q.id, &q.state, &q.report, &q.done)
		f.forgets = append(f.forgets, q)
		return err
	}); err != nil {
		return nil, err
	}
	return f, each(
		ctx,
		db,
		`select key, enrollment, customer, step, channel, category, status, reason, outcome_unknown, unknown_count, attempts, at
			from sends`,
		func(r *sql.Rows) error {
			var c sendRow
			err := r.Scan(
				&c.key,
				&c.enrollment,
				&c.customer,
				&c.step,
				&c.channel,
				&c.category,
				&c.status,
				&c.reason,
				&c.unknown,
				&c.doubts,
				&c.attempts,
				&c.at,
			)
			f.rows[c.key] = &c
			if e := f.enrollments[c.enrollment]; e != nil {
				e.rows = append(e.rows, &c)
			}
			return err
		},
	)
}

func each(ctx context.Context, db *sql.DB, query string, take func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// drain waits until no enrollment is open, the outbox is empty, and no customer is being forgotten.
func (g *cluster) drain(ctx context.Context, o options) error {
	db, err := g.database.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	end := clock.Wall().Add(o.drain)
	deaf := time.Time{} // since when Temporal has not answered
	for told := clock.Wall(); ; {
		var open, pending, forgetting int
		err := db.QueryRowContext(ctx,
			`select count(*) filter (where state <> 'closed'), count(*) filter (where next_seq <= last_seq),
				(select count(*) from forget_requests where state <> 'done') from enrollments`).
			Scan(&open, &pending, &forgetting)
		if err == nil && open == 0 && pending == 0 && forgetting == 0 {
			return nil
		}
		if clock.Wall().After(end) {
			return errors.Join(
				err,
				fmt.Errorf("not drained %s after the last fault: %d enrollments open, %d with outbox entries, %d customers to forget",
					o.drain, open,
					pending, forgetting),
			)
		}
		if clock.Wall().Sub(told) > 10*time.Second {
			told = clock.Wall()
			logf("%d enrollments open, %d with outbox entries, %d customers to forget", open, pending, forgetting)
			if g.temporalAnswers(ctx) {
				deaf = time.Time{}
			} else if deaf.IsZero() {
				deaf = clock.Wall()
			} else {
				logf("Temporal has not answered since %s; restarting it, as an operator would", deaf.Format(time.TimeOnly))
				g.temporal.Kill()
				if err := g.temporal.Start(ctx); err != nil {
					return err
				}
				deaf = time.Time{}
			}
		}
		pause(ctx, 250*time.Millisecond)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
