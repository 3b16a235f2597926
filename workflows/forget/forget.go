// Package forget has the workflow that forgets a customer.
package forget

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Times of the workflow, in real time.
const (
	firstLook = time.Second
	lastLook  = 5 * time.Second
	// patience is how long runs may take to end by themselves. Then they are terminated.
	patience = time.Minute
	// attempt bounds one attempt at a page.
	attempt = 2 * time.Minute
	// beat is after how long the attempt of a worker that was killed is repeated.
	beat = 10 * time.Second
	// repeat is how long a retry waits at most: a customer waits for it.
	repeat = 10 * time.Second
)

// Forget forgets the customer of a request, whose ids are marked already: no call finds or creates it any more. The order is what
// makes it complete. Open enrollments end first, since a running one would write rows again. Then their runs are deleted in Temporal,
// for which the rows must still have the ids of the workflows. Rows go last, page by page, until a pass finds none.
//
// Each activity does one page and may be repeated, so a crash at any moment costs one page. Its retries have no end: an outage of
// the database or of Temporal delays it. Neither inputs nor results nor summaries have anything of the customer.
func Forget(ctx workflow.Context, in contract.ForgetInput) error {
	if !in.Erasing {
		if in.After == "" {
			if err := end(ctx, in.Request); err != nil {
				return err
			}
		}
		for {
			var next contract.ForgetPage // a new one: the last page has no after, and would leave the old one
			if err := do(ctx, contract.ForgetRunsActivity, "delete the customer's runs", contract.ForgetPage{Request: in.Request,
				After: in.After}, &next); err != nil {
				return err
			}
			if in.After = next.After; in.After == "" {
				break
			}
			if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
				return workflow.NewContinueAsNewError(ctx, contract.ForgetType, in)
			}
		}
		in.Erasing = true
	}
	for {
		var left contract.ForgetMore
		if err := do(ctx, contract.ForgetEraseActivity, "erase the customer's rows", contract.ForgetPage{Request: in.Request},
			&left); err != nil || !left.More {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, contract.ForgetType, in)
		}
	}
}

// end ends the open enrollments, and returns when none is left.
func end(ctx workflow.Context, request string) error {
	for page := (contract.ForgetPage{Request: request}); ; {
		var next contract.ForgetPage
		if err := do(ctx, contract.ForgetEndActivity, "end the customer's journeys", page, &next); err != nil {
			return err
		}
		if page = next; page.After == "" {
			break
		}
	}
	pause, waited := firstLook, time.Duration(0)
	for {
		var found contract.ForgetOpen
		if err := do(ctx, contract.ForgetOpenActivity, "see which journeys are still open", contract.ForgetPage{Request: request},
			&found); err != nil || found.Open == 0 {
			return err
		}
		if waited >= patience {
			if err := do(ctx, contract.ForgetCloseActivity, "terminate runs that did not end", contract.ForgetPage{Request: request},
				nil); err != nil {
				return err
			}
			continue
		}
		if err := workflow.NewTimerWithOptions(ctx, pause, workflow.TimerOptions{Summary: "wait for the ends"}).Get(ctx, nil); err != nil {
			return err
		}
		waited, pause = waited+pause, min(2*pause, lastLook)
	}
}

// do runs one activity until it succeeds.
func do(ctx workflow.Context, name, summary string, in, out any) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attempt, HeartbeatTimeout: beat, Summary: contract.Summary(summary),
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: repeat},
	})
	return workflow.ExecuteActivity(ctx, name, in).Get(ctx, out)
}

// Register registers the workflow type with a worker.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(Forget, workflow.RegisterOptions{Name: contract.ForgetType})
}
