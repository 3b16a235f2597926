package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tabi-journeys/tabi/internal/gateway/segment"
)

// intake are the routes by which strangers and other programs send.
var intake = []string{"/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/alias", "/v1/group", "/v1/batch", "/v1/t", "/v1/b",
	"/v1/mail/events", "/v1/mail/bounces", "/v1/decide", "/v1/inbox/ana", "/v1/inbox/anon:a/token",
	"/v1/admin/enrollments", "/v1/admin/customers/ana/split"}

// FuzzGateway sends any body to the routes, with a server key, a web key, an admin's token or none. Nothing is answered 5xx, no panic is
// left, a refused call leaves nothing, and what a request leaves is bounded.
func FuzzGateway(f *testing.F) {
	for _, seed := range []string{
		`{"userId":"ana","event":"Hello","properties":{"total":120,"n":"1"},"messageId":"e1"}`,
		`{"anonymousId":"a","traits":{"first_name":"A","p":{"q":{"r":[1,2,{}]}}},"context":{"device":{"token":"t"}}}`,
		`{"batch":[{"type":"page","userId":"ana","name":"Home"},{"type":"track"},7,` +
			`{"type":"alias","userId":"a","previousId":"b"}],"sentAt":"x"}`,
		`{"batch":{"0":{"type":"group","userId":"a","groupId":"g"}},"context":{"backfill":true}}`,
		`[{"type":"bounce","key":"k","reason":"r"},{"type":"unsubscribe","message_id":"m"}]`, `{"customer":"ana","group":"g"}`,
		"Subject: failure notice\nReturn-Path: <>\n\n<a@b.example>:\n550 no\n",
		`{"user_id":"ana"}`, `{"journey":"hello","customer":"ana","properties":{"n":1e400}}`, `{`, `null`, `[]`, "\xff\xfe{\x00}\x00", "",
		`{"userId":"\ud800","event":"tabi.x","timestamp":1e30}`, `{"userId":"ana","userId":"ben","event":"X","event":"Y"}`,
		`{"userId":"ana","userHash":"00","event":"Product Viewed"}`,
	} {
		for route := range intake {
			f.Add(uint8(route), uint8(route%4), uint8(0), []byte(seed))
		}
	}
	samples, _ := filepath.Glob("testdata/*.json")
	for _, path := range samples {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(uint8(6), uint8(0), uint8(1), data)
		}
	}
	h := newHouse(f, func(c *Config) { c.WebRates = segment.Rates{Key: -1, Peer: -1} })
	rows := func(t *testing.T) (out [4]int64) {
		c, err := h.store.Analytics.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		out = [4]int64{c.Events, c.Customers, c.Pending}
		for _, open := range c.Open {
			out[3] += open
		}
		return out
	}
	h.enters(1)
	n := 0
	f.Fuzz(func(t *testing.T, route, key, form uint8, body []byte) {
		n++
		if form%2 == 1 {
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			_, _ = w.Write(body)
			_ = w.Close()
			body = zipped.Bytes()
		}
		r := httptest.NewRequest("POST", intake[int(route)%len(intake)], bytes.NewReader(body))
		if form%2 == 1 && form%4 == 1 {
			r.Header.Set("Content-Encoding", "gzip")
		}
		r.Header.Set("Content-Type", []string{"application/json", "text/plain", "application/json; charset=utf-16"}[int(form)%3])
		if credential := []string{serverKey, webKey, adminToken, ""}[key%4]; credential != "" {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		before := rows(t)
		w := httptest.NewRecorder()
		h.g.Handler().ServeHTTP(w, r)
		after := rows(t)
		if w.Code >= 500 {
			t.Fatalf("%s: %d %s", r.URL.Path, w.Code, w.Body)
		}
		if w.Code >= 400 && after != before {
			t.Fatalf("%s: %d %s, and the rows were %v and are %v", r.URL.Path, w.Code, w.Body, before, after)
		}
		calls := int64(len(body)/2 + 3) // the shortest call of a batch has more bytes
		if form%2 == 1 {
			calls = 1000
		}
		if after[0]-before[0] > calls || after[1]-before[1] > 3*calls || after[2]-before[2] > 11_000 {
			t.Fatalf("%s: one request: the rows were %v and are %v", r.URL.Path, before, after)
		}
		if w.Body.Len() > 4<<20 {
			t.Fatalf("%s: an answer of %d bytes", r.URL.Path, w.Body.Len())
		}
		if n%2000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > 256<<20 {
				t.Fatalf("after %d inputs the process holds %d MiB", n, m.HeapAlloc>>20)
			}
		}
	})
}
