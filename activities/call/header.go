package call

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tabi-journeys/tabi/internal/number"
)

// own are headers that a journey cannot set; lint refuses them too.
var own = map[string]bool{
	"Host": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "Te": true, "Upgrade": true,
	"Idempotency-Key": true,
}

// hops are hop-by-hop headers: they concern the connection only, and are left out.
var hops = map[string]bool{
	"Accept-Encoding":     true,
	"Expect":              true,
	"Keep-Alive":          true,
	"Proxy-Authorization": true,
	"Proxy-Connection":    true,
}

// badHeader returns what is wrong with a header, without its value; empty if nothing is.
func badHeader(name, value string) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "headers: a name is not one a header can have"
	case own[http.CanonicalHeaderKey(name)]:
		return fmt.Sprintf("headers.%s: is set by the request itself", name)
	case strings.ContainsAny(value, "\r\n"):
		return fmt.Sprintf("headers.%s: holds a line break", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Sprintf("headers.%s: holds a control character", name)
	}
	return ""
}

// contentType returns the type of a body whose call does not set one.
func contentType(body []byte) string {
	if json.Valid(body) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// parse reads a body: as JSON if its type says so or it is an object or a list, else as text. An empty body is nil.
// Numbers are float64.
func parse(contentType string, body []byte) any {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(trimmed) == 0 {
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/json" || strings.HasSuffix(kind, "+json") ||
		trimmed[0] == '{' ||
		trimmed[0] == '[' {
		var value any
		if err := number.Decode(trimmed, &value); err == nil {
			return storable(value)
		}
	}
	return storable(string(body))
}

// storable drops what a database cannot store as text: the character NUL, and invalid UTF-8.
func storable(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "")
	case []any:
		for i := range v {
			v[i] = storable(v[i])
		}
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			m[storable(key).(string)] = storable(v[key])
		}
		return m
	}
	return v
}
