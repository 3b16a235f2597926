package channels

import (
	"strings"
	"testing"
)

func TestCleanRemovesAddresses(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"550 5.1.1 <ana@example.com>: no such mailbox":               "550 5.1.1 …: no such mailbox",
		"no route to +81 90-1234-5678 now":                           "no route to … now",
		"token " + strings.Repeat("aB3_", 30) + " is dead":           "token … is dead",
		"line one\r\nline two\x1b[2J":                                "line one line two[2J",
		"secret-device is unknown":                                   "… is unknown",
		"https://example.com/ has a problem (code 42), see RFC 5321": "https://example.com/ has a problem (code 42), see RFC 5321",
	} {
		if got := clean(words, "secret-device"); got != want {
			t.Errorf("%q: got %q, want %q", words, got, want)
		}
	}
	if n := len([]rune(clean(strings.Repeat("旅 ", 500), ""))); n > maxReason+1 {
		t.Errorf("a reason of %d characters", n)
	}
}

func TestHeaderKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"0192f/greet/1": "0192f/greet/1", "e/main.2/1": "e/main%2E2/1", "e/旅/1": "e/%E6%97%85/1", "a\r\nb": "a%0D%0Ab",
	} {
		if got := headerKey(key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}
