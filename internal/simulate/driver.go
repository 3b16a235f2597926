package simulate

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// play is the driver, the root workflow. It plays the timeline, delivers outbox entries to the enrollments as the
// relay does, and waits for their end.
func (w *scenarioRun) play(ctx workflow.Context) error {
	w.rootContext = ctx
	defer func() { w.rootContext = nil }()
	err := w.timeline(ctx)
	if err == nil {
		err = w.finish(ctx)
	}
	if err != nil && w.stopped == nil {
		w.stopped = err
	}
	w.cancelAll(ctx)
	return nil
}

// timeline performs the lines in written order, each at its moment, and the entries by schedule between them.
func (w *scenarioRun) timeline(ctx workflow.Context) error {
	for i := range w.scenario.Timeline {
		line := &w.scenario.Timeline[i]
		room := beforeTimers
		if line.Expect != nil {
			room = afterTimers
		}
		moment := w.clock.Origin.Add(line.At)
		if err := w.advance(ctx, w.clock.Wall(moment).Add(room), moment); err != nil {
			return err
		}
		if err := w.performLine(line); err != nil {
			return err
		}
		if err := w.deliverAll(ctx); err != nil {
			return err
		}
	}
	last := w.clock.Origin // without lines, entries by schedule at the start still happen
	if n := len(w.scenario.Timeline); n > 0 {
		last = last.Add(w.scenario.Timeline[n-1].At)
	}
	return w.advance(ctx, w.clock.Wall(last), last)
}

// advance lets time run to a point of the environment's clock. Before that it makes the entries by schedule that are
// due up to last.
func (w *scenarioRun) advance(ctx workflow.Context, point, last time.Time) error {
	for {
		if err := w.deliverAll(ctx); err != nil {
			return err
		}
		var next time.Time
		if w.schedules {
			var err error
			if next, err = w.store.Enrollments.NextSchedule(w.ctx, w.now()); err != nil {
				return err
			}
		}
		scheduled := !next.IsZero() && !next.After(last) && !w.clock.Wall(next).Add(beforeSchedule).After(point)
		stop := point
		if scheduled {
			stop = w.clock.Wall(next).Add(beforeSchedule)
		}
		arrived, err := w.sleepUntil(ctx, stop)
		switch {
		case err != nil:
			return err
		case !arrived: // something was committed, which may have moved the schedule; or the point is out of one timer's range
		case !scheduled:
			return nil
		default:
			for more := true; more; {
				var err error
				noticed := next.Add(delay(w.work + int(next.Unix()))) // the schedule is noticed some time after its moment
				if more, err = w.store.Enrollments.RunSchedules(w.ctx, noticed, w.env.Now()); err != nil {
					return err
				}
			}
		}
	}
}

// sleepUntil waits until a point of the environment's clock (true), or until there is something to deliver (false).
// The clock moves only while nothing runs, so at the point everything due before it is done.
func (w *scenarioRun) sleepUntil(ctx workflow.Context, point time.Time) (bool, error) {
	d := max(point.Sub(workflow.Now(ctx)), time.Nanosecond)
	timing, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimer(timing, d)
	err := workflow.Await(ctx, func() bool { return timer.IsReady() || w.hasWork || w.stopped != nil })
	w.drainWake(ctx)
	if err == nil {
		err = w.stopped
	}
	return !w.hasWork && !workflow.Now(ctx).Before(point), err // a timer reaches 292 years on the environment's clock
}

// drainWake takes the wake signal that woke the driver.
func (w *scenarioRun) drainWake(ctx workflow.Context) {
	if workflow.GetSignalChannel(ctx, wakeSignal).ReceiveAsync(nil) {
		w.waking = false
	}
}

// settle lets everything that is running finish, at the same moment.
func (w *scenarioRun) settle(ctx workflow.Context) error {
	if err := workflow.Sleep(ctx, time.Nanosecond); err != nil {
		return err
	}
	w.drainWake(ctx)
	return w.stopped
}

// deliverAll delivers outbox entries until there are none, one enrollment after the other, the oldest first. Each
// finishes before the next begins.
func (w *scenarioRun) deliverAll(ctx workflow.Context) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	for w.hasWork || w.committed() {
		w.hasWork = false
		leases, err := w.store.Outbox.Lease(
			w.ctx,
			w.env.Now(),
			1,
			0,
		) // there is no other relay, so a lease of length 0 will do and need not be released
		if err != nil {
			return err
		}
		for _, l := range leases {
			if err := w.deliver(ctx, l); err != nil {
				return err
			}
			w.hasWork = true // there may be more
		}
	}
	return nil
}

