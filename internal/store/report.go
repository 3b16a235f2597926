package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Report records where an instance is, claiming the enrollment; ErrNotMine ends the run. Of reports with one
// Seq the last counts; one that was overtaken changes nothing.
func (s *Store) Report(ctx context.Context, now time.Time, r contract.Report) error {
	if r.Ended != nil {
		return s.ended(ctx, now, r)
	}
	return s.write(ctx, func(tx conn) error {
		new, err := s.position(ctx, tx, r)
		if err != nil || !new {
			return err
		}
		if r.Parked != nil {
			if err := leftBehind(ctx, tx, r.Enrollment, r.Parked.Step, r.Key); err != nil {
				return err
			}
		}
		return passages(ctx, tx, r)
	})
}

// leftBehind gives up the sends that a reroute or a person took an instance away from: one that quiet hours
// held; one that was being repeated, which gives its place in the limits back unless it may have gone out; and
// one whose attempt told nothing, which may have. key is of the visit that it is at, if known: an earlier visit
// of the same step is left too.
func leftBehind(ctx context.Context, tx conn, enrollment, step, key string) error {
	const left = ` and (step <> $2 or $3 <> '' and key <> $3)`
	if any, err := exists(ctx, tx, `select 1 from sends where enrollment = $1 and status in ('held', 'retry', 'sending')`+left+` limit 1`, enrollment, step, key); err != nil ||
		!any {
		return err
	}
	for _, statement := range []string{
		`update sends set status = 'suppressed', reason = '` + reasonMovedOn + `', until_at = 0 where enrollment = $1 and status = 'held'` + left,
		`delete from offers where offered_at = 0 and key in (select key from sends where enrollment = $1 and status = 'retry'` + left + ` and action <> '')`,
		`update sends set outcome_unknown = case when status = 'sending' then 1 else outcome_unknown end, unknown_count = unknown_count + case when status = 'sending' then 1 else 0 end, status = 'failed', reason = '` + reasonMovedOn + `'
			where enrollment = $1 and status in ('retry', 'sending')` + left,
	} {
		if _, err := tx.ExecContext(ctx, statement, enrollment, step, key); err != nil {
			return err
		}
	}
	return nil
}

// position writes the instance's place; it answers false where the report was seen before.
func (s *Store) position(ctx context.Context, tx conn, r contract.Report) (bool, error) {
	set := ``
	args := []any{r.Enrollment, r.Chain, r.Seq}
	if p := r.Parked; p != nil {
		state := StateOpen
		if p.Silent {
			state = StateAwaitingGoal
		}
		set = `, step = $4, step_kind = $5, since_at = $6, until_at = $7, state = $8`
		args = append(args, p.Step, p.Kind, millis(p.Since), millis(p.Until), state)
	}
	n, err := affected(
		ctx,
		tx,
		`update enrollments set first_run_id = $2, report_seq = $3`+set+` where id = $1 and state <> 'closed' and (first_run_id = '' or first_run_id = $2) and report_seq <= $3`,
		args...)
	if err != nil || n > 0 {
		return n > 0, err
	}
	e, err := enrollmentOf(ctx, tx, r.Enrollment)
	if errors.Is(err, ErrNotFound) {
		return false, ErrSuperseded
	}
	again := err == nil && e.Chain == r.Chain && e.reportSeq >= int64(r.Seq)
	if err == nil && (!again || e.State == StateClosed && (r.Ended == nil || r.Ended.Outcome != e.Outcome)) {
		err = notMine(e, r.Chain, ErrSuperseded)
	}
	return false, err
}

// passages writes what was passed. A report that was cancelled after its commit is told again by the next one.
func passages(ctx context.Context, tx conn, r contract.Report) error {
	type key struct {
		step  string
		visit int
		skip  int64
	}
	var values [][]any
	at := map[key]int{}
	for i, p := range r.Passed {
		k := key{step: p.Step, visit: p.Visit}
		if p.Arm == contract.ArmSkipped {
			k.skip = max(millis(p.At), 1)
		}
		row := []any{r.Enrollment, p.Step, p.Visit, k.skip, r.Seq, i, p.Kind, millis(p.At), clean(p.Arm), clean(p.Outcome)}
		if n, twice := at[k]; twice {
			values[n] = row
			continue
		}
		at[k] = len(values)
		values = append(values, row)
	}
	_, err := insert(
		ctx,
		tx,
		"step_visits (enrollment, step, visit, skipped_at, seq, position, kind, at, arm, outcome)",
		values,
		`on conflict (enrollment, step, visit, skipped_at) do update
		set seq = excluded.seq, position = excluded.position, kind = excluded.kind, at = excluded.at, arm = excluded.arm, outcome = excluded.outcome`,
	)
	return err
}

