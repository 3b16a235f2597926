package tracking_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/tabi-journeys/tabi/internal/tracking"
)

// User-Agents as they come. A case with a kind is about that kind alone.
func TestMachines(t *testing.T) {
	t.Parallel()
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	for _, c := range []struct {
		name, agent, want string
		kind              tracking.Kind
		header            http.Header
		peer              string
	}{
		{name: "Chrome on Windows", agent: chrome},
		{name: "Safari on an iPhone",
			agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
				"Version/17.5 Mobile/15E148 Safari/604.1"},
		{name: "Apple Mail without the proxy",
			agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"},
		{name: "Firefox", agent: "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"},
		{name: "Edge", agent: chrome + " Edg/126.0.0.0"},
		{name: "Samsung", agent: "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 " +
			"Chrome/121.0.0.0 Mobile Safari/537.36"},
		{name: "a phone of the maker Cubot", agent: "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) " +
			"Chrome/120.0.0.0 Mobile Safari/537.36"},
		{name: "the browser of LINE",
			agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
				"Mobile/15E148 Safari Line/14.8.0"},
		{name: "the browser of Facebook",
			agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like " +
				"Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/468.0.0.36.104;FBDV/iPhone14,5]"},
		{name: "Outlook on a desktop opens", kind: tracking.Open, agent: "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; " +
			"Trident/7.0; .NET4.0C; .NET4.0E; Microsoft Outlook 16.0.17726; ms-office; MSOffice 16)"},
		{name: "Gmail's proxy, when the customer opens", kind: tracking.Open,
			agent: "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"},
		{name: "Yahoo's proxy, when the customer opens", kind: tracking.Open,
			agent: "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"},
		{name: "Thunderbird", kind: tracking.Open, agent: "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.2"},
		{name: "a mail app for Android opens", kind: tracking.Open, agent: "okhttp/4.12.0"},

		{name: "Apple's proxy", agent: "Mozilla/5.0", want: "apple_privacy_proxy"},
		{name: "Gmail's app, before the mail is shown", want: "gmail_prefetch", agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " +
			"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"},
		{name: "Outlook asks before it opens the browser", kind: tracking.Click, want: "microsoft_office",
			agent: "Mozilla/4.0 (compatible; " +
				"ms-office; MSOffice 16)"},
		{name: "Office", agent: "Microsoft Office Existence Discovery", want: "microsoft_scanner"},
		{name: "SafeLinks from Microsoft's mail servers", agent: chrome, peer: "40.94.31.17", want: "microsoft_scanner"},
		{name: "the same by IPv6", agent: chrome, peer: "2a01:111:f400:7e88::1", want: "microsoft_scanner"},
		{name: "Barracuda from its gateway", agent: chrome, peer: "209.222.82.9", want: "mail_scanner"},
		{name: "a customer of a Microsoft cloud", agent: chrome, peer: "20.42.65.1"},
		{name: "Barracuda", agent: "Mozilla/5.0 (compatible; BarracudaSentinel/1.0)", want: "mail_scanner"},
		{name: "Proofpoint", agent: "Mozilla/5.0 (compatible; ProofPoint URL Defense)", want: "mail_scanner"},
		{name: "Mimecast", agent: "Mimecast Link Protection", want: "mail_scanner"},
		{name: "Cisco", agent: "Cisco IronPort Email Security", want: "mail_scanner"},
		{name: "a preview in LINE", agent: "facebookexternalhit/1.1;line-poker/1.0", want: "link_preview"},
		{name: "a preview in iMessage", want: "link_preview",
			agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 " +
				"(KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
		{name: "a preview in WhatsApp", agent: "WhatsApp/2.23.20.0 A", want: "link_preview"},
		{name: "a preview in Slack", agent: "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", want: "link_preview"},
		{name: "a preview in Teams", want: "link_preview",
			agent: "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com"},
		{name: "a crawler", agent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", want: "crawler"},
		{name: "a crawler without a name", agent: "ExampleSpider", want: "crawler"},
		{name: "a browser without a window", want: "headless_browser",
			agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like " +
				"Gecko) HeadlessChrome/126.0.0.0 Safari/537.36"},
		{name: "curl", agent: "curl/8.5.0", want: "program"},
		{name: "Python", agent: "python-requests/2.32.3", want: "program"},
		{name: "Go", agent: "Go-http-client/2.0", want: "program"},
		{name: "Java", agent: "Apache-HttpClient/4.5.14 (Java/17.0.9)", want: "program"},
		{name: "an app's library follows a link", kind: tracking.Click, agent: "okhttp/4.12.0", want: "program"},
		{name: "no User-Agent", want: "no_user_agent"},
		{name: "blanks", agent: "  ", want: "no_user_agent"},
		{name: "Chrome prefetches", agent: chrome, header: http.Header{"Sec-Purpose": {"prefetch"}}, want: "prefetch"},
		{name: "Chrome renders ahead", agent: chrome, header: http.Header{"Sec-Purpose": {"prefetch;prerender"}}, want: "prefetch"},
		{name: "an old Chrome prefetches", agent: chrome, header: http.Header{"Purpose": {"prefetch"}}, want: "prefetch"},
		{name: "Firefox prefetches", agent: chrome, header: http.Header{"X-Moz": {"prefetch"}}, want: "prefetch"},
		{name: "Safari's previews", agent: chrome, header: http.Header{"X-Purpose": {"preview"}}, want: "prefetch"},
	} {
		kinds := []tracking.Kind{tracking.Open, tracking.Click}
		if c.kind != "" {
			kinds = []tracking.Kind{c.kind}
		}
		h := c.header.Clone()
		if h == nil {
			h = http.Header{}
		}
		if c.agent != "" {
			h.Set("User-Agent", c.agent)
		}
		peer := netip.MustParseAddr("203.0.113.9")
		if c.peer != "" {
			peer = netip.MustParseAddr(c.peer)
		}
		for _, kind := range kinds {
			if got := tracking.Machine(kind, h, peer); got != c.want {
				t.Errorf("%s, %s: got %q, want %q", c.name, kind, got, c.want)
			}
		}
	}
	if got := tracking.Machine(tracking.Click, http.Header{"User-Agent": {chrome}}, netip.Addr{}); got != "" {
		t.Errorf("without an address: %q", got)
	}
}
