package tracking_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/tracking"
)

var links = signedlink.Links{PublicURL: "https://tabi.example.com", Secrets: signedlink.MustSecrets("a secret of thirty-two bytes ...")}

// opened returns where the tracked form of a link leads, and what the event says.
func opened(t *testing.T, m *tracking.Marker, link string) (target, original string) {
	t.Helper()
	tracked := m.Track([]string{link})[link]
	token, ok := strings.CutPrefix(tracked, "https://tabi.example.com/t/")
	if !ok {
		t.Fatalf("%s became %q", link, tracked)
	}
	if signedlink.IsShortCode(token) {
		c := m.Stored[len(m.Stored)-1]
		if c.Code != token {
			t.Fatalf("the code is %s, and %s is stored", token, c.Code)
		}
		return c.URL, c.Original()
	}
	c, err := links.ClickOf(token)
	if err != nil {
		t.Fatal(err)
	}
	return c.URL, c.Original()
}

func TestLinksSurviveByteByByte(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"https://shop.example.com", "HTTPS://Shop.example.com/A?b=C", "http://localhost:8080/?x", "https://a.example/?a=1&b=2&&c",
		"https://a.example/?q=%E3%81%82&x=%2F+%20;y=2", "https://a.example/お客様?名=値#節", "https://日本語.example/",
		"https://a.example/#/route?x=1", "https://a.example/?", "https://a.example/?a&", "https://u:p@a.example/;p?x[]=1&x[]=2",
		"https://a.example/" + strings.Repeat("long/", 400), "https://a.example/?sig=a%2Bb%3D%3D&=&?",
	} {
		for _, longest := range []int{tracking.LongestInMail, tracking.LongestInSMS} {
			m := &tracking.Marker{Links: links, Key: "e/s/1", Longest: longest}
			if target, original := opened(t, m, link); target != link || original != link {
				t.Errorf("%s\nleads to %s\nand was %s", link, target, original)
			}
			m = &tracking.Marker{Links: links, Key: "e/s/1", Longest: longest, UTM: tracking.UTMOf("tabi", "email", "cart", "first")}
			if target, original := opened(t, m, link); original != link || !strings.Contains(target, "utm_source=tabi&utm_medium=email&") {
				t.Errorf("%s\nleads to %s\nand was %s", link, target, original)
			}
		}
	}
}

func TestUTM(t *testing.T) {
	t.Parallel()
	const added = "utm_source=tabi&utm_medium=email&utm_campaign=cart+%26+more&utm_content=first"
	m := &tracking.Marker{
		Links: links, Longest: tracking.LongestInMail, UTM: tracking.UTMOf("tabi", "email", "cart & more", "first"),
		Domains: []string{"example.com", "shop.example"},
	}
	for link, want := range map[string]string{
		"https://example.com":                   "https://example.com?" + added,
		"https://www.example.com/a?b=1#top":     "https://www.example.com/a?b=1&" + added + "#top",
		"https://shop.example:8443/?":           "https://shop.example:8443/?" + added,
		"https://shop.example/?a&#":             "https://shop.example/?a&" + added + "#",
		"https://example.com/?utm_campaign=own": "https://example.com/?utm_campaign=own",
		"https://example.com/?a=1&UTM_source=x": "https://example.com/?a=1&UTM_source=x",
		"https://example.com/#utm_source=x":     "https://example.com/?" + added + "#utm_source=x",
		"https://other.example/":                "https://other.example/",
		"https://notexample.com/":               "https://notexample.com/",
		"https://example.com@other.example/":    "https://other.example/",
	} {
		if strings.Contains(link, "@") {
			want = link
		}
		if got, _ := opened(t, m, link); got != want {
			t.Errorf("%s\n got %s\nwant %s", link, got, want)
		}
	}
}

func TestWhichLinksAreTracked(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]bool{
		"https://a.example": true, "http://a.example/x": true, "HTTPS://a.example": true, "mailto:a@a.example": false, "tel:+81": false,
		"#top": false, "/cart": false, "//a.example/x": false, "myapp://cart": false, "https://": false, "https:///x": false, "": false,
	} {
		if got := tracking.Tracked(link); got != want {
			t.Errorf("%q: %v", link, got)
		}
	}
}

// The same link in several places is one link, and says how many there are.
func TestLinksAreNumbered(t *testing.T) {
	t.Parallel()
	m := &tracking.Marker{Links: links, Key: "e/s/1", Longest: tracking.LongestInMail}
	got := m.Track([]string{"https://a.example/1", "mailto:x@a.example", "https://a.example/2", "https://a.example/1"})
	if len(got) != 2 {
		t.Fatal(got)
	}
	for i, link := range []string{"https://a.example/1", "https://a.example/2"} {
		c, err := links.ClickOf(strings.TrimPrefix(got[link], "https://tabi.example.com/t/"))
		if err != nil || c.Link != i || c.Of != 2 || c.Key != "e/s/1" {
			t.Errorf("%s: %+v, %v", link, c, err)
		}
	}
}

// Links too long for a channel are stored, and a repeated send carries the same codes.
func TestLongLinksGetACode(t *testing.T) {
	t.Parallel()
	long := "https://a.example/?" + strings.Repeat("x", 2000)
	first := &tracking.Marker{Links: links, Key: "e/s/1", Longest: tracking.LongestInMail}
	again := &tracking.Marker{Links: links, Key: "e/s/1", Longest: tracking.LongestInMail}
	other := &tracking.Marker{Links: links, Key: "e/s/2", Longest: tracking.LongestInMail}
	a, b, c := first.Track([]string{long})[long], again.Track([]string{long})[long], other.Track([]string{long})[long]
	if len(first.Stored) != 1 || a != b || a == c || len(a) > 60 {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}
