// Package tracking says how links become tracked links, and which requests for them are of machines.
package tracking

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Kind is what a tracked request reports.
type Kind string

// The kinds.
const (
	Open  Kind = "open"  // the pixel of a mail was loaded
	Click Kind = "click" // a link was followed
)

// Burst is the reason of clicks that are of a machine because they come faster than a person clicks. See Bursts.
const Burst = "burst"

// A rule recognizes a machine by its User-Agent.
type rule struct {
	reason string
	kind   Kind // empty: both
	exact  bool // the whole User-Agent, else a part of it
	agents []string
}

// rules are the machines that fetch links and pictures of mails and messages, by their User-Agent in lower case. The first that
// matches is the reason.
//
// A proxy that loads a picture when the customer opens the mail is no machine here: Gmail's (GoogleImageProxy), Yahoo's
// (YahooMailProxy), and Outlook on a desktop, whose User-Agent has ms-office. The browser of an app (FBAN, Line/, Instagram)
// is a person's too. See docs/decisions/0042.
var rules = []rule{
	// Apple's Mail Privacy Protection loads all pictures of all mails by proxies, whether the customer opens them or not. Its
	// requests name no browser.
	{reason: "apple_privacy_proxy", exact: true, agents: []string{"mozilla/5.0"}},
	// The Gmail app loads pictures before the mail is shown (bird.com, "Gmail prefetching images", January 2022).
	{reason: "gmail_prefetch", agents: []string{"chrome/42.0.2311.135 safari/537.36 edge/12.246 mozilla/5.0"}},
	// Microsoft's scanners, and Office, which asks for a link itself before it opens the browser.
	{reason: "microsoft_scanner", agents: []string{
		"safelinks", "safe links", "microsoft office existence discovery", "microsoft office protocol discovery", "microsoft-webdav",
		"microsoft data access internet publishing", "microsoft url control", "ms web services client protocol",
	}},
	{reason: "microsoft_office", kind: Click, agents: []string{"ms-office", "msoffice", "microsoft office", "microsoft outlook"}},
	// Gateways that look at mails before they are delivered, or when they are clicked.
	{reason: "mail_scanner", agents: []string{
		"barracuda", "proofpoint", "urldefense", "pp-urlscan", "mimecast", "ironport", "ciscosecureemail", "cisco secure email",
		"messagelabs", "symantec", "fireeye", "trellix", "forcepoint", "sophos", "trendmicro", "trend micro", "fortimail", "fortiguard",
		"vadesecure", "hornetsecurity", "spamtitan", "mailmarshal", "avanan", "greathorn", "cloudmark", "virustotal", "urlscan",
		"safebrowsing", "google-safety", "netcraft", "phishtank", "cyren", "ninjabot", "linkscanner", "link scanner",
	}},
	// Programs that show a preview of a link.
	{reason: "link_preview", agents: []string{
		"facebookexternalhit", "facebookcatalog", "facebot", "line-poker", "slackbot", "slack-imgproxy", "twitterbot", "linkedinbot",
		"telegrambot", "discordbot", "whatsapp/", "skypeuripreview", "bingpreview", "microsoftpreview", "teamsbot", "pinterestbot",
		"redditbot", "snap url preview", "kakaotalk-scrap", "kakaostory-og-reader", "viberurlprofiler", "vkshare", "iframely",
		"embedly", "google-pagerenderer", "googlemessages", "google web preview", "zoombot", "mattermost-bot", "rocketchat", "hatena",
		"yahoo link preview", "applebot", "outbrain",
	}},
	{reason: "headless_browser", agents: []string{"headlesschrome", "phantomjs", "slimerjs", "puppeteer", "playwright", "selenium",
		"chrome-lighthouse", "htmlunit", "splash", "prerender"}},
	{reason: "program", agents: []string{
		"curl/", "wget", "libcurl", "python-requests", "python-urllib", "python/", "aiohttp", "python-httpx", "scrapy", "go-http-client",
		"apache-httpclient", "java/", "java-http-client", "jakarta", "jetty", "axios/", "node-fetch", "undici", "node.js", "got (",
		"superagent", "guzzlehttp", "php/", "ruby", "faraday", "libwww-perl", "lwp::", "postmanruntime", "insomnia", "httpie",
		"winhttp", "lua-resty-http", "powershell", "apachebench", "k6/", "feedfetcher", "feedburner",
	}},
	// Apps load pictures by these; nobody browses by them.
	{reason: "program", kind: Click, agents: []string{"okhttp", "dart:io", "dart/", "cfnetwork/", "dalvik/"}},
}

// robot matches the words by which crawlers name themselves.
var robot = regexp.MustCompile(`(?:bot|crawler|spider|scraper|scanner|fetcher|preview|monitoring|checker|validator)(?:[^a-z]|$)`)

// phones are models whose names end as those of crawlers do.
var phones = strings.NewReplacer("cubot", "", "robot vacuum", "")

// networks are those of scanners that use the User-Agent of a browser, where nobody browses: the mail servers of Microsoft 365
// (learn.microsoft.com, "Microsoft 365 URLs and IP address ranges", Exchange Online Protection) and of Barracuda's mail gateway
// (campus.barracuda.com, "Barracuda Email Security Gateway IP ranges").
var networks = []struct {
	reason   string
	prefixes []netip.Prefix
}{
	{"microsoft_scanner", prefixes("40.92.0.0/15", "40.94.0.0/16", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48",
		"2a01:111:f403::/48")},
	{"mail_scanner", prefixes("64.235.144.0/20", "209.222.80.0/21")},
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// Machine returns why a request is not of a person, as one word; empty: it may be of one. peer is where it came from.
func Machine(kind Kind, h http.Header, peer netip.Addr) string {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		value := strings.ToLower(strings.Join(h.Values(name), ","))
		if strings.Contains(value, "prefetch") || strings.Contains(value, "prerender") || strings.Contains(value, "preview") {
			return "prefetch"
		}
	}
	agent := strings.ToLower(strings.TrimSpace(h.Get("User-Agent")))
	if agent == "" {
		return "no_user_agent"
	}
	for _, r := range rules {
		if (r.kind == "" || r.kind == kind) && slices.ContainsFunc(r.agents, func(part string) bool {
			return r.exact && agent == part || !r.exact && strings.Contains(agent, part)
		}) {
			return r.reason
		}
	}
	if robot.MatchString(phones.Replace(agent)) {
		return "crawler"
	}
	for _, n := range networks {
		if slices.ContainsFunc(n.prefixes, func(p netip.Prefix) bool { return p.Contains(peer) }) {
			return n.reason
		}
	}
	return ""
}
