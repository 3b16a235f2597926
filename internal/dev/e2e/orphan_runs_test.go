package e2e

import (
	"context"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/tabi-journeys/tabi/internal/enrollment"
)

// A run that is open though the store has closed its enrollment has nothing left to do, and is terminated.
func TestOrphanRunIsTerminated(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care})})
	ctx := context.Background()
	h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "help"})
	h.parked("care/ana", "person")
	list, err := h.Store.Enrollments.List(ctx, enrollment.Filter{WorkflowID: "care/ana"})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := h.Store.Enrollments.CloseLost(ctx, list[0].EnteredAt, list[0].ID, "failed", "seemed lost"); err != nil {
		t.Fatal(err)
	}
	await(t, "the stray to be found", func() error {
		if len(h.reconcile().Terminated) > 0 {
			return nil
		}
		run, err := h.Temporal.DescribeWorkflow(ctx, "care/ana", "")
		if err != nil {
			return err
		}
		if run.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			return context.DeadlineExceeded
		}
		return nil
	})
	run, err := h.Temporal.DescribeWorkflow(ctx, "care/ana", "")
	if err != nil || run.Status != enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		t.Fatal(run, err)
	}
}
