package channels_test

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jhillyerd/enmime"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

// encodedWord matches a word of RFC 2047.
var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`)

// wellFormed checks what every mail must hold on its way, whatever is in it, and returns it as a library that did not write it reads it.
func wellFormed(t *testing.T, name string, raw []byte) *enmime.Envelope {
	t.Helper()
	ends := bytes.Count(raw, []byte("\r\n"))
	if bytes.Count(raw, []byte("\n")) != ends || bytes.Count(raw, []byte("\r")) != ends {
		t.Errorf("%s: a CR or LF is alone", name)
	}
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			t.Errorf("%s: a line has %d bytes", name, len(line))
		}
	}
	for _, word := range encodedWord.FindAllString(string(head), -1) {
		plain, err := new(mime.WordDecoder).Decode(word)
		if err != nil || !utf8.ValidString(plain) || len(word) > 75 {
			t.Errorf("%s: the encoded word %s (%d characters): %q %v", name, word, len(word), plain, err)
		}
	}
	if env := string(head); !strings.Contains(env, "Auto-Submitted: auto-generated") || strings.Contains(env, "NDR") {
		t.Errorf("%s: away notes are not kept away, or bounces are", name)
	}
	for _, once := range []string{"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"} {
		if n := len(regexp.MustCompile(`(?mi)^`+once+`:`).FindAll(head, -1)); n != 1 {
			t.Errorf("%s: %d headers %s", name, n, once)
		}
	}
	env, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, problem := range env.Errors {
		t.Errorf("%s: %v", name, problem)
	}
	if at, err := mail.ParseDate(env.GetHeader("Date")); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("%s: Date %q: %v", name, env.GetHeader("Date"), err)
	}
	if id := env.GetHeader("Message-ID"); !regexp.MustCompile(`^<[^<>\s@]+@[a-z0-9.-]+>$`).MatchString(id) {
		t.Errorf("%s: Message-ID %q", name, id)
	}
	return env
}

// TestOddMails: what is odd arrives as it was, by the eyes of a library that did not write the mail.
func TestOddMails(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	long := strings.Repeat("とても長い件名です。", 12)
	for name, subject := range map[string]string{
		"plain": "Hello", "emoji": "🎉 50% off 🛍️ — only 今日", "one long word": strings.Repeat("é", 90),
		"Japanese":         "【重要】お客様のご注文について",
		"Japanese, folded": long, "just below 200 bytes": strings.Repeat("旅", 66), "Arabic": "مرحبا بك",
		"families":          strings.Repeat("👩‍👩‍👧‍👦", 20),
		"encoded by itself": "=?utf-8?Q?no?=", "quotes": `"Quoted" \ back, <angle> ; (comment)`, "blanks": "two  blanks",
		"a colon":    "Re: Fw: x",
		"long ASCII": strings.Repeat("word ", 39) + "end", "a tab's place": "a b", "combining": "e\u0301" + strings.Repeat("a\u0308", 40),
	} {
		c := open(t, "email", channels.Config{EmailURL: s.SMTPURL(), MailFrom: "shop@example.com"})
		m := mailTo("subject-" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return '-'
		}, name) + "x@example.com")
		m.Fields["subject"] = subject
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("%s: %+v", name, r)
		}
		mails := s.Mails()
		if env := wellFormed(t, name, mails[len(mails)-1].Raw); env.GetHeader("Subject") != subject {
			t.Errorf("%s: %q arrives as %q", name, subject, env.GetHeader("Subject"))
		}
	}
}

// TestOddAddresses: an address that mail servers can take arrives as they want it, in the envelope and in the header.
func TestOddAddresses(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	// The server of the test takes the quotes away. TestLinesOfTheEnvelope looks at the line.
	quoted, longest := strings.NewReplacer(`"`, ""), strings.Repeat("a", 64)
	for address, want := range map[string][2]string{ // of the envelope, and of the header
		"a..b@docomo.ne.jp":      {`"a..b"@docomo.ne.jp`, `<"a..b"@docomo.ne.jp>`},
		".ab@docomo.ne.jp":       {`".ab"@docomo.ne.jp`, `<".ab"@docomo.ne.jp>`},
		"ab.@ezweb.ne.jp":        {`"ab."@ezweb.ne.jp`, `<"ab."@ezweb.ne.jp>`},
		"o'neil+a@Example.COM":   {"o'neil+a@example.com", "<o'neil+a@example.com>"},
		"ana@例え.テスト":             {"ana@xn--r8jz45g.xn--zckzah", "<ana@xn--r8jz45g.xn--zckzah>"},
		"ana@bücher.example":     {"ana@xn--bcher-kva.example", "<ana@xn--bcher-kva.example>"},
		"用户@example.com":         {"用户@example.com", "<用户@example.com>"},
		"josé@例え.jp":             {"josé@xn--r8jz45g.jp", "<josé@xn--r8jz45g.jp>"},
		longest + "@example.com": {longest + "@example.com", "<" + longest + "@example.com>"},
	} {
		c := openMail(t, s)
		if r := c.Send(t.Context(), mailTo(address)); r.Outcome != channel.Sent {
			t.Errorf("%s: %+v", address, r)
			continue
		}
		mails := s.Mails()
		got := mails[len(mails)-1]
		env := wellFormed(t, address, got.Raw)
		if quoted.Replace(got.To[0]) != quoted.Replace(want[0]) || env.GetHeader("To") != want[1] {
			t.Errorf("%s: envelope %s, header %s", address, got.To[0], env.GetHeader("To"))
		}
		if to, err := env.AddressList("To"); err != nil || len(to) != 1 {
			t.Errorf("%s: the header is read as %v %v", address, to, err)
		}
	}
}

