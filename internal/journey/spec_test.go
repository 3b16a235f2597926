package journey

import "testing"

// Arms count from 1 wherever people see them; a name and a key are shown as they are.
func TestArmsCountFromOne(t *testing.T) {
	t.Parallel()
	if got := ArmNumber(0); got != "1" {
		t.Errorf("the first arm is %s", got)
	}
	for key, want := range map[string]string{
		ArmNumber(0): "arm 1", ArmNumber(9): "arm 10", SplitArm{}.Key(1): "arm 2", SplitArm{Name: "short"}.Key(1): "short",
		ArmTimeout: "on_timeout", "2x": "2x", "": "",
	} {
		if got := ArmLabel(key); got != want {
			t.Errorf("%q is shown as %q, want %q", key, got, want)
		}
	}
}
