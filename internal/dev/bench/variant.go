package main

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// entrant is an enrollment, and what is to be delivered to its run.
type entrant struct {
	enrollment unit.Enrollment
	start      *contract.Input
	events     []contract.Delivery
}

// variant is a way to run the journeys: tabi, or one written by hand.
type variant struct {
	name    string
	duties  bool
	byHand  bool
	start   func(ctx context.Context, in entrant) (client.WorkflowRun, error)
	deliver func(ctx context.Context, in entrant, e contract.Delivery) error
}

// suffix returns the end of the variants' task queues.
func suffix(duties bool) string {
	if duties {
		return "-work"
	}
	return "-bare"
}

// variants starts a worker for all three, each on a task queue of its own, and returns them in the order in which
// they take turns.
func (w *environment) variants(duties bool) ([]variant, error) {
	byHand, end := &handWritten{w}, suffix(duties)
	if err := w.startWorker("plain"+end, func(k worker.Worker) {
		byHand.register(k, map[string]any{"answered": plainAnswered, "reminded": plainReminded, "replied": plainReplied,
			"ten-steps": plainTen})
	}); err != nil {
		return nil, err
	}
	if err := w.startWorker("tuned"+end, func(k worker.Worker) {
		byHand.register(k, map[string]any{"answered": tunedAnswered, "reminded": tunedReminded, "replied": tunedReplied,
			"ten-steps": tunedTen})
	}); err != nil {
		return nil, err
	}
	tabi, err := w.tabi(duties)
	return []variant{
		{"plain", duties, true, w.startByHand("plain"+end, duties), w.signal},
		{"tuned", duties, true, w.startByHand("tuned"+end, duties), w.updateByHand},
		tabi,
	}, err
}

// tabi starts a worker for tabi itself, on a task queue that no relay uses.
func (w *environment) tabi(duties bool) (variant, error) {
	return w.tabiBy("tabi", duties, w.temporal, w.temporal)
}

// tabiBy starts a worker for tabi by one client, and starts and updates runs by another.
func (w *environment) tabiBy(name string, duties bool, c, workers client.Client) (variant, error) {
	queue := name + suffix(duties)
	return variant{name, duties, false, startTabi(c, queue), update(c)}, w.startWorkerBy(workers, queue, func(k worker.Worker) {
		workflows.Register(k)
		if duties {
			activities.Register(k, w.acts)
		} else {
			(&noWork{w.stub}).register(k)
		}
	})
}

// encrypted is tabi with all payloads encrypted, each customer's by a key of its own, as with TABI_MASTER_KEYS.
func (w *environment) encrypted(ctx context.Context, duties bool) (variant, error) {
	masters, err := keyring.ParseMasters([]string{masterKey})
	if err != nil {
		return variant{}, err
	}
	w.store.Keyring.Use(masters)
	by := codec.New(w.store.Keyring, w.options.Namespace, nil)
	senders, workers := w.options, w.options
	by.Apply(&senders)
	by.ApplyToWorker(&workers)
	sending, err := client.NewClientFromExistingWithContext(ctx, w.temporal, senders)
	if err != nil {
		return variant{}, err
	}
	working, err := client.NewClientFromExistingWithContext(ctx, w.temporal, workers)
	if err != nil {
		sending.Close()
		return variant{}, err
	}
	w.clients = append(w.clients, sending, working)
	return w.tabiBy("encrypted", duties, sending, working)
}

type handWritten struct{ w *environment }

func (d *handWritten) register(k worker.Worker, journeys map[string]any) {
	for name, f := range journeys {
		k.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
	acts := &sharedWork{world: d.w.acts, said: d.w.stub.record}
	for name, f := range map[string]any{"Claim": acts.Claim, "Send": acts.Send, "Finish": acts.Finish} {
		k.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// startTabi starts a run as the relay does.
func startTabi(c client.Client, queue string) func(context.Context, entrant) (client.WorkflowRun, error) {
	return func(ctx context.Context, in entrant) (client.WorkflowRun, error) {
		options := relay.StartOptions(in.enrollment)
		options.TaskQueue = queue
		return c.ExecuteWorkflow(ctx, options, contract.JourneyType, in.start)
	}
}

func (w *environment) startByHand(queue string, duties bool) func(context.Context, entrant) (client.WorkflowRun, error) {
	return func(ctx context.Context, in entrant) (client.WorkflowRun, error) {
		return w.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: in.enrollment.WorkflowID, TaskQueue: queue,
			WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
			WorkflowExecutionErrorWhenAlreadyStarted: true,
		}, in.enrollment.Journey, handInput{
			Enrollment: in.enrollment.ID, Journey: in.enrollment.Journey, Revision: in.enrollment.Revision,
			Customer: in.enrollment.Customer, EntryEvent: in.enrollment.EntryEvent, Duties: duties,
		})
	}
}

// update delivers an event as the relay does.
func update(c client.Client) func(context.Context, entrant, contract.Delivery) error {
	return func(ctx context.Context, in entrant, d contract.Delivery) error {
		return completed(ctx, c, client.UpdateWorkflowOptions{
			WorkflowID: in.enrollment.WorkflowID, UpdateID: d.Enrollment + "/" + d.ID, UpdateName: contract.DeliveryName, Args: []any{d},
		})
	}
}

func (w *environment) updateByHand(ctx context.Context, in entrant, e contract.Delivery) error {
	return completed(
		ctx,
		w.temporal,
		client.UpdateWorkflowOptions{WorkflowID: in.enrollment.WorkflowID, UpdateID: e.ID, UpdateName: "answer", Args: []any{answerOf(e)}},
	)
}

func completed(ctx context.Context, c client.Client, o client.UpdateWorkflowOptions) error {
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	handle, err := c.UpdateWorkflow(ctx, o)
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

func (w *environment) signal(ctx context.Context, in entrant, e contract.Delivery) error {
	return w.temporal.SignalWorkflow(ctx, in.enrollment.WorkflowID, "", "answer", answerOf(e))
}

func answerOf(e contract.Delivery) answer {
	plan, _ := e.Event.Values()["plan"].(string)
	return answer{ID: e.ID, Plan: plan}
}

// awaitOutcome waits for the end of a run, which must have gone its whole path.
func awaitOutcome(ctx context.Context, run client.WorkflowRun, v variant) error {
	outcome := ""
	var err error
	if !v.byHand {
		var r contract.Result
		err = run.Get(ctx, &r)
		outcome = r.Outcome
	} else {
		err = run.Get(ctx, &outcome)
	}
	if err == nil && outcome != contract.Completed {
		err = errors.New("ended as " + outcome)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", run.GetID(), err)
	}
	return nil
}
