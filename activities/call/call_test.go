package call

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// client may call loopback, where the tests' servers are.
func client(t *testing.T, allow string, dial ...Dial) *Client {
	t.Helper()
	list, err := ParseAllow(allow)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Allow: list, Version: "1.2.3"}
	for _, d := range dial {
		opts.Dial = d
	}
	c := New(opts)
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// repeatable returns the error of an attempt that may be repeated, and checks that it carries what the call comes
// to without one.
func repeatable(t *testing.T, err error) (*temporal.ApplicationError, contract.CallResult) {
	t.Helper()
	var app *temporal.ApplicationError
	var last contract.CallResult
	if !errors.As(err, &app) || app.Type() != Repeatable || app.NonRetryable() {
		t.Fatalf("not an error that asks for another attempt: %v", err)
	}
	if err := app.Details(&last); err != nil || !last.Failed || last.Reason != app.Message() || last.Body != nil {
		t.Errorf("the detail of %v is %+v, %v", app, last, err)
	}
	return app, last
}

func TestResponses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kind, text string
		status           int
		body             any
		failed, again    bool
	}{
		{name: "JSON by its type", kind: "application/json; charset=utf-8", text: `{"score": 7, "tags": ["a"], "none": null}`,
			status: 200, body: map[string]any{"score": 7.0, "tags": []any{"a"}, "none": nil}},
		{name: "a JSON number", kind: "application/problem+json", text: `12`, status: 201, body: 12.0},
		{name: "an object without a type", kind: "text/plain", text: ` {"a": 1} `, status: 200, body: map[string]any{"a": 1.0}},
		{name: "a list without a type", kind: "", text: `[1, 2]`, status: 200, body: []any{1.0, 2.0}},
		{name: "bad JSON is text", kind: "application/json", text: `{"a": 1`, status: 200, body: `{"a": 1`},
		{name: "a number too large is text", kind: "application/json", text: `[1e999]`, status: 200, body: `[1e999]`},
		{name: "a number that is text", kind: "text/plain", text: `12`, status: 200, body: "12"},
		{name: "characters that cannot be stored", kind: "application/json", text: `{"a\u0000b": "x\u0000y", "l": ["\u0000"]}`,
			status: 200, body: map[string]any{"ab": "xy", "l": []any{""}}},
		{name: "no body", kind: "application/json", status: 204},
		{name: "null", kind: "application/json", text: `null`, status: 200},
		{name: "not found", kind: "application/json", text: `{"error": "no such user"}`, status: 404,
			body: map[string]any{"error": "no such user"}, failed: true},
		{name: "bad request", kind: "text/plain", text: `what?`, status: 400, body: "what?", failed: true},
		{name: "nothing new", status: 304, failed: true},
		{name: "a redirect to nowhere", status: 302, failed: true},
		{name: "time is up", status: 408, failed: true, again: true},
		{name: "too early", status: 425, failed: true, again: true},
		{name: "too many", status: 429, failed: true, again: true},
		{name: "broken", status: 500, text: `{"secret": 1}`, failed: true, again: true},
		{name: "away", status: 503, failed: true, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{c.kind}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.text)
			})
			got, err := client(t, "127.0.0.1").Call(t.Context(), Request{URL: at + "/path?customer=ana"})
			if c.again {
				_, got = repeatable(t, err)
			} else if err != nil {
				t.Fatal(err)
			}
			if got.Status != c.status || got.Failed != c.failed || c.failed != (got.Reason != "") || strings.Contains(got.Reason, "ana") {
				t.Errorf("got %+v", got)
			}
			if diff := cmp.Diff(c.body, got.Body); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	at := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	c := client(t, "127.0.0.0/8")
	for _, test := range []struct {
		r    Request
		want map[string]string
	}{
		{Request{URL: " " + at + "/a?b=c\n", Key: "e1/rate/1"},
			map[string]string{"User-Agent": "tabi/1.2.3", "Idempotency-Key": "e1/rate/1", "Accept": "application/json, */*",
				"Content-Type": ""}},
		{Request{URL: at, Method: "POST", Body: []byte(`{"a":1}`)},
			map[string]string{"Content-Type": "application/json", "Content-Length": "7"}},
		{Request{URL: at, Method: "PUT", Body: []byte("hello")}, map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{Request{URL: at, Method: "PATCH", Key: "k", Body: []byte("a=b"),
			Headers: map[string]string{"content-type": "application/x-www-form-urlencoded", "User-Agent": "shop", "Accept": "text/csv",
				"X-Key": "s3cret\n", "accept-encoding": "br", "Expect": "100-continue"}},
			map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": "k", "Accept-Encoding": "gzip",
				"Expect": "", "User-Agent": "shop", "Accept": "text/csv", "X-Key": "s3cret"}},
	} {
		result, err := c.Call(t.Context(), test.r)
		if err != nil || result.Failed {
			t.Fatal(result, err)
		}
		method := test.r.Method
		if method == "" {
			method = "GET"
		}
		if got.Method != method || string(body) != string(test.r.Body) {
			t.Errorf("%s %q, want %s %q", got.Method, body, method, test.r.Body)
		}
		for name, want := range test.want {
			if have := got.Header.Get(name); have != want {
				t.Errorf("%s: %q, want %q", name, have, want)
			}
		}
	}
}

func TestBadRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	at := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it went out") })
	c := client(t, "127.0.0.1")
	for want, r := range map[string]Request{
		"url":                          {URL: "ftp://127.0.0.1/ana"},
		"url: has no":                  {URL: "http:///ana"},
		"url: is not an ":              {URL: "/ana"},
		"url: is not an a":             {URL: "http://127.0.0.1/\x00ana"},
		"url: is not an http":          {URL: ""},
		"method":                       {URL: at, Method: "GET /ana"},
		"headers.X-Name: holds a line": {URL: at, Headers: map[string]string{"X-Name": "ana\r\nX-Admin: yes"}},
		"headers.X-Other: holds a l":   {URL: at, Headers: map[string]string{"X-Other": "ana\nX-Admin: yes"}},
		"headers.X-Tab: holds a con":   {URL: at, Headers: map[string]string{"X-Tab": "ana\x00"}},
		"headers: a name":              {URL: at, Headers: map[string]string{"X-Ana\r\nX-Admin": "yes"}},
		"headers.Host":                 {URL: at, Headers: map[string]string{"Host": "ana"}},
		"headers.Idempotency-Key":      {URL: at, Headers: map[string]string{"Idempotency-Key": "ana"}},
		"headers.transfer-encoding":    {URL: at, Headers: map[string]string{"transfer-encoding": "ana"}},
	} {
		got, err := c.Call(t.Context(), r)
		if err != nil || !got.Failed || got.Status != 0 || !strings.HasPrefix(got.Reason, want) || strings.Contains(got.Reason, "ana") {
			t.Errorf("%q: %+v %v", want, got, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	n := 0
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		switch n {
		case 1:
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, `{"ok": true}`)
		}
	})
	c := client(t, "127.0.0.1")
	for i, want := range []time.Duration{30 * time.Second, 0} {
		_, err := c.Call(t.Context(), Request{URL: at})
		app, last := repeatable(t, err)
		if app.NextRetryDelay() != want || last.Status != []int{429, 503}[i] {
			t.Errorf("attempt %d: pause %s, status %d", i+1, app.NextRetryDelay(), last.Status)
		}
	}
	got, err := c.Call(t.Context(), Request{URL: at})
	if err != nil || got.Failed || !cmp.Equal(got.Body, any(map[string]any{"ok": true})) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestHugeBodies(t *testing.T) {
	t.Parallel()
	size := 0
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for sent := 0; sent < size; sent += 1024 {
			if _, err := io.WriteString(w, strings.Repeat("x", min(1024, size-sent))); err != nil {
				return
			}
		}
	})
	c := client(t, "127.0.0.1")
	size = MaxBody
	if got, err := c.Call(t.Context(), Request{URL: at}); err != nil || got.Failed || len(got.Body.(string)) != MaxBody {
		t.Errorf("%d KiB: %+v %v", MaxBody>>10, got.Reason, err)
	}
	for _, size = range []int{MaxBody + 1, 64 << 20} {
		if got, err := c.Call(t.Context(), Request{URL: at}); err != nil || !got.Failed || got.Body != nil || got.Status != 200 ||
			!strings.Contains(got.Reason, "256 KiB") {
			t.Errorf("%d bytes: %+v %v", size, got.Reason, err)
		}
	}
}

