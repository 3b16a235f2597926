package signedlink_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/signedlink"
)

func TestClickRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := signedlink.Links{PublicURL: "https://tabi.example.com/", Secrets: secret}
		c := signedlink.Click{
			Key: rapid.String().Draw(t, "key"), Link: rapid.IntRange(0, 500).Draw(t, "link"), Of: rapid.IntRange(0, 500).Draw(t, "of"),
			UTM: rapid.IntRange(0, 90).Draw(t, "utm"), URL: rapid.StringN(0, 2000, 2000).Draw(t, "url"),
		}
		url := l.Click(c)
		token, ok := strings.CutPrefix(url, "https://tabi.example.com/t/")
		if !ok || l.Click(c) != url {
			t.Fatalf("url is %s", url)
		}
		if got, err := l.ClickOf(token); err != nil || got != c {
			t.Fatalf("got %+v, %v; want %+v", got, err, c)
		}
		if _, err := l.PixelOf(token + ".gif"); !errors.Is(err, signedlink.ErrBadToken) {
			t.Fatalf("a link opens as a pixel: %v", err)
		}
		if signedlink.IsShortCode(token) || !signedlink.IsShortCode(l.ShortCode(c)) {
			t.Fatal("a token and a code are not told apart")
		}
	})
}

// A link of months ago opens after its secret was replaced, on any host.
func TestTrackedLinksOutliveTheirSecret(t *testing.T) {
	t.Parallel()
	old := signedlink.Links{PublicURL: "https://tabi.example.com", TrackURL: "https://click.example.com/", Secrets: secret}
	c := signedlink.Click{Key: "e/s/1", Of: 3, URL: "https://shop.example.com/?a=1&b=%20#x"}
	token, ok := strings.CutPrefix(old.Click(c), "https://click.example.com/t/")
	pixel, isPixel := strings.CutPrefix(old.Pixel("e/s/1"), "https://click.example.com/o/")
	if !ok || !isPixel {
		t.Fatal(old.Click(c), old.Pixel("e/s/1"))
	}
	now := signedlink.Links{Secrets: signedlink.MustSecrets("the new secret of this installation", "a secret of thirty-two bytes ...")}
	if got, err := now.ClickOf(token); err != nil || got != c {
		t.Errorf("got %+v, %v", got, err)
	}
	if key, err := now.PixelOf(pixel); err != nil || key != "e/s/1" {
		t.Errorf("got %q, %v", key, err)
	}
	stranger := signedlink.Links{Secrets: signedlink.MustSecrets("another secret of someone")}
	if _, err := stranger.ClickOf(token); !errors.Is(err, signedlink.ErrBadToken) {
		t.Errorf("another secret opens it: %v", err)
	}
}

func TestOriginalOfATrackedLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url  string
		utm  int
		want string
	}{
		{"https://a.example/?x=1&utm_source=tabi#top", 16, "https://a.example/?x=1#top"},
		{"https://a.example/?utm_source=tabi", 16, "https://a.example/"},
		{"https://a.example/", 0, "https://a.example/"},
		{"short", 99, "short"},
	} {
		if got := (signedlink.Click{URL: c.url, UTM: c.utm}).Original(); got != c.want {
			t.Errorf("%s: %s, want %s", c.url, got, c.want)
		}
	}
}
