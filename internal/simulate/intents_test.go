package simulate

import "testing"

// Journeys that decide by intents, to the second: what fades below a threshold does so when the half-life says.
func TestIntents(t *testing.T) {
	t.Parallel()
	jobs := everything(load(t, "testdata/intents"))
	if len(jobs) < 20 {
		t.Fatalf("only %d scenarios were read", len(jobs))
	}
	for _, job := range jobs {
		t.Run(job.Test.Journey+"/"+job.Test.Scenarios[job.Scenario].Name, func(t *testing.T) {
			t.Parallel()
			result := Run(t.Context(), job.Content, job.Test, job.Scenario, Options{})
			for _, failure := range result.Failures {
				t.Errorf("%s: %s", failure.Place, failure.Message)
			}
		})
	}
}
