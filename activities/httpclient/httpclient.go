// Package httpclient holds what channels and calls share when they make HTTP requests: which addresses are public, the
// cause of a failed connection in words, and the Retry-After header.
package httpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// global is the part of IPv6 that is handed out for the open internet. Everything else is refused, whatever it is used for later:
// translated addresses of IPv4 (64:ff9b::/96, ::ffff:0:0:0/96), segment routing (5f00::/16), site-local ones.
var global = netip.MustParsePrefix("2000::/3")

// notPublic are the ranges that netip has no predicate for: this network, carrier NAT, protocol assignments, relays,
// documentation, benchmarks, reserved, a cloud's metadata service at an address that looks public, and within the global part of
// IPv6 the protocol assignments (with Teredo, benchmarks, ORCHID), documentation, and 6to4, which embeds an IPv4 address.
var notPublic = func() []netip.Prefix {
	var ranges []netip.Prefix
	for _, s := range strings.Fields("0.0.0.0/8 100.64.0.0/10 168.63.129.16/32 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 " +
		"198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 " +
		"2001::/23 2001:db8::/32 2002::/16 3fff::/20") {
		ranges = append(ranges, netip.MustParsePrefix(s))
	}
	return ranges
}()

// Public reports whether ip is an address of the open internet: not private, loopback, link-local, multicast,
// unspecified, carrier NAT, metadata or reserved. Call it with the address that a connection is about to be made to,
// after the name was resolved: a name can resolve differently when it is checked and when it is used.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && !global.Contains(ip) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// Cause returns in words why a connection failed, without the address, which may be a customer's.
func Cause(err error) string {
	var (
		dns    *net.DNSError
		record tls.RecordHeaderError
		alert  tls.AlertError
		nerr   net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the host name is not known"
	case errors.As(err, &dns):
		return "the host name could not be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case Untrusted(err):
		return "the server's certificate is not trusted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &nerr) && nerr.Timeout():
		return "no answer in time"
	case errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed):
		return "the connection was lost"
	default:
		return "the connection failed"
	}
}

// Untrusted reports whether the server's certificate was refused. A repeat would not help.
func Untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify)
}

// MaxRetryAfter is the longest pause that RetryAfter returns.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads a Retry-After header, in seconds or as an HTTP date, relative to now. An unreadable or past one is
// 0; more than MaxRetryAfter is MaxRetryAfter.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	var wait time.Duration
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		if seconds > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter
		}
		wait = time.Duration(seconds) * time.Second
	} else {
		for _, layout := range []string{time.RFC1123, time.RFC850, time.ANSIC} {
			if at, err := time.Parse(layout, header); err == nil {
				wait = at.Sub(now)
				break
			}
		}
	}
	return min(max(wait, 0), MaxRetryAfter)
}
