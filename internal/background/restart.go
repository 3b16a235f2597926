package background

import (
	"context"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// RestartOptions of a restart of lost enrollments.
type RestartOptions struct {
	Journey string // empty: all
	// Since narrows those that were closed because their run was lost: only those closed at Since or later, virtual time.
	// Open ones whose run is lost always begin again.
	Since time.Time
	// All also ends the open runs and begins their enrollments again: where Temporal was restored to an earlier moment, a run
	// may be there and know less than the store.
	All    bool
	DryRun bool // change nothing
}

// RestartReport is the result of a restart. With DryRun it says what would have been done.
type RestartReport struct {
	DryRun    bool        `json:"dry_run,omitempty"`
	Checked   int         `json:"checked"`   // enrollments that were looked up in Temporal
	Restarted []Restarted `json:"restarted"` // enrollments that begin again
	Refused   []Restarted `json:"refused"`   // enrollments that were closed as lost, and stay closed
}

// Restarted is an enrollment that begins again, or does not.
type Restarted struct {
	WorkflowID string    `json:"workflow_id"`
	Enrollment string    `json:"enrollment"`
	Step       string    `json:"step,omitempty"`   // where it waits; empty: at its entry, or after its path
	Since      time.Time `json:"since,omitzero"`   // when it came there, virtual
	FromEntry  bool      `json:"from_entry"`       // no state of it was reported: it begins at its entry
	Events     int       `json:"events"`           // events accepted since then, which are delivered again
	Closed     bool      `json:"closed"`           // it had been closed as lost
	Reason     string    `json:"reason,omitempty"` // why it stays closed
}

// Restart begins enrollments again whose run Temporal does not have, where they were: open ones, and those that were
// closed for that reason. The relay then starts their runs. With All, nothing else may use the store meanwhile.
func (r *Reconciler) Restart(ctx context.Context, o RestartOptions) (RestartReport, error) {
	report := RestartReport{DryRun: o.DryRun, Restarted: []Restarted{}, Refused: []Restarted{}}
	for _, filter := range []enrollment.Filter{
		{Journey: o.Journey, Live: true, Limit: reconcilePage},
		{Journey: o.Journey, State: unit.StateClosed, Outcome: contract.Failed, Limit: reconcilePage},
	} {
		for {
			page, err := r.cfg.Enrollments.List(ctx, filter)
			if err != nil {
				return report, err
			}
			if err := r.restartPage(ctx, page, o, &report); err != nil {
				return report, err
			}
			if len(page) < reconcilePage {
				break
			}
			filter.After = page[len(page)-1].ID
		}
	}
	return report, nil
}

// restartPage restarts the lost enrollments of a page.
func (r *Reconciler) restartPage(ctx context.Context, page []unit.Enrollment, o RestartOptions, report *RestartReport) error {
	var candidates []unit.Enrollment
	for _, e := range page {
		if e.State != unit.StateClosed || strings.HasPrefix(e.Reason, unit.LostReason) && !e.ClosedAt.Before(o.Since) {
			candidates = append(candidates, e)
		}
	}
	fates, err := r.fates(ctx, candidates)
	if err != nil {
		return err
	}
	if err := r.atHome(ctx); err != nil { // after the answers
		return err
	}
	for i, e := range candidates {
		report.Checked++
		one := Restarted{WorkflowID: e.WorkflowID, Enrollment: e.ID, Step: e.Step, Since: e.Since, Closed: e.State == unit.StateClosed}
		switch {
		case fates[i].ended != nil && one.Closed:
			one.Reason = "its run has ended in Temporal after all: " + fates[i].ended.Outcome
			report.Refused = append(report.Refused, one)
			continue
		case one.Closed, fates[i].missing != "":
		case o.All && fates[i].run != "" && !o.DryRun:
			err := r.cfg.Client.TerminateWorkflow(ctx, e.WorkflowID, fates[i].run, "its enrollment begins again: tabi restart --all")
			if err != nil && !relay.NotFound(err) {
				return err
			}
		case o.All && (fates[i].run != "" || fates[i].ended != nil && fates[i].ended.Reason == terminated):
			// a dry run, or a restart that was interrupted after it had terminated the run
		default: // it runs, has ended, or waits for its start
			continue
		}
		again, err := r.cfg.Enrollments.Restart(ctx, clock.Now(r.cfg.Clock), e.ID, o.DryRun)
		if err != nil {
			return err
		}
		one.FromEntry, one.Events, one.Reason = !again.Snapshot, again.Events, again.Refused
		if again.Refused != "" {
			report.Refused = append(report.Refused, one)
			continue
		}
		report.Restarted = append(report.Restarted, one)
	}
	return nil
}
