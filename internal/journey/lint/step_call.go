package lint

import (
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseCall(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Call{Timeout: journey.DefaultCallTimeout, OnFailure: journey.End}
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	for _, key := range []string{"method", "url", "headers", "body", "timeout"} {
		if r.get(key) != nil {
			r.Report(r.keys.Key(key), "unknown-key", "", "%s stands inside call: write call: {url: …, %s: …}", key, key)
		}
	}
	if n.IsText() && n.Text != "" {
		r.Report(n.Pos, "wrong-type", "{url: "+n.Text+"}", "call is a mapping: write {url: …}")
		return spec
	}
	m := r.Mapping(n, "call")
	if m == nil {
		return spec
	}
	if url := m.Need("url", "a call says where to"); url != nil {
		spec.URL = r.callURL(url)
	}
	if body := m.Get("body"); body != nil {
		r.callBody(body, spec)
	}
	spec.Method = "GET"
	if spec.Body != "" || spec.JSON != nil {
		spec.Method = "POST"
	}
	if method := m.Get("method"); method != nil {
		spec.Method, _ = r.OneOf(method, "method", journey.CallMethods...)
	}
	if headers := m.Get("headers"); headers != nil {
		r.callHeaders(headers, spec)
	}
	if timeout := m.Get("timeout"); timeout != nil {
		if d, ok := r.Duration(timeout, "timeout", false); ok && (d == 0 || d > journey.MaxCallTimeout) {
			r.Report(timeout.Pos, "bad-value", "", "the timeout of a call is more than 0s, and %s at most",
				clock.FormatDuration(journey.MaxCallTimeout))
		} else if ok {
			spec.Timeout = d
		}
	}
	if m.Get("on_failure") != nil {
		r.Report(
			m.Key("on_failure"),
			"unknown-key",
			"",
			"on_failure stands beside call, not inside it: write it under the step, as deep as call",
		)
	}
	m.Done()
	return spec
}

func (r *stepReader) callURL(n *source.Node) string {
	text, ok := r.Word(n, "url")
	if !ok {
		return ""
	}
	if !journey.WebAddress.MatchString(text) && !journey.LiquidStart.MatchString(text) {
		r.Report(n.Pos, "bad-value", "", "url begins with https:// or http:// and a host")
		return ""
	}
	r.template(n, false)
	return text
}

// callBody reads the body of a call.
func (r *stepReader) callBody(n *source.Node, spec *journey.Call) {
	if n.Shape == source.Scalar {
		var ok bool
		if spec.Body, ok = r.Text(n, "body, if it is no mapping or list,"); ok {
			r.template(n, false)
		}
		return
	}
	spec.JSON = r.Value(n)
	r.templatesIn(n)
}

// templatesIn checks every string in a value as Liquid.
func (r *stepReader) templatesIn(n *source.Node) {
	for _, item := range slices.Concat(n.Items, n.Values) {
		if item.IsText() {
			r.template(item, false)
		}
		r.templatesIn(item)
	}
}

func (r *stepReader) callHeaders(n *source.Node, spec *journey.Call) {
	m := r.Mapping(n, "headers")
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
		case key.Shape != source.Scalar || key.Tagged || !journey.HeaderName.MatchString(key.Text):
			r.Report(key.Pos, "bad-value", "", "this is no name of a header: letters, digits and hyphens")
			continue
		case slices.Contains(journey.OwnHeaders, name):
			r.Report(key.Pos, "bad-value", "", "the header %s is set by the request itself", key.Text)
			continue
		case seen[name]:
			r.Report(key.Pos, "bad-value", "", "the header %s stands here twice: capitals do not count", key.Text)
			continue
		}
		seen[name] = true
		value, ok := r.Text(n.Values[i], "a header")
		if !ok {
			continue
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			r.Report(n.Values[i].Pos, "bad-value", "", "a header has one line")
			continue
		}
		r.template(n.Values[i], false)
		if spec.Headers == nil {
			spec.Headers = map[string]string{}
		}
		spec.Headers[key.Text] = value
	}
}
