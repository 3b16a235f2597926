package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/api"
)

func TestAnalyticsNodeBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	body, err := os.ReadFile("testdata/analytics-node.json")
	if err != nil {
		t.Fatal(err)
	}
	got := h.do("POST", "/v1/batch", string(body), "Content-Type: application/json") // the key is in the body
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var out api.Accepted
	if err := json.Unmarshal([]byte(got.body), &out); err != nil {
		t.Fatal(err)
	}
	want := []string{"node-next-1709373540123-1", "node-next-1709373541000-2", "node-next-1709373542000-3"}
	if diff := cmp.Diff(want, out.MessageIDs); !out.Success || diff != "" {
		t.Errorf("ids: %s", diff)
	}
	traits := map[string]any{"email": "ana@example.com", "plan": map[string]any{"name": "gold"}}
	if diff := cmp.Diff(traits, h.customer("ana").Traits); diff != "" {
		t.Errorf("traits: %s", diff)
	}
	var names []string
	for _, e := range h.events("ana") {
		names = append(names, e.Title)
	}
	if diff := cmp.Diff([]string{"Page Viewed", "Cart Updated", "Customer Updated"}, names); diff != "" {
		t.Errorf("events: %s", diff)
	}
	if at := h.events("ana")[1].At; !at.Equal(time.Date(2026, 3, 2, 9, 59, 1, 0, time.UTC)) {
		t.Errorf("the cart was updated at %s", at)
	}
	again := h.do("POST", "/v1/batch", string(body), "Content-Type: application/json")
	if again.status != http.StatusOK || h.stored() != 3 {
		t.Errorf("sent again: %d, %d events", again.status, h.stored())
	}
}

func TestEveryCallOnLongAndShortPaths(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, c := range []struct{ long, short, body, event string }{
		{"/v1/track", "/v1/t", `{"userId":"%s","event":"Tried"}`, "Tried"},
		{"/v1/identify", "/v1/i", `{"userId":"%s","traits":{"a":1}}`, "Customer Updated"},
		{"/v1/page", "/v1/p", `{"userId":"%s","name":"Home"}`, "Page Viewed"},
		{"/v1/screen", "/v1/s", `{"userId":"%s","name":"Home"}`, "Screen Viewed"},
		{"/v1/group", "/v1/g", `{"userId":"%s","groupId":"acme","traits":{"size":3}}`, "Group Joined"},
		{"/v1/batch", "/v1/b", `{"batch":[{"type":"track","userId":"%s","event":"In A Batch"}]}`, "In A Batch"},
	} {
		for _, path := range []string{c.long, c.short} {
			user := "user" + strings.ReplaceAll(path, "/", "-")
			got := h.call(path, fmt.Sprintf(c.body, user))
			if got.status != http.StatusOK {
				t.Errorf("%s: %d %s", path, got.status, got.body)
				continue
			}
			if e := h.events(user); len(e) != 1 || e[0].Title != c.event {
				t.Errorf("%s: events %+v", path, e)
			}
		}
	}
	for i, path := range []string{"/v1/alias", "/v1/a"} {
		old, now := fmt.Sprintf("old%d", i), fmt.Sprintf("new%d", i)
		h.call("/v1/track", fmt.Sprintf(`{"anonymousId":%q,"event":"Looked"}`, old))
		if got := h.call(path, fmt.Sprintf(`{"previousId":%q,"userId":%q}`, old, now)); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if e := h.events(now); len(e) != 1 || e[0].Title != "Looked" {
			t.Errorf("%s: events %+v", path, e)
		}
	}
}

func TestIdentifyTakesContextTraits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.call(
		"/v1/identify",
		`{"userId":"ana","traits":{"plan":{"name":"gold"}},"context":{"traits":{"plan":{"name":"tin","seats":2},"city":"Kyoto"}}}`,
	)
	want := map[string]any{"plan": map[string]any{"name": "gold", "seats": 2.0}, "city": "Kyoto"}
	if diff := cmp.Diff(want, h.customer("ana").Traits); diff != "" {
		t.Error(diff)
	}
	h.call("/v1/track", `{"userId":"ben","event":"X","context":{"traits":{"city":"Kyoto"}}}`)
	h.call("/v1/track", `{"userId":"ana","event":"X","context":{"traits":{"city":"Oslo"}}}`)
	if got := h.customer("ben").Traits; !cmp.Equal(got, map[string]any{"city": "Kyoto"}) || h.customer("ana").Traits["city"] != "Kyoto" {
		t.Errorf("the context of a track call fills what the profile lacks: %v", got)
	}
}

