package e2e

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// lose deletes a run from Temporal.
func (h *installation) lose(workflowID string) {
	h.Helper()
	ctx := context.Background()
	if _, err := h.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: h.namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: workflowID},
	}); err != nil {
		h.Fatal(err)
	}
	await(h, "Temporal knows the run no more", func() error {
		_, err := h.Temporal.DescribeWorkflow(ctx, workflowID, "")
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return nil
		}
		return cmp.Or(err, errStill)
	})
}

// restart begins lost enrollments again.
func (h *installation) restart(o background.RestartOptions) background.RestartReport {
	h.Helper()
	report, err := h.app.Reconciler().Restart(context.Background(), o)
	if err != nil {
		h.Fatal(err)
	}
	return report
}

// visiting has variables, an event whose properties are read later, and a step that is visited twice.
var visiting = lines(
	`journey: visiting`,
	`entry: {event: Start, key: event.k}`,
	`goal: {event: Bought, when: event.k == entry.k, value: event.total}`,
	`timeout: 300d`,
	`vars: {rounds: 0.0}`,
	`steps:`,
	`  - id: hello`,
	`    send: hello`,
	`    via: email`,
	`    category: transactional`,
	`  - id: reply`,
	`    wait_for: {event: Answered, when: event.k == entry.k}`,
	`    timeout: 200d`,
	`  - id: count`,
	`    set: {vars.rounds: vars.rounds + 1.0}`,
	`  - id: more`,
	`    branch:`,
	`      - when: vars.rounds < 3.0`,
	`        then:`,
	`          - go_to: hello`,
	`  - id: size`,
	`    branch:`,
	`      - when: steps.reply.properties.size == "big"`,
	`        then:`,
	`          - exit: big`,
	`  - exit: small`,
)

// An enrollment whose run is lost begins again where it was: with its variables, its visits, and the events that came
// meanwhile. Nothing that was sent is sent again.
func TestLostEnrollmentBeginsAgainWhereItWas(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"visiting.yaml": visiting}), postgres: true})
	address := h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("visiting/ana/1", "reply")
	h.track("ana", "Answered", "", map[string]any{"k": "1"})
	await(t, "the second round", func() error { return wantMails(h, address, "Hello ana", "Hello ana") })
	before := h.parked("visiting/ana/1", "reply")

	h.lose("visiting/ana/1")
	h.track("ana", "Answered", "", map[string]any{"k": "1"}) // waits in the outbox
	if would := h.restart(background.RestartOptions{DryRun: true}); len(would.Restarted) != 1 || would.Restarted[0].FromEntry {
		t.Fatalf("%+v", would)
	}
	same(t, "restarted by a dry run", h.latestRun("visiting/ana/1"), before.Chain)
	done := h.restart(background.RestartOptions{})
	same(t, "restarted", len(done.Restarted), 1)
	await(t, "the third round", func() error { return wantMails(h, address, "Hello ana", "Hello ana", "Hello ana") })
	h.track("ana", "Answered", "", map[string]any{"k": "1", "size": "big"})
	ended := h.ended("visiting/ana/1", "big")
	same(t, "the same enrollment", ended.ID, before.ID)
	same(t, "mails", h.mail.subjects(address), []string{"Hello ana", "Hello ana", "Hello ana"})
	same(t, "lost ones left", len(h.restart(background.RestartOptions{}).Restarted), 0)
}

// latestRun returns the first run of the latest enrollment at an address.
func (h *installation) latestRun(workflowID string) string {
	h.Helper()
	e, err := h.latest(workflowID)
	if err != nil {
		h.Fatal(err)
	}
	return e.Chain
}

// An enrollment that was closed because its run was lost is opened again, with its hand-off; unless the customer has entered
// again.
func TestEnrollmentClosedAsLostBeginsAgain(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care})})
	for _, id := range []string{"ana", "ben"} {
		h.customer(id)
		h.track(id, "Trouble", "", map[string]any{"text": "help"})
		h.parked("care/"+id, "person")
		h.lose("care/" + id)
	}
	h.reconcileAs(background.Options{CloseMissing: true})
	h.ended("care/ana", contract.Failed)
	h.ended("care/ben", contract.Failed)
	h.track("ben", "Trouble", "", map[string]any{"text": "again"})
	h.parked("care/ben", "person")

	report := h.restart(background.RestartOptions{})
	if len(report.Restarted) != 1 || report.Restarted[0].WorkflowID != "care/ana" || len(report.Refused) != 1 {
		t.Fatalf("%+v", report)
	}
	e := h.parked("care/ana", "person")
	if e.State != unit.StateOpen {
		t.Fatalf("%+v", e)
	}
	open, err := h.Store.Handoffs.List(context.Background(), handoff.Filter{Customer: "ana"})
	if err != nil || len(open) != 1 {
		t.Fatalf("hand-offs: %+v, %v", open, err)
	}
	await(t, "the new run to claim it", func() error {
		if h.latestRun("care/ana") == "" {
			return errStill
		}
		return nil
	})
	h.track("ana", "Bought", "", nil)
	h.ended("care/ana", contract.Goal)
}
