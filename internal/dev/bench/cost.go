package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"
)

// shapes are the journeys whose cost part cost measures.
var shapes = []struct {
	name   string
	events []string // the entry first
}{
	{"event → delay → send", []string{"Bench Reminded"}},
	{"parked wait → two sends", []string{"Bench Started", "Bench Answered"}},
	{"send → wait → send", []string{"Bench Asked", "Bench Answered"}},
	{"ten steps", []string{"Bench Courted"}},
}

// costPart measures what the Temporal server stores for one journey, with the shared work.
func costPart(ctx context.Context, b *bench, s *server, out *section) error {
	w, err := openEnvironment(ctx, s, "cost")
	if err != nil {
		return err
	}
	defer w.close()
	all, err := w.variants(true)
	if err != nil {
		return err
	}
	var runs []costRun
	for _, shape := range shapes {
		for _, v := range all {
			entrants, err := w.enrollCustomers(ctx, 1, shape.events...)
			if err != nil {
				return fmt.Errorf("%s: %w", shape.name, err)
			}
			runs = append(runs, costRun{shape: shape.name, variant: v, in: entrants[0], cost: new(cost)})
		}
	}
	if err := eachOf(ctx, runs, len(runs), w.count); err != nil {
		return err
	}
	for _, shape := range shapes {
		costs := map[string]cost{}
		for _, r := range runs {
			if r.shape == shape.name {
				costs[r.variant.name] = *r.cost
			}
		}
		for i, unit := range costUnits {
			for _, to := range []string{"plain", "tuned"} {
				out.putRatio("tabi, "+shape.name, float64(costs["tabi"][i]), unit, to, float64(costs[to][i]))
			}
			for _, v := range []string{"plain", "tuned"} {
				out.put(v+", "+shape.name, float64(costs[v][i]), unit)
			}
		}
		b.logf("%s, %s: tabi %v, plain %v, tuned %v", s.name, shape.name, costs["tabi"], costs["plain"], costs["tuned"])
	}
	return w.countStatements(ctx, out, all)
}

// countStatements counts the SQL statements of each way into the store, without begin and commit. Nothing else uses
// the store meanwhile, and each is one transaction.
func (w *environment) countStatements(ctx context.Context, out *section, all []variant) error {
	counted := func(name, unit string, each int, f func() error) error {
		before := w.statements.Load()
		err := f()
		out.put(name, float64(w.statements.Load()-before)/float64(each), unit)
		return err
	}
	ids := w.newCustomers(batchSize + 1)
	if err := w.ingestEvents(ctx, ids); err != nil {
		return err
	}
	const unit = "SQL statements"
	view := func(ids []string) func() error {
		return func() error { return w.track(ctx, ids, "Product Viewed") }
	}
	if err := view(ids)(); err != nil { // warm the caches
		return err
	}
	if err := counted("an event without a listener, alone", unit, 1, view(ids[:1])); err != nil {
		return err
	}
	if err := counted("an event without a listener, of a batch of "+itoa(batchSize), unit, batchSize, view(ids[1:])); err != nil {
		return err
	}
	if err := counted("an entry, alone", unit, 1, func() error { return w.track(ctx, ids[:1], "Bench Started") }); err != nil {
		return err
	}
	if err := counted("an event of a running enrollment, alone", unit, 1, func() error {
		return w.track(ctx, ids[:1], "Bench Answered")
	}); err != nil {
		return err
	}
	var entrants []entrant
	if err := counted("relay: a start and an event in one lease", unit, 1, func() (err error) {
		entrants, err = w.takeOutbox(ctx)
		return err
	}); err != nil {
		return err
	}
	for _, v := range all {
		if v.name == "tabi" {
			return counted("tabi, parked wait → two sends, claim to end", unit, 1, func() error {
				return w.count(ctx, costRun{variant: v, in: entrants[0], cost: new(cost)})
			})
		}
	}
	return nil
}

// cost holds the server's figures of a run, in the order of costUnits.
type cost [3]int64

var costUnits = [3]string{"history events", "history bytes", "state transitions"}

// costRun is a run whose cost is measured.
type costRun struct {
	shape   string
	variant variant
	in      entrant
	cost    *cost
}

// count runs one entrant to its end. It delivers each event when the run is idle.
func (w *environment) count(ctx context.Context, r costRun) error {
	run, err := r.variant.start(ctx, r.in)
	if err != nil {
		return err
	}
	for _, e := range r.in.events {
		if err := w.awaitIdle(ctx, run); err != nil {
			return err
		}
		if err := r.variant.deliver(ctx, r.in, e); err != nil {
			return err
		}
	}
	if err := awaitOutcome(ctx, run, r.variant); err != nil {
		return err
	}
	d, err := w.temporal.DescribeWorkflow(ctx, run.GetID(), run.GetRunID())
	if err != nil {
		return err
	}
	i := d.RawResponse.GetWorkflowExecutionInfo()
	*r.cost = cost{i.GetHistoryLength(), i.GetHistorySizeBytes(), i.GetStateTransitionCount()}
	return nil
}

// awaitIdle waits until a run has nothing to do: no workflow task and no activity is pending, and something has
// happened since its start.
func (w *environment) awaitIdle(ctx context.Context, run client.WorkflowRun) error {
	return poll(ctx, func() (bool, error) {
		d, err := w.temporal.DescribeWorkflow(ctx, run.GetID(), run.GetRunID())
		if err != nil {
			return false, err
		}
		return d.RawResponse.GetPendingWorkflowTask() == nil && len(d.RawResponse.GetPendingActivities()) == 0 &&
			d.RawResponse.GetWorkflowExecutionInfo().GetHistoryLength() > 3, nil
	})
}