// TestLinesOfTheEnvelope: the command has the quotes that a local part with dots in a row needs, as docomo's servers want it. A server
// that has DSN is asked for reports of failures, with the header of the mail.
func TestLinesOfTheEnvelope(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string][2]string{
		"":            {"MAIL FROM:<shop@example.com>", `RCPT TO:<"a..b"@docomo.ne.jp>`},
		"250-DSN\r\n": {"MAIL FROM:<shop@example.com> RET=HDRS", `RCPT TO:<"a..b"@docomo.ne.jp> NOTIFY=FAILURE`},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		lines := make(chan string, 20)
		go func() {
			defer close(lines)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "220 mail.example.com\r\n")
			for in := bufio.NewScanner(conn); in.Scan(); {
				lines <- in.Text()
				reply := "250 2.0.0 ok"
				switch {
				case strings.HasPrefix(in.Text(), "EHLO"):
					reply = "250-mail.example.com\r\n" + dsn + "250 ENHANCEDSTATUSCODES"
				case strings.HasPrefix(in.Text(), "RCPT"):
					reply = "550 5.1.1 enough"
				}
				if _, err := io.WriteString(conn, reply+"\r\n"); err != nil || strings.HasPrefix(in.Text(), "RCPT") {
					return
				}
			}
		}()
		c := open(t, "email", channels.Config{EmailURL: "smtp://" + l.Addr().String(), MailFrom: "shop@example.com"})
		c.Send(t.Context(), mailTo("a..b@docomo.ne.jp"))
		var got [2]string
		for line := range lines {
			switch {
			case strings.HasPrefix(line, "MAIL"):
				got[0] = line
			case strings.HasPrefix(line, "RCPT"):
				got[1] = line
			}
		}
		if got != want {
			t.Errorf("%q", got)
		}
		_ = l.Close()
	}
}

// TestOddSenders: the name of the sender arrives as it was written, with a host name in ASCII.
func TestOddSenders(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	for from, want := range map[string]mail.Address{
		`"Tabi, Inc. \"旅\"" <shop@example.com>`:                  {Name: `Tabi, Inc. "旅"`, Address: "shop@example.com"},
		`旅行のお店 <shop@例え.jp>`:                                     {Name: "旅行のお店", Address: "shop@xn--r8jz45g.jp"},
		`"Ana @ Shop" <shop@example.com>`:                        {Name: "Ana @ Shop", Address: "shop@example.com"},
		`🛍️ ` + strings.Repeat("長い", 40) + ` <shop@example.com>`: {Name: "🛍️ " + strings.Repeat("長い", 40), Address: "shop@example.com"},
		"shop@example.com":                                       {Address: "shop@example.com"},
	} {
		c := open(t, "email", channels.Config{EmailURL: s.SMTPURL(), MailFrom: from})
		if r := c.Send(t.Context(), mailTo("ana@example.com")); r.Outcome != channel.Sent {
			t.Errorf("%s: %+v", from, r)
			continue
		}
		mails := s.Mails()
		got := mails[len(mails)-1]
		list, err := wellFormed(t, from, got.Raw).AddressList("From")
		if err != nil || len(list) != 1 || *list[0] != want || got.From != want.Address {
			t.Errorf("%s: %v %v, envelope %s", from, list, err, got.From)
		}
	}
}

