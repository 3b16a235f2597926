package call

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/activities/httpclient"
)

// Allow is a list of addresses that may be called although they are not public.
type Allow struct {
	hosts  map[string]bool // in lower case, without a trailing dot
	ranges []netip.Prefix
}

// ParseAllow reads a list of hosts, IP addresses and CIDR ranges, separated by commas or spaces. A host allows
// whatever address it resolves to.
func ParseAllow(list string) (Allow, error) {
	a := Allow{hosts: map[string]bool{}}
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		if p, err := netip.ParsePrefix(entry); err == nil {
			a.ranges = append(a.ranges, unmapped(p))
			continue
		}
		if ip, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
			ip = ip.Unmap().WithZone("")
			a.ranges = append(a.ranges, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		if strings.ContainsAny(entry, `/:\@?#*[]%`) {
			return Allow{}, fmt.Errorf(
				"%q is not a host, IP address or CIDR range: write it bare, such as crm.internal, 10.1.2.3 or 10.0.0.0/8",
				entry,
			)
		}
		a.hosts[plainHost(entry)] = true
	}
	return a, nil
}

// unmapped is a range with its host bits cleared, and ::ffff:a.b.c.d/n as one of IPv4.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

func plainHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// address reports whether a connection to ip may be made.
func (a Allow) address(ip netip.Addr) bool {
	if httpclient.Public(ip) {
		return true
	}
	ip = ip.Unmap().WithZone("")
	for _, p := range a.ranges {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// Dial has what tests replace; the zero value is the real network.
type Dial struct {
	Resolver *net.Resolver
	RootCAs  *x509.CertPool
}

// refused is the final error of an address or redirect that may not be followed.
type refused struct{ host, why string }

func (r *refused) Error() string { return r.host + ": " + r.why }

// refusal returns the refused in err's chain; nil if there is none.
func refusal(err error) (*refused, bool) {
	var r *refused
	return r, errors.As(err, &r)
}

// handshake records a TLS handshake that failed for good. One that broke off or timed out is not recorded, since a
// repeat may succeed.
type handshake struct{ err atomic.Pointer[error] }

func (h *handshake) done(_ tls.ConnectionState, err error) {
	var timeout net.Error
	switch {
	case err == nil,
		errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
	default:
		h.err.Store(&err)
	}
}

// reason returns the failure in words; empty if there was none.
func (h *handshake) reason() string {
	switch err := h.err.Load(); {
	case err == nil:
		return ""
	case httpclient.Untrusted(*err):
		return httpclient.Cause(*err)
	default:
		return "the TLS handshake failed"
	}
}

// transport connects to public and allowed addresses only. It checks each address when the connection is made, after
// the name was resolved, so neither a redirect nor a name that resolves differently the second time gets around it.
func transport(opts Options) *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{RootCAs: opts.Dial.RootCAs, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			dialer := &net.Dialer{KeepAlive: 30 * time.Second, Resolver: opts.Dial.Resolver}
			if !opts.Allow.hosts[plainHost(host)] {
				dialer.Control = func(_, at string, _ syscall.RawConn) error {
					if to, err := netip.ParseAddrPort(at); err != nil || !opts.Allow.address(to.Addr()) {
						return &refused{host, "the address is a private one: list it in TABI_CALL_ALLOWLIST if calls may go there"}
					}
					return nil
				}
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
}

// kept are the headers that a redirect to another host may carry; all others may be secrets of the first host.
var kept = map[string]bool{
	"Accept":           true,
	"Accept-Language":  true,
	"Content-Language": true,
	"Content-Type":     true,
	"User-Agent":       true,
	"Idempotency-Key":  true,
}

// redirect decides whether a redirect is followed.
func redirect(req *http.Request, via []*http.Request) error {
	host := req.URL.Hostname()
	switch {
	case len(via) > MaxRedirects:
		return &refused{host, fmt.Sprintf("more than %d redirects", MaxRedirects)}
	case req.URL.Scheme != "http" && req.URL.Scheme != "https", host == "":
		return &refused{via[len(via)-1].URL.Hostname(), "redirects to an address that is not http or https"}
	}
	req.Header.Del("Referer") // the address it came from may hold customer data
	for _, before := range via {
		if sameServer(before.URL, req.URL) {
			continue
		}
		for name := range req.Header {
			if !kept[name] {
				req.Header.Del(name)
			}
		}
		break
	}
	return nil
}

// sameServer reports whether a redirect stays on the same server; from http to https counts as the same.
func sameServer(from, to *url.URL) bool {
	if from.Scheme == to.Scheme {
		return strings.EqualFold(from.Host, to.Host)
	}
	return from.Scheme == "http" && from.Port() == "" && to.Port() == "" && strings.EqualFold(from.Host, to.Host)
}
