package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/tracking"
)

const browserAgent = "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
	"Version/17.5 Mobile/15E148 Safari/604.1"

// hits returns what is stored of requests for links of a send: kind link machine url.
func (h *house) hits(key string) (out []string) {
	h.t.Helper()
	all, _, err := h.store.Messages.HitsOf(context.Background(), []string{key}, instant.Add(-time.Hour), instant.Add(time.Hour))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, one := range all[key] {
		out = append(out, strings.TrimSpace(strings.Join([]string{string(one.Kind), one.Machine, one.URL}, " ")))
	}
	return out
}

func TestClicksRedirect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for target, want := range map[string]string{
		"https://shop.example.com/a?b=1&c=%20+#d":                  "",
		"http://localhost:3000":                                    "",
		"https://a.example/お客様?名=値":                                "https://a.example/%E3%81%8A%E5%AE%A2%E6%A7%98?%E5%90%8D=%E5%80%A4",
		"https://日本語.example/x":                                    "https://xn--wgv71a119e.example/x",
		"https://a.example/?q=a b\tc":                              "https://a.example/?q=a%20b%09c",
		"https://a.example/" + strings.Repeat("x", 2000) + "?&&=&": "",
	} {
		if want == "" {
			want = target
		}
		c := signedlink.Click{Key: "e/s/1", Of: 1, URL: target}
		got := h.do("GET", linkPath(h.g.auth.Links.Click(c)), "", browserAgent)
		if got.status != http.StatusFound || got.header.Get("Location") != want {
			t.Errorf("%s\nleads to %s (%d)\n    want %s", target, got.header.Get("Location"), got.status, want)
		}
		for name, value := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex",
		} {
			if got.header.Get(name) != value {
				t.Errorf("%s is %q", name, got.header.Get(name))
			}
		}
	}
}

func TestRequestsForLinksAreStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	links := h.g.auth.Links
	path := linkPath(links.Click(signedlink.Click{Key: "e/s/1", Of: 2, URL: "https://shop.example.com/?a=1&utm_source=tabi", UTM: 16}))
	if got := h.do("HEAD", path, "", browserAgent); got.status != http.StatusFound || got.header.Get("Location") == "" {
		t.Errorf("HEAD: %d", got.status)
	}
	if got := h.hits("e/s/1"); got != nil {
		t.Errorf("HEAD counts: %v", got)
	}
	for range 2 {
		h.do("GET", path, "", browserAgent)
	}
	if got := h.hits("e/s/1"); len(got) != 1 || got[0] != "click  https://shop.example.com/?a=1" {
		t.Errorf("got %q", got)
	}
	if got := h.do("GET", path, "", "User-Agent: Mimecast Link Protection"); got.status != http.StatusFound {
		t.Errorf("a scanner gets %d", got.status)
	}
	if got := h.hits("e/s/1"); len(got) != 2 || !strings.Contains(strings.Join(got, "|"), "click mail_scanner ") {
		t.Errorf("got %q", got)
	}
	for agent, want := range map[string]string{browserAgent: "open", "User-Agent: Mozilla/5.0": "open apple_privacy_proxy"} {
		key := "e/" + want
		got := h.do("GET", linkPath(links.Pixel(key)), "", agent)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "image/gif" || !strings.HasPrefix(got.body, "GIF89a") ||
			got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("the pixel: %d %v", got.status, got.header)
		}
		if stored := h.hits(key); len(stored) != 1 || stored[0] != want {
			t.Errorf("got %q, want %q", stored, want)
		}
	}
}

