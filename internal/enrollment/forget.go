package enrollment

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Forget is an OnForget hook of this room. A closed enrollment stays, with its steps, so that the numbers of its journey do not
// change: which revision, when it began and ended, how, and what it was worth. What says whose it was goes. An open enrollment is left
// alone: its run is ended first.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	const own = `enrollment in (select id from enrollments where customer = $1)`
	const visits = "which steps were passed and by which arm, for the numbers of the journey; not by whom"
	if err := forgetArms(ctx, b, f, visits); err != nil {
		return err
	}
	if err := f.Replace(ctx, b, "step_visits", "enrollment, step, visit, skipped_at", `outcome = ''`, own+` and outcome <> ''`, visits,
		f.Customer); err != nil {
		return err
	}
	if err := f.Replace(ctx, b, "migrations", "enrollment, revision", `reason = ''`, own+` and reason <> ''`,
		"that an enrollment migrated, for the numbers of the revision; not whose", f.Customer); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "entry_conditions", "customer, journey", `customer = $1`, "which conditions held for the customer",
		f.Customer); err != nil {
		return err
	}
	if err := forgetCursors(ctx, b, f); err != nil {
		return err
	}
	// With a new token, a relay that still has a lease cannot note why it failed: the words may name the workflow.
	return f.Replace(ctx, b, "enrollments", "id", `customer = $2, lease_token = lease_token + 1,
		workflow_id = 'forgotten/' || id, instance_key = '', entry_event = '', draw_id = '', origin = '', reason = '', first_run_id = '',
		lost_run_id = '', snapshot = '', last_error = ''`,
		`customer = $1 and state = 'closed'`,
		"that somebody went through the journey, when, how it ended and what it was worth; not who", f.Customer, f.Pseudonym)
}

// KeepGoal stores a goal that an enrollment did not see, before the event is erased that says so.
func KeepGoal(ctx context.Context, tx sqldb.Conn, enrollmentID string, at time.Time, value float64) error {
	_, err := tx.ExecContext(ctx, `update enrollments set goal_at = $2, goal_value = $3 where id = $1 and goal_at = 0`, enrollmentID,
		sqldb.Millis(at), value)
	return err
}

// forgetArms empties the arms of hand-offs that no journey names: an agent has written them.
func forgetArms(ctx context.Context, b *unit.Unit, f *unit.Forgetting, why string) error {
	type way struct{ revision, step, arm string }
	var ways []way
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		var w way
		err := r.Scan(&w.revision, &w.step, &w.arm)
		ways = append(ways, w)
		return err
	}, `select distinct revision, step, arm from step_visits where kind = 'handoff' and arm not in ('', $2, $3) and
		enrollment in (select id from enrollments where customer = $1)`, f.Customer, journey.ArmTimeout, journey.ArmSkipped); err != nil {
		return err
	}
	for _, w := range ways {
		named := false
		if p, err := b.Load(ctx, w.revision); err == nil {
			for i := range p.Steps {
				if h, ok := p.Steps[i].Spec.(*journey.Handoff); ok && p.Steps[i].ID == w.step {
					_, named = h.Outcomes[w.arm]
				}
			}
		}
		if named {
			continue
		}
		if err := f.Replace(ctx, b, "step_visits", "enrollment, step, visit, skipped_at", `arm = ''`, `enrollment in (select id from
			enrollments where customer = $1) and revision = $2 and step = $3 and arm = $4`, why, f.Customer, w.revision, w.step,
			w.arm); err != nil {
			return err
		}
	}
	return nil
}

// forgetCursors moves the schedules that have come as far as the customer back to the one before: nobody is between the two.
func forgetCursors(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	t := f.Table("schedule_zones", "how far a schedule has come, by the customer before")
	if f.DryRun || f.Left <= 0 {
		return nil
	}
	for _, id := range f.IDs {
		here, err := sqldb.Exists(ctx, b.Tx, `select 1 from schedule_zones where reached = $1`, id)
		if err != nil {
			return err
		}
		if !here {
			continue
		}
		before, err := customer.Before(ctx, b.Tx, id)
		if err != nil {
			return err
		}
		n, err := sqldb.Affected(ctx, b.Tx, `update schedule_zones set reached = $2 where reached = $1`, id, before)
		if err != nil {
			return err
		}
		t.Pseudonymized += n
		f.Left -= n
	}
	return nil
}

// OrderEnd orders enrollments of a customer who is being forgotten to end. An order that is given again is dropped by the run.
func OrderEnd(ctx context.Context, b *unit.Unit, customerID string, ids []string) error {
	p, err := customer.LockOwner(ctx, b.Tx, `select cast($1 as text)`, customerID)
	if err != nil {
		return err
	}
	if err := b.Adopt(ctx, p); err != nil {
		return err
	}
	for _, id := range ids {
		e, err := Get(ctx, b.Tx, id)
		if err != nil {
			return err
		}
		if e.State == unit.StateClosed {
			continue
		}
		order := contract.Delivery{ID: "forget/" + e.ID, Enrollment: e.ID,
			Command: &contract.Command{Kind: contract.ExitUpdate, By: "tabi", Reason: "the customer is forgotten"}}
		if err := outbox.EnqueueMessage(b, e, order); err != nil {
			return err
		}
	}
	return nil
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{
		Table: "enrollments", Title: "Journeys that you are or were in", Where: `customer = $1`, Key: "id",
		Hide: []string{
			"draw_id", "first_run_id", "lost_run_id", "report_seq", "next_seq", "last_seq", "queued_at", "due_at", "lease_token",
			"lease_until", "attempts", "missing_since", "snapshot", "depth", "until_at",
		},
	},
	{
		Table: "step_visits", Title: "Steps of these journeys", Where: `enrollment in (select id from enrollments where customer = $1)`,
		Key: "enrollment, step, visit, skipped_at", Hide: []string{"seq", "position"},
	},
	{
		Table: "migrations", Title: "Changes of these journeys", Where: `enrollment in (select id from enrollments where customer = $1)`,
		Key: "enrollment, revision", Hide: []string{"by_whom"},
	},
	{Table: "entry_conditions", Title: "Conditions that hold for you", Where: `customer = $1`, Key: "customer, journey"},
}