// ended closes the enrollment. Its customer is locked: an entry may have waited for this.
func (s *Store) ended(ctx context.Context, now time.Time, r contract.Report) error {
	return s.change(ctx, now, func(tx conn, b *unit) error {
		e, p, err := lockEnrollment(ctx, tx, r.Enrollment)
		if errors.Is(err, ErrNotFound) {
			return ErrSuperseded
		}
		if err != nil {
			return err
		}
		// A run whose workflow task was lost behind its reports does that task again, with what has arrived
		// meanwhile: its end may come under a number that told of a place, and counts all the same.
		new, err := s.position(ctx, tx, r)
		if err != nil || !new && e.State == StateClosed {
			return err
		}
		if err := passages(ctx, tx, r); err != nil {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		return b.closeEnrollment(ctx, b.enrollment(e), r.Ended.Outcome, r.Ended.Reason, r.Ended.Value, r.Ended.At)
	})
}

// Why a send was given up: its instance ended, or went on elsewhere while quiet hours held it.
const (
	reasonEnded   = "JOURNEY_ENDED"
	reasonMovedOn = "REROUTED"
)

// closeEnrollment ends an enrollment of an adopted customer: frees what it held, drops its deliveries and
// decides the entries that waited for it.
func (b *unit) closeEnrollment(ctx context.Context, e *enrollment, outcome, reason string, value float64, at time.Time) error {
	p := b.people[e.Customer]
	if at.IsZero() {
		at = b.now
	}
	p.open = slices.DeleteFunc(p.open, func(other *enrollment) bool { return other.ID == e.ID })
	e.State, e.head = StateClosed, e.tail+1
	if _, err := b.tx.ExecContext(ctx, `update enrollments set state = 'closed', outcome = $2, reason = $3, value = $4, closed_at = $5, next_seq = last_seq + 1, lease_until = 0, attempts = 0, due_at = 0,
		last_error = '', migrating_to = '' where id = $1`, e.ID, outcome, clean(reason), value, millis(at)); err != nil {
		return err
	}
	if err := b.free(ctx, e, outcome, at); err != nil {
		return err
	}
	if e.moving != "" {
		if _, err := b.tx.ExecContext(ctx, `delete from migrations where enrollment = $1 and state = $2`, e.ID, MigrationOrdered); err != nil {
			return err
		}
	}
	var waiting []queued
	if err := rows(ctx, b.tx, func(r *sql.Rows) error {
		q := queued{}
		err := r.Scan(&q.seq, &q.kind, &q.event, &q.body, &q.at)
		if q.kind == deliverEntry {
			waiting = append(waiting, q)
		}
		return err
	}, `delete from outbox where enrollment = $1 returning seq, kind, event, body, at`, e.ID); err != nil {
		return err
	}
	slices.SortFunc(waiting, func(a, b queued) int { return cmp.Compare(a.seq, b.seq) })
	for _, q := range waiting {
		if err := b.reconsider(ctx, p, q.event, q.body, q.at); err != nil {
			return err
		}
	}
	return nil
}

// free gives up what an enrollment that ends still holds, which most do not: hand-offs, sends under way,
// repeated or held, responses of calls.
func (b *unit) free(ctx context.Context, e *enrollment, outcome string, at time.Time) error {
	holds, err := exists(ctx, b.tx, `select 1 from handoffs where enrollment = $1 and state in ('open', 'claimed')
		union all select 1 from sends where enrollment = $1 and status in ('sending', 'retry', 'held')
		union all select 1 from http_call_responses where enrollment = $1 limit 1`, e.ID)
	if err != nil || !holds {
		return err
	}
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		{`update handoffs set state = 'withdrawn', reason = $2, closed_at = $3 where enrollment = $1 and state in ('open', 'claimed')`,
			[]any{e.ID, "its journey ended: " + outcome, millis(at)}},
		{`update sends set outcome_unknown = case when status = 'sending' then 1 else outcome_unknown end,
			unknown_count = unknown_count + case when status = 'sending' then 1 else 0 end, status = 'failed', reason = '` + reasonEnded + `', at = $2
			where enrollment = $1 and status in ('sending', 'retry')`, []any{e.ID, millis(at)}},
		{`update sends set status = 'suppressed', reason = '` + reasonEnded + `', at = $2, until_at = 0 where enrollment = $1 and status = 'held'`, []any{e.ID, millis(at)}},
		{`delete from http_call_responses where enrollment = $1`, []any{e.ID}},
	} {
		if _, err := b.tx.ExecContext(ctx, statement.sql, statement.args...); err != nil {
			return err
		}
	}
	return nil
}
