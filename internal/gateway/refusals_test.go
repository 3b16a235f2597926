package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

func TestRejectedCalls(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	long := pad(256)
	for _, c := range []struct {
		name, path, body string
		status           int
		code, field      string
	}{
		{"nothing", "/v1/track", ``, 400, "malformed_json", ""},
		{"half an object", "/v1/track", `{"userId":"ana"`, 400, "malformed_json", ""},
		{"something behind", "/v1/track", `{"userId":"ana","event":"X"} x`, 400, "malformed_json", ""},
		{"two objects", "/v1/track", `{"userId":"ana","event":"X"}{}`, 400, "malformed_json", ""},
		{"a list", "/v1/track", `[]`, 400, "bad_value", ""},
		{"null", "/v1/track", `null`, 400, "bad_value", ""},
		{"no event", "/v1/track", `{"userId":"ana"}`, 400, "missing", "event"},
		{"empty event", "/v1/track", `{"userId":"ana","event":""}`, 400, "missing", "event"},
		{"long event", "/v1/track", `{"userId":"ana","event":"` + long + `"}`, 400, "bad_value", "event"},
		{"reserved event", "/v1/track", `{"userId":"ana","event":"tabi.command"}`, 400, "bad_value", "event"},
		{"reserved message id", "/v1/track", `{"userId":"ana","event":"X","messageId":"tabi.x"}`, 400, "bad_value", "messageId"},
		{"no id", "/v1/track", `{"event":"X"}`, 400, "missing", "userId"},
		{"empty ids", "/v1/track", `{"event":"X","userId":"","anonymousId":""}`, 400, "missing", "userId"},
		{"null ids", "/v1/track", `{"event":"X","userId":null}`, 400, "missing", "userId"},
		{"id is an object", "/v1/track", `{"event":"X","userId":{}}`, 400, "bad_value", "userId"},
		{"id is a boolean", "/v1/track", `{"event":"X","userId":true}`, 400, "bad_value", "userId"},
		{"long id", "/v1/track", `{"event":"X","userId":"` + long + `"}`, 400, "bad_value", "userId"},
		{"long anonymous id", "/v1/track", `{"event":"X","anonymousId":"` + long + `"}`, 400, "bad_value", "anonymousId"},
		{"long message id", "/v1/track", `{"event":"X","userId":"a","messageId":"` + long + `"}`, 400, "bad_value", "messageId"},
		{"looks anonymous", "/v1/track", `{"event":"X","userId":"anon:1"}`, 400, "bad_value", "userId"},
		{"nobody", "/v1/track", `{"event":"X","userId":"undefined"}`, 400, "placeholder_id", "userId"},
		{"nobody as a number", "/v1/track", `{"event":"X","userId":0}`, 400, "placeholder_id", "userId"},
		{"nobody's device", "/v1/identify", `{"userId":"a","anonymousId":"[object Object]"}`, 400, "placeholder_id", "anonymousId"},
		{"nobody before", "/v1/alias", `{"userId":"a","previousId":"null"}`, 400, "placeholder_id", "previousId"},
		{"nobody in a group", "/v1/group", `{"userId":" ","groupId":"g"}`, 400, "placeholder_id", "userId"},
		{"NUL in an id", "/v1/track", `{"event":"X","userId":"a\u0000b"}`, 400, "bad_value", "userId"},
		{"invalid UTF-8", "/v1/track", "{\"event\":\"X\",\"userId\":\"\xff\"}", 400, "bad_value", "userId"},
		{"traits are a text", "/v1/identify", `{"userId":"a","traits":"x"}`, 400, "bad_value", "traits"},
		{"context is a text", "/v1/identify", `{"userId":"a","context":"x"}`, 400, "bad_value", "context"},
		{"context's traits are a text", "/v1/identify", `{"userId":"a","context":{"traits":"x"}}`, 400, "bad_value", "context.traits"},
		{"a number too large", "/v1/track", `{"event":"X","userId":"a","properties":{"n":1e999}}`, 400, "bad_value", "properties.n"},
		{"no time", "/v1/track", `{"event":"X","userId":"a","timestamp":"yesterday"}`, 400, "bad_time", "timestamp"},
		{"year 0", "/v1/track", `{"event":"X","userId":"a","timestamp":"0000-01-01T00:00:00Z"}`, 400, "bad_time", "timestamp"},
		{"too deep", "/v1/track", `{"event":"X","userId":"a","properties":{"p":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) +
			`}}`, 400, "too_deep", "properties.p" + strings.Repeat("[0]", 36) + "…"},
		{"far too deep", "/v1/track", strings.Repeat("[", 20000), 400, "malformed_json", ""},
		{"event too large", "/v1/track", `{"event":"X","userId":"a","properties":{"p":"` + pad(33<<10) + `"}}`, 413, "too_large", ""},
		{"alias without previous", "/v1/alias", `{"userId":"a"}`, 400, "missing", "previousId"},
		{"alias without user", "/v1/alias", `{"previousId":"a","anonymousId":"b"}`, 400, "missing", "userId"},
		{"group without id", "/v1/group", `{"userId":"a"}`, 400, "missing", "groupId"},
		{"no batch", "/v1/batch", `{}`, 400, "missing", "batch"},
		{"batch is a list itself", "/v1/batch", `[]`, 400, "bad_value", ""},
		{"batch too long", "/v1/batch", `{"batch":[` + strings.Repeat(`{},`, 1000) + `{}]}`, 413, "too_large", "batch"},
		{"half a batch", "/v1/batch", `{"batch":[{"type":"track","userId":"a","event":"X"}`, 400, "malformed_json", ""},
		{"comma at the end of a batch", "/v1/batch", `{"batch":[{"type":"track","userId":"a","event":"X"},]}`, 400, "malformed_json", ""},
		{"batch of names", "/v1/batch", `{"batch":{"a":{}}}`, 400, "bad_value", "batch"},
		{"no colon", "/v1/batch", `{"batch" [{}]}`, 400, "malformed_json", ""},
		{"something behind a batch", "/v1/batch", `{"batch":[{"type":"track","userId":"a","event":"X"}]} {}`, 400, "malformed_json", ""},
		{"batch is null", "/v1/batch", `{"batch": null}`, 400, "missing", "batch"},
		{"batch is a text", "/v1/batch", `{"batch": "[]"}`, 400, "bad_value", "batch"},
		{"a text", "/v1/batch", `"batch"`, 400, "bad_value", ""},
		{"batch of another case", "/v1/batch", `{"BATCH":[{"type":"track","userId":"a","event":"X"}]}`, 400, "missing", "batch"},
		{"broken behind a bad batch", "/v1/batch", `{"batch":7,"x":}`, 400, "malformed_json", ""},
	} {
		got := h.call(c.path, c.body)
		code, field, message := got.problem()
		if got.status != c.status || code != c.code || field != c.field || message == "" {
			t.Errorf("%s: %d %s; want %d %s %q", c.name, got.status, got.body, c.status, c.code, c.field)
		}
		if ct := got.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
			t.Errorf("%s: answered in %s", c.name, ct)
		}
	}
	if n := h.stored(); n != 0 {
		t.Errorf("%d events were stored by refused bodies", n)
	}
}

func TestRejectedBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	key := "Authorization: Bearer " + serverKey
	for header, body := range map[string]string{
		"Content-Type: application/xml": "<track/>", "Content-Type: application/x-www-form-urlencoded": "event=X&userId=ana",
		"Content-Type: application/json; charset=klingon": "{\"userId\":\"\xe9\",\"event\":\"X\"}", "Content-Encoding: br": "\x8b\x01",
	} {
		if got := h.do("POST", "/v1/track", body, key, header); got.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d", header, got.status)
		}
	}
	if got := h.do("GET", "/v1/track", "", key); got.status != http.StatusMethodNotAllowed ||
		!strings.Contains(got.header.Get("Allow"), "POST") {
		t.Errorf("GET: %d %v", got.status, got.header)
	}
	got := h.do("POST", "/v1/nothing", "{}", key)
	if code, _, _ := got.problem(); got.status != http.StatusNotFound || code != "not_found" {
		t.Errorf("unknown path: %d %s", got.status, got.body)
	}
}

func TestWriteKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.call("/v1/identify", `{"userId":"ana","traits":{"email":"ana@example.com"}}`)
	h.call("/v1/track", `{"anonymousId":"bens-phone","event":"X"}`)
	h.call("/v1/identify", `{"userId":"ben","anonymousId":"bens-phone"}`)
	before, eve := h.stored(), `"userHash":"`+hash("eve")+`"`
	for _, c := range []struct {
		name, key, path, body string
		status                int
		field                 string
	}{
		{"no key", "", "/v1/track", `{"userId":"ana","event":"Product Viewed"}`, 401, ""},
		{"unknown key", "nope", "/v1/track", `{"userId":"ana","event":"Product Viewed"}`, 401, ""},
		{"an agent's token is no write key", agentToken, "/v1/track", `{"userId":"ana","event":"Product Viewed"}`, 401, ""},
		{"unlisted event", webKey, "/v1/track", `{"userId":"ana","event":"Order Completed"}`, 403, "event"},
		{"e-mail", webKey, "/v1/identify", `{"userId":"ana","traits":{"email":"eve@example.com"}}`, 403, "traits.email"},
		{"phone", webKey, "/v1/identify", `{"userId":"ana","traits":{"phone":"+81"}}`, 403, "traits.phone"},
		{"push token", webKey, "/v1/identify", `{"userId":"ana","traits":{"push_token":"x"}}`, 403, "traits.push_token"},
		{"consent", webKey, "/v1/identify", `{"userId":"ana","traits":{"consent":{"marketing":true}}}`, 403, "traits.consent"},
		{"consent in the context", webKey, "/v1/identify", `{"userId":"ana","context":{"traits":{"consent":{"marketing":true}}}}`, 403,
			"traits.consent"},
		{"an e-mail removed", webKey, "/v1/identify", `{"userId":"ana","traits":{"email":null}}`, 403, "traits.email"},
		{"unlisted trait", webKey, "/v1/identify", `{"userId":"ana","traits":{"first_name":"Ana","tier":"gold"}}`, 403, "traits.tier"},
		{"alias of a user", webKey, "/v1/alias", `{"userId":"eve","previousId":"ana",` + eve + `}`, 403, "previousId"},
		{"alias of a user's device", webKey, "/v1/alias", `{"userId":"eve","previousId":"bens-phone",` + eve + `}`, 403, "previousId"},
		{"alias without a proof", webKey, "/v1/alias", `{"userId":"eve","previousId":"a2"}`, 403, "userId"},
		{"a user without a proof", webKey, "/v1/page", `{"userId":"eve"}`, 403, "userId"},
		{"a wrong proof", webKey, "/v1/page", `{"userId":"ana","anonymousId":"a1",` + eve + `}`, 403, "userHash"},
		{"no proof", webKey, "/v1/page", `{"userId":"ana","context":{"userHash":"not hex"}}`, 403, "userHash"},
		{"group", webKey, "/v1/group", `{"userId":"ana","groupId":"acme"}`, 403, "type"},
		{"mail events", webKey, "/v1/mail/events", `{"type":"open","key":"k"}`, 403, ""},
		{"another user's messages", webKey, "/v1/inbox/ana/token", `{}`, 403, ""},
	} {
		var header []string
		if c.key != "" {
			header = []string{"Authorization: Bearer " + c.key}
		}
		got := h.do("POST", c.path, c.body, header...)
		if _, field, message := got.problem(); got.status != c.status || field != c.field || message == "" {
			t.Errorf("%s: %d %s; want %d %q", c.name, got.status, got.body, c.status, c.field)
		}
	}
	if n := h.stored(); n != before {
		t.Errorf("refused calls stored %d events", n-before)
	}
	for name, c := range map[string][2]string{
		"listed event":       {"/v1/track", `{"userId":"ana","event":"Product Viewed","userHash":"` + hash("ana") + `"}`},
		"page":               {"/v1/page", `{"anonymousId":"a1","name":"Home"}`},
		"screen":             {"/v1/screen", `{"anonymousId":"a1","name":"Home"}`},
		"listed trait":       {"/v1/identify", `{"userId":"ana","anonymousId":"a1","traits":{"first_name":"Ana"}}`},
		"no traits":          {"/v1/identify", `{"userId":"ana","context":{"userHash":"` + strings.ToUpper(hash("ana")) + `"}}`},
		"alias of a visitor": {"/v1/alias", `{"userId":"cleo","previousId":"a2","userHash":"` + hash("cleo") + `"}`},
	} {
		if got := h.do("POST", c[0], c[1], "Authorization: Bearer "+webKey); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// Who comes later to have a visitor's id as a user id is another person.
	h.call("/v1/identify", `{"userId":"a2","traits":{"tier":"gold"}}`)
	if c := h.customer("a2"); c.ID != "a2" {
		t.Errorf("user a2 became %s", c.ID)
	}
}

func TestInvalidConfigurations(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	good := h.g.cfg
	for name, c := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"no database":     {func(c *Config) { c.Ping = nil }, "no database"},
		"no secret":       {func(c *Config) { c.Secrets = signedlink.Secrets{} }, "TABI_SECRET"},
		"no link secret":  {func(c *Config) { c.LinkSecrets = signedlink.Secrets{} }, "TABI_LINK_SECRETS"},
		"short token":     {func(c *Config) { c.Tokens = []auth.Token{{Value: "x", Role: "admin"}} }, "at least 16"},
		"no role":         {func(c *Config) { c.Tokens = []auth.Token{{Value: adminToken, Role: "root"}} }, `"root"`},
		"no public URL":   {func(c *Config) { c.PublicURL = "" }, "public URL"},
		"odd public URL":  {func(c *Config) { c.PublicURL = "ftp://x" }, "public URL"},
		"odd kind of key": {func(c *Config) { c.Keys = map[string]auth.Key{"k": {Kind: "root"}} }, `"root"`},
		"protected trait": {func(c *Config) { c.Keys = map[string]auth.Key{"k": {Kind: auth.WebKey, Traits: []string{"email"}}} },
			`"email"`},
		"protected event": {func(c *Config) {
			c.Keys = map[string]auth.Key{"k": {Kind: auth.WebKey, Events: []string{event.Unsubscribed}}}
		}, event.Unsubscribed},
		"dev path elsewhere":  {func(c *Config) { c.DevHandlers = map[string]http.Handler{"GET /mail": http.NotFoundHandler()} }, "/dev/"},
		"a secret key hidden": {func(c *Config) { c.Keys = map[string]auth.Key{"abcdefgh": {Kind: "x"}} }, "abcd…"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "abcdefgh") {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := good
	open.Keys, open.Tokens, open.Insecure = nil, nil, true
	if _, err := New(open); err != nil {
		t.Errorf("insecure: %v", err)
	}
}

func FuzzTrackBody(f *testing.F) {
	h := newHouse(f, nil)
	for _, seed := range []string{
		`{"userId":"ana","event":"X","properties":{"a":[1,{"b":null}]},"timestamp":"2026-03-02T10:00:00Z","sentAt":"2026-03-02T10:00:01Z"}`,
		`{"batch":[{"type":"identify","userId":"a","traits":{"a":{"b":1}},"context":{"traits":{"a":2}}},` +
			`{"type":"alias","userId":"b","previousId":"a"}]}`,
		`{"anonymousId":1e3,"event":"\ud800"}`, `{"type":"group","userId":"a","groupId":9}`, `[[[`, "\x00", `{"userId":"` + "\xf0" + `"}`,
		`{"timestamp":-1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/v1/track", "/v1/batch", "/v1/identify", "/v1/mail/events"} {
			r := httptest.NewRequest("POST", path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+serverKey)
			w := httptest.NewRecorder()
			h.g.Handler().ServeHTTP(w, r)
			if w.Code >= 500 || w.Code < 200 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// TestAlteredBodies breaks good bodies at random: never a panic, never a 5xx.
func TestAlteredBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	good, err := os.ReadFile("testdata/analytics-node.json")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		body := string(good)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			from := rapid.IntRange(0, len(body)).Draw(t, "from")
			to := rapid.IntRange(from, min(len(body), from+20)).Draw(t, "to")
			piece := rapid.SampledFrom([]string{"", "{", "}", "[", "]", `"`, ":", ",", "null", "1e999", "-0", `"\u0000"`, "\xff", `{"a":[`,
				"userId"}).
				Draw(t, "piece")
			body = body[:from] + piece + body[to:]
		}
		r := httptest.NewRequest("POST", "/v1/batch", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+serverKey)
		w := httptest.NewRecorder()
		h.g.Handler().ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
