package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Track is the workflow type for a channel that has only a Temporal SDK: it takes one event for the store and ends.
// The event's id is MessageID, else the workflow id, so that starting it twice changes nothing.
func Track(ctx workflow.Context, in contract.TrackInput) (contract.TrackResult, error) {
	if in.MessageID == "" {
		in.MessageID = workflow.GetInfo(ctx).WorkflowExecution.ID
	}
	if in.Type == "" {
		in.Type = "track"
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        time.Second,
			MaximumInterval:        time.Minute,
			NonRetryableErrorTypes: []string{contract.RejectInvalid},
		},
		Summary: contract.Summary("record " + in.Event),
	})
	var out contract.TrackResult
	err := workflow.ExecuteActivity(ctx, contract.RecordActivity, contract.Record{Call: in}).Get(ctx, &out)
	return out, err
}
