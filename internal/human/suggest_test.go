package human

import (
	"testing"
)

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"email", "push", "sms", "app", "recovery"}
	for word, want := range map[string]string{"emial": "email", "Email": "email", "psuh": "push", "recovry": "recovery", "telegram": "",
		"x": ""} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
