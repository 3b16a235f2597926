package relay

import (
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// StartOptions returns the options by which the run of an enrollment is started.
func StartOptions(e unit.Enrollment) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       e.WorkflowID,
		TaskQueue:                                contract.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     memo(e.ID),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.AttrJourney).ValueSet(e.Journey),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrCustomer).ValueSet(customerAttribute(e)),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision).ValueSet(e.Revision),
		),
		StaticSummary: contract.Summary(fmt.Sprintf("%s of customer %s", e.Journey, e.Customer)),
		StaticDetails: fmt.Sprintf(
			"Entered by **%s** at %s (virtual time), on revision `%s`. The current details say which step it is at; the query `state` "+
				"has more.",
			e.EntryName,
			e.EnteredAt.UTC().Format(time.RFC3339),
			e.Revision,
		),
	}
}

// customerAttribute returns the customer's id for the search attribute: the pseudonym where the workflow id has one.
func customerAttribute(e unit.Enrollment) string {
	if pseudonym, ok := journey.PseudonymIn(e.WorkflowID); ok {
		return pseudonym
	}
	return journey.Shorten(e.Customer, journey.MaxStoredID)
}

// memo returns the memo of a run. It is never encrypted: who has no keys must know whose run it is, and the id says nothing else.
func memo(enrollment string) map[string]any {
	id, err := codec.Clear(enrollment)
	if err != nil {
		return map[string]any{contract.MemoEnrollment: enrollment} // no text fails
	}
	return map[string]any{contract.MemoEnrollment: id}
}

// EnrollmentOf returns the enrollment id in a run's memo; empty where there is none.
func EnrollmentOf(memo *commonpb.Memo) string {
	var id string
	payload, ok := memo.GetFields()[contract.MemoEnrollment]
	if !ok || converter.GetDefaultDataConverter().FromPayload(payload, &id) != nil {
		return ""
	}
	return id
}

// Foreign reports whether a run is no enrollment: another workflow type, or one that tabi did not start.
func Foreign(run *workflowpb.WorkflowExecutionInfo) bool {
	return run.GetType().GetName() != contract.JourneyType || EnrollmentOf(run.GetMemo()) == ""
}

// NotFound reports whether err says that there is no such run, or none that is open.
func NotFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

// timedOut reports whether err says that no worker answered in time.
func timedOut(err error) bool {
	var deadline *serviceerror.DeadlineExceeded
	var slow *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.As(err, &deadline) || errors.As(err, &slow)
}
