package simulate

import "testing"

// Next best actions, decided in journeys.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"offers", "quiet"} {
		for _, j := range everything(load(t, "testdata/decide/"+folder)) {
			t.Run(folder+"/"+j.Test.Scenarios[j.Scenario].Name, func(t *testing.T) {
				t.Parallel()
				if result := Run(t.Context(), j.Content, j.Test, j.Scenario, Options{}); !result.Passed {
					t.Error(printed(t, result))
				}
			})
		}
	}
}
