package httpclassifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var intents = []string{"complaint", "order-status"}

// hands are a clock that is moved by hand.
type hands struct{ ns atomic.Int64 }

func (h *hands) now() time.Time             { return time.Unix(0, h.ns.Load()) }
func (h *hands) moves(d time.Duration)      { h.ns.Add(int64(d)) }
func (h *hands) options(url string) Options { return Options{URL: url, Now: h.now} }

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers serves one answer and keeps the last question.
func answers(t *testing.T, status int, body string) (url string, asked func() (*http.Request, map[string]any)) {
	t.Helper()
	var last *http.Request
	var question map[string]any
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		last, question = r, nil
		if err := json.Unmarshal(raw, &question); err != nil {
			t.Errorf("the question is not JSON: %v", err)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (*http.Request, map[string]any) { return last, question }
}

func chat(content string) string {
	raw, _ := json.Marshal(content)
	return `{"choices":[{"message":{"role":"assistant","content":` + string(raw) + `}}]}`
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path, body string
		status           int
		intent           string
		confidence       float64
		err              string
	}{
		{"plain", "", `{"intent":"complaint","confidence":0.8}`, 200, "complaint", 0.8, ""},
		{"none", "", `{"intent":null,"confidence":0.8}`, 200, "", 0, ""},
		{"none in words", "", `{"intent":"none","confidence":0.8}`, 200, "", 0, ""},
		{"other names", "", `{"label":"Order Status","score":91}`, 200, "order-status", 0.91, ""},
		{"no confidence", "", `{"intent":"complaint"}`, 200, "complaint", 1, ""},
		{"unknown intent", "", `{"intent":"weather","confidence":0.8}`, 200, "", 0, "named none of the intents"},
		{"bad confidence", "", `{"intent":"complaint","confidence":-1}`, 200, "", 0, "not from 0 to 1"},
		{"no JSON", "", `complaint`, 200, "", 0, "no JSON object"},
		{"broken", "", `{"intent":`, 200, "", 0, "no JSON object"},
		{"failed", "", `{}`, 503, "", 0, "503"},
		{"chat", "/v1/chat/completions", chat(`{"intent":"complaint","confidence":0.7}`), 200, "complaint", 0.7, ""},
		{"chat in a fence", "/v1/chat/completions", chat("Sure!\n```json\n{\"intent\": \"order_status\", \"confidence\": 0.6}\n```"), 200,
			"order-status", 0.6, ""},
		{"chat in parts", "/v1/chat/completions", `{"choices":[{"message":{"content":[` +
			`{"type":"text","text":"{\"intent\":\"complaint\"}"}]}}]}`, 200, "complaint", 1, ""},
		{"chat without choices", "/v1/chat/completions", `{"choices":[]}`, 200, "", 0, "not a chat completion"},
		{"chat that declines", "/v1/chat/completions", chat("I cannot help with that."), 200, "", 0, "no JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := answers(t, c.status, c.body)
			intent, confidence, err := client(t, new(hands).options(url+c.path)).Classify(t.Context(), "secret words", intents)
			if intent != c.intent || confidence != c.confidence {
				t.Errorf("got %q %v, want %q %v", intent, confidence, c.intent, c.confidence)
			}
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got error %v, want %q", err, c.err)
			case err != nil && (strings.Contains(err.Error(), "secret words") || strings.Contains(err.Error(), url)):
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestRequestBodies(t *testing.T) {
	t.Parallel()
	url, asked := answers(t, 200, chat(`{"intent":"complaint","confidence":1}`))
	o := new(hands).options(url + "/chat/completions")
	o.Token, o.Model = "t0ken", "tiny"
	if _, _, err := client(t, o).Classify(t.Context(), "my parcel never came", intents); err != nil {
		t.Fatal(err)
	}
	r, q := asked()
	said := fmt.Sprint(q["messages"])
	if r.Header.Get("Authorization") != "Bearer t0ken" || q["model"] != "tiny" || q["temperature"] != 0.0 ||
		!strings.Contains(said, `["complaint","order-status"]`) ||
		!strings.Contains(said, "my parcel never came") {
		t.Errorf("asked %v with %v", q, r.Header)
	}
	url, asked = answers(t, 200, `{"intent":"complaint","confidence":1}`)
	if _, _, err := client(t, new(hands).options(url)).Classify(t.Context(), strings.Repeat("長", 5000)+"\xff", intents); err != nil {
		t.Fatal(err)
	}
	r, q = asked()
	if text, _ := q["text"].(string); len(text) > maxText || !strings.HasPrefix(text, "長") ||
		fmt.Sprint(q["intents"]) != "[complaint order-status]" ||
		r.Header.Get("Authorization") != "" {
		t.Errorf("asked %d bytes about %v", len(fmt.Sprint(q["text"])), q["intents"])
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(hang); s.Close() })
	o := new(hands).options(s.URL)
	o.Timeout = 20 * time.Millisecond
	_, _, err := client(t, o).Classify(t.Context(), "hello", intents)
	if err == nil || err.Error() != "the classifier did not answer within 20ms" {
		t.Errorf("got %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := client(t, o).Classify(ended, "hello", intents); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's own end", err)
	}
}

// A server that keeps failing is left alone, tried by one message later, and asked again once it answers.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	var n atomic.Int32
	down.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, `{"intent":"complaint","confidence":1}`)
	}))
	t.Cleanup(s.Close)
	var clock hands
	c := client(t, clock.options(s.URL))
	ask := func() error {
		_, _, err := c.Classify(t.Context(), "hello", intents)
		return err
	}
	for range tolerated {
		if err := ask(); err == nil || errors.Is(err, ErrResting) {
			t.Fatalf("got %v, want the server's failure", err)
		}
	}
	for range 3 {
		if err := ask(); !errors.Is(err, ErrResting) {
			t.Fatalf("got %v, want rest", err)
		}
	}
	clock.moves(rest)
	if err := ask(); err == nil || errors.Is(err, ErrResting) {
		t.Fatalf("got %v, want one try", err)
	}
	if err := ask(); !errors.Is(err, ErrResting) {
		t.Fatalf("got %v, want rest again", err)
	}
	clock.moves(rest)
	down.Store(false)
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.Load(); got != tolerated+3 {
		t.Errorf("the server was asked %d times, want %d", got, tolerated+3)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "ftp://x", "nonsense", "http://", "http://user:pa%ss@host"} {
		if _, err := New(Options{URL: url, Now: time.Now}); err == nil || url != "" && strings.Contains(err.Error(), url) {
			t.Errorf("%q: got %v", url, err)
		}
	}
}
