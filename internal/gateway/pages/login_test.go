package pages

import "testing"

func TestLoginRedirectsToOwnPagesOnly(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "", "evil",
		"/\r\nSet-Cookie: a=b", "/\t/evil.example"} {
		if got := localPath(next); got != "/" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	if got := localPath("/inbox/e%2Fs%2F1?a=b"); got != "/inbox/e%2Fs%2F1?a=b" {
		t.Errorf("got %q", got)
	}
}
