package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Peer returns the address from which a request came, for limits and logs. If the connection is from a trusted proxy, it is the address
// that the proxy names: the last one of X-Forwarded-For that is not a trusted proxy itself. What is left of it was written by the
// client, who may write anything. The zero address: the connection has none.
func (e *Env) Peer(r *http.Request) netip.Addr {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	peer := plain(port.Addr())
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !e.trusted(peer) {
			return peer
		}
		next, ok := parseHop(hop)
		if !ok {
			return peer
		}
		peer = next
	}
	return peer
}

func (e *Env) trusted(peer netip.Addr) bool {
	return slices.ContainsFunc(e.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// parseHop reads an element of X-Forwarded-For: an address, which some proxies write with a port.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	if addr, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return plain(addr), true
	}
	port, err := netip.ParseAddrPort(hop)
	return plain(port.Addr()), err == nil
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
