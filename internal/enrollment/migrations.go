package enrollment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const movingQuery = `select m.enrollment, e.workflow_id, e.customer, m.origin, m.revision, m.step, m.target, m.state, m.reason from
migrations m join enrollments e on e.id = m.enrollment`

func scanMoving(r sqldb.Scanner) (MigrationStatus, error) {
	var m MigrationStatus
	err := r.Scan(&m.Enrollment, &m.WorkflowID, &m.Customer, &m.From, &m.To, &m.Step, &m.Target, &m.State, &m.Reason)
	return m, err
}

// Migrate orders a page of open enrollments that are not on the current revision, in id order, to migrate if they can. An
// enrollment with an unanswered order is listed and not ordered again. Held-out enrollments take no step and keep their
// revision. It returns ErrNotFound if the current release has no such journey.
func (s *Room) Migrate(ctx context.Context, now time.Time, m Migration) (MigrationPage, error) {
	var page MigrationPage
	look := func(tx sqldb.Conn, b *unit.Unit) error {
		page = MigrationPage{Migrations: []MigrationStatus{}}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		to := rel.Programs[m.Journey]
		if to == nil {
			return sqldb.ErrNotFound
		}
		var all []*unit.EnrollmentRow
		var ids, customers []string
		limit := sqldb.Bounded(m.Limit)
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			all, ids, customers = append(all, e), append(ids, e.ID), append(customers, e.Customer)
			return err
		}, `select `+enrollmentColumns+` from enrollments where journey = $1 and state <> 'closed' and holdout = 0 and revision <>
		$2 and id > $3 order by id limit $4`,
			m.Journey, to.Revision(), m.After, limit); err != nil {
			return err
		}
		if len(all) == limit {
			page.Next = all[limit-1].ID
		}
		if b != nil { // read again under the customers' locks
			if err := b.Lock(ctx, customers); err != nil {
				return err
			}
			if all, err = stillOpen(b, all, to.Revision()); err != nil {
				return err
			}
		}
		before := map[string]MigrationStatus{}
		if err := sqldb.Within(ctx, tx, movingQuery+` where m.revision = $1 and m.enrollment in (%s)`, ids, func(r *sql.Rows) error {
			one, err := scanMoving(r)
			before[one.Enrollment] = one
			return err
		}, to.Revision()); err != nil {
			return err
		}
		for _, e := range all {
			if ordered, ok := before[e.ID]; ok && ordered.State == MigrationOrdered {
				page.Migrations = append(page.Migrations, ordered)
				continue
			}
			one, err := s.moving(ctx, tx, e, to, m)
			if err != nil {
				return err
			}
			page.Migrations = append(page.Migrations, one)
			if b == nil {
				continue
			}
			if err := orderMigration(ctx, b, e, one, m); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if m.DryRun {
		err = s.db.Read(ctx, func(tx sqldb.Conn) error { return look(tx, nil) })
	} else {
		err = s.db.Change(ctx, now, look)
	}
	if err != nil {
		return MigrationPage{}, err
	}
	return page, nil
}

// stillOpen returns the unit's own copies of the enrollments that are still open and not on revision.
func stillOpen(b *unit.Unit, all []*unit.EnrollmentRow, revision string) ([]*unit.EnrollmentRow, error) {
	var out []*unit.EnrollmentRow
	for _, e := range all {
		p := b.Customers[e.Customer]
		if p == nil { // it is being forgotten
			continue
		}
		if p.Merged != "" { // while waiting for the lock
			return nil, sqldb.ErrAgain
		}
		for _, own := range p.Open {
			if own.ID == e.ID && own.Revision != revision {
				out = append(out, own)
			}
		}
	}
	return out, nil
}

