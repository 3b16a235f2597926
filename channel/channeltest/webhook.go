package channeltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Webhook is the webhook of a provider, and the receiver that reads it.
type Webhook struct {
	// Open opens the receiver under test, with a clock.
	Open func(t *testing.T, now func() time.Time) webhook.Receiver
	// Sign returns the request by which the provider sends a body at a time, signed as it does. Where the signature is in the body, body is
	// the part that it is about.
	Sign func(t *testing.T, body []byte, at time.Time) *http.Request
	// Forge makes the signature of a request one of somebody else.
	Forge func(r *http.Request)
	// Now is the time of the tests. Default: 2 March 2026.
	Now time.Time

	// SignsBody: the signature covers the body. Without it (basic auth, a token in the URL) a changed body is not noticed.
	SignsBody bool
	// SignsTime: the signature covers a time, so that an old request is refused.
	SignsTime bool
	// Window is how old a request may be. Default: channel.ReplayWindow.
	Window time.Duration

	// Recorded are bodies as the provider sends them.
	Recorded []Recorded
	// Unknown is a body of a kind that the provider has and tabi does not know. Empty: there is none.
	Unknown []byte
}

// Recorded is a body and what it says.
type Recorded struct {
	Name    string
	Body    []byte
	Want    []channel.Report
	Ignored int    // how many parts of it are ignored, with a reason
	Answer  string // see channel.Received
}

