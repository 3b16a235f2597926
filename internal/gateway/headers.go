package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// contentPolicy lets pages load tabi's own style sheet and pictures, send forms to tabi, and nothing else: they have no scripts.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'"

// head sets the headers of every response. Handlers may change them.
func (g *Gateway) head(h http.Header, path string) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // under no-referrer a browser sends its own forms with Origin: null
	h.Set("X-Frame-Options", "DENY")
	if !strings.HasPrefix(path, "/dev/") {
		h.Set("Content-Security-Policy", contentPolicy)
	}
	if g.transport != "" {
		h.Set("Strict-Transport-Security", g.transport)
	}
}

// strictTransport returns the value of Strict-Transport-Security; empty: none is sent. It covers the subdomains of tabi's host, unless
// the host is a whole domain such as example.com, where other people's hosts may speak HTTP alone.
func strictTransport(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	const year = "max-age=31536000"
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return year
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err != nil || domain == host {
		return year
	}
	return year + "; includeSubDomains"
}
