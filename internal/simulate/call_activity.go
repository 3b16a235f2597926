package simulate

import (
	"context"
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// interrupted returns why the scenario's context ended, and how far the scenario was.
func (w *scenarioRun) interrupted() error {
	cause := context.Cause(w.ctx)
	if w.env == nil || !errors.Is(w.ctx.Err(), context.DeadlineExceeded) {
		return cause
	}
	return fmt.Errorf("%w: at %s of simulated time, %d enrollments had made %d activity calls; is there an endless loop?",
		cause, Offset(w.since()), len(w.enrollments), w.work)
}

// updateModels lets the models learn, before a decision, from every offer whose outcome is known by then. In
// production a background job does that.
func (w *scenarioRun) updateModels(ctx context.Context) error {
	for {
		if n, err := w.store.Offers.Learn(ctx, w.now(), 1000); err != nil || n == 0 {
			return err
		}
	}
}

// callActivity runs an activity and lets the scenario observe it.
func (w *scenarioRun) callActivity(name string, local bool, args []any) activityCall {
	ctx := w.countWork()
	if name == contract.DecideActivity {
		if err := w.updateModels(ctx); err != nil {
			w.stop(err)
		}
	}
	w.rendered = nil
	d := w.activities.run(ctx, name, local, args)
	w.observe(d)
	if w.committed() {
		w.wake()
	}
	var p *panicked
	if errors.As(d.err, &p) {
		w.stop(fmt.Errorf("activity %s: %w%s", name, p, moduleFrames(p.stack)))
	}
	return d
}

// countWork counts an activity, and stops a scenario that has too many. It returns the context to run it in.
func (w *scenarioRun) countWork() context.Context {
	ctx := w.ctx
	if w.canceling { // while enrollments are canceled, their last reports are accepted without limits
		ctx = context.WithoutCancel(ctx)
	} else if w.work++; w.work > w.opts.Work {
		w.stop(fmt.Errorf("the journeys made more than %d activity calls without ending: is there an endless loop?",
			w.opts.Work))
	} else if ctx.Err() != nil {
		w.stop(w.interrupted())
	}
	return ctx
}
