package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/gateway/segment"
)

// web posts JSON with the web key.
func (h *house) web(path, body string, header ...string) answer {
	h.t.Helper()
	return h.do("POST", path, body, append([]string{"Authorization: Bearer " + webKey}, header...)...)
}

// Calls of a web key are limited, by key and by address, and nobody else is.
func TestWebKeysAreLimited(t *testing.T) {
	t.Parallel()
	now := instant
	h := newHouse(t, func(c *Config) {
		c.Limits.Batch = 20
		c.WebRates = segment.Rates{Key: 2, Peer: 1} // 40 and 20 calls saved up
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	h.g.Wall = func() time.Time { return now }
	from := func(n int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", n) }
	batch := `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"type":"page","anonymousId":"a1"},`, 20), ",") + `]}`
	page := `{"anonymousId":"a1"}`
	if got := h.web("/v1/batch", batch, from(1)); got.status != http.StatusOK {
		t.Fatalf("a batch: %d %s", got.status, got.body)
	}
	stored := h.stored()
	got := h.web("/v1/page", page, from(1))
	if code, _, _ := got.problem(); got.status != http.StatusTooManyRequests || code != "rate_limited" || got.header.Get("Retry-After") != "1" {
		t.Errorf("one more: %d %s, Retry-After %s", got.status, got.body, got.header.Get("Retry-After"))
	}
	if got := h.web("/v1/batch", batch, from(1)); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
		t.Errorf("before its body is read: %d, Retry-After %s", got.status, got.header.Get("Retry-After"))
	}
	if h.stored() != stored {
		t.Errorf("%d events are stored, want %d", h.stored(), stored)
	}
	if got := h.do("POST", "/v1/page", `{"userId":"ana"}`, "Authorization: Bearer "+serverKey, from(1)); got.status != http.StatusOK {
		t.Errorf("a server key at this address: %d", got.status)
	}
	if got := h.web("/v1/batch", batch, from(2)); got.status != http.StatusOK {
		t.Errorf("another address: %d", got.status)
	}
	got = h.web("/v1/page", page, from(3))
	if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "this web key") {
		t.Errorf("the key has sent 40 calls: %d %s", got.status, got.body)
	}
	now = now.Add(time.Second)
	if got := h.web("/v1/page", page, from(1)); got.status != http.StatusOK {
		t.Errorf("a second later: %d %s", got.status, got.body)
	}
	for i := range 21 {
		want := http.StatusUnauthorized
		if i == 20 {
			want = http.StatusTooManyRequests
		}
		if got := h.do("POST", "/v1/page", page, "Authorization: Bearer no-such-key", from(4)); got.status != want {
			t.Fatalf("guess %d of a key: %d", i, got.status)
		}
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
	for _, line := range []string{`tabi_web_key_rejections_total{limit="key"} 1`, `tabi_web_key_rejections_total{limit="peer"} 3`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
