package channels_test

import (
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/mailproviders"
)

// apis are the providers of mail with the beginning of their address.
var apis = map[string]string{
	"ses": "ses://eu-west-1?", "sendgrid": "sendgrid://?", "postmark": "postmark://?", "mailgun": "mailgun://mg.example.com?",
	"resend": "resend://?",
}

// byAPI configures e-mail by a provider's server.
func byAPI(s *mailproviders.Server, name, key string) channels.Config {
	keys := provider.Keys{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": key}
	for _, p := range mailapi.Providers() {
		for _, setting := range p.Settings {
			if setting.Use&provider.Sends != 0 && keys[setting.Name] == "" && setting.Name != "AWS_SESSION_TOKEN" {
				keys[setting.Name] = key
			}
		}
	}
	return channels.Config{
		EmailURL: apis[name] + "endpoint=" + s.URL, MailFrom: "Héllo Shop <shop@example.com>", Keys: keys, Timeout: 20 * time.Second,
	}
}

func startAPI(t *testing.T, name string) *mailproviders.Server {
	t.Helper()
	s := mailproviders.Start(name)
	t.Cleanup(s.End)
	return s
}

func letter() channel.Message {
	return channel.Message{
		Address: "Ana@Example.com", Unsubscribe: "https://tabi.example.com/u/x",
		Fields: map[string]string{
			"subject": "お客様のカップ " + strings.Repeat("と皿", 80),
			"html":    "<p>¥1,280 &amp; " + strings.Repeat("長い", 600) + "</p>", "text": "¥1,280",
		},
	}
}

func TestMailAPIsConform(t *testing.T) {
	t.Parallel()
	for name := range apis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startAPI(t, name)
			channeltest.Exercise(t, channeltest.Provider{
				Open:    func(t *testing.T) channel.Channel { return open(t, "email", byAPI(s, name, mailproviders.Key)) },
				Message: letter(), Received: func(key string) int { return len(s.Mails(key)) },
				Refuse: func() { s.Do(mailproviders.BadAddress) }, NotNow: func() { s.Do(mailproviders.TooMany) },
				LoseAnswer: func() { s.Do(mailproviders.Lost) }, Hang: func() { s.Do(mailproviders.Hanging) }, Hung: s.Hung,
				Clear: func() { s.Do(mailproviders.None) },
			})
		})
	}
}

// Each provider gets the same mail, whether it takes one as it is or in parts.
func TestMailAPIsGetTheMail(t *testing.T) {
	t.Parallel()
	for name := range apis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startAPI(t, name)
			c := open(t, "email", byAPI(s, name, mailproviders.Key))
			m := letter()
			m.Key = "01JQ/a step/1"
			r := c.Send(t.Context(), m)
			got := s.Mails(m.Key)
			if r.Outcome != channel.Sent || len(got) != 1 {
				t.Fatalf("%+v, %d mails", r, len(got))
			}
			one := got[0]
			if one.Subject != m.Fields["subject"] || one.To != "Ana@example.com" || !strings.Contains(one.From, "<shop@example.com>") ||
				name != "ses" && name != "mailgun" && name != "sendgrid" && one.From != `"Héllo Shop" <shop@example.com>` {
				t.Errorf("got %.60q to %q from %q", one.Subject, one.To, one.From)
			}
			if one.Unsubscribe != "<https://tabi.example.com/u/x>" || one.OneTime != "List-Unsubscribe=One-Click" {
				t.Errorf("List-Unsubscribe is %q, %q", one.Unsubscribe, one.OneTime)
			}
			if raw := name == "ses" || name == "mailgun"; !raw && (one.HTML != m.Fields["html"] || one.Text != m.Fields["text"]) {
				t.Errorf("the html is %.60q, the text %q", one.HTML, one.Text)
			}
			if r.ProviderID == "" || r.ProviderID != one.ID {
				t.Errorf("the provider's id is %q, want %q", r.ProviderID, one.ID)
			}
			s.Do(mailproviders.None)
			if again := c.Send(t.Context(), m); c.Dedupes() && (again.ProviderID != r.ProviderID || len(s.Mails(m.Key)) != 1) {
				t.Errorf("a repeat is sent: %+v", again)
			}
		})
	}
}

