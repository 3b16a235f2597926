package offer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tabi-journeys/tabi/internal/decisioning"
)

func TestTrace(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, plainTrace, plainTrace + 1, 500} {
		var all []decisioning.Candidate
		for i := range n {
			all = append(
				all,
				decisioning.Candidate{
					Action:     fmt.Sprint("action-", i),
					Channel:    "email",
					Stage:      decisioning.StageArbitration,
					Reason:     decisioning.LowerPriority,
					P:          0.25,
					C:          2,
					V:          float64(i),
					L:          1,
					Priority:   float64(i) / 2,
					Propensity: 0.5,
					Evidence:   300,
					Worth:      float64(i) + 1,
					Cost:       1,
					Explored:   i%2 == 0,
					HeldBack:   i%3 == 0,
				},
			)
		}
		trace, err := packTrace(all)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackTrace(trace)
		if diff := cmp.Diff(all, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(decisioning.Candidate{})); diff != "" || err != nil {
			t.Errorf("%d: %v %s", n, err, diff)
		}
		if n > plainTrace {
			for cut := range len(trace) - 1 { // damage is an error, not a panic
				if cut%97 == 0 {
					_, _ = unpackTrace(trace[:cut])
				}
			}
			if _, err := unpackTrace(trace[:len(trace)-8]); err == nil {
				t.Errorf("%d: a cut trace was unpacked", n)
			}
		}
	}
}
