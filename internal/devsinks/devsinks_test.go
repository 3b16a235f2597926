package devsinks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tabi-journeys/tabi/internal/devsinks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, opts devsinks.Options) *devsinks.Sink {
	t.Helper()
	s, err := devsinks.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// deliver sends a raw mail by another client than the project's.
func deliver(t *testing.T, s *devsinks.Sink, to, raw string) {
	t.Helper()
	if err := smtp.SendMail(s.SMTPAddress(), nil, "shop@example.com", []string{to},
		[]byte(strings.ReplaceAll(raw, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
}

const multipartMail = `From: =?UTF-8?B?5peF?= <shop@example.com>
To: ana@example.com
Subject: =?iso-8859-1?Q?Caf=E9?= =?UTF-8?B?5peF?=
Message-ID: <abc@example.com>
X-Tabi-Key: e1/main%2E2/1
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Caf=E9 is =
open
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+Q2Fmw6k8L3A+PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==
--inner--
--outer
Content-Type: image/png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--outer--
`

func TestMailIsRead(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	deliver(t, s, "ana@example.com", multipartMail)
	m := s.Mails()[0]
	if m.Subject != "Café旅" || m.Text != "Café is open" || !strings.HasPrefix(m.HTML, "<p>Café</p>") || m.Key != "e1/main.2/1" ||
		m.MessageID != "abc@example.com" || m.From != "shop@example.com" || m.To[0] != "ana@example.com" || m.ID != 1 ||
		m.Received.IsZero() {
		t.Errorf("got %+v", m)
	}
	for _, odd := range []string{"no header at all", "Content-Type: multipart/mixed\n\nx",
		"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: ((\n\nx", "\n\n"} {
		deliver(t, s, "ben@example.com", odd)
	}
	if n := len(s.Mails()); n != 5 {
		t.Errorf("%d mails are kept, want 5", n)
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	got := make(chan devsinks.Mail, 1)
	go func() {
		m, err := s.WaitMail(t.Context(), func(m devsinks.Mail) bool { return m.Subject == "second" })
		if err != nil {
			t.Error(err)
		}
		got <- m
	}()
	deliver(t, s, "ana@example.com", "Subject: first\n\nx")
	deliver(t, s, "ana@example.com", "Subject: second\n\nx")
	if m := <-got; m.ID != 2 {
		t.Errorf("got %+v", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WaitPush(ctx, func(devsinks.Push) bool { return true }); err == nil {
		t.Error("waiting outlasts its context")
	}
}

// get fetches a page.
func get(t *testing.T, base, path string) (int, http.Header, string) {
	t.Helper()
	resp, err := http.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// serve serves the sink's pages.
func serve(t *testing.T, s *devsinks.Sink) string {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server.URL
}

func TestMailPages(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	base := serve(t, s)
	if code, _, body := get(t, base, "/dev/mail"); code != 200 || !strings.Contains(body, "No mail yet") {
		t.Errorf("the empty list: %d %s", code, body)
	}
	if _, _, body := get(t, base, "/dev/mail.json"); strings.TrimSpace(body) != "[]" {
		t.Errorf("the empty JSON: %s", body)
	}
	deliver(t, s, "ana@example.com", multipartMail)
	deliver(t, s, "ben@example.com", "Subject: <script>alert(2)</script>\n\nhello <script>alert(3)</script>")
	_, header, list := get(t, base, "/dev/mail")
	if !strings.Contains(list, "Café旅") || strings.Contains(list, "<script") ||
		!strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the list: %s", list)
	}
	if strings.Index(list, "ben@") > strings.Index(list, "ana@") {
		t.Error("the newest is not first")
	}
	if _, _, body := get(t, base, "/dev/mail?to=ANA@example.com"); strings.Contains(body, "ben@example.com") {
		t.Error("to= does not narrow the list")
	}
	_, _, page := get(t, base, "/dev/mail/1")
	for _, want := range []string{`sandbox="allow-popups allow-popups-to-escape-sandbox"`, "Café is open", "X-Tabi-Key", "e1/main.2/1",
		"/dev/mail/1/body"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a mail lacks %q", want)
		}
	}
	if strings.Contains(page, "alert(1)") {
		t.Error("the mail's HTML stands in the page itself")
	}
	_, header, body := get(t, base, "/dev/mail/1/body")
	if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox") ||
		strings.Contains(policy, "allow-scripts") ||
		!strings.Contains(body, "<p>Café</p>") {
		t.Errorf("the body: %s %s", policy, body)
	}
	if _, header, raw := get(t, base, "/dev/mail/1/raw"); !strings.Contains(raw, "boundary=inner") ||
		!strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Error("the source is not shown")
	}
	for _, path := range []string{"/dev/mail/3", "/dev/mail/x", "/dev/mail/-1/body"} {
		if code, _, _ := get(t, base, path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	var mails []devsinks.Mail
	_, _, text := get(t, base, "/dev/mail.json?key=e1/main.2/1")
	if err := json.Unmarshal([]byte(text), &mails); err != nil || len(mails) != 1 || mails[0].Subject != "Café旅" {
		t.Errorf("the JSON: %v %s", err, text)
	}
	if code, header, _ := get(t, base, "/dev/sink.css"); code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/css") {
		t.Errorf("the style sheet: %d %v", code, header)
	}
}

func TestTokenServerChecksAssertions(t *testing.T) {
	t.Parallel()
	s, other := start(t, devsinks.Options{}), start(t, devsinks.Options{})
	account, err := other.ServiceAccount()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(account), s.FCMURL()) {
		t.Fatal("two sinks on one port")
	}
	for _, assertion := range []string{"", "x", "a.b.c", "e30.e30.e30"} {
		resp, err := http.PostForm(
			s.FCMURL()+"/token",
			map[string][]string{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}},
		)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("assertion %q: %d", assertion, resp.StatusCode)
		}
	}
	resp, err := http.PostForm(s.FCMURL()+"/token", map[string][]string{"grant_type": {"password"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("another grant: %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { deliver(t, s, fmt.Sprintf("c%d@example.com", i), "Subject: hi\n\nx") })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.WaitMail(ctx, func(m devsinks.Mail) bool { return m.ID == 20 }); err != nil {
		t.Error(err)
	}
	wg.Wait()
	seen := map[int]bool{}
	for _, m := range s.Mails() {
		if seen[m.ID] {
			t.Errorf("id %d twice", m.ID)
		}
		seen[m.ID] = true
	}
}

// What was received is there after a restart, also when the last line was not written to its end; ids rise on.
func TestKeptOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := devsinks.Start(devsinks.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, s, "ana@example.com", multipartMail)
	was := s.Mails()[0]
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "mail.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"item":{"id":2,"sub`); err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	for want := 2; want <= 3; want++ {
		s := start(t, devsinks.Options{Dir: dir})
		deliver(t, s, "ben@example.com", "Subject: again\n\nx")
		all := s.Mails()
		if len(all) != want || all[want-1].ID != want || !cmp.Equal(all[0], was) {
			t.Fatalf("%d mails, the last one %+v", len(all), all[len(all)-1])
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
