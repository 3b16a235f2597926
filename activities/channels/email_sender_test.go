package channels_test

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

// A message's own sender and address for answers are in its headers; the envelope keeps the channel's. What is no address changes nothing.
func TestEmailSender(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	long := strings.Repeat("旅行", 60)
	for i, one := range []struct{ from, reply, wantName, wantFrom, wantReply string }{
		{"", "", "Tabi Shop", "shop@example.com", ""},
		{"旅の店, Ltd. <hello@shop.example.jp>", "help@example.org", "旅の店, Ltd.", "hello@shop.example.jp", "help@example.org"},
		{`Ana "the boss" O'Neil <ana@example.com>`, "", `Ana "the boss" O'Neil`, "ana@example.com", ""},
		{long + " <a@例え.jp>", "", long, "a@xn--r8jz45g.jp", ""},
		{"eve <eve@example.net>, x <shop@example.org>", "", "eve <eve@example.net>, x", "shop@example.org", ""},
		{"x <a@example.com>\r\nBcc: eve@example.net", "y@example.com\nX-Evil: 1", "Tabi Shop", "shop@example.com", ""},
		{"=?utf-8?q?x=0D=0ABcc:_eve=40example.net?= <a@example.com>", "", "=?utf-8?q?x=0D=0ABcc:_eve=40example.net?=", "a@example.com", ""},
		{"nobody", "nobody", "Tabi Shop", "shop@example.com", ""},
	} {
		m := mailTo("ana@example.com")
		m.Key += string(rune('a' + i))
		m.Fields["from"], m.Fields["reply_to"], m.Fields["preheader"] = one.from, one.reply, "not a header"
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("%q: got %+v", one.from, r)
		}
		got := s.Mails()[i]
		if got.From != "shop@example.com" {
			t.Errorf("%q: the envelope is from %s", one.from, got.From)
		}
		read, err := mail.ReadMessage(bytes.NewReader(got.Raw))
		if err != nil {
			t.Fatal(err)
		}
		from, err := read.Header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Name != one.wantName || from[0].Address != one.wantFrom {
			t.Errorf("%q: From is %q, read as %v, %v", one.from, read.Header.Get("From"), from, err)
		}
		reply := ""
		if list, err := read.Header.AddressList("Reply-To"); err == nil {
			reply = list[0].Address
		}
		if reply != one.wantReply || read.Header.Get("Bcc") != "" || read.Header.Get("X-Evil") != "" {
			t.Errorf("%q: the headers are %v", one.from, read.Header)
		}
		for line := range strings.SplitSeq(string(got.Raw), "\r\n") {
			if len(line) > 998 {
				t.Errorf("%.40q: a line has %d bytes", one.from, len(line))
			}
		}
	}
}
