package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// recorder is a channel that takes everything, but what the scenario makes fail.
type recorder struct {
	run  *scenarioRun
	spec channel.Spec
}

func (r *recorder) Spec() channel.Spec { return r.spec }
func (r *recorder) Dedupes() bool      { return true }
func (r *recorder) Close() error       { return nil }

// Send answers at once. What it is given is not kept: the ledger and the activities' answers tell what was
// sent. All addresses of one attempt fare alike.
func (r *recorder) Send(_ context.Context, m channel.Message) channel.Receipt {
	w := r.run
	if w.attempt.work != w.work {
		w.attempt.work, w.attempt.fault = w.work, w.fault(r.spec.Name)
	}
	switch f := w.attempt.fault; {
	case f == nil:
		return channel.Receipt{Outcome: channel.Sent, ProviderID: m.Key}
	case f.Permanent:
		return channel.Receipt{Outcome: channel.Refused, Reason: "the scenario makes " + r.spec.Name + " refuse it"}
	}
	return channel.Receipt{Outcome: channel.NotSent, Reason: "the scenario makes " + r.spec.Name + " fail"}
}

// fault takes one failure of a channel from those that the scenario asked for, the first first.
func (w *scenarioRun) fault(via string) *scenario.Fault {
	for i := range w.faults {
		f := w.faults[i]
		if f.Via != "" && f.Via != via {
			continue
		}
		if w.faults[i].Times--; w.faults[i].Times <= 0 {
			w.faults = append(w.faults[:i:i], w.faults[i+1:]...)
		}
		return &f
	}
	return nil
}

// answers are what a scenario's calls get, by step id.
type answers map[string]scenario.CallAnswer

// Call answers at once. A call that the scenario says nothing of gets 200 and {}; a status of 400 or more fails it.
func (a answers) Call(_ context.Context, r activities.CallRequest) (contract.CallResult, error) {
	answer, given := a[r.Step]
	if !given {
		answer.Body = map[string]any{}
	}
	if answer.Status == 0 {
		answer.Status = 200
	}
	body, err := plain(answer.Body)
	if err != nil {
		return contract.CallResult{}, err
	}
	result := contract.CallResult{Status: answer.Status, Body: body}
	if answer.Status >= 400 {
		result.Failed, result.Reason = true, fmt.Sprintf("it answered %d", answer.Status)
	}
	return result, nil
}

// plain is a copy of what JSON carries.
func plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("the value is not what JSON carries")
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

// text writes a value as JSON.
func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
