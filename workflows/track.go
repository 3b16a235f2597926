package workflows

import (
	"encoding/json"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Track is the workflow type for a channel that has only a Temporal SDK: it takes one event for the store and ends. Its input is a
// contract.TrackInput, read where the gateway's calls are read: an input that no Go type fits, such as PHP's empty list for an object, must
// not fail the workflow's tasks for ever. The event's id is messageId, else the workflow id, so that starting it twice changes nothing.
func Track(ctx workflow.Context, in json.RawMessage) (contract.TrackResult, error) {
	var shown struct{ Event any }
	_ = json.Unmarshal(in, &shown) // for the summary only
	name, _ := shown.Event.(string)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        time.Second,
			MaximumInterval:        time.Minute,
			NonRetryableErrorTypes: []string{contract.RejectInvalid},
		},
		Summary: contract.Summary("record " + name),
	})
	var out contract.TrackResult
	err := workflow.ExecuteActivity(ctx, contract.RecordActivity, contract.Record{
		Raw: in, ID: workflow.GetInfo(ctx).WorkflowExecution.ID,
	}).Get(ctx, &out)
	if err != nil || out.Customer == "" || out.Unnamed {
		return out, err
	}
	// By it the run is found when the customer is forgotten, since its input names the customer.
	return out, workflow.UpsertTypedSearchAttributes(ctx,
		temporal.NewSearchAttributeKeyKeyword(contract.AttrCustomer).ValueSet(journey.Shorten(out.Customer, journey.MaxStoredID)))
}