// committed reports whether something was committed since it was last called.
func (w *scenarioRun) committed() bool {
	select {
	case <-w.store.Units.Committed():
		return true
	default:
		return false
	}
}

// deliver delivers the outbox entries of one enrollment.
func (w *scenarioRun) deliver(ctx workflow.Context, l outbox.Lease) error {
	for _, d := range l.Deliveries {
		switch {
		case d.Start != nil:
			if err := w.start(ctx, l.Enrollment, *d.Start); err != nil {
				return err
			}
		case d.Delivery != nil:
			i := w.byWorkflowID(l.Enrollment.WorkflowID)
			if i == nil || i.over {
				break // the enrollment has ended
			}
			if err := i.future.SignalChildWorkflow(ctx, contract.DeliveryName, *d.Delivery).Get(ctx, nil); err != nil && !i.over {
				return fmt.Errorf("an event could not be delivered to %s: %w", i.name(), err)
			}
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	if n := len(l.Deliveries); n > 0 {
		if err := w.store.Outbox.Delivered(w.ctx, l, l.Deliveries[n-1].Seq); err != nil && !errors.Is(err, unit.ErrSuperseded) {
			return err
		}
	}
	return nil
}

// start starts the workflow of an enrollment and waits until it runs.
func (w *scenarioRun) start(ctx workflow.Context, e unit.Enrollment, in contract.Input) error {
	if len(w.enrollments) >= w.opts.Enrollments {
		return fmt.Errorf("more than %d enrollments started: does a journey enter itself, or others, endlessly?", w.opts.Enrollments)
	}
	if in.Journey == w.test.Journey {
		in.Arms = w.scenario.Arms
	}
	if w.opts.tamper != nil {
		w.opts.tamper(&in)
	}
	i := &enrollment{
		run:        w,
		stored:     e,
		workflow:   e.WorkflowID,
		journey:    in.Journey,
		key:        in.Key,
		number:     1,
		unreported: map[string]string{},
	}
	for _, other := range w.enrollments {
		if other.journey == i.journey && other.key == i.key {
			i.number++
		}
	}
	w.enrollments = append(w.enrollments, i)
	w.entered(i, in)
	var child workflow.Context
	child, i.cancel = workflow.WithCancel(
		workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: i.workflow, WaitForCancellation: true}),
	)
	i.future = workflow.ExecuteChildWorkflow(child, contract.JourneyType, in)
	w.running++
	if err := i.future.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return fmt.Errorf("%s could not be started: %w", i.name(), err)
	}
	workflow.Go(ctx, i.await)
	return nil
}

// await waits for the end of the enrollment's workflow.
func (i *enrollment) await(ctx workflow.Context) {
	err := i.future.Get(ctx, nil)
	i.over = true
	i.run.running--
	if err != nil && !i.run.canceling {
		i.run.stop(fmt.Errorf("%s failed: %w", i.name(), err))
	}
}

// finish lets time run until every enrollment has ended. Entries by schedule no longer happen.
func (w *scenarioRun) finish(ctx workflow.Context) error {
	for {
		if err := w.deliverAll(ctx); err != nil {
			return err
		}
		if w.running == 0 {
			return nil
		}
		if w.since() > horizon {
			return fmt.Errorf("%s had not ended after %d years", w.firstOpen(), horizon/year)
		}
		timing, cancel := workflow.WithCancel(ctx)
		later := workflow.NewTimer(timing, clockFactor*year)
		err := workflow.Await(ctx, func() bool { return w.hasWork || w.stopped != nil || w.running == 0 || later.IsReady() })
		cancel()
		if err != nil {
			return err
		}
		w.drainWake(ctx)
		if w.stopped != nil {
			return w.stopped
		}
	}
}

// cancelAll cancels the running enrollments, so that they end in order.
func (w *scenarioRun) cancelAll(ctx workflow.Context) {
	w.canceling = true
	for _, i := range w.enrollments {
		if !i.over && i.cancel != nil {
			i.cancel()
		}
	}
	for range 10 { // each has a few last reports to make
		if w.running == 0 {
			return
		}
		_ = workflow.Sleep(ctx, time.Nanosecond)
	}
}

// firstOpen names the first enrollment that has not ended.
func (w *scenarioRun) firstOpen() string {
	for _, i := range w.enrollments {
		if !i.over {
			return i.name()
		}
	}
	return "no enrollment"
}

// performLine performs a line of the timeline, or checks its expectation.
func (w *scenarioRun) performLine(line *scenario.Line) error {
	if line.Expect != nil {
		w.checkExpectation(line.Expect, false)
		return nil
	}
	return w.perform(line)
}
