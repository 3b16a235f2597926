package journey

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/clock"
)

var callKind = Kind{
	Name: "call",
	Form: "`call: {method:, url: <Liquid>, headers:, body:, timeout:}`; beside it `on_failure: [...]`",
	Doc: "Makes an HTTP request. `method` is GET, or POST where there is a `body`; the body is a text, or a mapping or list that is sent as JSON. " +
		"What may pass is tried again for an hour; then, and where the answer is no, `on_failure` runs.",
	Example: "- id: score\n  call:\n    url: \"https://api.example.com/customers/{{ customer.id | url_encode }}/score\"\n    headers: {Accept: application/json}\n    timeout: 5s\n" +
		"  on_failure: [{exit: unknown}]\n- when: steps.score.body.risk > 0.8\n  exit: risky\n",
	Results: []string{"status", "body"},
	Options: []string{"on_failure"},
	parse:   parseCall,
	decode:  into[Call],
}

// callMethods are the methods of a call.
var callMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	liquidStart = regexp.MustCompile(`^\s*(\{\{|\{%)`)
	webAddress  = regexp.MustCompile(`(?i)^https?://[^\s/?#]`)
)

// ownHeaders are set by the request itself.
var ownHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "trailer", "te", "upgrade", "idempotency-key"}

func parseCall(r *stepReader, n *node) Spec {
	spec := &Call{Timeout: DefaultCallTimeout, OnFailure: End}
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	for _, key := range []string{"method", "url", "headers", "body", "timeout"} {
		if r.get(key) != nil {
			r.report(r.keys.key(key), "unknown-key", "", "%s stands inside call: write call: {url: …, %s: …}", key, key)
		}
	}
	if n.isText() && n.text != "" {
		r.report(n.pos, "wrong-type", "{url: "+n.text+"}", "call is a mapping: write {url: …}")
		return spec
	}
	m := r.fields(n, "call")
	if m == nil {
		return spec
	}
	if url := m.need("url", "a call says where to"); url != nil {
		spec.URL = r.callURL(url)
	}
	if body := m.get("body"); body != nil {
		r.callBody(body, spec)
	}
	spec.Method = "GET"
	if spec.Body != "" || spec.JSON != nil {
		spec.Method = "POST"
	}
	if method := m.get("method"); method != nil {
		spec.Method, _ = r.oneOf(method, "method", callMethods...)
	}
	if headers := m.get("headers"); headers != nil {
		r.callHeaders(headers, spec)
	}
	if timeout := m.get("timeout"); timeout != nil {
		if d, ok := r.duration(timeout, "timeout", false); ok && (d == 0 || d > MaxCallTimeout) {
			r.report(timeout.pos, "bad-value", "", "the timeout of a call is more than 0s, and %s at most", clock.FormatDuration(MaxCallTimeout))
		} else if ok {
			spec.Timeout = d
		}
	}
	if m.get("on_failure") != nil {
		r.report(
			m.key("on_failure"),
			"unknown-key",
			"",
			"on_failure stands beside call, not inside it: write it under the step, as deep as call",
		)
	}
	m.done()
	return spec
}

// callURL reads where a call goes to.
func (r *stepReader) callURL(n *node) string {
	text, ok := r.word(n, "url")
	if !ok {
		return ""
	}
	if !webAddress.MatchString(text) && !liquidStart.MatchString(text) {
		r.report(n.pos, "bad-value", "", "url begins with https:// or http:// and a host")
		return ""
	}
	r.template(n, false)
	return text
}

// callBody reads what a call sends.
func (r *stepReader) callBody(n *node, spec *Call) {
	if n.shape == scalar {
		var ok bool
		if spec.Body, ok = r.text(n, "body, if it is no mapping or list,"); ok {
			r.template(n, false)
		}
		return
	}
	spec.JSON = r.value(n)
	r.templatesIn(n)
}

// templatesIn checks every text of a value as Liquid.
func (r *stepReader) templatesIn(n *node) {
	for _, item := range slices.Concat(n.items, n.values) {
		if item.isText() {
			r.template(item, false)
		}
		r.templatesIn(item)
	}
}

// callHeaders reads the headers of a call.
func (r *stepReader) callHeaders(n *node, spec *Call) {
	m := r.fields(n, "headers")
	if m == nil {
		return
	}
	seen := map[string]bool{}
	for i, key := range n.keys {
		name := strings.ToLower(key.text)
		switch {
		case key.shape == scalar && m.index(key.text) != i: // a duplicate
			continue
		case m.cut(i, false):
			continue
		case key.shape != scalar || key.tagged || !headerName.MatchString(key.text):
			r.report(key.pos, "bad-value", "", "this is no name of a header: letters, digits and hyphens")
			continue
		case slices.Contains(ownHeaders, name):
			r.report(key.pos, "bad-value", "", "the header %s is set by the request itself", key.text)
			continue
		case seen[name]:
			r.report(key.pos, "bad-value", "", "the header %s stands here twice: capitals do not count", key.text)
			continue
		}
		seen[name] = true
		value, ok := r.text(n.values[i], "a header")
		if !ok {
			continue
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			r.report(n.values[i].pos, "bad-value", "", "a header has one line")
			continue
		}
		r.template(n.values[i], false)
		if spec.Headers == nil {
			spec.Headers = map[string]string{}
		}
		spec.Headers[key.text] = value
	}
}
