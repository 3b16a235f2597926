package channels_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

func mailTo(address string) channel.Message {
	return channel.Message{
		Key: "e1/greet/1", Address: address, Journey: "welcome", Step: "greet", Message: "hello", Customer: "ana", Category: "marketing",
		Fields: map[string]string{"subject": "いらっしゃいませ — welcome", "html": "<p>Hello <b>Ana</b> 旅</p>", "text": "Hello Ana 旅\n"},
	}
}

func openMail(t *testing.T, s *devsinks.Sink) channel.Channel {
	return open(t, "email", channels.Config{EmailURL: s.SMTPURL(), MailFrom: "Tabi Shop <shop@example.com>"})
}

func TestEmailConforms(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return openMail(t, s) }, Message: mailTo("ana@example.com"),
		Received: func(key string) (n int) {
			for _, m := range s.Mails() {
				if m.Key == key {
					n++
				}
			}
			return n
		},
		Refuse: func() {
			s.FailMail(devsinks.Fault{Stage: "rcpt", Code: 550, Text: "5.7.1 relaying to ana@example.com denied"})
		},
		NotNow: func() {
			s.FailMail(devsinks.Fault{Stage: "rcpt", Code: 450, Text: "4.2.1 <ana@example.com> try later"})
		},
		LoseAnswer: func() { s.FailMail(devsinks.Fault{Stage: "end", Drop: true}) },
		Hang:       func() { s.FailMail(devsinks.Fault{Stage: "end", Hang: true}) },
		Hung:       s.MailHangs(), Clear: s.Clear,
	})
}

func TestEmailContent(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	m := mailTo("ana@example.com")
	m.Key, m.Unsubscribe = "0192/main.2/1", "https://shop.example.com/u/abc?x=1&y=2"
	if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
		t.Fatalf("got %+v", r)
	}
	got := s.Mails()[0]
	for what, pair := range map[string][2]string{
		"subject":     {got.Subject, m.Fields["subject"]},
		"html":        {strings.TrimSpace(got.HTML), m.Fields["html"]},
		"text":        {got.Text, m.Fields["text"]},
		"from":        {got.From, "shop@example.com"},
		"From":        {got.Headers["From"], `"Tabi Shop" <shop@example.com>`},
		"key":         {got.Key, m.Key},
		"id":          {got.MessageID, signedlink.MessageID(m.Key, "example.com")},
		"unsubscribe": {got.Headers["List-Unsubscribe"], "<" + m.Unsubscribe + ">"},
		"one-click":   {got.Headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
	for i := 0; i < len(got.Raw); i++ {
		if got.Raw[i] >= 0x80 {
			t.Fatal("the mail has bytes outside ASCII")
		}
	}
	plain := mailTo("ben@example.com")
	if r := c.Send(t.Context(), plain); r.Outcome != channel.Sent {
		t.Fatalf("got %+v", r)
	}
	if h, there := s.Mails()[1].Headers["List-Unsubscribe"]; there {
		t.Errorf("a mail without unsubscribe link has List-Unsubscribe %q", h)
	}
	words := mailTo("cleo@example.com")
	words.Fields = map[string]string{"subject": "Words", "text": "only words"}
	if r := c.Send(t.Context(), words); r.Outcome != channel.Sent {
		t.Fatalf("a mail of plain text: got %+v", r)
	}
	if got := s.Mails()[2]; strings.TrimSpace(got.Text) != "only words" || got.HTML != "" {
		t.Errorf("a mail of plain text: text %q, html %q", got.Text, got.HTML)
	}
}

// TestSubjectsWithCustomersWords: what looks encoded arrives as it is, and no line is so long that a server refuses it.
func TestSubjectsWithCustomersWords(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	for i, subject := range []string{"Hi =?utf-8?Q?Your_password_is_needed?=", strings.Repeat("A", 5000), strings.Repeat("旅", 2000),
		strings.Repeat("a word ", 300) + "=?"} {
		m := mailTo("ana@example.com")
		m.Key = fmt.Sprintf("e%d/main.1/1", i)
		m.Fields["subject"] = subject
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("%.40q: got %+v", subject, r)
		}
		got := s.Mails()[i]
		if got.Subject != subject {
			t.Errorf("%.40q arrives as %.80q", subject, got.Subject)
		}
		for line := range strings.Lines(string(got.Raw)) {
			if len(line) > 998 {
				t.Errorf("%.40q: a line has %d bytes", subject, len(line))
			}
		}
	}
}

func TestEmailReadsSMTPCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault devsinks.Fault
		want  channel.Outcome
		gone  bool
	}{
		{devsinks.Fault{Stage: "connect", Code: 554, Text: "no service"}, channel.NotSent, false},
		{devsinks.Fault{Stage: "connect", Drop: true}, channel.NotSent, false},
		{devsinks.Fault{Stage: "mail", Code: 550, Text: "5.7.1 sender not allowed"}, channel.Refused, false},
		{devsinks.Fault{Stage: "mail", Code: 451, Text: "4.3.0 busy"}, channel.NotSent, false},
		{devsinks.Fault{Stage: "mail", Drop: true}, channel.NotSent, false},
		{devsinks.Fault{Stage: "rcpt", Code: 550, Text: "5.1.1 no such mailbox"}, channel.Refused, true},
		{devsinks.Fault{Stage: "rcpt", Code: 551, Text: "5.1.6 moved"}, channel.Refused, true},
		{devsinks.Fault{Stage: "rcpt", Code: 553, Text: "5.1.3 bad address"}, channel.Refused, true},
		{devsinks.Fault{Stage: "rcpt", Code: 550, Text: "5.2.1 disabled"}, channel.Refused, true},
		{devsinks.Fault{Stage: "rcpt", Code: 550, Text: "5.1.8 sender's domain does not exist"}, channel.Refused, false},
		{devsinks.Fault{Stage: "rcpt", Code: 552, Text: "5.2.2 mailbox full"}, channel.Refused, false},
		{devsinks.Fault{Stage: "rcpt", Code: 550, Text: "No such user here"}, channel.Refused, true},
		{devsinks.Fault{Stage: "rcpt", Code: 550, Text: "Relaying denied"}, channel.Refused, false},
		{devsinks.Fault{Stage: "rcpt", Code: 452, Text: "4.2.2 mailbox full"}, channel.NotSent, false},
		{devsinks.Fault{Stage: "rcpt", Drop: true}, channel.NotSent, false},
		{devsinks.Fault{Stage: "data", Code: 554, Text: "5.6.0 content refused"}, channel.Refused, false},
		{devsinks.Fault{Stage: "end", Code: 550, Text: "5.1.1 no such mailbox"}, channel.Refused, true},
		{devsinks.Fault{Stage: "end", Code: 554, Text: "5.7.1 looks like spam"}, channel.Refused, false},
		{devsinks.Fault{Stage: "end", Code: 421, Text: "4.3.2 shutting down"}, channel.NotSent, false},
		{devsinks.Fault{Stage: "end", Drop: true}, channel.Unknown, false},
	} {
		t.Run(fmt.Sprintf("%s %d %s", test.fault.Stage, test.fault.Code, test.fault.Text), func(t *testing.T) {
			t.Parallel()
			s := start(t, devsinks.Options{})
			c := openMail(t, s)
			s.FailMail(test.fault)
			r := c.Send(t.Context(), mailTo("ana@example.com"))
			if r.Outcome != test.want || r.Gone != test.gone {
				t.Errorf("got %+v, want %s, gone %v", r, test.want, test.gone)
			}
			s.Clear()
			if r := c.Send(t.Context(), mailTo("ben@example.com")); r.Outcome != channel.Sent {
				t.Errorf("afterwards: %+v", r)
			}
		})
	}
}

func TestEmailTimesOutAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"connect", "ehlo", "mail", "rcpt", "data", "end"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			s := start(t, devsinks.Options{})
			c := openMail(t, s)
			s.FailMail(devsinks.Fault{Stage: stage, Hang: true, Times: 1})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // enough to come to the stage on a busy machine
			defer cancel()
			want := channel.NotSent
			if stage == "data" || stage == "end" {
				want = channel.Unknown
			}
			if r := c.Send(ctx, mailTo("ana@example.com")); r.Outcome != want {
				t.Errorf("got %+v, want %s", r, want)
			}
			if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
				t.Errorf("afterwards: %+v", r)
			}
		})
	}
}

