package background

import (
	"context"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
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
	DryRun bool `json:"dry_run,omitempty"`
	api.RestartPage
}

// Restart begins enrollments again whose run Temporal does not have, where they were: open ones, and those that were
// closed for that reason. The relay then starts their runs. With All, nothing else may use the store meanwhile.
func (r *Reconciler) Restart(ctx context.Context, o RestartOptions) (RestartReport, error) {
	report := RestartReport{DryRun: o.DryRun, RestartPage: emptyPage()}
	for {
		err := r.restartFrom(ctx, o, &report.RestartPage)
		if err != nil || report.Next == "" {
			return report, err
		}
	}
}

func emptyPage() api.RestartPage {
	return api.RestartPage{Restarted: []api.Restarted{}, Refused: []api.Restarted{}}
}

// RestartPage is Restart for one page; after is the Next of the page before.
func (r *Reconciler) RestartPage(ctx context.Context, o RestartOptions, after string) (api.RestartPage, error) {
	page := emptyPage()
	page.Next = after
	err := r.restartFrom(ctx, o, &page)
	return page, err
}

// closedOnes begins the position of a restart that has done all open enrollments. Enrollment ids do not contain it.
const closedOnes = "closed/"

// restartFrom restarts a page of enrollments from report.Next on, and sets that to the next one.
func (r *Reconciler) restartFrom(ctx context.Context, o RestartOptions, report *api.RestartPage) error {
	after, closed := strings.CutPrefix(report.Next, closedOnes)
	filter := enrollment.Filter{Journey: o.Journey, After: after, Limit: reconcilePage}
	if filter.Live = !closed; closed {
		filter.State, filter.Outcome = unit.StateClosed, contract.Failed
	}
	page, err := r.cfg.Enrollments.List(ctx, filter)
	if err != nil {
		return err
	}
	if err := r.restartPage(ctx, page, o, report); err != nil {
		return err
	}
	switch {
	case len(page) == reconcilePage && closed:
		report.Next = closedOnes + page[len(page)-1].ID
	case len(page) == reconcilePage:
		report.Next = page[len(page)-1].ID
	case closed:
		report.Next = ""
	default:
		report.Next = closedOnes
	}
	return nil
}

// restartPage restarts the lost enrollments of a page.
func (r *Reconciler) restartPage(ctx context.Context, page []unit.Enrollment, o RestartOptions, report *api.RestartPage) error {
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
		one := api.Restarted{WorkflowID: e.WorkflowID, Enrollment: e.ID, Step: e.Step, Since: e.Since, Closed: e.State == unit.StateClosed}
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
		alive := one.Closed && fates[i].run != "" // it was closed as lost, and its run was only out of sight
		again, err := r.cfg.Enrollments.Restart(ctx, clock.Now(r.cfg.Clock), e.ID, alive, o.DryRun)
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