// moving returns whether an enrollment can migrate, and to which step.
func (s *Room) moving(ctx context.Context, tx sqldb.Conn, e *unit.EnrollmentRow, to *journey.Program,
	m Migration) (MigrationStatus, error) {
	one := MigrationStatus{
		Enrollment: e.ID,
		WorkflowID: e.WorkflowID,
		Customer:   e.Customer,
		From:       e.Revision,
		To:         to.Revision(),
		Step:       e.Step,
		State:      MigrationOrdered,
	}
	from, err := s.db.Load(ctx, tx, e.Revision)
	if err != nil {
		one.State, one.Reason = MigrationRefused, fmt.Sprintf("its revision %s does not load in this build", e.Revision)
		if sqldb.Transient(err) || ctx.Err() != nil {
			return one, err
		}
		return one, nil
	}
	if one.Target, one.Reason = from.CanMigrate(e.Step, to, m.Renamed); one.Reason != "" {
		one.State = MigrationRefused
	}
	one.Was, one.Until = e.Until, e.Until
	if m.Retime && one.Reason == "" {
		one.Until = retimed(e, to, one.Target)
	}
	return one, nil
}

// retimed returns when a wait would end whose time is counted again by another revision, as the run computes it. It is zero
// for a moment that only the run can compute. Steps of other kinds keep their time.
func retimed(e *unit.EnrollmentRow, to *journey.Program, step string) time.Time {
	at, ok := to.Index(step)
	if !ok || e.Until.IsZero() {
		return e.Until
	}
	switch spec := to.Steps[at].Spec.(type) {
	case *journey.Wait:
		if spec.Until != "" || spec.At != "" {
			return time.Time{}
		}
		return e.Since.Add(spec.Duration)
	case *journey.WaitFor:
		return e.Since.Add(spec.Timeout)
	case *journey.Ask:
		return e.Since.Add(spec.Timeout)
	}
	return e.Until
}

// orderMigration stores the verdict on an enrollment and enqueues the order, if it can migrate.
func orderMigration(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, one MigrationStatus, m Migration) error {
	if _, err := b.Tx.ExecContext(ctx, `insert into migrations (enrollment, revision, journey, origin, step, target, state, reason,
	by_whom, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (enrollment, revision) do update set origin = excluded.origin, step = excluded.step, target = excluded.target, state
		= excluded.state, reason = excluded.reason,
			by_whom = excluded.by_whom, at = excluded.at`,
		e.ID, one.To, e.Journey, one.From, one.Step, sqldb.Clean(one.Target), one.State, sqldb.Clean(one.Reason), sqldb.Clean(m.By),
		sqldb.Millis(b.Now)); err != nil ||
		one.State != MigrationOrdered {
		return err
	}
	if _, err := b.Tx.ExecContext(ctx, `update enrollments set migrating_to = $2 where id = $1`, e.ID, one.To); err != nil {
		return err
	}
	e.Moving = one.To
	return deliverCommand(
		ctx, b,
		e,
		contract.Command{
			Kind:     contract.MigrateOrder,
			By:       m.By,
			Reason:   "migrated to revision " + one.To,
			Revision: one.To,
			Renamed:  m.Renamed,
			Retime:   m.Retime,
		},
	)
}

// MigrationStatuses lists the migrations of a journey to the current revision, by enrollment id, after the enrollment
// after. limit: default 100, max 1000. It returns ErrNotFound if the current release has no such journey.
func (s *Room) MigrationStatuses(ctx context.Context, name, after string, limit int) ([]MigrationStatus, error) {
	var out []MigrationStatus
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		to := rel.Programs[name]
		if to == nil {
			return sqldb.ErrNotFound
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			one, err := scanMoving(r)
			out = append(out, one)
			return err
		}, movingQuery+` where m.revision = $1 and m.enrollment > $2 order by m.enrollment limit $3`, to.Revision(), after,
			sqldb.Bounded(limit))
	})
	return out, err
}