// Links that tabi did not make lead nowhere.
func TestForeignLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	stranger := signedlink.Links{Secrets: signedlink.MustSecrets("another secret of someone")}
	evil := signedlink.Click{Key: "e/s/1", Of: 1, URL: "https://evil.example/"}
	good := linkPath(h.g.auth.Links.Click(signedlink.Click{Key: "e/s/1", Of: 1, URL: "https://shop.example.com/"}))
	for _, path := range []string{
		stranger.Click(evil), "/t/https:%2F%2Fevil.example", "/t/x?url=https://evil.example", "/t/0123456789A", good[:len(good)-1],
		good + "A", stranger.Pixel("e/s/1"), "/o/x.gif", "/o/x", "/t/" + strings.Repeat("A", 4000),
		linkPath(h.g.auth.Links.Unsubscribe(signedlink.Mail{Customer: "ana"}))[1:],
	} {
		path = "/" + strings.TrimPrefix(path, "/")
		if strings.HasPrefix(path, "/u/") {
			path = "/t/" + path[3:]
		}
		got := h.do("GET", path, "", browserAgent)
		if got.status != http.StatusNotFound || got.header.Get("Location") != "" || strings.Contains(got.body, "evil.example") ||
			!strings.Contains(got.body, "This link does not work") {
			t.Errorf("%.60s: %d %s %.200s", path, got.status, got.header.Get("Location"), got.body)
		}
	}
	if n := h.stored(); n != 0 {
		t.Errorf("%d events", n)
	}
}

func TestShortLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	c := signedlink.Click{Key: "e/s/1", Of: 1, URL: "https://shop.example.com/?a=1&utm_source=tabi", UTM: 16}
	code := h.g.auth.Links.ShortCode(c)
	stored := []tracking.Stored{{Code: code, Click: c}}
	for range 2 {
		if err := h.store.Messages.StoreLinks(t.Context(), instant, stored); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.do("GET", "/t/"+code, "", browserAgent); got.status != http.StatusFound || got.header.Get("Location") != c.URL {
		t.Errorf("%d %s", got.status, got.header.Get("Location"))
	}
	if got := h.hits("e/s/1"); len(got) != 1 || got[0] != "click  https://shop.example.com/?a=1" {
		t.Errorf("got %q", got)
	}
}

// While the store is away, the customer is led on, nothing is acknowledged, and it is stored when the store is back.
func TestClicksWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	flaky := &flakyMessages{}
	h := newHouse(t, func(c *Config) {
		flaky.Room = c.Rooms.Messages.(*message.Room)
		c.Rooms.Messages = flaky
	})
	links := h.g.auth.Links
	flaky.away.Store(true)
	click := linkPath(links.Click(signedlink.Click{Key: "e/s/1", Of: 1, URL: "https://shop.example.com/?a=1&b=2"}))
	got := h.do("GET", click, "", browserAgent)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Location") != "" || got.header.Get("Retry-After") == "" ||
		!strings.Contains(got.body, `content="0;url=https://shop.example.com/?a=1&amp;b=2"`) ||
		!strings.Contains(got.body, `href="https://shop.example.com/?a=1&amp;b=2"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.do("GET", linkPath(links.Pixel("e/s/1")), "", browserAgent); got.status != http.StatusServiceUnavailable ||
		!strings.HasPrefix(got.body, "GIF89a") {
		t.Errorf("the pixel: %d", got.status)
	}
	if got := h.do("GET", "/t/0123456789A", "", browserAgent); got.status < 500 || got.header.Get("Retry-After") == "" {
		t.Errorf("a short link: %d", got.status)
	}
	flaky.away.Store(false)
	for deadline := time.Now().Add(20 * time.Second); len(h.hits("e/s/1")) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("they are not stored")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// flakyMessages are messages of a store that is away at times.
type flakyMessages struct {
	*message.Room
	away atomic.Bool
}

func (f *flakyMessages) StoreHit(ctx context.Context, hit message.Hit) error {
	if f.away.Load() {
		return errAway
	}
	return f.Room.StoreHit(ctx, hit)
}

func (f *flakyMessages) Link(ctx context.Context, code string) (tracking.Stored, error) {
	if f.away.Load() {
		return tracking.Stored{}, errAway
	}
	return f.Room.Link(ctx, code)
}

var errAway = errors.New("database: it is away")
