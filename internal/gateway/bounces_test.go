package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/bounce"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// returned is a mail to the bounce address, as Postfix writes it.
type returned struct {
	to, messageID          string // of the report, and of the original
	final, status, said    string
	id, action, returnPath string
}

func (m returned) String() string {
	return "Return-Path: <>\r\nDelivered-To: " + m.to + "\r\nFrom: MAILER-DAEMON@mx.example.com\r\nTo: " + m.to +
		"\r\nMessage-ID: <" + m.id +
		"@mx.example.com>\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; " +
		"report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n--b\r\n" +
		"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; " + m.final +
		"\r\nAction: " + m.action + "\r\nStatus: " + m.status + "\r\nDiagnostic-Code: smtp; " + m.said + "\r\n\r\n--b\r\n" +
		"Content-Type: text/rfc822-headers\r\n\r\nReturn-Path: <" + m.returnPath + ">\r\nMessage-ID: <" + m.messageID +
		">\r\nSubject: Hello\r\n\r\n--b--\r\n"
}

// bounce posts a mail as `tabi bounce` does.
func (h *house) bounce(mail string, recipients ...string) answer {
	h.t.Helper()
	return h.do("POST", "/v1/mail/bounces?"+url.Values{"recipient": recipients}.Encode(), mail, "Authorization: Bearer "+serverKey,
		"Content-Type: message/rfc822")
}

// TestMailsOfBounces: a mail that proves which one it is about marks the address that one went to, once; one that does not is refused and
// kept, and changes nothing.
func TestMailsOfBounces(t *testing.T) {
	t.Parallel()
	stranger := signedlink.MustSecrets("the secret of somebody else ......")
	for name, c := range map[string]struct {
		change func(m *returned, key, token string)
		extra  func(mail string) string
		to     []string // the recipients that the mail server names
		status int
		dead   bool
		says   string
	}{
		"by the address it was sent to": {change: func(m *returned, _, token string) {
			m.to = "bounces+" + token + "@example.com"
		}, dead: true},
		"by the token alone, in upper case": {change: func(m *returned, _, token string) {
			m.to = "B-" + strings.ToUpper(token) + "@EXAMPLE.COM"
		}, dead: true},
		"by the return path of the original": {change: func(m *returned, _, token string) {
			m.returnPath = "bounces+" + token + "@example.com"
		}, dead: true},
		"by the Message-ID": {change: func(m *returned, key, _ string) {
			m.messageID = secrets.MessageID(key, "example.com")
		}, dead: true},
		"full": {change: func(m *returned, key, _ string) {
			m.messageID, m.status, m.said = secrets.MessageID(key, "example.com"), "5.2.2", "552 5.2.2 mailbox full"
		}},
		"a delay": {change: func(m *returned, key, _ string) {
			m.messageID, m.action, m.status = secrets.MessageID(key, "example.com"), "delayed", "4.4.1"
		}, says: "a delay"},
		"at another address": {change: func(m *returned, key, _ string) {
			m.messageID, m.final = secrets.MessageID(key, "example.com"), "ana@elsewhere.example"
		}},
		"in another spelling": {change: func(m *returned, key, _ string) {
			m.messageID, m.final = secrets.MessageID(key, "example.com"), "ANA@Example.com"
		}, dead: true},
		"without a proof": {status: 422, says: "unproven"},
		"a Message-ID that anybody can write": {change: func(m *returned, key, _ string) {
			m.messageID = signedlink.MessageID(key, "example.com")
		}, status: 422, says: "unproven"},
		"signed by somebody else": {change: func(m *returned, key, _ string) {
			m.messageID = stranger.MessageID(key, "example.com")
			token, _ := stranger.ReturnToken(key)
			m.to = "bounces+" + token + "@example.com"
		}, status: 422, says: "unproven"},
		"of a send that is not there": {change: func(m *returned, key, _ string) {
			m.messageID = secrets.MessageID(key+"7", "example.com")
		}, says: "no longer has the send"},
		"a letter": {extra: func(string) string {
			return "From: ana@example.com\nSubject: Re: Hello\n\nThank you\n"
		}, status: 422, says: "no_report"},
		"nothing": {extra: func(string) string { return "" }, status: 422, says: "no_report"},
		"huge": {change: func(m *returned, key, _ string) { m.messageID = secrets.MessageID(key, "example.com") },
			extra: func(mail string) string { return mail + strings.Repeat("x", 4*bounce.MaxMail) }, dead: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			_, ref := h.enter()
			key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
			token, ok := secrets.ReturnToken(key)
			if !ok {
				t.Fatalf("the key %s has no token", key)
			}
			m := returned{to: "bounces@example.com", messageID: "1@example.com", final: "ana@example.com", action: "failed",
				status: "5.1.1", said: "550 5.1.1 user unknown", id: "b1", returnPath: "bounces@example.com"}
			if c.change != nil {
				c.change(&m, key, token)
			}
			mail := m.String()
			if c.extra != nil {
				mail = c.extra(mail)
			}
			if c.status == 0 {
				c.status = http.StatusOK
			}
			for range 2 { // mail servers deliver a mail again if the answer is lost
				if got := h.bounce(mail, c.to...); got.status != c.status || !strings.Contains(got.body, c.says) {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			if h.dead("ana@example.com") != c.dead {
				t.Errorf("dead: %v", !c.dead)
			}
			kept := h.admin("GET", "/v1/admin/rejected-calls?door=mail", "").body
			if c.says != "" && strings.Contains(kept, c.says) != (c.status == 422) {
				t.Errorf("kept: %s", kept)
			}
			want := 0
			if c.dead || c.says == "" {
				want = 1
			}
			count := 0
			for _, e := range h.events("ana/b") {
				if e.Title == event.EmailBounced {
					count++
				}
			}
			if count != want {
				t.Errorf("%d bounces, want %d", count, want)
			}
		})
	}
}

// TestMailboxOfBounces: what is read from a mailbox does the same; a store that is away leaves the mail there.
func TestMailboxOfBounces(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	m := returned{to: "bounces@example.com", messageID: "1@example.com", final: "ana@example.com", action: "failed", status: "5.1.1",
		said: "550 5.1.1 user unknown", id: "b1"}
	if refused, err := h.g.AcceptMail(t.Context(), []byte(m.String())); err != nil || !strings.Contains(refused, "does not prove") {
		t.Fatalf("%q %v", refused, err)
	}
	m.messageID = secrets.MessageID(key, "example.com")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if refused, err := h.g.AcceptMail(gone, []byte(m.String())); err == nil || refused != "" {
		t.Errorf("without a store: %q %v", refused, err)
	}
	if refused, err := h.g.AcceptMail(t.Context(), []byte(m.String())); err != nil || refused != "" || !h.dead("ana@example.com") {
		t.Errorf("%q %v", refused, err)
	}
}

// TestRecipientOfABounce: what the mail server says of the recipient proves it where the mail does not say.
func TestRecipientOfABounce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	token, _ := secrets.ReturnToken(key)
	const mail = "From: MAILER-DAEMON@mx.example.com\nSubject: failure notice\n\n" +
		"Hi. This is the qmail-send program.\n\n<ana@example.com>:\n" +
		"550 5.1.1 no such user\n"
	if got := h.bounce(mail); got.status != 422 || h.dead("ana@example.com") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := h.bounce(mail, "root@example.com", "bounces+"+token+"@example.com"); got.status != 200 || !h.dead("ana@example.com") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.do("POST", "/v1/mail/bounces", mail); got.status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", got.status)
	}
}