// The sender and the address for answers that a message names reach each provider, whatever is in their names, and nothing else does.
func TestMailAPIsGetTheSenderOfAMessage(t *testing.T) {
	t.Parallel()
	for name := range apis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startAPI(t, name)
			c := open(t, "email", byAPI(s, name, mailproviders.Key))
			for i, one := range []struct{ from, reply, wantFrom, wantReply string }{
				{"旅の店, Ltd. <hello@shop.example.jp>", `Ana "the boss" <help@example.org>`,
					"旅の店, Ltd. hello@shop.example.jp", `Ana "the boss" help@example.org`},
				{"a@例え.jp", "", " a@xn--r8jz45g.jp", ""},
				{"x <a@example.com>\r\nBcc: eve@example.net", "y@example.com\nX-Evil: 1", "Héllo Shop shop@example.com", ""},
			} {
				m := letter()
				m.Key = fmt.Sprintf("01JQ/a/%d", i)
				m.Fields["from"], m.Fields["reply_to"], m.Fields["preheader"] = one.from, one.reply, "not a header"
				if r := c.Send(t.Context(), m); r.Outcome != channel.Sent || len(s.Mails(m.Key)) != 1 {
					t.Fatalf("%q: %+v", one.from, r)
				}
				got := s.Mails(m.Key)[0]
				if from, reply := named(got.From), named(got.ReplyTo); from != one.wantFrom || reply != one.wantReply {
					t.Errorf("%q: from %q, answers to %q", one.from, from, reply)
				}
			}
		})
	}
}

// named returns the name and the address of a sender; empty: there is none.
func named(header string) string {
	one, err := mail.ParseAddress(header)
	if err != nil {
		return header
	}
	return one.Name + " " + one.Address
}

// A fault of a setting is not a fault of the customer: it is repeated once it is corrected, and says which setting. A busy provider is
// left alone for as long as it asks.
func TestFaultsOfMailAPIs(t *testing.T) {
	t.Parallel()
	for name := range apis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startAPI(t, name)
			c, wrong := open(t, "email", byAPI(s, name, mailproviders.Key)), open(t, "email", byAPI(s, name, "another-key-0123456789"))
			m := letter()
			m.Key = "e1/hello/1"
			if r := wrong.Send(t.Context(), m); r.Outcome != channel.NotSent || !r.Busy || !strings.Contains(r.Reason, "right?") {
				t.Errorf("a wrong key: %+v", r)
			}
			for fault, want := range map[mailproviders.Fault]channel.Receipt{
				mailproviders.BadAddress: {Outcome: channel.Refused, Gone: true},
				mailproviders.TooMany:    {Outcome: channel.NotSent, Busy: true},
				mailproviders.Away:       {Outcome: channel.NotSent, Busy: true, RetryAfter: mailproviders.RetryAfter * time.Second},
				mailproviders.Broken:     {Outcome: channel.NotSent},
				mailproviders.Gateway:    {Outcome: channel.Unknown},
				mailproviders.BadKey:     {Outcome: channel.NotSent, Busy: true, RetryAfter: time.Minute},
				mailproviders.BadSender:  {Outcome: channel.NotSent, Busy: true, RetryAfter: time.Minute},
			} {
				s.Do(fault)
				r := c.Send(t.Context(), m)
				if r.Outcome != want.Outcome || r.Busy != want.Busy || r.Gone != want.Gone ||
					want.RetryAfter != 0 && r.RetryAfter != want.RetryAfter {
					t.Errorf("fault %d: %+v, want %+v", fault, r, want)
				}
				if r.Busy && r.RetryAfter == 0 {
					t.Errorf("fault %d: busy, and nobody says for how long", fault)
				}
				if strings.Contains(strings.ToLower(r.Reason), "ana@") || strings.Contains(r.Reason, mailproviders.Key) || r.Reason == "" {
					t.Errorf("fault %d: the reason is %q", fault, r.Reason)
				}
			}
			// An answer that is not the API's, with a good status: the mail was accepted, and has no id.
			s.Do(mailproviders.Odd)
			if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
				t.Errorf("an odd answer: %+v", r)
			}
		})
	}
}

// A wrong address of a provider, or a missing key, stops the start and names the variable; a value is never shown.
func TestWrongSettingsOfMailAPIs(t *testing.T) {
	t.Parallel()
	keys := provider.Keys{"TABI_POSTMARK_TOKEN": "hush-hush-hush", "TABI_MAILGUN_KEY": "hush-hush-hush"}
	for address, want := range map[string]string{
		"sendgrid://": "TABI_SENDGRID_KEY", "resend://": "TABI_RESEND_KEY", "mailgun://": "mg.example.com",
		"mailgun://mg.example.com?region=mars": "region", "ses://": "region", "ses://mars": "region",
		"postmark://hush@": "variable of its own",
		"postmark://?endpoint=http://api.example.com": "in clear", "postmark://?colour=red": "parameter", "postmark://host": "host",
		"postmark:///path": "path", "pigeon://x": "postmark://",
	} {
		_, err := channels.Shipped().Open(channels.Config{EmailURL: address, MailFrom: "shop@example.com", Keys: keys})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
