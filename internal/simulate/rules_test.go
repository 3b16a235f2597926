package simulate

import (
	"strings"
	"testing"
)

// The scenarios of these folders are written to the language's page, one rule each, and pass.
func TestScenariosHold(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"testdata/language", "testdata/rules"} {
		jobs := everything(load(t, dir))
		if len(jobs) < 25 {
			t.Errorf("%s has %d scenarios", dir, len(jobs))
		}
		for _, j := range jobs {
			s := j.Test.Scenarios[j.Scenario]
			t.Run(j.Test.Journey+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				result := Run(t.Context(), j.Content, j.Test, j.Scenario, Options{})
				if !result.Passed {
					t.Error(printed(t, result))
				}
			})
		}
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
	tell(&out, r.Story)
	return out.String()
}
