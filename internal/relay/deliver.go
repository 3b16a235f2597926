package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// errAddressTaken: another instance still holds the workflow id.
var errAddressTaken = errors.New("another instance still runs under this workflow id")

// deliver brings one delivery; nil means it needs no repeat.
func (r *Relay) deliver(ctx context.Context, l store.Lease, d store.Delivery) error {
	switch {
	case d.Start != nil:
		return r.start(ctx, l.Enrollment, d.Start)
	case d.Event != nil:
		return r.event(ctx, l.Enrollment, *d.Event)
	}
	return nil
}

// StartOptions are those by which the instance of an enrollment is started.
func StartOptions(e store.Enrollment) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       e.WorkflowID,
		TaskQueue:                                contract.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{contract.MemoEnrollment: e.ID},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.AttrJourney).ValueSet(e.Journey),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrCustomer).ValueSet(e.Customer),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision).ValueSet(e.Revision),
		),
		StaticSummary: fmt.Sprintf("%s of customer %s", e.Journey, e.Customer),
		StaticDetails: fmt.Sprintf(
			"Entered by **%s** at %s (virtual time), on revision `%s`. The current details tell where it is; the query `state` tells more.",
			e.EntryName,
			e.EnteredAt.UTC().Format(time.RFC3339),
			e.Revision,
		),
	}
}

// start starts an instance. It may be repeated: the run that is not the enrollment's first ends at once.
func (r *Relay) start(ctx context.Context, e store.Enrollment, in *contract.Input) error {
	_, err := r.cfg.Client.ExecuteWorkflow(ctx, StartOptions(e), contract.JourneyType, in)
	var taken *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &taken) {
		return err
	}
	run, err := r.cfg.Client.DescribeWorkflowExecution(ctx, e.WorkflowID, "")
	if err != nil {
		return err
	}
	if enrollmentOf(run.WorkflowExecutionInfo.GetMemo()) == e.ID {
		return nil // started before, and not marked
	}
	return errAddressTaken
}

// event brings an event: by update, and where no worker answers in time, by signal. The instance drops what
// comes twice.
func (r *Relay) event(ctx context.Context, to store.Enrollment, e contract.Event) error {
	workflowID := to.WorkflowID
	if r.routes.signalOnly(clock.Wall()) || large(e) {
		return r.signal(ctx, workflowID, e)
	}
	updating, cancel := context.WithTimeout(ctx, r.cfg.UpdateTimeout)
	defer cancel()
	handle, err := r.cfg.Client.UpdateWorkflow(updating, client.UpdateWorkflowOptions{
		// Not the bare event id: a channel may have updated the run itself under that, and Temporal would
		// answer with that update's result.
		WorkflowID: workflowID, UpdateID: e.Enrollment + "/" + e.ID, UpdateName: contract.EventName, Args: []any{e},
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
		r.routes.answered()
		return nil
	case gone(err):
		return nil // it has ended: there is nobody to tell
	case errors.As(err, &rejected):
		return r.rejected(ctx, to, e, rejected) // it will never take this
	case updating.Err() != nil, timedOut(err):
		r.routes.silent(clock.Wall())
		return r.signal(ctx, workflowID, e)
	case errors.As(err, &exhausted),
		errors.As(err, &notReady): // too many updates in this run, or its workflow tasks fail: a signal waits until they do not
		return r.signal(ctx, workflowID, e)
	}
	return err
}

// maxUpdate is the size, in bytes of JSON, up to which an event goes by update. An update whose acceptance is
// too large for Temporal ends the whole run (server 1.29: its workflow task fails, and it is terminated), while
// a signal that is too large is refused, and harms nobody.
const maxUpdate = 256 << 10

func large(e contract.Event) bool {
	body, err := json.Marshal(e)
	return err != nil || len(body) > maxUpdate
}

// rejected notes what an instance refused for good, where somebody waits for the answer: an order to move to
// another revision.
func (r *Relay) rejected(ctx context.Context, to store.Enrollment, e contract.Event, why *temporal.ApplicationError) error {
	if e.Command == nil || e.Command.Kind != contract.MigrateOrder {
		return nil
	}
	switch why.Type() {
	case contract.RejectDuplicate, contract.RejectStranger, contract.RejectEnded: // it was taken before, or goes with the instance
		return nil
	}
	if err := r.cfg.Store.MoveRefused(ctx, clock.Now(r.cfg.Clock), to.ID, e.Command.Revision, why.Message()); err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}

func (r *Relay) signal(ctx context.Context, workflowID string, e contract.Event) error {
	err := r.cfg.Client.SignalWorkflow(ctx, workflowID, "", contract.EventName, e)
	if gone(err) {
		return nil
	}
	return err
}

// gone reports whether no run is open under the workflow id.
func gone(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

func timedOut(err error) bool {
	var deadline *serviceerror.DeadlineExceeded
	var slow *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.As(err, &deadline) || errors.As(err, &slow)
}

// routes decides between update and signal: after a few updates in a row without an answer, everything goes by
// signal for a while.
type routes struct {
	mu     sync.Mutex
	missed int
	until  time.Time
}

const (
	missedLimit = 3
	signalSpell = 15 * time.Second
)

func (r *routes) signalOnly(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.until)
}

func (r *routes) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed = 0
}

func (r *routes) silent(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed++; r.missed >= missedLimit {
		r.missed, r.until = 0, now.Add(signalSpell)
	}
}
