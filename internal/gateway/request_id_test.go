package gateway

import (
	"strings"
	"testing"
)

// A request has an id: the caller's where it is sane, and a new one otherwise. Responses and errors say it.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for sent, kept := range map[string]bool{
		"": false, "01J9Z-edge.7": true, "a b": false, "x\" y": false, strings.Repeat("a", 129): false, "_a": false,
	} {
		var header []string
		if sent != "" {
			header = []string{"X-Request-Id: " + sent}
		}
		for _, path := range []string{"/v1/track", "/v1/admin/journeys", "/healthz"} {
			a := h.do("GET", path, "", header...)
			id := a.header.Get("X-Request-Id")
			if id == "" || (id == sent) != kept {
				t.Errorf("%s: sent %q, the id is %q", path, sent, id)
			}
			if path != "/healthz" && !strings.Contains(a.body, `"request_id":"`+id+`"`) {
				t.Errorf("%s: the error does not name the request: %s", path, a.body)
			}
		}
	}
}
