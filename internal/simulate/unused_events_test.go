package simulate

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// A misspelt event is pointed at; what a rule, a step or an expression names, is not, nor anything where a rule
// looks at every event.
func TestMentions(t *testing.T) {
	t.Parallel()
	step := journey.Step{
		ID:   "reply",
		Kind: "wait_for",
		Spec: &journey.WaitFor{Arms: []journey.EventArm{{Events: []string{"Answered", "Refused"}}}},
	}
	d := &journey.Definition{Journey: "nudge", Steps: []journey.Step{step}}
	d.Entry.Events = []string{"Started"}
	d.Exit = []journey.ExitRule{{Events: []string{"Left"}}}
	for event, want := range map[string]bool{"Started": true, "Refused": true, "Left": true, "Answerd": false} {
		if got := mentions(d, event); got != want {
			t.Errorf("%s: %v", event, got)
		}
	}
	d.Exit = append(d.Exit, journey.ExitRule{When: "customer.gone == true"})
	if !mentions(d, "Answerd") {
		t.Error("a rule looks at every event")
	}
}