// A server that never begins to answer, one that never ends, and one that hangs up are tried again; a canceled
// activity is not an attempt that failed.
func TestSlowAndLostResponses(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/drip":
			_, _ = io.WriteString(w, `{"half": `)
			w.(http.Flusher).Flush()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
			return
		case "/hang-up":
			panic(http.ErrAbortHandler)
		}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(over) })
	c := client(t, "127.0.0.1")
	for path, want := range map[string]string{"/silent": "no answer in time", "/drip": "no answer in time",
		"/cut": "the connection was lost", "/hang-up": "the connection was lost"} {
		_, err := c.Call(t.Context(), Request{URL: at + path + "?who=ana", Timeout: 50 * time.Millisecond})
		if app, _ := repeatable(t, err); app.Message() != "127.0.0.1: "+want {
			t.Errorf("%s: %s", path, app.Message())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(ctx, Request{URL: at}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := client(t, "127.0.0.1").Call(t.Context(), Request{URL: s.URL + "/?who=ana"})
	if app, _ := repeatable(t, err); app.Message() != "127.0.0.1: connection refused" {
		t.Error(app)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	quiet := log.New(io.Discard, "", 0)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	got, err := client(t, "127.0.0.1").Call(t.Context(), Request{URL: s.URL})
	if err != nil || !got.Failed || got.Reason != "127.0.0.1: the server's certificate is not trusted" {
		t.Errorf("%+v %v", got, err)
	}
	trusted := Dial{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	if got, err = client(t, "127.0.0.1", trusted).Call(t.Context(), Request{URL: s.URL}); err != nil || got.Failed || got.Body != "hello" {
		t.Errorf("%+v %v", got, err)
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	if got, err = client(t, "127.0.0.1").Call(t.Context(), Request{URL: strings.Replace(plain, "http:", "https:", 1)}); err != nil ||
		!got.Failed {
		t.Errorf("https to a server without it: %+v %v", got, err)
	}
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	if got, err = client(t, "127.0.0.1").Call(t.Context(), Request{URL: old.URL}); err != nil || !got.Failed ||
		!strings.Contains(got.Reason, "TLS") {
		t.Errorf("an old TLS: %+v %v", got, err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	type seen struct {
		Method, Key, Secret, Auth, Cookie, Referer, Body string
	}
	var last seen
	note := func(r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last = seen{
			r.Method,
			r.Header.Get("Idempotency-Key"),
			r.Header.Get("X-Api-Key"),
			r.Header.Get("Authorization"),
			r.Header.Get("Cookie"),
			r.Header.Get("Referer"),
			string(body),
		}
	}
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { note(r) })
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/hop/%d", &n); err == nil && n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusTemporaryRedirect)
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		note(r)
	})
	c := client(t, "127.0.0.1")
	post := func(path string) contract.CallResult {
		last = seen{}
		got, err := c.Call(t.Context(), Request{Method: "POST", URL: at + path, Key: "k", Body: []byte("hello"),
			Headers: map[string]string{"X-Api-Key": "s3cret", "Authorization": "Bearer s3cret", "Cookie": "a=s3cret"}})
		if err != nil {
			t.Fatal(path, err)
		}
		return got
	}
	whole := seen{Method: "POST", Key: "k", Secret: "s3cret", Auth: "Bearer s3cret", Cookie: "a=s3cret", Body: "hello"}
	if got := post("/hop/5"); got.Failed || last != whole {
		t.Errorf("five redirects: %+v, %+v", got, last)
	}
	if got := post("/hop/6"); !got.Failed || got.Reason != "127.0.0.1: more than 5 redirects" {
		t.Errorf("six redirects: %+v", got)
	}
	if got := post("/?to=" + url.QueryEscape(other+"/x")); got.Failed || last != (seen{Method: "POST", Key: "k", Body: "hello"}) {
		t.Errorf("to another host: %+v, %+v", got, last)
	}
	for _, to := range []string{
		"http://127.0.0.2/", "http://10.0.0.1/", "http://192.168.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/",
		"http://[::ffff:127.0.0.2]/",
		"http://0.0.0.0/", "https://100.64.0.1/", "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
		"http://224.0.0.1/",
		"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://", "javascript:1",
	} {
		if got := post("/?to=" + url.QueryEscape(to)); !got.Failed || last != (seen{}) {
			t.Errorf("to %s: %+v", to, got)
		}
	}
}
