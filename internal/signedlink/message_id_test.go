package signedlink

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMessageID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringN(1, 60, 120).Draw(t, "key")
		id := MessageID(key, "example.com")
		for _, form := range []string{id, "<" + id + ">", strings.ToUpper(id)} {
			if got, ok := MessageKey(form); !ok || got != key {
				t.Fatalf("%s: %q %v, want %q", form, got, ok, key)
			}
		}
		if strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789.@") != "" {
			t.Fatalf("%s does not stand in a header as it is", id)
		}
	})
	for _, id := range []string{"", "@example.com", "no-at", "not base32!@example.com", "<>"} {
		if key, ok := MessageKey(id); ok {
			t.Errorf("%q: %q", id, key)
		}
	}
}
