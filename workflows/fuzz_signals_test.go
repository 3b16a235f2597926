package workflows

import (
	"encoding/json"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// FuzzSignals sends any payload to the signals and updates of a run, which ends all the same.
func FuzzSignals(f *testing.F) {
	for _, seed := range []string{`{"id":"s1","name":"Seen"}`, `{"id":"e1","enrollment":"e-1","event":{"name":"A","properties":{"x":1}}}`,
		`{"id":"c1","enrollment":"e-1","command":{"kind":"exit"}}`,
		`{"id":"c2","enrollment":"e-1","command":{"kind":"go_to","target":"b"}}`,
		`{"id":"h1","enrollment":"e-1","handoff_result":{"outcome":"x"}}`, `[]`, `null`, `"x"`, `7`, `{`, "\xff",
		`{"by":"o","reason":"r"}`,
		`{"target":"nowhere"}`, `{"id":"e2","enrollment":"e-1","event":{"name":"A","properties":[]}}`,
		`{"id":"c3","enrollment":"e-1","command":{"kind":"migrate","revision":"x","definition":"AAAA"}}`} {
		for door := range byte(8) {
			f.Add([]byte(seed), door)
		}
	}
	doors := []string{contract.EventName, contract.DeliveryName, contract.ExitUpdate, contract.PauseUpdate, contract.ResumeUpdate,
		contract.SkipUpdate, contract.GoToUpdate}
	f.Fuzz(func(t *testing.T, raw []byte, door byte) {
		p := newPlay(t, journeyOf("  - {id: a, wait_for: {event: A, when: event.x == 1}, timeout: 5h}\n  - {id: b, wait: 1h}\n"))
		payload := converter.NewRawValue(&commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: raw})
		p.at(time.Hour, func() {
			if int(door) < len(doors) {
				p.env.UpdateWorkflow(doors[door], "fuzzed", p.callbacks("fuzzed"), payload)
			}
			p.env.SignalWorkflow(contract.EventName, payload)
			p.env.SignalWorkflow(contract.DeliveryName, payload)
		})
		p.at(100*time.Hour, p.env.CancelWorkflow) // a pause would last
		p.env.ExecuteWorkflow(contract.JourneyType, p.in)
		if !p.env.IsWorkflowCompleted() {
			t.Fatal("the run does not end")
		}
		if out, err := json.Marshal(p.reports); err != nil || len(out) > 1<<20 {
			t.Fatalf("%d bytes of reports: %v", len(out), err)
		}
	})
}
