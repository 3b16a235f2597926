// Package call makes the HTTP requests of call steps, one attempt each. It connects only to public addresses and to
// those on the allowlist.
package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	// MaxBody is the longest response body in bytes. A longer one fails the call.
	MaxBody = 256 << 10
	// MaxRedirects is how many redirects are followed.
	MaxRedirects = 5
	// Repeatable is the type of the application error of an attempt that may be repeated. Its detail is a
	// contract.CallResult without a body: the result of the call if no attempt follows.
	Repeatable = "CallFailed"
)

// Request is a call whose templates are rendered.
type Request struct {
	Step, Key   string // Key is sent as Idempotency-Key
	Method, URL string
	Headers     map[string]string
	Body        []byte
	Timeout     time.Duration // of the attempt; default journey.DefaultCallTimeout, at most journey.MaxCallTimeout
}

// Options of a Client.
type Options struct {
	// Allow lists addresses that may be called although they are not public; default none.
	Allow Allow
	// Version is sent in the User-Agent, tabi/<version>; default dev.
	Version string
	// Dial replaces parts of the network, in tests.
	Dial Dial
}

// Client makes calls. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	agent string
}

// New returns a Client. It ignores the environment's proxies: a proxy would resolve names itself, so addresses could
// not be checked.
func New(opts Options) *Client {
	if opts.Version == "" {
		opts.Version = "dev"
	}
	return &Client{
		http:  &http.Client{Transport: transport(opts), CheckRedirect: redirect},
		agent: "tabi/" + opts.Version,
	}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call makes one attempt. A failure that may pass (no connection, no response in time, 408, 425, 429 and 5xx) is an
// error of type Repeatable, which carries the server's Retry-After. Everything else is final. Neither holds more of
// the request than its host and the names of headers.
func (c *Client) Call(ctx context.Context, r Request) (contract.CallResult, error) {
	if r.Timeout <= 0 {
		r.Timeout = journey.DefaultCallTimeout
	}
	attempt, cancel := context.WithTimeout(ctx, min(r.Timeout, journey.MaxCallTimeout))
	defer cancel()
	var tls handshake
	attempt = httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{TLSHandshakeDone: tls.done})
	req, reason := c.request(attempt, r)
	if reason != "" {
		return failed(0, reason), nil
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(ctx, req.URL, err, tls.reason())
	}
	defer resp.Body.Close()
	host := resp.Request.URL.Hostname()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	switch {
	case len(body) > MaxBody:
		return failed(resp.StatusCode, fmt.Sprintf("%s: the response is longer than %d KiB", host, MaxBody>>10)), nil
	case err != nil:
		return lost(ctx, resp.Request.URL, err, "")
	}
	return answer(host, resp, body)
}

// answer says what a status means.
func answer(host string, resp *http.Response, body []byte) (contract.CallResult, error) {
	status := resp.StatusCode
	result := contract.CallResult{Status: status, Body: parse(resp.Header.Get("Content-Type"), body)}
	if status/100 == 2 {
		return result, nil
	}
	result.Failed, result.Reason = true, strings.TrimSpace(fmt.Sprintf("%s: the answer was %d %s", host, status, http.StatusText(status)))
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status/100 == 5:
		result.Body = nil
		return contract.CallResult{}, again(result, httpclient.RetryAfter(resp.Header.Get("Retry-After"), clock.Wall()))
	}
	return result, nil
}

// lost says what a request without an answer means; at is how far it came, final why no other attempt will do better.
func lost(ctx context.Context, at *url.URL, err error, final string) (contract.CallResult, error) {
	if ctx.Err() != nil { // the activity was canceled, not the attempt
		return contract.CallResult{}, ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // after a redirect another host failed
		if u, err := url.Parse(wrapped.URL); err == nil {
			at = u
		}
	}
	host := at.Hostname()
	if r, ok := refusal(err); ok {
		host, final = r.host, r.why
	}
	if final != "" {
		return failed(0, host+": "+final), nil
	}
	return contract.CallResult{}, again(failed(0, host+": "+httpclient.Cause(err)), 0)
}

// failed is a last word without a body.
func failed(status int, reason string) contract.CallResult {
	return contract.CallResult{Status: status, Failed: true, Reason: reason}
}

// again asks for another attempt: after the pause, or as the retry policy says. The pause is real time: the
// server lives in that.
func again(r contract.CallResult, after time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(
		r.Reason,
		Repeatable,
		temporal.ApplicationErrorOptions{NextRetryDelay: after, Details: []any{r}},
	)
}

// request builds the request; reason says what cannot be sent, and which field it is.
func (c *Client) request(ctx context.Context, r Request) (req *http.Request, reason string) {
	target, reason := target(r.URL)
	if reason != "" {
		return nil, "url: " + reason
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	// A plain reader that NewRequest knows lets the body be sent again after a redirect that keeps it.
	req, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(string(r.Body)))
	if err != nil {
		return nil, "method: is not an HTTP method"
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := strings.TrimSpace(r.Headers[name])
		if reason := badHeader(name, value); reason != "" {
			return nil, reason
		}
		if !hops[http.CanonicalHeaderKey(name)] {
			req.Header.Set(name, value)
		}
	}
	for name, value := range map[string]string{"User-Agent": c.agent, "Accept": "application/json, */*", "Idempotency-Key": r.Key} {
		if req.Header.Get(name) == "" && value != "" {
			req.Header.Set(name, value)
		}
	}
	if len(r.Body) > 0 && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", contentType(r.Body))
	}
	return req, ""
}

// target reads the address of a call.
func target(text string) (u *url.URL, reason string) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, "is not an address"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "is not an http or https address"
	case u.Hostname() == "":
		return nil, "has no host"
	}
	return u, ""
}
