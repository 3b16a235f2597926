package journey

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

var callKind = Kind{
	Name:   "call",
	Family: Acting,
	Icon:   "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12M2 8h12M8 2c-3.600 4-3.600 8 0 12M8 2c3.600 4 3.600 8 0 12",
	Form:   "`call: {method:, url: <Liquid>, headers:, body:, timeout:}`; beside it `on_failure: [...]`",
	Doc: "Makes an HTTP request. `method` defaults to GET, or to POST with a `body`; the body is a text, or a mapping or list that is " +
		"sent as JSON. A temporary failure is retried for an hour. After that, or after a response that refuses the request, " +
		"`on_failure` runs.",
	Example: "- id: score\n  call:\n    url: \"https://api.example.com/customers/{{ customer.id | url_encode }}/score\"\n    headers: " +
		"{Accept: application/json}\n    timeout: 5s\n" +
		"  on_failure: [{exit: unknown}]\n- when: steps.score.body.risk > 0.8\n  exit: risky\n",
	Results: []string{"status", "body"},
	Options: []string{"on_failure"},
	New:     func() Spec { return &Call{} },
}

// CallMethods are the HTTP methods a call step may use.
var CallMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

// The fixed parts of a request.
var (
	HeaderName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	LiquidStart = regexp.MustCompile(`^\s*(\{\{|\{%)`)
	WebAddress  = regexp.MustCompile(`(?i)^https?://[^\s/?#]`)
)

// OwnHeaders are the headers that the request sets itself; a journey cannot set them.
var OwnHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "trailer", "te", "upgrade", "idempotency-key"}

// Call is an HTTP request. URL, header values, Body and the strings in JSON are Liquid.
type Call struct {
	Method    string            `json:"method"` // default GET, POST with a body
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body,omitempty"` // as written, or
	JSON      any               `json:"json,omitempty"` // a mapping or list, sent as JSON
	Timeout   time.Duration     `json:"timeout"`        // of one attempt
	OnFailure int               `json:"on_failure"`     // default Next
}

// DefaultCallTimeout bounds one attempt of a call without a timeout of its own. MaxCallTimeout is the highest timeout
// allowed.
const (
	DefaultCallTimeout = 10 * time.Second
	MaxCallTimeout     = 60 * time.Second
)

// Kind implements Spec.
func (*Call) Kind() string { return "call" }

// Describe implements Spec.
func (c *Call) Describe() Description {
	return Description{
		Title: c.Method + " " + address(c.URL), Lines: []string{"at most " + human.Duration(c.Timeout) + " a try"},
		Arms: []Arm{
			{Label: "answered", Full: "the request was answered"},
			armFailed(&c.OnFailure, nil, "the request failed for good"),
		},
		Stays: true,
	}
}

// address returns the host and path of a URL. The rest may be a secret.
func address(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" && !strings.Contains(raw, "{{") && !strings.Contains(raw, "{%") {
		return u.Host + u.Path
	}
	raw, _, _ = strings.Cut(raw, "?")
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		raw = rest
	}
	if host, rest, ok := strings.Cut(raw, "/"); strings.Contains(host, "@") {
		host = host[strings.LastIndexByte(host, '@')+1:]
		if raw = host; ok {
			raw += "/" + rest
		}
	}
	return raw
}

// valid checks the fixed parts of a call. Templates are checked when they are rendered.
func (c *Call) valid() error {
	switch {
	case !slices.Contains(CallMethods, c.Method):
		return fmt.Errorf("the method %q", c.Method)
	case !WebAddress.MatchString(c.URL) && !LiquidStart.MatchString(c.URL):
		return errors.New("the url is no web address")
	case c.Timeout <= 0 || c.Timeout > MaxCallTimeout:
		return fmt.Errorf("the timeout is %s", c.Timeout)
	case c.Body != "" && c.JSON != nil:
		return errors.New("a body of text and one of JSON")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !HeaderName.MatchString(name) || slices.Contains(OwnHeaders, strings.ToLower(name)) ||
			strings.ContainsAny(c.Headers[name], "\r\n\x00") {
			return fmt.Errorf("the header %q", name)
		}
	}
	return nil
}