// TestOddSendersOfMessages: a message's own sender and the address for answers arrive in the same way, and neither can add a header.
func TestOddSendersOfMessages(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	c := openMail(t, s)
	for text, want := range map[string]mail.Address{
		`お店, "旅" <shop@例え.jp>`:                          {Name: `お店, "旅"`, Address: "shop@xn--r8jz45g.jp"},
		`Ana (sales) <ana@example.com>`:                 {Name: "Ana (sales)", Address: "ana@example.com"},
		`<evil@example.org> <ana@example.com>`:          {Name: "<evil@example.org>", Address: "ana@example.com"},
		`=?utf-8?Q?Caf=C3=A9?= <ana@example.com>`:       {Name: "Café", Address: "ana@example.com"},
		"Ana\r\nBcc: eve@example.com <ana@example.com>": {Name: "Tabi Shop", Address: "shop@example.com"}, // that of the channel
	} {
		m := mailTo("ana@example.com")
		m.Fields["from"], m.Fields["reply_to"] = text, text
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Errorf("%s: %+v", text, r)
			continue
		}
		mails := s.Mails()
		got := mails[len(mails)-1]
		env := wellFormed(t, text, got.Raw)
		from, err := env.AddressList("From")
		if err != nil || len(from) != 1 || *from[0] != want {
			t.Errorf("%s: From is %v %v", text, from, err)
		}
		answers, err := env.AddressList("Reply-To")
		if injected := strings.Contains(text, "\n"); injected != (len(answers) == 0) || !injected && (err != nil || *answers[0] != want) {
			t.Errorf("%s: Reply-To is %v %v", text, answers, err)
		}
		if env.GetHeader("Bcc") != "" || got.From != "shop@example.com" || len(got.To) != 1 {
			t.Errorf("%s: Bcc %q, envelope %s to %v", text, env.GetHeader("Bcc"), got.From, got.To)
		}
	}
}

// TestOddBodies: bodies arrive byte by byte, but for the ends of lines, which mails have of one kind.
func TestOddBodies(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	for name, body := range map[string]string{
		"dots": ".\n..\n.a\nb\n.\n", "a long line": strings.Repeat("x", 20_000), "a long line of kanji": strings.Repeat("旅", 5_000),
		"emoji": "👩‍👩‍👧‍👦 🛍️", "From at the beginning": "From here\nFrom there",
		"equals signs": "a=3D b=\n=20", "blanks at the ends": "a \nb\t\n",
		"a boundary": "--\n--=_x--\n", "bare CR": "a\rb", "CRLF": "a\r\nb", "8 bit": "é ü ß",
		"no end of line": "x", "right to left": "שלום", "nul": "a\x00b",
	} {
		c := openMail(t, s)
		m := mailTo("ana@example.com")
		html := "<!doctype html><html><body><p>" + strings.NewReplacer("\x00", "", "\r", "").Replace(body) + "</p></body></html>"
		m.Fields["text"], m.Fields["html"] = body, html
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		mails := s.Mails()
		raw := mails[len(mails)-1].Raw
		env := wellFormed(t, name, raw)
		same := func(got, want string) bool {
			one := strings.NewReplacer("\r\n", "\n", "\r", "\n")
			return strings.TrimSuffix(one.Replace(got), "\n") == strings.TrimSuffix(one.Replace(want), "\n")
		}
		if !same(env.Text, body) {
			t.Errorf("%s: the text arrives as %.100q, want %.100q", name, env.Text, body)
		}
		if !same(env.HTML, html) {
			t.Errorf("%s: the html arrives as %.100q", name, env.HTML)
		}
		if env.Root.ContentType != "multipart/alternative" || env.Root.FirstChild.ContentType != "text/plain" ||
			env.Root.FirstChild.NextSibling.ContentType != "text/html" || !strings.EqualFold(env.Root.FirstChild.Charset, "utf-8") {
			t.Errorf("%s: the parts are not text and HTML, in this order: %s", name, raw)
		}
	}
}

// TestAddressesOutsideASCII: they go only to a server that takes them.
func TestAddressesOutsideASCII(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{NoSMTPUTF8: true})
	c := openMail(t, s)
	if r := c.Send(t.Context(), mailTo("用户@example.com")); r.Outcome != channel.Refused ||
		!strings.Contains(r.Reason, "outside ASCII") || r.Gone {
		t.Errorf("got %+v", r)
	}
	if r := c.Send(t.Context(), mailTo("ana@例え.jp")); r.Outcome != channel.Sent {
		t.Errorf("a host name outside ASCII is no reason: %+v", r)
	}
}