func TestEmailKeepsConnections(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	for range 10 {
		if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
			t.Fatalf("got %+v", r)
		}
	}
	s.FailMail(devsinks.Fault{Stage: "rcpt", Code: 550, Text: "5.1.1 no", Times: 1})
	c.Send(t.Context(), mailTo("gone@example.com"))
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
		t.Fatalf("after a refusal: %+v", r)
	}
	if n := s.SMTPConnections(); n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
	// A connection that the server hangs up in the middle of the next mail's first command is replaced at once.
	s.FailMail(devsinks.Fault{Stage: "mail", Drop: true, Times: 1})
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
		t.Fatalf("after the server hung up: %+v", r)
	}
	if n := s.SMTPConnections(); n != 2 {
		t.Errorf("%d connections were opened, want 2", n)
	}
}

func TestEmailSurvivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	first, err := devsinks.Start(devsinks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	address := first.SMTPAddress()
	c := openMail(t, first)
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
		t.Fatalf("got %+v", r)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.NotSent {
		t.Errorf("with the server gone: %+v", r)
	}
	second := start(t, devsinks.Options{SMTPAddress: address})
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent || len(second.Mails()) != 1 {
		t.Errorf("with the server back: %+v", r)
	}
}

func TestEmailBoundsItsConnections(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := open(t, "email", channels.Config{EmailURL: s.SMTPURL(), MailFrom: "shop@example.com", SMTPConnections: 1})
	s.FailMail(devsinks.Fault{Stage: "rcpt", Hang: true, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan channel.Receipt, 1)
	go func() { done <- c.Send(ctx, mailTo("slow@example.com")) }()
	<-s.MailHangs()
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if r := c.Send(short, mailTo("ana@example.com")); r.Outcome != channel.NotSent || !strings.Contains(r.Reason, "busy") {
		t.Errorf("with the one connection busy: %+v", r)
	}
	cancel()
	if r := <-done; r.Outcome != channel.NotSent {
		t.Errorf("got %+v", r)
	}
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
		t.Errorf("got %+v", r)
	}
}

func TestEmailLogsIn(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{User: "tabi", Password: "p@ss/word"})
	host := s.SMTPAddress()
	at := func(user, password string) string {
		return (&url.URL{Scheme: "smtp", User: url.UserPassword(user, password), Host: host}).String()
	}
	good := open(t, "email", channels.Config{EmailURL: at("tabi", "p@ss/word"), MailFrom: "shop@example.com"})
	if r := good.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
		t.Errorf("got %+v", r)
	}
	bad := open(t, "email", channels.Config{EmailURL: at("tabi", "wrong-secret"), MailFrom: "shop@example.com"})
	r := bad.Send(t.Context(), mailTo("ana@example.com"))
	if r.Outcome != channel.NotSent || !strings.Contains(r.Reason, "AUTH") || strings.Contains(r.Reason, "wrong-secret") {
		t.Errorf("with a wrong password: %+v", r)
	}
	required := open(t, "email", channels.Config{EmailURL: at("tabi", "x") + "?tls=required", MailFrom: "shop@example.com"})
	if r := required.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.NotSent || !strings.Contains(r.Reason, "STARTTLS") {
		t.Errorf("with tls=required: %+v", r)
	}
}

// A password that is replaced at the server and in its file is used by the next connection.
func TestPasswordOfTheMailServerIsReadAgain(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{User: "tabi", Password: "of-today"})
	at := func(password string) string { return "smtp://tabi:" + password + "@" + s.SMTPAddress() }
	var now atomic.Pointer[string]
	set := func(url string) { now.Store(&url) }
	set(at("of-yesterday"))
	c := open(t, "email", channels.Config{
		EmailURL: at("of-yesterday"), MailFrom: "shop@example.com", EmailCurrent: func() string { return *now.Load() },
	})
	for _, step := range []struct {
		url  string
		want channel.Outcome
	}{{at("of-yesterday"), channel.NotSent}, {at("of-today"), channel.Sent}} {
		set(step.url)
		if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != step.want {
			t.Errorf("%+v, want %s", r, step.want)
		}
	}
}

