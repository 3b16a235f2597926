package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// handoff hands the customer over to an agent and waits for the result. The hand-off is closed before the next
// step runs.
func (r *run) handoff(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Handoff)
	id := r.key(step)
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: id, words: []string{"an agent of " + spec.Queue}}
	resolved := &handoffMatch{run: r, id: id}
	p.find = resolved.find
	switch {
	case r.resumesWait():
		p.until = r.state.Wait.Until
	default:
		if spec.Timeout > 0 {
			p.until = r.now(ctx).Add(spec.Timeout)
		}
		open := contract.OpenHandoff{Ref: r.ref(), EvalContext: r.evalContext(nil), ID: id, Step: step.ID, Until: p.until, Spec: *spec}
		if err := r.local(ctx, contract.HandoffActivity, "hand over to "+spec.Queue, open, nil); err != nil {
			return 0, err
		}
	}
	end, err := r.waitLoop(ctx, p)
	if err != nil {
		return 0, err
	}
	r.markBufferOld(end)
	switch {
	case end.cause == waitDue:
		if err := r.withdraw(ctx, id, "it timed out"); err != nil {
			return 0, err
		}
		r.completeStep(ctx, step, "timed out", journey.ArmTimeout, map[string]any{"timed_out": true})
		return spec.OnTimeout, nil
	case end.cause == waitFound:
		outcome, agent := resolved.result.Outcome, resolved.result.Agent
		r.completeStep(
			ctx,
			step,
			fmt.Sprintf("%s by %s", outcome, agent),
			outcome,
			map[string]any{"outcome": outcome, "agent": agent, "timed_out": false},
		)
		if to, ok := spec.Outcomes[outcome]; ok {
			return *to, nil
		}
		return step.Next, nil
	case r.state.Ended == nil: // it moved elsewhere; if it ended instead, its last report closes the hand-off
		return step.Next, r.withdraw(ctx, id, "the journey moved on")
	}
	return step.Next, nil
}

// withdraw closes a hand-off that nobody needs to answer any more.
func (r *run) withdraw(ctx workflow.Context, id, reason string) error {
	return r.local(
		ctx,
		contract.WithdrawActivity,
		"close the hand-off",
		contract.WithdrawHandoff{Ref: r.ref(), ID: id, Reason: reason},
		nil,
	)
}

// handoffMatch finds the result that an agent chose.
type handoffMatch struct {
	run    *run
	id     string
	result *contract.HandoffResult
}

func (x *handoffMatch) find(workflow.Context, *wait) (bool, error) {
	for i, kept := range x.run.state.Buffer {
		if result := kept.Delivery.HandoffResult; result != nil && result.Handoff == x.id {
			x.run.state.unbuffer(i)
			x.result = result
			return true, nil
		}
	}
	return false, nil
}
