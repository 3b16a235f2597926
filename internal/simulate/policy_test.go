package simulate

import "testing"

// A folder per contact policy.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"night", "drop", "consent", "limits", "best"} {
		for _, j := range everything(load(t, "testdata/policy/"+folder)) {
			t.Run(folder+"/"+j.Test.Journey+"/"+j.Test.Scenarios[j.Scenario].Name, func(t *testing.T) {
				t.Parallel()
				if result := Run(t.Context(), j.Content, j.Test, j.Scenario, Options{}); !result.Passed {
					t.Error(printed(t, result))
				}
			})
		}
	}
}
