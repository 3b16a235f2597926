package simulate

import (
	"testing"
)

// The folders hold scenarios that were written to the language's page alone: what it says must be so.
func TestLanguage(t *testing.T) {
	t.Parallel()
	jobs := append(everything(load(t, "testdata/language")), everything(load(t, "testdata/time"))...)
	jobs = append(jobs, everything(load(t, "testdata/time-caps"))...)
	if len(jobs) < 70 {
		t.Fatalf("only %d scenarios were read", len(jobs))
	}
	for _, job := range jobs {
		t.Run(job.Test.Journey+"/"+job.Test.Scenarios[job.Scenario].Name, func(t *testing.T) {
			t.Parallel()
			result := Run(t.Context(), job.Content, job.Test, job.Scenario, Options{})
			for _, failure := range result.Failures {
				t.Errorf("%s: %s", failure.Place, failure.Message)
			}
			if !result.Passed {
				t.Errorf("did not pass")
			}
		})
	}
}
