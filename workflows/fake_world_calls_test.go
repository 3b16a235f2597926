package workflows

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// arms returns the arm by which each step was left, from the reports: "b else".
func (w *world) arms() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, r := range w.reports {
		for _, p := range r.Passed {
			all = append(all, strings.TrimSpace(p.Step+" "+p.Arm))
		}
	}
	return all
}

// onClock answers with the next moment at which clocks in the zone show a time.
func (w *world) onClock(in contract.Evaluate) (contract.EvaluateResult, error) {
	name := in.Moment.Timezone
	if name == "" || name == "customer" {
		name, _ = w.customer["timezone"].(string)
	}
	zone, ok := localtime.Zone(name)
	if !ok {
		zone = time.UTC
	}
	from := in.Moment.From
	if from.IsZero() {
		from = in.Clock.At(w.now())
	}
	at, ok := in.Moment.At.Next(from, zone, in.Moment.Days)
	return contract.EvaluateResult{Values: []any{at.UTC().Format(time.RFC3339Nano)}, Missing: []bool{!ok}}, nil
}

func (w *world) doEmit(_ context.Context, in contract.Emit) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.emits = append(w.emits, in)
	if w.refuseEmit != nil {
		if err := w.refuseEmit(len(w.emits)); err != nil {
			return err
		}
	}
	w.note("emit %s (%s)", in.Spec.Event, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	if w.emitted != nil {
		w.emitted(in)
	}
	return nil
}

func (w *world) doCall(ctx context.Context, in contract.Call) (contract.CallResult, error) {
	n := int(activity.GetInfo(ctx).Attempt)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, in)
	w.note("call %s (%s)", in.Spec.URL, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	if w.call != nil {
		return w.call(n, in)
	}
	return contract.CallResult{Status: 200}, nil
}

// reservation is an attempt of ReserveSeat.
type reservation struct {
	id      string // of the activity
	attempt int    // from 1
	input   map[string]any
}

// doReserve is an activity of a worker that is not tabi's.
func (w *world) doReserve(ctx context.Context, in map[string]any) (any, error) {
	info := activity.GetInfo(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := reservation{id: info.ActivityID, attempt: int(info.Attempt), input: in}
	w.reservations = append(w.reservations, r)
	if w.reserve != nil {
		return w.reserve(r)
	}
	return map[string]any{"seat": "C7"}, nil
}

// doMove switches the revision, and returns properties as the new one reads them.
func (w *world) doMove(_ context.Context, in contract.Move) (contract.MoveResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moves = append(w.moves, in)
	if w.moved != nil {
		if err := w.moved(len(w.moves), in); err != nil {
			return contract.MoveResult{}, err
		}
	}
	if in.Refused != "" || w.next == nil {
		return contract.MoveResult{}, nil
	}
	reads := w.next.Reads()
	out := contract.MoveResult{Entry: rawJSON(journey.Project(w.entry, reads.Entry)), Events: map[string]json.RawMessage{}}
	for _, id := range in.Events {
		if properties, known := w.events[id]; known {
			out.Events[id] = rawJSON(journey.Project(properties, reads.Event))
		}
	}
	return out, nil
}