// ExerciseReceiver runs the suite of receivers: recorded bodies, repeats, forged, changed and old requests, other orders, odd bodies,
// concurrency.
func ExerciseReceiver(t *testing.T, w Webhook) {
	t.Helper()
	if w.Now.IsZero() {
		w.Now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	}
	if w.Window == 0 {
		w.Window = channel.ReplayWindow
	}
	if len(w.Recorded) == 0 {
		t.Fatal("no body is recorded")
	}
	r := w.Open(t, func() time.Time { return w.Now })
	first := w.Recorded[0].Body
	receive := func(t *testing.T, body []byte, at time.Time) (channel.Received, error) {
		t.Helper()
		req := w.Sign(t, body, at)
		return r.Receive(req, sent(t, req))
	}

	for _, one := range w.Recorded {
		t.Run(one.Name, func(t *testing.T) {
			got, err := receive(t, one.Body, w.Now)
			if err != nil {
				t.Fatal(err)
			}
			sameReports(t, got.Reports, one.Want)
			if len(got.Ignored) != one.Ignored {
				t.Errorf("%d parts are ignored, want %d: %v", len(got.Ignored), one.Ignored, got.Ignored)
			}
			if got.Answer != one.Answer {
				t.Errorf("the answer is %q, want %q", got.Answer, one.Answer)
			}
			if one.Want == nil && one.Answer == "" && len(got.Ignored) == 0 {
				t.Error("it is dropped in silence")
			}
			// A provider repeats what was not answered, signed again: the same reports, so that they count once.
			again, err := receive(t, one.Body, w.Now.Add(-time.Minute))
			if err != nil {
				t.Fatalf("a repeat: %v", err)
			}
			sameReports(t, again.Reports, got.Reports)
		})
	}
	t.Run("other order", func(t *testing.T) { // of statuses: what one body says does not depend on those before it
		for i := len(w.Recorded) - 1; i >= 0; i-- {
			got, err := receive(t, w.Recorded[i].Body, w.Now)
			if err != nil {
				t.Fatal(err)
			}
			sameReports(t, got.Reports, w.Recorded[i].Want)
		}
	})

	refused := func(t *testing.T, req *http.Request, body []byte) {
		t.Helper()
		got, err := r.Receive(req, body)
		if !errors.Is(err, channel.ErrSignature) {
			t.Errorf("got %v, want ErrSignature", err)
		}
		if len(got.Reports) > 0 || got.Answer != "" {
			t.Errorf("it is believed: %+v", got)
		}
	}
	t.Run("forged", func(t *testing.T) {
		req := w.Sign(t, first, w.Now)
		w.Forge(req)
		refused(t, req, sent(t, req))
	})
	t.Run("unsigned", func(t *testing.T) {
		refused(t, httptest.NewRequest(http.MethodPost, "/v1/providers/x", bytes.NewReader(first)), first)
	})
	if w.SignsBody {
		t.Run("changed body", func(t *testing.T) {
			req := w.Sign(t, first, w.Now)
			signed := sent(t, req)
			changed := bytes.ReplaceAll(signed, []byte("example.com"), []byte("example.org"))
			if bytes.Equal(changed, signed) {
				changed = append([]byte(" "), signed...)
			}
			refused(t, req, changed)
		})
	}
	if w.SignsTime {
		t.Run("as old as may be", func(t *testing.T) {
			if _, err := receive(t, first, w.Now.Add(time.Second-w.Window)); err != nil {
				t.Error(err)
			}
		})
		for name, at := range map[string]time.Time{
			"too old": w.Now.Add(-w.Window - 2*time.Second), "of the future": w.Now.Add(channel.ReplayWindow + 2*time.Second),
		} {
			t.Run(name, func(t *testing.T) {
				req := w.Sign(t, first, at)
				refused(t, req, sent(t, req))
			})
		}
	}
	if len(w.Unknown) > 0 {
		t.Run("unknown kind", func(t *testing.T) {
			got, err := receive(t, w.Unknown, w.Now)
			if err != nil || len(got.Reports) > 0 {
				t.Errorf("got %+v %v", got, err)
			}
			if len(got.Ignored) == 0 || got.Ignored[0] == "" {
				t.Error("it is dropped in silence")
			}
		})
	}
	t.Run("GET", func(t *testing.T) {
		req := w.Sign(t, first, w.Now)
		req.Method = http.MethodGet
		if got, err := r.Receive(req, nil); err == nil && len(got.Reports) > 0 {
			t.Errorf("a GET reports %+v", got.Reports)
		}
	})
	t.Run("odd bodies", func(t *testing.T) {
		bodies := [][]byte{
			nil, []byte("{"), []byte("null"), []byte("[]"), []byte("{}"), []byte(`"x"`), []byte("[1,null,{}]"), []byte("\x00\xff\xfe"),
			[]byte("a=b&c=%zz"), first[:len(first)/2], []byte(strings.Repeat("[", 20000)), bytes.Repeat([]byte("x"), 1<<20),
			[]byte(`{"event":{"a":[{}]},"type":7,"data":[],"Message":"{"}`),
		}
		for _, body := range bodies {
			got, err := receive(t, body, w.Now)
			if len(got.Reports) > 0 {
				t.Errorf("%.40q reports %+v", body, got.Reports)
			}
			if err == nil && len(got.Ignored) == 0 && got.Answer == "" && len(bytes.TrimSpace(body)) > 2 && string(body) != "null" {
				t.Errorf("%.40q is dropped in silence", body)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("%.40q: the error has %d bytes", body, len(err.Error()))
			}
		}
	})
	t.Run("at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 16 {
			one := w.Recorded[i%len(w.Recorded)]
			req := w.Sign(t, one.Body, w.Now)
			body := sent(t, req)
			wg.Go(func() {
				got, err := r.Receive(req, body)
				if err != nil {
					t.Error(err)
				}
				sameReports(t, got.Reports, one.Want)
			})
		}
		wg.Wait()
	})
}

// sent returns the body of a request, which can be read again.
func sent(t *testing.T, req *http.Request) []byte {
	t.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// sameReports compares reports. Times are compared as moments.
func sameReports(t *testing.T, got, want []channel.Report) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d reports, want %d:\n%s", len(got), len(want), list(got))
		return
	}
	for i := range got {
		a, b := got[i], want[i]
		if !a.At.Equal(b.At) {
			t.Errorf("report %d is of %s, want %s", i, a.At, b.At)
		}
		a.At, b.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("report %d is\n%+v, want\n%+v", i, a, b)
		}
	}
}

func list(reports []channel.Report) string {
	var b strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&b, "%+v\n", r)
	}
	return b.String()
}
