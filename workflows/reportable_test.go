package workflows

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A reported state continues the wait, under the key of its visit. An activity in progress is lost with its run, so its
// step begins again, at the same visit.
func TestReportableState(t *testing.T) {
	t.Parallel()
	for _, activity := range []string{"", "send hello"} {
		s := &Snapshot{Cursor: "x", Visits: map[string]int{"x": 2}, Log: strings.Split("1 2 3 4 5 6 7", " "), Wait: &WaitState{
			Position: contract.Position{Step: "x", Kind: "send"}, Reported: true, Key: "e/x/2", Activity: activity,
		}}
		var next Snapshot
		if err := json.Unmarshal(s.reportable(), &next); err != nil {
			t.Fatal(err)
		}
		if activity == "" && (next.Wait == nil || next.Wait.Reported || next.Wait.Key != "e/x/2" || next.Visits["x"] != 2) {
			t.Errorf("a wait: %+v", next)
		}
		if activity != "" && (next.Wait != nil || next.Visits["x"] != 1) {
			t.Errorf("an activity: %+v", next)
		}
		if !s.Wait.Reported || s.Visits["x"] != 2 || len(s.Log) != 7 || len(next.Log) != reportedLog {
			t.Errorf("the state itself has changed: %+v", s)
		}
		s.Vars = map[string]any{"big": strings.Repeat("x", maxReported)}
		if s.reportable() != nil {
			t.Error("a state that is too large is reported")
		}
	}
}
