package background

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Report is the result of a reconciliation. With Options.DryRun it says what would have been done.
type Report struct {
	DryRun  bool     `json:"dry_run,omitempty"`
	Checked int      `json:"checked"` // open enrollments that were looked up in Temporal
	Closed  []Closed `json:"closed"`  // enrollments that were closed because their run has ended, or is gone
	// Terminated are the enrollments that were closed while their run was still open in Temporal.
	Terminated []Closed `json:"terminated"`
	// Missing are open enrollments without a run in Temporal that stay open for now.
	Missing []Missing `json:"missing"`
	// Orphans are open runs of journeys whose enrollment the store does not know.
	Orphans []Orphan `json:"orphans"`
	// Alarm says that more runs were missing than single faults explain. Then none of them was closed.
	Alarm string `json:"alarm,omitempty"`
}

// Closed is an enrollment that is closed, and the reason.
type Closed struct {
	WorkflowID string `json:"workflow_id"`
	Enrollment string `json:"enrollment"`
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason"`
}

// Missing is an open enrollment that has no run in Temporal.
type Missing struct {
	WorkflowID string    `json:"workflow_id"`
	Enrollment string    `json:"enrollment"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"` // when a reconciler missed it first, wall time
}

// Orphan is an open run whose enrollment the store does not know.
type Orphan struct {
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Enrollment string    `json:"enrollment,omitempty"` // by the run's memo; empty: tabi did not start it
	StartedAt  time.Time `json:"started_at"`
	Terminated bool      `json:"terminated,omitempty"`
}

// Options of a reconciliation.
type Options struct {
	DryRun           bool // change nothing
	CloseMissing     bool // close enrollments without a run at the first look, and however many they are
	TerminateOrphans bool // terminate runs whose enrollment the store does not know
}

// Starts knows which enrollments have not been started in Temporal yet.
type Starts interface {
	StartsPending(ctx context.Context, ids []string) (map[string]bool, error)
}

// ReconcilerConfig configures a reconciler.
type ReconcilerConfig struct {
	Enrollments Enrollments
	Starts      Starts
	Client      client.Client
	Home        relay.Home  // nil: any Temporal is the right one
	Clock       clock.Clock // of the installation
}

// Reconciler compares the store's enrollments with Temporal's runs, in both directions.
//
// A run reports its end to the store itself. It cannot where an operator terminates it in the Temporal UI, where it is
// lost, or where a run is started under an enrollment that the store has closed meanwhile. Without a reconciler such an
// enrollment would stay open forever: it would block re-entry, keep its hand-offs in the queue and count in every
// report. The other way round, a run of a closed enrollment would wait in Temporal, perhaps for weeks, until its next
// activity is refused.
//
// The invariant: absence is no evidence. A run that Temporal holds says how it ended, and the enrollment is closed with
// that. A run that Temporal does not hold may be elsewhere: in another namespace, or in a backup that is still to be
// restored. So an enrollment without a run is closed only by Temporal that the store belongs to (Home), only at a second
// look at least SecondLook after the first, and only where few of its page are missing. More are an alarm, and nothing
// of that page is closed. `tabi restart --lost` begins such enrollments again. See docs/decisions/0020.
type Reconciler struct{ cfg ReconcilerConfig }

// NewReconciler returns a reconciler of one installation.
func NewReconciler(c ReconcilerConfig) *Reconciler { return &Reconciler{cfg: c} }

const (
	// reconcilePage is how many enrollments, or runs, are looked up between two rests.
	reconcilePage = 200
	// SecondLook is how long after the first look an enrollment without a run may be closed, wall time.
	SecondLook = 5 * time.Minute
	// AlarmPercent and AlarmCount: a page of 200 enrollments is an alarm where more than 3 % of it have no run in
	// Temporal, and at least 3 enrollments.
	AlarmPercent = 3
	AlarmCount   = 3
)

