package enrollment

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Report records the step of an enrollment. It claims the enrollment; on ErrSuperseded the run must end. Of reports with
// the same Seq the last one counts, and a report with a lower Seq than a stored one changes nothing.
func (s *Room) Report(ctx context.Context, now time.Time, r contract.Report) error {
	var counts bool
	if len(r.Acts) > 0 {
		ctx = withActs(ctx, r, &counts)
	}
	if r.Ended != nil {
		return s.ended(ctx, now, r, &counts)
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		new, err := s.position(ctx, tx, r)
		if counts = new; err != nil || !new {
			return err
		}
		if r.Parked != nil {
			if err := message.AbandonSends(ctx, tx, r.Enrollment, r.Parked.Step, r.Key, offer.DropUnsentOffers); err != nil {
				return err
			}
		}
		return writeStepVisits(ctx, tx, r)
	})
}

// position writes the enrollment's step. It returns false if the report is already stored.
func (s *Room) position(ctx context.Context, tx sqldb.Conn, r contract.Report) (bool, error) {
	set := ``
	args := []any{r.Enrollment, r.Chain, r.Seq}
	if p := r.Parked; p != nil {
		state := unit.StateOpen
		if p.Silent {
			state = unit.StateAwaitingGoal
		}
		set = `, step = $4, step_kind = $5, since_at = $6, until_at = $7, state = $8`
		args = append(args, p.Step, p.Kind, sqldb.Millis(p.Since), sqldb.Millis(p.Until), state)
		if len(r.Snapshot) > 0 {
			set += `, snapshot = $9`
			args = append(args, string(r.Snapshot))
		}
	}
	n, err := sqldb.Affected(
		ctx,
		tx,
		`update enrollments set first_run_id = $2, report_seq = $3`+set+
			` where id = $1 and state <> 'closed' and (first_run_id = '' or first_run_id = $2) and lost_run_id <> $2 and
			report_seq <= $3`,
		args...)
	if err != nil || n > 0 {
		return n > 0, err
	}
	e, err := Get(ctx, tx, r.Enrollment)
	if errors.Is(err, sqldb.ErrNotFound) {
		return false, unit.ErrSuperseded
	}
	again := err == nil && e.Chain == r.Chain && e.ReportSeq >= int64(r.Seq)
	if err == nil && (!again || e.State == unit.StateClosed && (r.Ended == nil || r.Ended.Outcome != e.Outcome)) {
		err = unit.EndedByItself(e, r.Chain, unit.ErrSuperseded)
	}
	return false, err
}

// writeStepVisits writes the visited steps. A report whose commit the run did not learn of is repeated by the next one, so rows
// may exist already.
func writeStepVisits(ctx context.Context, tx sqldb.Conn, r contract.Report) error {
	type key struct {
		step  string
		visit int
		skip  int64
	}
	var values [][]any
	at := map[key]int{}
	for i, p := range r.Passed {
		k := key{step: p.Step, visit: p.Visit}
		if p.Arm == journey.ArmSkipped {
			k.skip = max(sqldb.Millis(p.At), 1)
		}
		row := []any{r.Enrollment, cmp.Or(p.Revision, r.Revision), p.Step, p.Visit, k.skip, r.Seq, i, p.Kind, sqldb.Millis(p.At),
			sqldb.Clean(p.Arm), sqldb.Clean(p.Outcome)}
		if n, twice := at[k]; twice {
			values[n] = row
			continue
		}
		at[k] = len(values)
		values = append(values, row)
	}
	_, err := sqldb.Insert(
		ctx,
		tx,
		"step_visits (enrollment, revision, step, visit, skipped_at, seq, position, kind, at, arm, outcome)",
		values,
		`on conflict (enrollment, step, visit, skipped_at) do update
		set seq = excluded.seq, position = excluded.position, kind = excluded.kind, at = excluded.at, arm = excluded.arm, outcome =
		excluded.outcome`,
	)
	return err
}

// ended closes the enrollment. It locks the customer, because a deferred entry may be decided now.
func (s *Room) ended(ctx context.Context, now time.Time, r contract.Report, counts *bool) error {
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, err := s.db.LockEnrollment(ctx, tx, r.Enrollment)
		if errors.Is(err, sqldb.ErrNotFound) {
			return unit.ErrSuperseded
		}
		if err != nil {
			return err
		}
		// A run whose workflow task was lost after its reports repeats that task with the events that have arrived
		// meanwhile. Its end may then have the Seq of a stored position, and counts anyway.
		new, err := s.position(ctx, tx, r)
		if *counts = new; err != nil || !new && e.State == unit.StateClosed {
			return err
		}
		if err := writeStepVisits(ctx, tx, r); err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		return closeEnrollment(ctx, b, b.Enrollment(e), r.Ended.Outcome, r.Ended.Reason, r.Ended.Value, r.Ended.At)
	})
}

// closeEnrollment closes an enrollment of an adopted customer: it releases what the enrollment holds, drops its deliveries
// and decides its deferred entries.
func closeEnrollment(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, outcome, reason string, value float64, at time.Time) error {
	p := b.Customers[e.Customer]
	if at.IsZero() {
		at = b.Now
	}
	e.Outcome, e.Reason = outcome, reason // for the hooks
	p.Open = slices.DeleteFunc(p.Open, func(other *unit.EnrollmentRow) bool { return other.ID == e.ID })
	e.State, e.Head = unit.StateClosed, e.Tail+1
	if _, err := b.Tx.ExecContext(ctx, `update enrollments set state = 'closed', outcome = $2, reason = $3, value = $4, closed_at = $5,
	next_seq = last_seq + 1, lease_until = 0, attempts = 0, due_at = 0,
		last_error = '', migrating_to = '', missing_since = 0,
		snapshot = case when cast($2 as text) = 'failed' then snapshot else '' end where id = $1`,
		e.ID, outcome, sqldb.Clean(reason), value, sqldb.Millis(at)); err != nil {
		return err
	}
	if err := releaseResources(ctx, b, e, outcome, at); err != nil {
		return err
	}
	if e.Moving != "" {
		if _, err := b.Tx.ExecContext(ctx, `delete from migrations where enrollment = $1 and state = $2`, e.ID,
			MigrationOrdered); err != nil {
			return err
		}
	}
	waiting, err := outbox.DropQueue(ctx, b, e)
	if err != nil {
		return err
	}
	for _, q := range waiting {
		if err := retryDeferredEntry(ctx, b, p, q.Event, q.Body, q.At); err != nil {
			return err
		}
	}
	return nil
}

// releaseResources calls the OnClose hooks if an enrollment that ends still holds something. Most hold nothing.
func releaseResources(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, outcome string, at time.Time) error {
	var held []string
	for _, h := range b.Units.Hooks.OnClose {
		held = append(held, h.Holds)
	}
	holds, err := sqldb.Exists(ctx, b.Tx, strings.Join(held, " union all ")+` limit 1`, e.ID)
	if err != nil || !holds {
		return err
	}
	for _, h := range b.Units.Hooks.OnClose {
		if err := h.Release(ctx, b, e, outcome, at); err != nil {
			return err
		}
	}
	return nil
}
