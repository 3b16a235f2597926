package human

import "testing"

func TestHide(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"": "", "NO_ADDRESS": "NO_ADDRESS", "RETRIES_ENDED": "RETRIES_ENDED",
		"550 5.1.1 <ana@example.com> unknown": Hidden, "ANA SILVA": Hidden, "ANA_": Hidden, "refused": Hidden,
	} {
		if got := HideReason(reason); got != want {
			t.Errorf("%q: %q, want %q", reason, got, want)
		}
	}
	for reason, want := range map[string]string{
		"journey timeout reached": "journey timeout reached", "by step bye": "by step bye",
		"cancelled by Olga: Ana asked by phone": "cancelled by Olga: " + Hidden,
	} {
		if got := HideEnd(reason); got != want {
			t.Errorf("%q: %q, want %q", reason, got, want)
		}
	}
}
