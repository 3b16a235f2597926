package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// errAddressTaken: another enrollment still holds the workflow id.
var errAddressTaken = errors.New("another enrollment still runs under this workflow id")

// errOrphan: a run holds the workflow id whose enrollment the store does not know, as after the store was restored.
var errOrphan = errors.New("a run that this database does not know holds this workflow id; `tabi reconcile` lists it, and " +
	"`tabi reconcile --terminate-orphans` ends it")

// foreignError says that a workflow which is no enrollment holds the workflow id. It will not end because of tabi.
type foreignError struct{ workflowType string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("a workflow of type %q that tabi did not start holds this workflow id; end it or let it end, then "+
		"run tabi deadletter retry", e.workflowType)
}

// deliverHome delivers one entry, and makes sure before and after it that Temporal is the one that the store belongs to.
// What a stranger took is not delivered. Both looks cost nothing while the connection stays.
func (r *Relay) deliverHome(ctx context.Context, l outbox.Lease, d outbox.Delivery) error {
	if r.cfg.Home == nil {
		return r.deliver(ctx, l, d)
	}
	if err := r.cfg.Home.Verified(ctx); err != nil {
		return err
	}
	if err := r.deliver(ctx, l, d); err != nil {
		return err
	}
	return r.cfg.Home.Verified(ctx)
}

// deliver delivers one entry. After nil it needs no repeat.
func (r *Relay) deliver(ctx context.Context, l outbox.Lease, d outbox.Delivery) (err error) {
	if d.Trace != "" {
		var span trace.Span
		ctx, span = tracing.Start(tracing.Join(ctx, d.Trace), "outbox deliver", attribute.String("tabi.journey", l.Enrollment.Journey))
		defer func() { tracing.End(span, err) }()
	}
	switch {
	case d.Start != nil:
		return r.start(ctx, l.Enrollment, d.Start)
	case d.Delivery != nil:
		return r.event(ctx, l.Enrollment, *d.Delivery, d.Seq, d.Size)
	}
	return nil
}

// start starts the run of an enrollment. It may be repeated: a run that is not the enrollment's first ends at once.
func (r *Relay) start(ctx context.Context, e unit.Enrollment, in *contract.Input) error {
	_, err := r.cfg.Client.ExecuteWorkflow(ctx, StartOptions(e), contract.JourneyType, in)
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &taken) {
		return err
	}
	run, err := r.cfg.Client.DescribeWorkflow(ctx, e.WorkflowID, "")
	if err != nil {
		return err
	}
	info := run.RawResponse.GetWorkflowExecutionInfo()
	holder := EnrollmentOf(info.GetMemo())
	if holder == e.ID {
		return nil // started before, and not marked
	}
	if Foreign(info) {
		return &foreignError{workflowType: info.GetType().GetName()}
	}
	known, err := r.cfg.Enrollments.Known(ctx, []string{holder})
	switch {
	case err != nil:
		return errors.Join(errStore, err)
	case !known[holder]:
		return fmt.Errorf("%w (enrollment %s)", errOrphan, holder)
	}
	return errAddressTaken
}

// maxUpdate is the size, in bytes of JSON, up to which an event is sent by update. An update whose acceptance is too
// large for Temporal ends the whole run (server 1.29: its workflow task fails, and the run is terminated). A signal that
// is too large is refused, and the run continues.
const maxUpdate = 256 << 10

// event sends an event by update, and by signal where no worker answers in time. A run drops an event that it has seen.
func (r *Relay) event(ctx context.Context, to unit.Enrollment, e contract.Delivery, seq int64, size int) error {
	if r.transport.signalOnly(clock.Wall()) || size > maxUpdate {
		return r.signal(ctx, to, e)
	}
	updating, cancel := context.WithTimeout(ctx, r.cfg.UpdateTimeout)
	defer cancel()
	handle, err := r.cfg.Client.UpdateWorkflow(updating, client.UpdateWorkflowOptions{
		// Not the bare event id: a channel may have updated the run itself under that, and Temporal would
		// answer with that update's result. The id is not encrypted in history, so the event's id, which a channel chose, is not in it.
		WorkflowID: to.WorkflowID, UpdateID: e.Enrollment + "/" + strconv.FormatInt(seq, 10),
		UpdateName: contract.DeliveryName, Args: []any{e},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(updating, nil)
	}
	var rejected *temporal.ApplicationError
	var exhausted *serviceerror.ResourceExhausted
	var notReady *serviceerror.WorkflowNotReady
	switch {
	case err == nil:
		r.transport.answered()
		return nil
	case NotFound(err):
		return r.ended(ctx, to)
	case errors.As(err, &rejected):
		return r.rejected(ctx, to, e, rejected) // the run will never accept this
	case updating.Err() != nil, timedOut(err):
		r.transport.timedOut(clock.Wall())
		return r.signal(ctx, to, e)
	case errors.As(err, &exhausted),
		errors.As(err, &notReady): // too many updates in this run, or its workflow tasks fail: a signal waits until they succeed
		return r.signal(ctx, to, e)
	}
	return err
}

// rejected records a refusal that somebody waits for: of a command to move to another revision.
func (r *Relay) rejected(ctx context.Context, to unit.Enrollment, e contract.Delivery, why *temporal.ApplicationError) error {
	if e.Command == nil || e.Command.Kind != contract.MigrateOrder {
		return nil
	}
	switch why.Type() {
	// accepted before, or the enrollment has ended
	case contract.RejectDuplicate, contract.RejectWrongEnrollment, contract.RejectJourneyEnded:
		return nil
	}
	if err := r.cfg.Enrollments.MoveRefused(ctx, clock.Now(r.cfg.Clock), to.ID, e.Command.Revision, why.Message()); err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}

func (r *Relay) signal(ctx context.Context, to unit.Enrollment, e contract.Delivery) error {
	err := r.cfg.Client.SignalWorkflow(ctx, to.WorkflowID, "", contract.DeliveryName, e)
	if NotFound(err) {
		return r.ended(ctx, to)
	}
	return err
}

// errRunMissing: Temporal has no open run of an enrollment that the store has not closed.
var errRunMissing = errors.New("its run is not in Temporal, or has ended without a report; tabi reconcile says more")

// ended says what it means that Temporal knows no open run of an enrollment. A run closes its enrollment before it ends,
// so what comes later has been dropped with its queue, and the entry needs no repeat. If the enrollment is open, the run
// was terminated or lost, or Temporal is another one. Then the entry stays in the outbox, until the reconciler has closed
// the enrollment or somebody has begun it again.
func (r *Relay) ended(ctx context.Context, to unit.Enrollment) error {
	if r.cfg.Home != nil {
		if err := r.cfg.Home.Check(ctx); err != nil {
			return err
		}
	}
	closed, err := r.cfg.Enrollments.ClosedOf(ctx, []string{to.ID})
	switch {
	case err != nil:
		return errors.Join(errStore, err)
	case len(closed) > 0:
		return nil
	}
	return errRunMissing
}
