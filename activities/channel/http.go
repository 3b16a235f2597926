package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// maxAnswer is how much of a provider's answer is read, in bytes.
const maxAnswer = 64 << 10

// answer is a provider's answer to a POST.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// failure is a POST without an answer. Written tells whether the provider may have seen the request.
type failure struct {
	err     error
	written bool
}

// receipt says what a failure means: not sent if nothing left this machine, else unknown.
func (f *failure) receipt() Receipt {
	if errors.Is(f.err, errPrivate) {
		return Receipt{Outcome: Refused, Reason: trouble(f.err)}
	}
	if !f.written {
		return Receipt{Outcome: NotSent, Reason: trouble(f.err)}
	}
	return Receipt{Outcome: Unknown, Reason: "sent without an answer: " + trouble(f.err)}
}

// newHTTPClient makes a client that follows no redirects. Guarded ones connect to public addresses only, and directly.
func newHTTPClient(cfg Config, guarded bool) *http.Client {
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   16,
		MaxConnsPerHost:       64,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   cfg.Timeout,
		ResponseHeaderTimeout: cfg.Timeout,
		TLSClientConfig:       &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
	}
	if guarded {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return publicOnly(address) }
		transport.Proxy = nil
	}
	transport.DialContext = dialer.DialContext
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends body to url and reads the answer.
func post(ctx context.Context, client *http.Client, url string, header http.Header, body []byte) (*answer, *failure) {
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{err: err}
	}
	req.Header = header
	req.Header.Set("User-Agent", "tabi")
	resp, err := client.Do(req)
	if err != nil {
		return nil, &failure{err: err, written: written.Load()}
	}
	defer resp.Body.Close()
	// The status has come, so a body that breaks off takes nothing back.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return &answer{status: resp.StatusCode, header: resp.Header, body: text}, nil
}

// errPrivate is the refusal to connect to an address that is not public.
var errPrivate = errors.New("the address is a private one: set TABI_WEBHOOK_ALLOW_PRIVATE if webhooks may go there")

// notPublic are ranges that netip has no question for: this network, carrier NAT, protocol assignments, documentation,
// benchmarks, reserved, and the IPv6 ranges that carry an IPv4 address in them.
var notPublic = func() []netip.Prefix {
	var ranges []netip.Prefix
	for _, s := range strings.Fields("0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 " +
		"64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:db8::/32 2002::/16 fec0::/10 ::/96") {
		ranges = append(ranges, netip.MustParsePrefix(s))
	}
	return ranges
}()

// publicOnly looks at the address a connection is about to be made to, after the name was looked up, so that a name
// cannot point one way when it is checked and another when it is used.
func publicOnly(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := at.Addr().Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return errPrivate
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return errPrivate
		}
	}
	return nil
}