func TestNumbersAsIDs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if got := h.call("/v1/track", `{"userId":12345678901234567890,"event":"X","messageId":7}`); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if c := h.customer("12345678901234567890"); c.ID != "12345678901234567890" {
		t.Errorf("the customer is %s", c.ID)
	}
}

func TestMissingMessageIDIsGenerated(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var ids []string
	for range 2 {
		var out api.Accepted
		if err := json.Unmarshal([]byte(h.call("/v1/track", `{"userId":"ana","event":"X"}`).body), &out); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, out.MessageIDs...)
	}
	if len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) != 36 {
		t.Errorf("ids %v", ids)
	}
}

func TestBrowserBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for name, header := range map[string][]string{
		"beacon":   {"Content-Type: text/plain;charset=UTF-8", "Origin: https://shop.example.com"},
		"no type":  nil,
		"basic":    {"Content-Type: application/json; charset=utf-8"},
		"no space": {"Content-Type: application/json"},
	} {
		got := h.do("POST", "/v1/t", `{"writeKey":"`+webKey+`","anonymousId":"a1","event":"Product Viewed","sentAt":null}`, header...)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if strings.Contains(got.body, "customer") {
			t.Errorf("%s: a web key is told whose id it is: %s", name, got.body)
		}
	}
	req, _ := http.NewRequest("POST", h.url+"/v1/track", strings.NewReader(`{"userId":"ana","event":"X"}`))
	req.SetBasicAuth(serverKey, "")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("basic auth: %d", res.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	pre := h.do(
		"OPTIONS",
		"/v1/t",
		"",
		"Origin: https://shop.example.com",
		"Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: authorization,content-type",
	)
	if pre.status != http.StatusNoContent || pre.header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(pre.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", pre.status, pre.header)
	}
	if got := h.do("POST", "/v1/t", `{}`, "Origin: https://shop.example.com"); got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a refusal cannot be read by the page: %v", got.header)
	}
	// What is known of a customer is read by pages of listed sites only.
	listed := newHouse(t, func(c *Config) { c.Origins = []string{"https://shop.example.com", "http://localhost:3000"} })
	any := newHouse(t, func(c *Config) { c.Origins = []string{"*"} })
	const shop, evil = "https://shop.example.com", "https://evil.example"
	for _, c := range []struct {
		h                  *house
		method, path, from string
		want               string
	}{
		{h, "GET", "/v1/inbox/ana", shop, ""}, {h, "OPTIONS", "/v1/inbox/ana", shop, ""}, {h, "POST", "/v1/decide", shop, ""},
		{listed, "GET", "/v1/inbox/ana", shop, shop}, {listed, "OPTIONS", "/v1/inbox/ana", shop, shop},
		{listed, "POST", "/v1/decide", "http://localhost:3000", "http://localhost:3000"}, {listed, "POST", "/v1/t", shop, shop},
		{listed, "GET", "/v1/inbox/ana", evil, ""}, {listed, "OPTIONS", "/v1/decide", evil, ""}, {listed, "POST", "/v1/t", evil, ""},
		{listed, "GET", "/v1/inbox/ana", "null", ""}, {listed, "GET", "/v1/inbox/ana", shop + ".evil.example", ""},
		{listed, "GET", "/v1/inbox/ana", "http://shop.example.com", ""}, {any, "GET", "/v1/inbox/ana", evil, "*"},
	} {
		got := c.h.do(c.method, c.path, "", "Origin: "+c.from, "Authorization: Bearer "+serverKey)
		allowed := got.header.Get("Access-Control-Allow-Origin")
		if allowed != c.want || got.header.Get("Access-Control-Allow-Credentials") != "" ||
			allowed != "*" && got.header.Get("Vary") != "Origin" {
			t.Errorf("%s %s from %s: %v", c.method, c.path, c.from, got.header)
		}
		if preflight := c.method == "OPTIONS"; preflight && (got.header.Get("Access-Control-Allow-Headers") != "") != (c.want != "") {
			t.Errorf("preflight of %s from %s: %v", c.path, c.from, got.header)
		}
	}
	for _, bad := range []string{"shop.example.com", "https://shop.example.com/", "https://Shop.example.com", "*.example.com", ""} {
		if err := (Config{Origins: []string{bad}}).check(); err == nil || !strings.Contains(err.Error(), "is not an origin") {
			t.Errorf("%q is accepted as an origin", bad)
		}
	}
	for _, path := range []string{"/inbox", api.Enroll.Path, "/metrics"} {
		got := h.do("OPTIONS", path, "", "Origin: https://evil.example")
		if got.header.Get("Access-Control-Allow-Origin") != "" || got.status < 400 {
			t.Errorf("%s answers preflights: %d %v", path, got.status, got.header)
		}
	}
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGzip(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	send := func(body []byte) answer {
		return h.with(
			http.DefaultClient,
			"POST",
			"/v1/track",
			bytes.NewReader(body),
			"Authorization: Bearer "+serverKey,
			"Content-Encoding: gzip",
		)
	}
	if got := send(zipped(t, []byte(`{"userId":"ana","event":"X"}`))); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	bomb := zipped(t, bytes.Repeat([]byte(" "), 100<<20))
	if got := send(bomb); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a bomb of %d bytes: %d", len(bomb), got.status)
	}
	whole := zipped(t, []byte(`{"userId":"ana","event":"X","properties":{"a":"`+pad(500)+`"}}`))
	if got := send(whole[:len(whole)-6]); got.status != http.StatusBadRequest {
		t.Errorf("a body cut short: %d %s", got.status, got.body)
	}
	if got := send([]byte(`{"userId":"ana"}`)); got.status != http.StatusBadRequest {
		t.Errorf("no gzip at all: %d %s", got.status, got.body)
	}
}

