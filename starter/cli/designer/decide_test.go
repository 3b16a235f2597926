package designer

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func TestPrintDecision(t *testing.T) {
	t.Parallel()
	v := api.Decision{
		Release: 3, At: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Control: "no_levers",
		Chosen: []api.Slot{{Action: "discount", Channel: "email", Priority: 3.594}},
		Candidates: []api.Candidate{
			{Action: "discount", Channel: "email", Stage: "chosen", P: 0.05, C: 2, V: 29.95, L: 1.2, Priority: 3.594},
			{
				Action:   "upgrade",
				Channel:  "app",
				Stage:    "arbitration",
				Reason:   "LOWER_PRIORITY",
				P:        0.001,
				C:        1,
				V:        1200,
				L:        1,
				Priority: 1.2,
			},
			{Action: "points", Stage: "suitable", Reason: "NOT_SUITABLE"},
		},
		Intents: []api.Intent{
			{
				Intent:   "churn",
				Score:    0.6321,
				Evidence: []api.Evidence{{Event: "Cancel Page Viewed", Left: 1}, {Event: "Order Completed", Left: -0.5}},
			},
		},
	}
	var out bytes.Buffer
	printDecision(terminal.To(&out), &v, true)
	want := `discount by email, priority 3.59

ACTION    CHANNEL  STAGE        REASON          P      C  V     L    PRIORITY
discount  email    chosen                       0.05   2  29.9  1.2  3.59
upgrade   app      arbitration  LOWER_PRIORITY  0.001  1  1200  1    1.2
points             suitable     NOT_SUITABLE

INTENT  SCORE  EVIDENCE (REMAINING WEIGHT)
churn   0.632  Cancel Page Viewed 1, Order Completed -0.5

release 3, at 2026-03-02 10:00:00 UTC, control group no_levers
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	printDecision(terminal.To(&out), &api.Decision{Reason: "CAP_REACHED"}, false)
	if got := out.String(); got != "no action (CAP_REACHED)\n" {
		t.Error(got)
	}
}