// A server on another machine gets nothing without STARTTLS, unless the URL says so. 0.0.0.0 leads to this machine, and is not local.
func TestEmailRequiresEncryption(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	_, port, err := net.SplitHostPort(s.SMTPAddress())
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]channel.Outcome{
		"smtp://0.0.0.0:" + port:                   channel.NotSent,
		"smtp://0.0.0.0:" + port + "?tls=required": channel.NotSent,
		"smtp://0.0.0.0:" + port + "?tls=none":     channel.Sent,
		"smtp://127.0.0.1:" + port:                 channel.Sent,
		"smtp://localhost:" + port:                 channel.Sent,
		"smtp://127.0.0.1:" + port + "?tls=none":   channel.Sent,
	} {
		c := open(t, "email", channels.Config{EmailURL: url, MailFrom: "shop@example.com"})
		r := c.Send(t.Context(), mailTo("ana@example.com"))
		if r.Outcome != want || want == channel.NotSent && !strings.Contains(r.Reason, "STARTTLS") {
			t.Errorf("%s: %+v, want %s", url, r, want)
		}
	}
}

func TestEmailNeverBegins(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := open(t, "email", channels.Config{EmailURL: "smtp://" + address, MailFrom: "shop@example.com"})
	if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.NotSent || !strings.Contains(r.Reason, "refused") {
		t.Errorf("got %+v", r)
	}
}

func TestEmailRefusesInjection(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	for name, change := range map[string]func(*channel.Message){
		"subject":     func(m *channel.Message) { m.Fields["subject"] = "Hi\r\nBcc: eve@example.com" },
		"address":     func(m *channel.Message) { m.Address = "ana@example.com\r\nRCPT TO:<eve@example.com>" },
		"list":        func(m *channel.Message) { m.Address = "ana@example.com, eve@example.com" },
		"angle":       func(m *channel.Message) { m.Address = "ana@example.com> SIZE=1" },
		"no host":     func(m *channel.Message) { m.Address = "ana" },
		"unsubscribe": func(m *channel.Message) { m.Unsubscribe = "https://x.example.com/\r\nBcc: eve@example.com" },
		"script":      func(m *channel.Message) { m.Unsubscribe = "javascript:alert(1)" },
	} {
		m := mailTo("ana@example.com")
		change(&m)
		if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || strings.Contains(r.Reason, "eve") {
			t.Errorf("%s: got %+v", name, r)
		}
	}
	if n := len(s.Mails()); n != 0 {
		t.Errorf("%d mails went out", n)
	}
	for _, address := range []string{"josé@example.com", "ana@例え.jp", "o'neil+tag@example.co.uk"} {
		if r := c.Send(t.Context(), mailTo(address)); r.Outcome != channel.Sent {
			t.Errorf("%s: got %+v", address, r)
		}
	}
	if to := s.Mails()[1].To[0]; to != "ana@xn--r8jz45g.jp" {
		t.Errorf("an international host went out as %s", to)
	}
	// What carriers in Japan gave out needs quotes, and what people copy needs to be taken out of its wrapping.
	for address, want := range map[string]string{
		"taro..yamada@docomo.example.ne.jp": `"taro..yamada"@docomo.example.ne.jp`, "Ana <ana@example.com>": "ana@example.com",
	} {
		if r := c.Send(t.Context(), mailTo(address)); r.Outcome != channel.Sent {
			t.Errorf("%s: got %+v", address, r)
			continue
		}
		all := s.Mails()
		if m := all[len(all)-1]; strings.Trim(m.Headers["To"], "<>") != want ||
			strings.ReplaceAll(m.To[0], `"`, "") != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("%s went to %s, %s", address, m.To[0], m.Headers["To"])
		}
	}
}
