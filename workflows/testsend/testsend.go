// Package testsend has the workflow that sends a message to the address of a tester.
package testsend

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Times of an attempt, in real time: somebody waits for a test, and looks at the inbox.
const (
	attempt = 30 * time.Second
	first   = 2 * time.Second
	longest = 30 * time.Second
)

// TestSend makes attempts until the row of the test is settled. The last of them settles it as failed.
func TestSend(ctx workflow.Context, in contract.TestSendInput) (out contract.TestSendResult, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attempt,
		Summary:             "send a test",
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: longest, MaximumAttempts: contract.TestSendAttempts,
		},
	})
	err = workflow.ExecuteActivity(ctx, contract.TestSendActivity, in).Get(ctx, &out)
	return out, err
}

// Register makes a worker serve the workflow.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(TestSend, workflow.RegisterOptions{Name: contract.TestSendType})
}
