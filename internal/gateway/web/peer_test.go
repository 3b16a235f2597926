package web

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

// The peer is who connects; behind trusted proxies, the last address that none of them has.
func TestPeer(t *testing.T) {
	t.Parallel()
	env := &Env{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:4000", nil, "192.0.2.1"},
		{"a header that anyone wrote", "192.0.2.1:4000", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a proxy without the header", "10.0.0.1:4000", nil, "10.0.0.1"},
		{"a proxy", "10.0.0.1:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"two proxies, and what the client wrote", "10.0.0.1:4000", []string{"198.51.100.7, 203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"a port", "10.0.0.1:4000", []string{"203.0.113.9:55"}, "203.0.113.9"},
		{"IPv6", "[fd00::1]:4000", []string{"[2001:db8::9]:55"}, "2001:db8::9"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:4000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"words", "10.0.0.1:4000", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"only proxies", "10.0.0.1:4000", []string{"10.0.0.3"}, "10.0.0.3"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = c.remote
		for _, value := range c.forwarded {
			r.Header.Add("X-Forwarded-For", value)
		}
		if got := env.Peer(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
