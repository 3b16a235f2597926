package channels

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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
)

// maxAnswer is how much of a provider's response is read, in bytes.
const maxAnswer = 64 << 10

// answer is a provider's response to a POST.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// failure is a POST without a response. written reports whether the provider may have seen the request.
type failure struct {
	err     error
	written bool
}

// receipt returns not sent if nothing left this machine, else unknown.
func (f *failure) receipt() channel.Receipt {
	if errors.Is(f.err, errPrivate) {
		return channel.Receipt{Outcome: channel.Refused, Reason: trouble(f.err)}
	}
	if !f.written {
		return channel.Receipt{Outcome: channel.NotSent, Reason: trouble(f.err)}
	}
	return channel.Receipt{Outcome: channel.Unknown, Reason: "sent, but no response came: " + trouble(f.err)}
}

// overHTTP is what all channels have that send by HTTP alone.
type overHTTP struct {
	spec    channel.Spec
	client  *http.Client
	timeout time.Duration // of an attempt
}

// newOverHTTP returns it. A guarded one connects to public addresses only.
func newOverHTTP(cfg Config, spec channel.Spec, guarded bool) overHTTP {
	return overHTTP{spec: spec, client: newHTTPClient(cfg, guarded), timeout: cfg.Timeout}
}

func (o *overHTTP) Spec() channel.Spec { return o.spec }

// Close closes idle connections.
func (o *overHTTP) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// newHTTPClient returns a client that follows no redirects. A guarded one connects to public addresses only, and
// without a proxy.
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

// post sends body to url and reads the response.
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
	// The status has arrived, so a body that breaks off changes nothing.
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return &answer{status: resp.StatusCode, header: resp.Header, body: text}, nil
}

// errPrivate is the refusal to connect to an address that is not public.
var errPrivate = errors.New("the address is a private one: set TABI_WEBHOOK_ALLOW_PRIVATE if webhooks may go there")

// publicOnly checks the address that a connection is about to be made to, after the name was resolved.
func publicOnly(address string) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !httpclient.Public(at.Addr()) {
		return errPrivate
	}
	return nil
}
