package simulate

import (
	"strings"
	"testing"
)

// The rules of the timeline and of expectations, one scenario each.
func TestRules(t *testing.T) {
	t.Parallel()
	jobs := append(everything(load(t, "testdata/rules")), everything(load(t, "testdata/promo"))...)
	if len(jobs) < 30 {
		t.Errorf("there are %d scenarios", len(jobs))
	}
	for _, j := range jobs {
		t.Run(j.Test.Journey+"/"+j.Test.Scenarios[j.Scenario].Name, func(t *testing.T) {
			t.Parallel()
			if result := Run(t.Context(), j.Content, j.Test, j.Scenario, Options{}); !result.Passed {
				t.Error(printed(t, result))
			}
		})
	}
}

// printed is what is shown of a failure.
func printed(t testing.TB, r Result) string {
	t.Helper()
	var out strings.Builder
	if err := r.PrintFailures(&out, nil, true); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// told is a story as text.
func told(r Result) string {
	var out strings.Builder
	writeLog(&out, r.Story)
	return out.String()
}
