package simulate

import (
	"testing"
)

// The folder holds scenarios that were written to the language's page alone: what it says must be so.
func TestLanguage(t *testing.T) {
	t.Parallel()
	jobs := everything(load(t, "testdata/language"))
	if len(jobs) < 60 {
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
