package devsinks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

// front is a gateway that keeps what it is sent.
type front struct {
	mu    sync.Mutex
	calls []string
	sinks *devsinks.Sink
	url   string
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	said := string(body)
	if r.URL.Path == "/v1/providers/dev" {
		got, err := f.sinks.Receivers()["dev"].Receive(r, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		one := got.Reports[0]
		said = strings.Join([]string{string(one.Kind), one.Channel, one.Key, one.Text}, "|")
	}
	f.calls = append(f.calls, r.URL.Path+" "+said)
	_, _ = io.WriteString(w, `{"accepted":1,"receipts":[{"entered":["cart/ana"]}]}`)
}

// played starts sinks with a gateway, and returns a function that posts a form to the pages.
func played(t *testing.T) (*front, func(path string, form url.Values) (status int, location string)) {
	t.Helper()
	sinks := start(t, devsinks.Options{})
	f := &front{sinks: sinks}
	gateway := httptest.NewServer(f)
	t.Cleanup(gateway.Close)
	f.url = gateway.URL
	sinks.SetPlay(devsinks.Play{
		Gateway: gateway.URL,
		Sent: func(_ context.Context, _, key, _ string) (devsinks.Sent, bool) {
			return devsinks.Sent{Customer: "ana", Journey: "cart", Step: "nudge", Message: "reminder", WorkflowID: "cart/ana"}, key != "odd"
		},
		Starts: func() []devsinks.Way {
			return []devsinks.Way{{Journey: "cart", Event: "Cart Updated", Customer: "ana"}}
		},
		Run: func(id string) string { return "http://ui.example/" + url.PathEscape(id) },
	})
	return f, func(path string, form url.Values) (int, string) {
		req := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		sinks.Handler().ServeHTTP(rec, req)
		return rec.Code, rec.Header().Get("Location")
	}
}

// What a person does on the pages arrives at the gateway as a provider or a shop would send it.
func TestPlayGoesByTheFrontDoor(t *testing.T) {
	f, post := played(t)
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	act := func(pairs ...string) string {
		code, to := post("/dev/act", form(append([]string{"key", "k1", "back", "/dev/mail/1"}, pairs...)...))
		if code != http.StatusSeeOther {
			t.Errorf("%v: %d", pairs, code)
		}
		return to
	}
	for _, one := range []struct {
		do   []string
		want string // where it leads
	}{
		{[]string{"channel", "email", "kind", "opened"}, "/dev/mail/1?of=k1&said=reported%3A+opened"},
		{[]string{"channel", "push", "text", " Hello "}, "/dev/mail/1?of=k1&said=reported%3A+replied"},
		{[]string{"channel", "sms"}, "/dev/mail/1?of=k1&problem=there+is+no+text+to+reply+with"},
		{[]string{"channel", "email", "one_click", f.url + "/u/token"}, "/dev/mail/1?of=k1&said=unsubscribed+by+one+click"},
	} {
		if got := act(one.do...); got != one.want {
			t.Errorf("%v leads to %s, want %s", one.do, got, one.want)
		}
	}
	code, to := post("/dev/play", form("journey", "cart", "customer", "ana", "event", "Cart Updated", "traits", `{"email":"a@x.example"}`,
		"properties", `{"total":1}`))
	if code != http.StatusSeeOther || to != "/dev/play?customer=ana&of=cart&said=entered+cart%2Fana" {
		t.Errorf("the first event: %d %s", code, to)
	}
	_, to = post("/dev/play", form("customer", "ana", "event", "X", "traits", "{"))
	if !strings.Contains(to, "problem=traits+is+no+JSON") {
		t.Errorf("broken JSON leads to %s", to)
	}
	_, to = post("/dev/act", form("channel", "email", "kind", "opened", "back", "//evil.example/"))
	if !strings.HasPrefix(to, "/dev/play?") {
		t.Errorf("a form leads to %s", to)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	want := []string{"/v1/providers/dev opened|email|k1|", "/v1/providers/dev replied|push|k1|Hello", "/u/token List-Unsubscribe=One-Click",
		`/v1/identify {"traits":{"email":"a@x.example"},"userId":"ana"}`,
		`/v1/track {"event":"Cart Updated","properties":{"total":1},"userId":"ana"}`, "/v1/providers/dev opened|email||"}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Reports that the sinks have not signed are refused, and so are forms of other sites.
func TestPlayTrustsItsOwnPages(t *testing.T) {
	f, _ := played(t)
	body, err := json.Marshal([]channel.Report{{Kind: channel.Opened, Channel: "email", Key: "k1"}})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/v1/providers/dev", bytes.NewReader(body))
	if _, err := f.sinks.Receivers()["dev"].Receive(req, body); !errors.Is(err, channel.ErrSignature) {
		t.Errorf("an unsigned report: %v", err)
	}
	for _, path := range []string{"/dev/act", "/dev/play"} {
		req := httptest.NewRequest("POST", path, strings.NewReader("customer=ana"))
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		rec := httptest.NewRecorder()
		f.sinks.Handler().ServeHTTP(rec, req)
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s of another site: %d", path, rec.Code)
		}
	}
}

// The page of a mail has its links, the way to unsubscribe, and says from where it was sent.
func TestMailCanBePlayed(t *testing.T) {
	f, _ := played(t)
	deliver(t, f.sinks, "ana@example.com", "X-Tabi-Key: k1\nList-Unsubscribe: <https://shop.example/u/1>\n"+
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"+
		"Subject: Hi\nContent-Type: text/html\n\n<p><a href=\"https://shop.example/c?a=1&amp;b=2\">Back <b>to it</b></a> "+
		"<a href=\"https://shop.example/c?a=1&amp;b=2\">again</a> <a href=\"javascript:x\">odd</a></p>\n")
	if _, err := f.sinks.WaitMail(t.Context(), func(devsinks.Mail) bool { return true }); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	f.sinks.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/dev/mail/1?of=k1&said=reported", nil))
	page := rec.Body.String()
	for _, want := range []string{`<a href="https://shop.example/c?a=1&amp;b=2" target="_blank" rel="noopener">Back to it</a>`,
		`name="one_click" value="https://shop.example/u/1"`, `href="/journeys/cart#step-nudge"`, `href="/customers/ana"`,
		`href="http://ui.example/cart%2Fana"`, `role="status">reported<`, `value="bounced"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s\n%s", want, page)
		}
	}
	if n := strings.Count(page, `target="_blank" rel="noopener">`); n != 2 { // the link and the page of the unsubscription
		t.Errorf("%d links", n)
	}
}
