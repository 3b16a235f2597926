package auth

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// CheckDev guards a gateway that asks for no token: only this machine may call it, and only pages of this machine may make it
// act. Host is checked against DNS rebinding, Origin and Sec-Fetch-Site against pages of other sites.
func (a *Auth) CheckDev(r *http.Request) *web.Error {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return web.Forbidden("", "dev answers only this machine; use tabi serve to be reachable from elsewhere")
	}
	if !loopbackHost(r.Host) {
		return web.Forbidden("", "dev answers only requests whose Host is localhost")
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !loopbackHost(u.Host) {
			return web.Forbidden("", "dev answers only pages of this machine")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return web.Forbidden("", "dev answers only pages of this machine")
	}
	return nil
}

func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
