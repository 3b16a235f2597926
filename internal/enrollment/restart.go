package enrollment

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Restarted says how an enrollment begins again.
type Restarted struct {
	Refused  string // why it does not, for people; empty: it does
	Snapshot bool   // it begins where its run reported last; false: at its entry
	Events   int    // events that were accepted since and are delivered again
}

// reported is what Restart reads of a snapshot, which is the interpreter's (workflows.Snapshot).
type reported struct {
	Seen   []string `json:"seen"`
	Paused bool     `json:"paused"`
	Silent bool     `json:"silent"`
	Log    []string `json:"log"`
	Wait   struct {
		Key string `json:"key"`
	} `json:"wait"`
}

// Restart begins an enrollment again whose run is lost. The caller has made sure that Temporal has no run of it.
//
// The invariant: the enrollment keeps its id, and with it the keys of all it has sent, so nothing goes out twice. It
// begins in the state that its run reported with its last wait, or at its entry if there was none. Then it gets, in this
// order, every event that was accepted since and that it listens to, and what was still in its queue. Its run drops what
// the state has seen. The lost run cannot claim the enrollment again: a worker may still be busy with a run that Temporal
// has forgotten, and its last report would come first, or Temporal may be restored once more. alive says that the run is
// there after all, and may continue.
//
// An enrollment that was closed because its run was lost is opened again, with its hand-off and the sends that waited. It
// stays closed if the customer has entered again meanwhile.
//
// A dry run changes nothing.
func (s *Room) Restart(ctx context.Context, now time.Time, id string, alive, dryRun bool) (out Restarted, err error) {
	err = s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		out = Restarted{}
		e, p, err := s.db.LockEnrollment(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		e = b.Enrollment(e)
		if out.Refused, err = cannotRestart(ctx, tx, p, e); err != nil || out.Refused != "" {
			return err
		}
		var raw string
		if err := tx.QueryRowContext(ctx, `select snapshot from enrollments where id = $1`, id).Scan(&raw); err != nil {
			return err
		}
		was := reported{Seen: []string{e.EntryEvent}}
		if out.Snapshot = raw != ""; out.Snapshot {
			if err := json.Unmarshal([]byte(raw), &was); err != nil {
				return fmt.Errorf("the snapshot of enrollment %s cannot be read: %w", id, err)
			}
		}
		events, err := missedBy(ctx, b, e, was)
		if err != nil {
			return err
		}
		if out.Events = len(events); dryRun {
			return nil
		}
		if raw, err = withLine(raw, was.Log, now); err != nil {
			return err
		}
		if err := reopen(ctx, b, p, e, was, alive); err != nil {
			return err
		}
		orders, err := outbox.Requeue(ctx, b, e, raw, events)
		if err != nil {
			return err
		}
		if e.Moving != "" && !orders[contract.MigrateOrder] { // its run had taken the order
			if err := dropMove(ctx, b, e); err != nil {
				return err
			}
		}
		if e.Paused != was.Paused { // so had it the one to pause, or to resume
			kind := contract.ResumeUpdate
			if e.Paused {
				kind = contract.PauseUpdate
			}
			return deliverCommand(ctx, b, e, contract.Command{Kind: kind, Reason: "as before its run was lost"})
		}
		return nil
	})
	return out, err
}

// cannotRestart says why an enrollment stays as it is; empty: it may begin again.
func cannotRestart(ctx context.Context, tx sqldb.Conn, p *unit.LockedCustomer, e *unit.EnrollmentRow) (string, error) {
	if p.Merged != "" {
		return "its customer is being forgotten", nil
	}
	if e.State != unit.StateClosed {
		return "", nil
	}
	if e.Outcome != contract.Failed || !strings.HasPrefix(e.Reason, unit.LostReason) {
		return "it has ended: " + e.Outcome, nil
	}
	for _, other := range p.Open {
		if other.Journey == e.Journey && other.Key == e.Key {
			return "the customer has entered the journey again: " + other.WorkflowID, nil
		}
	}
	taken, err := sqldb.Exists(ctx, tx, `select 1 from enrollments where workflow_id = $1 and state <> 'closed'`, e.WorkflowID)
	if taken {
		return "another enrollment has its workflow id", err
	}
	return "", err
}

// missedBy returns the ids of the events that were accepted after the last one the reported state has seen, and that the
// enrollment listens to, in order.
func missedBy(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, was reported) ([]string, error) {
	since, err := customer.EventsAfter(ctx, b.Tx, e.Customer, was.Seen)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, event := range since {
		hears, _, err := listensTo(ctx, b, e, event.Name, nil)
		if err != nil {
			return nil, err
		}
		if hears {
			ids = append(ids, event.ID)
		}
	}
	return ids, nil
}

// withLine adds a line to the log of a snapshot.
func withLine(raw string, log []string, now time.Time) (string, error) {
	if raw == "" {
		return "", nil
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(raw), &all); err != nil {
		return "", err
	}
	log = append(log, now.UTC().Format("2006-01-02 15:04:05 UTC")+" began again where it was: its run was lost")
	line, err := json.Marshal(log)
	if err != nil {
		return "", err
	}
	all["log"] = line
	return sqldb.JSONText(all)
}

// reopen makes the enrollment one that waits for its start. If it was closed, it gets back what closing took from it.
func reopen(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, e *unit.EnrollmentRow, was reported, alive bool) error {
	lost := e.Chain
	if alive {
		lost = ""
	}
	if e.State == unit.StateClosed {
		e.State = unit.StateOpen
		if was.Silent {
			e.State = unit.StateAwaitingGoal
		}
		p.Open = append(p.Open, e)
		if err := message.Revive(ctx, b.Tx, e.ID); err != nil {
			return err
		}
		if err := handoff.Reopen(ctx, b.Tx, was.Wait.Key); err != nil {
			return err
		}
	}
	e.Head, e.Outcome, e.Reason, e.Chain = e.Tail+1, "", "", ""
	_, err := b.Tx.ExecContext(ctx, `update enrollments set state = $2, outcome = '', reason = '', closed_at = 0, first_run_id = '',
		missing_since = 0, next_seq = last_seq + 1, lease_until = 0, lease_token = lease_token + 1, attempts = 0, due_at = 0,
		last_error = '', lost_run_id = case when cast($3 as text) = '' then lost_run_id else cast($3 as text) end where id = $1`,
		e.ID, e.State, lost)
	return err
}

// dropMove forgets an order to migrate that the lost run had taken and not answered: `tabi migrate` may give it again.
func dropMove(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) error {
	e.Moving = ""
	if _, err := b.Tx.ExecContext(ctx, `update enrollments set migrating_to = '' where id = $1`, e.ID); err != nil {
		return err
	}
	_, err := b.Tx.ExecContext(ctx, `delete from migrations where enrollment = $1 and state = $2`, e.ID, MigrationOrdered)
	return err
}
