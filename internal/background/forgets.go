package background

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// startForgets starts the workflow of each request to forget a customer that is not done, unless it runs. It also starts one again
// that was terminated, or that a restored Temporal does not know. Requests do not wait for each other: it goes through all of them.
func (j *Jobs) startForgets(ctx context.Context) (more bool, err error) {
	for after := ""; ; {
		open, err := j.cfg.Forgets.OpenRequests(ctx, after)
		if err != nil || len(open) == 0 {
			return false, err
		}
		if err := j.startForget(ctx, open); err != nil {
			return false, err
		}
		after = open[len(open)-1]
	}
}

func (j *Jobs) startForget(ctx context.Context, open []string) error {
	if j.cfg.Home != nil {
		if err := j.cfg.Home.Check(ctx); err != nil {
			return err
		}
	}
	for _, request := range open {
		_, err := j.cfg.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: contract.ForgetWorkflowID(request), TaskQueue: contract.TaskQueue,
			WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
			WorkflowExecutionErrorWhenAlreadyStarted: true,
			StaticSummary:                            "forget a customer",
		}, contract.ForgetType, contract.ForgetInput{Request: request})
		var started *serviceerror.WorkflowExecutionAlreadyStarted
		if err != nil && !errors.As(err, &started) {
			return err
		}
	}
	return nil
}