// endless counts what is taken of a body that would go on.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read >= 10<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestOversizedBodyIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	body := &endless{}
	got := h.with(http.DefaultClient, "POST", "/v1/batch", body, "Authorization: Bearer "+serverKey)
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.status, got.body)
	}
	if code, _, _ := got.problem(); code != "too_large" {
		t.Errorf("code %q", code)
	}
	if got := h.call("/v1/batch", pad(10<<20)); got.status != http.StatusRequestEntityTooLarge { // with its length told
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBatchSkewReachesTheEvents(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.call(
		"/v1/batch",
		`{"sentAt":"2026-03-02T12:00:00Z","batch":[{"type":"track","userId":"ana","event":"X","timestamp":"2026-03-02T11:50:00Z"}]}`,
	)
	if at := h.events("ana")[0].At; !at.Equal(instant.Add(-10 * time.Minute)) {
		t.Errorf("at %s", at)
	}
}

func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	got := h.call("/v1/track", `{"userId":"ana","event":"X"}`)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	if got := h.do("GET", "/readyz", ""); got.status != http.StatusServiceUnavailable ||
		!strings.Contains(got.body, `"database":"unreachable"`) {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	if got := h.do("GET", "/healthz", ""); got.status != http.StatusOK {
		t.Errorf("healthz: %d", got.status)
	}
	if got := h.do("GET", "/inbox", "", "Authorization: Bearer "+agentToken); got.status != http.StatusServiceUnavailable {
		t.Errorf("inbox: %d", got.status)
	}
	if got := h.do("GET", "/metrics", "", "Authorization: Bearer "+agentToken); !strings.Contains(got.body, "tabi_store_up 0") {
		t.Errorf("metrics: %s", got.body)
	}
}

// A gateway without Temporal is ready, because it takes events. One that is about to stop is not, and still serves.
func TestReadyNamesTemporal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Ready = func(context.Context) error { return fmt.Errorf("dial 10.1.2.3: refused") }
	})
	got := h.do("GET", "/readyz", "")
	if got.status != http.StatusOK || !strings.Contains(got.body, `"temporal":"unreachable"`) ||
		!strings.Contains(got.body, `"database":"ok"`) ||
		strings.Contains(got.body, "10.1.2.3") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.do("GET", "/metrics", "", "Authorization: Bearer "+agentToken); !strings.Contains(got.body, "tabi_temporal_up 0") {
		t.Errorf("metrics: %s", got.body)
	}
	h.g.Drain()
	got = h.do("GET", "/readyz", "")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"status":"stopping"`) {
		t.Errorf("draining: %d %s", got.status, got.body)
	}
	if got := h.call("/v1/track", `{"userId":"ana","event":"X"}`); got.status != http.StatusOK {
		t.Errorf("track while draining: %d %s", got.status, got.body)
	}
}
