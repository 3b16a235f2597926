package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
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

// UnmarshalJSON keeps the digits of the numbers in JSON.
func (c *Call) UnmarshalJSON(data []byte) error {
	type plain Call
	in := struct {
		*plain
		JSON json.RawMessage `json:"json"`
	}{plain: (*plain)(c)}
	if err := json.Unmarshal(data, &in); err != nil || len(in.JSON) == 0 {
		return err
	}
	return number.Decode(in.JSON, &c.JSON)
}

// DefaultCallTimeout bounds one attempt of a call without a timeout of its own. MaxCallTimeout is the highest timeout
// allowed.
const (
	DefaultCallTimeout = 10 * time.Second
	MaxCallTimeout     = 60 * time.Second
)

// Kind implements Spec.
func (*Call) Kind() string { return "call" }

// Fields implements Spec.
func (c *Call) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "call", Value: syntax.Object{
			Of: callRequest{c}, Bare: &syntax.Bare{Words: "is a mapping: write {url: …}", Hint: "{url: %s}"},
		}},
		syntax.Arm(ArmFailure, "to take if the request failed for good", syntax.Steps{To: &c.OnFailure}),
	}
}

// Check reports keys that belong inside call but were written beside it, and sets the default of the method.
func (c *Call) Check(r *syntax.Reader) {
	for _, key := range []string{"method", "url", "headers", "body", "timeout"} {
		if r.Keys.Get(key) != nil {
			r.Report(r.Keys.Key(key), "unknown-key", "", "%s belongs inside call: write call: {url: …, %s: …}", key, key)
		}
	}
	switch {
	case c.Method != "":
	case c.Body != "" || c.JSON != nil:
		c.Method = "POST"
	default:
		c.Method = "GET"
	}
}

// callRequest is the value of call.
type callRequest struct{ *Call }

// Fields implements syntax.Part.
func (c callRequest) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "method", Doc: "Default GET, POST with a body.", Value: syntax.Enum{To: &c.Method, Words: CallMethods}},
		{Key: "url", Doc: "Liquid: the address; http or https.", Need: "a call needs a url", Value: callURL{&c.URL}},
		{Key: "headers", Doc: "Liquid.", Value: callHeaders(c)},
		{
			Key: "body", Doc: "Liquid: a text that is sent as it is, or a mapping or list that is sent as JSON.",
			Value: callBody(c),
		},
		{
			Key: "timeout", Doc: "How long one attempt may take; default 10s, at most 60s.",
			Value: syntax.Duration{To: &c.Timeout, Default: DefaultCallTimeout, Refuse: func(d time.Duration) string {
				if d == 0 || d > MaxCallTimeout {
					return "the timeout of a call is above 0s and at most " + clock.FormatDuration(MaxCallTimeout)
				}
				return ""
			}},
		},
	}
}

// Check reports keys that belong beside call but were written inside it.
func (callRequest) Check(r *syntax.Reader) { r.Beside("call", ArmFailure) }

// Describe implements Spec.
func (c *Call) Describe() Description {
	return Description{
		Title: c.Method + " " + address(c.URL), Lines: []string{"at most " + human.Duration(c.Timeout) + " per attempt"},
		Arms: []Arm{
			{Label: "answered", Full: "the request was answered"},
			armFailed(&c.OnFailure, nil, "the request failed for good"),
		},
		Stays: true, Body: true,
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

// callURL is a template of a web address.
type callURL struct{ to *string }

// Read implements syntax.Value.
func (v callURL) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	text, ok := r.Word(n, f.Key)
	if !ok {
		return
	}
	if !WebAddress.MatchString(text) && !LiquidStart.MatchString(text) {
		r.Report(n.Pos, "bad-value", "", "url begins with https:// or http:// and a host")
		return
	}
	r.Template(n)
	*v.to = text
}

// Print implements syntax.Value.
func (v callURL) Print(*syntax.Printer, *syntax.Field) *yaml.Node { return syntax.String(*v.to) }

// Schema implements syntax.Value.
func (callURL) Schema(*shape.Builder) *shape.Schema {
	return &shape.Schema{
		Type: "string", Pattern: `^([hH][tT][tT][pP][sS]?://[^\s/?#]|\s*(\{\{|\{%))`, // WebAddress or LiquidStart, as ECMAScript reads it
		Words: "An address begins with https:// or http:// and a host.",
	}
}

// callBody is the body of a call: a text, or a value that is sent as JSON.
type callBody struct{ *Call }

// Read implements syntax.Value.
func (v callBody) Read(r *syntax.Reader, _ *syntax.Field, n *source.Node) {
	if n.Shape == source.Scalar {
		var ok bool
		if v.Body, ok = r.Text(n, "body, unless it is a mapping or list,"); ok {
			r.Template(n)
		}
		return
	}
	v.JSON = r.Value(n)
	templatesIn(r, n)
}

// templatesIn checks every string in a value as Liquid.
func templatesIn(r *syntax.Reader, n *source.Node) {
	for _, item := range slices.Concat(n.Items, n.Values) {
		if item.IsText() {
			r.Template(item)
		}
		templatesIn(r, item)
	}
}

// Print implements syntax.Value.
func (v callBody) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	switch {
	case v.JSON != nil:
		return syntax.Flow(v.JSON)
	case v.Body != "":
		return syntax.String(v.Body)
	}
	return nil
}

// Schema implements syntax.Value.
func (callBody) Schema(*shape.Builder) *shape.Schema {
	return &shape.Schema{Type: []string{"string", "number", "object", "array"}}
}

// callHeaders are the headers of a call: names and templates.
type callHeaders struct{ *Call }

// Read implements syntax.Value.
func (v callHeaders) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	m := r.Mapping(n, f.Key)
	if m == nil {
		return
	}
	seen := map[string]bool{}
	for i, key := range n.Keys {
		name := strings.ToLower(key.Text)
		switch {
		case key.Shape == source.Scalar && m.Index(key.Text) != i: // a duplicate
			continue
		case m.Cut(i, false):
			continue
		case key.Shape != source.Scalar || key.Tagged || !HeaderName.MatchString(key.Text):
			r.Report(key.Pos, "bad-value", "", "this is not the name of a header: letters, digits and hyphens")
			continue
		case slices.Contains(OwnHeaders, name):
			r.Report(key.Pos, "bad-value", "", "the header %s is set by the request itself", key.Text)
			continue
		case seen[name]:
			r.Report(key.Pos, "bad-value", "", "the header %s occurs twice: upper and lower case are the same", key.Text)
			continue
		}
		seen[name] = true
		value, ok := r.Text(n.Values[i], "a header")
		if !ok {
			continue
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			r.Report(n.Values[i].Pos, "bad-value", "", "a header is one line")
			continue
		}
		r.Template(n.Values[i])
		if v.Headers == nil {
			v.Headers = map[string]string{}
		}
		v.Headers[key.Text] = value
	}
}

// Print implements syntax.Value.
func (v callHeaders) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	if len(v.Headers) == 0 {
		return nil
	}
	out := syntax.NewMap()
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		syntax.Add(out, name, syntax.String(v.Headers[name]))
	}
	return out
}

// Schema implements syntax.Value.
func (callHeaders) Schema(*shape.Builder) *shape.Schema {
	return shape.MapOf(&shape.Schema{Pattern: HeaderName.String()}, shape.Text())
}
