package journey

import "regexp"

var callKind = Kind{
	Name: "call",
	Form: "`call: {method:, url: <Liquid>, headers:, body:, timeout:}`; beside it `on_failure: [...]`",
	Doc: "Makes an HTTP request. `method` is GET, or POST where there is a `body`; the body is a text, or a mapping or list that is sent as JSON. " +
		"What may pass is tried again for an hour; then, and where the answer is no, `on_failure` runs.",
	Example: "- id: score\n  call:\n    url: \"https://api.example.com/customers/{{ customer.id | url_encode }}/score\"\n    headers: {Accept: application/json}\n    timeout: 5s\n" +
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
