package e2e

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// startActivityWorker runs testdata/activity-worker, which has activity ReserveSeat, until the test ends.
func startActivityWorker(t *testing.T, namespace, taskQueue string) {
	t.Helper()
	folder := npmInstall(t, "activity-worker")
	env := []string{"TEMPORAL_ADDRESS=" + shared.address, "TEMPORAL_NAMESPACE=" + namespace, "TASK_QUEUE=" + taskQueue}
	p, err := launch(folder, env, "node", "worker.js")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(stopPatience)
		if t.Failed() {
			t.Log(p.out.String())
		}
	})
}

// A worker on Temporal's TypeScript SDK runs an activity by its name.
func TestActivityInTypeScript(t *testing.T) {
	t.Parallel()
	namespace := takeNamespace(t)
	startActivityWorker(t, namespace, "booking")
	c, err := client.Dial(client.Options{HostPort: shared.address, Namespace: namespace, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worker.New(c, "any", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (map[string]any, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue: "booking", ActivityID: "e/seat/1", StartToCloseTimeout: 30 * time.Second,
			RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
		})
		var out map[string]any
		err := workflow.ExecuteActivity(ctx, "ReserveSeat", map[string]any{"show": "busy", "row": "C"}).Get(ctx, &out)
		return out, err
	}, workflow.RegisterOptions{Name: "Booking"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "any"}, "Booking")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := run.Get(ctx, &got); err != nil {
		t.Fatal(err)
	}
	same(t, "the result", got, map[string]any{"seat": "C7", "key": "e/seat/1"})
}
