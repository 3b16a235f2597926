package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/bounce"
)

// TestBounceEndsAsMailServersExpect: what is not the mail's fault is tried again, and what is ends for good.
func TestBounceEndsAsMailServersExpect(t *testing.T) { // not parallel: it sets the environment
	var posted *http.Request
	var body []byte
	status, answer := 0, ""
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posted = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer gateway.Close()
	t.Setenv("TABI_URL", gateway.URL)
	t.Setenv("TABI_WRITE_KEY", "server-key-0123456789")
	t.Setenv("ORIGINAL_RECIPIENT", "Bounces+Token@example.com")
	t.Setenv("RECIPIENT", "bounces@example.com")
	run := func(mail string, args ...string) (int, string) {
		var out bytes.Buffer
		root := newRoot(app.Build{})
		root.SetArgs(append([]string{"bounce"}, args...))
		root.SetIn(strings.NewReader(mail))
		root.SetOut(&out)
		root.SetErr(&out)
		err := root.ExecuteContext(t.Context())
		return app.ExitCode(err), fmt.Sprint(out.String(), err)
	}
	refused := func(code, message string) string {
		return `{"error":{"code":"` + code + `","message":"` + message + `"}}`
	}
	for _, c := range []struct {
		status int
		answer string
		exit   int
		says   string
	}{
		{200, `{"success":true,"accepted":1,"ignored":[{"index":1,"reason":"a delay"}]}`, 0, "ignored: a delay"},
		{422, refused("unproven", "the mail does not prove it"), 65, "does not prove"},
		{503, refused("unavailable", "the database cannot be reached"), 75, "database"},
		{429, refused("busy", "too much waits"), 75, "too much"}, {500, "oops", 75, "500"},
		{401, refused("unauthorized", "no such key"), 75, "--write-key"}, {404, refused("not_found", "an older gateway"), 75, "older"},
	} {
		status, answer = c.status, c.answer
		got, said := run("Subject: x\n\n"+strings.Repeat("y", 3*bounce.MaxMail), "--recipient", "b@example.com")
		if got != c.exit || !strings.Contains(said, c.says) {
			t.Errorf("%d: exit %d: %s", c.status, got, said)
		}
	}
	if got := posted.URL.Query()["recipient"]; fmt.Sprint(got) != "[b@example.com Bounces+Token@example.com bounces@example.com]" {
		t.Errorf("recipients %v", got)
	}
	if posted.URL.Path != "/v1/mail/bounces" || posted.Header.Get("Content-Type") != "message/rfc822" || len(body) != bounce.MaxMail {
		t.Errorf("%s %s %d bytes", posted.URL.Path, posted.Header.Get("Content-Type"), len(body))
	}
	for _, args := range [][]string{{"--nonsense"}, {"mail.eml"}, {"--url", "nowhere"},
		{"--write-key", "in-clear"}, {"--url", "http://127.0.0.1:1"}} {
		if got, said := run("", args...); got != 75 {
			t.Errorf("%v: exit %d: %s", args, got, said)
		}
	}
}
