package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// recorder is a channel that accepts every message, unless the scenario makes it fail.
type recorder struct {
	run  *scenarioRun
	spec channel.Spec
}

func (r *recorder) Spec() channel.Spec { return r.spec }
func (r *recorder) Dedupes() bool      { return true }
func (r *recorder) Close() error       { return nil }

// Send answers at once. It keeps nothing: the ledger and the activities' results have what was sent. All addresses of
// one attempt have the same outcome.
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

// fault takes the first failure that the scenario ordered for a channel.
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

// answers are the responses to a scenario's HTTP calls, by step id.
type answers map[string]scenario.CallAnswer

// Call answers at once. A call without an answer in the scenario gets 200 and {}; a status of 400 or more fails it.
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

// plain returns a copy of a JSON value.
func plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("the value cannot be represented in JSON")
	}
	var out any
	return out, number.Decode(raw, &out)
}

// text returns a value as JSON.
func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
