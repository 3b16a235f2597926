package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"
)

// shapes are the journeys whose cost is counted.
var shapes = []struct {
	name   string
	events []string // the entry first
}{
	{"event → delay → send", []string{"Bench Reminded"}},
	{"parked wait → two sends", []string{"Bench Started", "Bench Answered"}},
	{"send → wait → send", []string{"Bench Asked", "Bench Answered"}},
	{"ten steps", []string{"Bench Courted"}},
}

// costPart counts what the server keeps of one journey, with duties.
func costPart(ctx context.Context, b *bench, s *server, out *section) error {
	w, err := openWorld(ctx, s, "cost")
	if err != nil {
		return err
	}
	defer w.close()
	all, err := w.variants(true)
	if err != nil {
		return err
	}
	for _, shape := range shapes {
		costs := map[string]cost{}
		for _, v := range all {
			if costs[v.name], err = w.count(ctx, v, shape.events); err != nil {
				return fmt.Errorf("%s: %w", shape.name, err)
			}
		}
		for i, unit := range costUnits {
			for _, to := range []string{"plain", "tuned"} {
				out.against("tabi, "+shape.name, float64(costs["tabi"][i]), unit, to, float64(costs[to][i]))
			}
			for _, v := range []string{"plain", "tuned"} {
				out.put(v+", "+shape.name, float64(costs[v][i]), unit)
			}
		}
		b.say("%s, %s: tabi %v, plain %v, tuned %v", s.name, shape.name, costs["tabi"], costs["plain"], costs["tuned"])
	}
	return nil
}

// cost is what the server counts of a run, in costUnits.
type cost [3]int64

var costUnits = [3]string{"history events", "history bytes", "state transitions"}

// count takes one instance to its end, alone: its event comes when nothing is under way any more.
func (w *world) count(ctx context.Context, v variant, events []string) (cost, error) {
	entrants, err := w.enrol(ctx, 1, events...)
	if err != nil {
		return cost{}, err
	}
	in := entrants[0]
	run, err := v.start(ctx, in)
	if err != nil {
		return cost{}, err
	}
	for _, e := range in.events {
		if err := w.rests(ctx, run); err != nil {
			return cost{}, err
		}
		if err := v.tell(ctx, in, e); err != nil {
			return cost{}, err
		}
	}
	if err := ended(ctx, run, v); err != nil {
		return cost{}, err
	}
	d, err := w.temporal.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
	if err != nil {
		return cost{}, err
	}
	i := d.GetWorkflowExecutionInfo()
	return cost{i.GetHistoryLength(), i.GetHistorySizeBytes(), i.GetStateTransitionCount()}, nil
}

// rests waits until a run has nothing to do: no workflow task and no activity is pending, and something has happened since its start.
func (w *world) rests(ctx context.Context, run client.WorkflowRun) error {
	return until(ctx, func() (bool, error) {
		d, err := w.temporal.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
		if err != nil {
			return false, err
		}
		return d.GetPendingWorkflowTask() == nil && len(d.GetPendingActivities()) == 0 && d.GetWorkflowExecutionInfo().GetHistoryLength() > 3, nil
	})
}