// RecordMigration stores that an enrollment migrates to another revision or refuses to (see contract.Move), and returns the
// events as the new revision reads them. A repeat changes nothing.
func (s *Room) RecordMigration(ctx context.Context, now time.Time, in contract.Move) (contract.MoveResult, error) {
	var result contract.MoveResult
	err := s.db.Write(ctx, func(tx sqldb.Conn) error {
		result = contract.MoveResult{}
		e, _, claim := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		again := unit.Replayed(e, in.Chain, claim)
		if claim != nil && !again {
			return claim
		}
		if in.Refused != "" {
			if again {
				return nil
			}
			return refuseMove(ctx, tx, e.ID, in.To, in.Refused, now)
		}
		to, err := s.db.Load(ctx, tx, in.To)
		if err != nil {
			return err
		}
		if to.Journey != e.Journey {
			return sqldb.InputError(fmt.Sprintf("revision %s is of journey %q, not of %q", in.To, to.Journey, e.Journey))
		}
		if !again && e.Revision != in.To {
			if err := moved(ctx, tx, e, to.Program, in, now); err != nil {
				return err
			}
		}
		result, err = projected(ctx, tx, e, to.Program, in.Events)
		return err
	})
	return result, err
}

// moved stores the new revision and the enrollment's step in it.
func moved(ctx context.Context, tx sqldb.Conn, e *unit.EnrollmentRow, to *journey.Program, in contract.Move, now time.Time) error {
	target := sqldb.Clean(in.Step)
	if e.Step != "" && target != "" && target != e.Step {
		if err := handoff.RenameStep(ctx, tx, e.ID, e.Step, target); err != nil {
			return err
		}
	}
	kind := e.StepKind
	if at, ok := to.Index(target); ok {
		kind = to.Steps[at].Kind
	}
	if _, err := tx.ExecContext(ctx, `update enrollments set revision = $2, step = $3, step_kind = $4, migrating_to = case when
	migrating_to = $2 then '' else migrating_to end where id = $1`,
		e.ID, in.To, target, kind); err != nil {
		return err
	}
	_, err := tx.ExecContext(
		ctx,
		`insert into migrations (enrollment, revision, journey, origin, step, target, state, by_whom, at) values ($1, $2, $3, $4, $5, $6,
		$7, '', $8)
		on conflict (enrollment, revision) do update set origin = excluded.origin, step = excluded.step, target = excluded.target, state
		= excluded.state, reason = '', at = excluded.at`,
		e.ID,
		in.To,
		e.Journey,
		e.Revision,
		e.Step,
		target,
		MigrationDone,
		sqldb.Millis(now),
	)
	return err
}

// projected returns the properties of the entry event and of other events that a program reads.
func projected(ctx context.Context, tx sqldb.Conn, e *unit.EnrollmentRow, to *journey.Program, ids []string) (contract.MoveResult, error) {
	reads := to.Reads()
	result := contract.MoveResult{Events: map[string]json.RawMessage{}}
	events, err := customer.EventsByID(ctx, tx, append([]string{e.EntryEvent}, ids...))
	if err != nil {
		return result, err
	}
	if ev := events[e.EntryEvent]; ev != nil {
		if result.Entry, err = journey.ProjectJSON(ev.Text, reads.Entry); err != nil {
			return result, err
		}
	}
	for _, id := range ids {
		if ev := events[id]; ev != nil {
			if result.Events[id], err = journey.ProjectJSON(ev.Text, reads.Event); err != nil {
				return result, err
			}
		}
	}
	return result, nil
}

// MoveRefused stores that a run rejected an order to migrate before accepting it. It changes nothing if there is no open
// order.
func (s *Room) MoveRefused(ctx context.Context, now time.Time, enrollmentID, revision, reason string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		e, _, err := s.db.LockEnrollment(ctx, tx, enrollmentID)
		if errors.Is(err, sqldb.ErrNotFound) || err == nil && e.State == unit.StateClosed {
			return nil
		}
		if err != nil {
			return err
		}
		return refuseMove(ctx, tx, e.ID, revision, reason, now)
	})
}

func refuseMove(ctx context.Context, tx sqldb.Conn, enrollmentID, revision, reason string, now time.Time) error {
	n, err := sqldb.Affected(ctx, tx, `update migrations set state = $3, reason = $4, at = $5 where enrollment = $1 and revision = $2 and
	state = $6`,
		enrollmentID, revision, MigrationRefused, sqldb.Clean(reason), sqldb.Millis(now), MigrationOrdered)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `update enrollments set migrating_to = '' where id = $1 and migrating_to = $2`, enrollmentID, revision)
	return err
}