// Reconcile compares every open enrollment with Temporal, closes those whose run has ended or is gone, and releases what
// they held. Then it goes through the open runs, and terminates those whose enrollment is closed.
func (r *Reconciler) Reconcile(ctx context.Context, o Options) (Report, error) {
	report := Report{DryRun: o.DryRun, Closed: []Closed{}, Terminated: []Closed{}, Missing: []Missing{}, Orphans: []Orphan{}}
	for after := ""; ; {
		next, err := r.closeGone(ctx, after, o, &report)
		if err != nil {
			return report, err
		}
		if after = next; after == "" {
			break
		}
	}
	for page := []byte(nil); ; {
		next, err := r.lookAtRuns(ctx, page, o, &report)
		if err != nil || len(next) == 0 {
			return report, err
		}
		page = next
	}
}

// atHome returns an error unless Temporal is the one that the store belongs to.
func (r *Reconciler) atHome(ctx context.Context) error {
	if r.cfg.Home == nil {
		return nil
	}
	return r.cfg.Home.Check(ctx)
}

// closeGone looks up one page of enrollments. next is empty after the last page.
func (r *Reconciler) closeGone(ctx context.Context, after string, o Options, report *Report) (next string, err error) {
	page, err := r.cfg.Enrollments.List(ctx, enrollment.Filter{After: after, Limit: reconcilePage, Live: true})
	if err != nil || len(page) == 0 {
		return "", err
	}
	fates, err := r.fates(ctx, page)
	if err != nil {
		return "", err
	}
	if err := r.atHome(ctx); err != nil { // after the answers, so that a Temporal that was replaced meanwhile is noticed
		return "", err
	}
	var missing []unit.Enrollment
	var found []string
	for i, e := range page {
		report.Checked++
		switch fate := fates[i]; {
		case fate.ended != nil:
			if err := r.close(ctx, e, *fate.ended, o, report); err != nil {
				return "", err
			}
		case fate.missing != "":
			missing = append(missing, e)
		case !e.MissingSince.IsZero():
			found = append(found, e.ID)
		}
	}
	alarm := len(missing) >= AlarmCount && len(missing)*100 > AlarmPercent*len(page)
	if alarm {
		report.Alarm = fmt.Sprintf("%d of %d open enrollments, from %s to %s, have no run in Temporal: none of them is closed. "+
			"Was Temporal restored from a backup? `tabi restart --lost` begins them again where they were, "+
			"`tabi reconcile --close-missing` closes them (docs/backup.md)",
			len(missing), len(page), page[0].EnteredAt.UTC().Format(time.RFC3339), page[len(page)-1].EnteredAt.UTC().Format(time.RFC3339))
	}
	wall := clock.Wall()
	var first []string
	for i, e := range page {
		reason := fates[i].missing
		if reason == "" {
			continue
		}
		due := !alarm && !e.MissingSince.IsZero() && wall.Sub(e.MissingSince) >= SecondLook
		if due || o.CloseMissing {
			ended := contract.Ended{Outcome: contract.Failed, Reason: reason}
			if err := r.close(ctx, e, ended, o, report); err != nil {
				return "", err
			}
			continue
		}
		since := e.MissingSince
		if since.IsZero() {
			since, first = wall, append(first, e.ID)
		}
		report.Missing = append(report.Missing, Missing{WorkflowID: e.WorkflowID, Enrollment: e.ID, Reason: reason, Since: since})
	}
	if !o.DryRun {
		if err := r.cfg.Enrollments.MarkMissing(ctx, wall, first, found); err != nil {
			return "", err
		}
	}
	if len(page) < reconcilePage {
		return "", nil
	}
	return page[len(page)-1].ID, nil
}

// close closes an enrollment, unless its run has reported its end since the page was read.
func (r *Reconciler) close(ctx context.Context, e unit.Enrollment, ended contract.Ended, o Options, report *Report) error {
	closed := true
	if !o.DryRun {
		var err error
		if closed, err = r.cfg.Enrollments.CloseAs(ctx, clock.Now(r.cfg.Clock), e.ID, ended); err != nil {
			return err
		}
	}
	if closed {
		report.Closed = append(report.Closed,
			Closed{WorkflowID: e.WorkflowID, Enrollment: e.ID, Outcome: ended.Outcome, Reason: ended.Reason})
	}
	return nil
}
