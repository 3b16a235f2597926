package e2e

import (
	"context"
	"fmt"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// masterKey encrypts the histories of these tests.
const masterKey = "7d1f0c0e5b1a4f7e9a3c2d4b6e8f00112233445566778899aabbccddeeff0011"

// A worker that starts while the keys cannot be read fails its workflow tasks and not the runs: signals and updates that arrive
// meanwhile are neither dropped nor rejected, and the runs continue once the keys are back.
func TestRunsOutliveAnAbsentKeyStore(t *testing.T) {
	t.Parallel()
	h := open(t, settings{
		files: folder(map[string]string{"nudge.yaml": nudge}), postgres: true, still: true,
		more: func(c *app.Config) { c.MasterKeys, c.TemporalTrusted = masterKey, true },
	})
	ctx := context.Background()
	h.relay()
	h.worker()
	for _, customer := range []string{"sig", "upd"} {
		h.customer(customer)
		h.track(customer, "Start", "", map[string]any{"k": "1"})
		h.parked("nudge/"+customer+"/1", "reply")
	}
	h.settled()
	h.stop("worker")

	// The next worker knows no key yet. The clients of this process know theirs for a minute.
	config := *h.app.Config
	cold, err := config.Connect(ctx, h.app.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cold.Close() })
	cold.Clock = h.clock
	exec := func(query string) {
		t.Helper()
		if err := h.Store.Database.Write(ctx, func(tx sqldb.Conn) error {
			_, err := tx.ExecContext(ctx, query)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	exec("alter table customer_keys rename to away")
	h.start("worker", cold.RunWorker)
	event := func(id string) contract.Event {
		return contract.Event{ID: id, Name: "Bought", Properties: number.Object{"k": "1", "total": 5}}
	}
	if err := h.Temporal.SignalWorkflow(ctx, "nudge/sig/1", "", contract.EventName, event("s1")); err != nil {
		t.Fatal(err)
	}
	updated := make(chan error, 1)
	go func() { updated <- h.update("nudge/upd/1", contract.EventName, event("u1")) }()
	for _, id := range []string{"nudge/sig/1", "nudge/upd/1"} {
		await(t, "a workflow task of "+id+" fails, and is repeated", func() error {
			run, err := h.Temporal.DescribeWorkflow(ctx, id, "")
			if err != nil {
				return err
			}
			if status := run.Status; status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
				t.Fatalf("%s is %s", id, status)
			}
			if n := run.RawResponse.GetPendingWorkflowTask().GetAttempt(); n < 2 {
				return fmt.Errorf("it is at attempt %d", n)
			}
			return nil
		})
	}
	select {
	case err := <-updated:
		t.Fatal("the update was answered without keys: ", err)
	default:
	}
	exec("alter table away rename to customer_keys")
	h.ended("nudge/sig/1", contract.Goal)
	h.ended("nudge/upd/1", contract.Goal)
	if err := <-updated; err != nil {
		t.Error("the update: ", err)
	}
}
