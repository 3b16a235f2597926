package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A master key is replaced while customers run, by processes whose lists differ in their order: no task fails. A process that could not
// decrypt, or that seems to encrypt by something else, does not start and says why.
func TestMasterKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	const old, new = masterKey, "5a9c1e3b7d2f4a6c8e0b1d3f5a7c9e2b4d6f8a0c2e4b6d8f1a3c5e7b9d0f2a4c"
	database := pgtest.URL(t)
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.useTemporal(shared.address, takeNamespace(in))
	in.publish(database)
	base := in.env
	with := func(keys ...string) []string {
		return append(slices.Clone(base), "TABI_MASTER_KEYS="+strings.Join(keys, ","))
	}
	refused := func(env []string, program string, args []string, words ...string) {
		t.Helper()
		code, out := runProcess(in, time.Minute, env, program, args...)
		for _, word := range words {
			if code != 2 || !strings.Contains(out, word) {
				t.Errorf("exit %d, want 2 and %q:\n%s", code, word, out)
			}
		}
		if strings.Contains(out, old[:20]) || strings.Contains(out, new[:20]) {
			t.Errorf("a key is in the output:\n%s", out)
		}
	}
	serve := []string{"serve"}
	refused(with(old[:62]), tabi(in), serve, "master key 1 has 31 bytes")
	refused(with(old, new[:63]), tabi(in), serve, "master key 2", "a character too many or too few")
	refused(with(new, old, new), tabi(in), serve, "master key 3 is listed twice")
	refused(append(with(old), "TEMPORAL_CODEC_INCLUDE_CREDENTIALS=true"), tabi(in), serve, "TEMPORAL_CODEC_INCLUDE_CREDENTIALS is set")
	refused(append(with(old), "TEMPORAL_CODEC_ENDPOINT=http://127.0.0.1:1"), tabiWorker(in), nil, "TEMPORAL_CODEC_ENDPOINT is set")
	refused(append(slices.Clone(base), "TEMPORAL_CODEC_AUTH=x"), tabi(in), serve, "TEMPORAL_CODEC_AUTH is set", "TABI_MASTER_KEYS")

	start := func(name string, keys ...string) {
		t.Helper()
		if p := in.procs[name]; p != nil {
			p.Stop(stopPatience)
		}
		if in.env = with(keys...); name == "serve" {
			in.startServe()
		} else {
			in.startWorker()
		}
	}
	masters := func(step string, keys ...string) string {
		t.Helper()
		in.env = with(keys...)
		return in.cli("masterkey", step)
	}
	start("serve", old, new)
	start("worker", new, old)
	const customers = 24
	id := func(i int) string { return fmt.Sprintf("c%d", i) }
	for i := range customers {
		in.track(id(i), "Start", "", map[string]any{"k": "1"})
		if i%8 == 7 {
			masters("rewrap", new, old)
		}
	}
	for i := range customers {
		in.parked("nudge/"+id(i)+"/1", "reply")
	}
	start("serve", new, old)
	if out := masters("rewrap", new, old); !strings.Contains(out, "0 keys  not needed any longer") {
		t.Errorf("the old key is in use:\n%s", out)
	}
	if out := masters("status", new, old); !strings.Contains(out, "wraps and unwraps") {
		t.Error(out)
	}
	for _, p := range in.procs {
		p.Stop(stopPatience)
	}
	refused(with(old), tabi(in), serve, "TABI_MASTER_KEYS lists") // the new one is lost
	refused(with(strings.Replace(new, "5a9c", "5a9d", 1)), tabiWorker(in), nil, "TABI_MASTER_KEYS lists", "a typo")
	refused(base, tabiWorker(in), nil, "TABI_MASTER_KEYS is not set")
	if code, out := runProcess(in, time.Minute, with(old), tabi(in), "masterkey", "rewrap"); code != 1 ||
		!strings.Contains(out, "which TABI_MASTER_KEYS does not list") {
		t.Errorf("exit %d: %s", code, out)
	}
	start("serve", new)
	start("worker", new)
	for i := range customers {
		in.track(id(i), "Bought", "", map[string]any{"k": "1", "total": 1})
	}
	for i := range customers {
		in.ended("nudge/"+id(i)+"/1", contract.Goal)
	}

	ctx := t.Context()
	c, err := client.DialContext(ctx, client.Options{HostPort: in.temporal, Namespace: in.space, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range list.GetExecutions() {
		events := c.GetWorkflowHistory(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), false, 0)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				t.Fatal(err)
			}
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED,
				enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
				t.Errorf("%s: %v", run.GetExecution().GetWorkflowId(), e)
			}
		}
	}
}
