package channels

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/tabi-journeys/tabi/activities/channels/dkim"
	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

var emailSpec = channel.Spec{
	Name: "email", Doc: "An e-mail, over SMTP.", Address: "email", Tracks: true,
	Fields: []channel.Field{
		{Name: "subject", Doc: "The subject: one line of plain text.", Required: true},
		{
			Name: "html",
			Doc: "The body as HTML. What is inserted is escaped; script and links other than http, https, mailto and tel are " +
				"taken out. May be missing where there is a text.",
			HTML:     true,
			Required: true,
			Or:       "text",
		},
		{Name: "text", Doc: "The body as plain text, for readers without HTML. Made from html where missing."},
		{
			Name: "mjml", Form: channel.FormMJML,
			Doc: "The body as MJML, in place of html: compiled to html when the journeys are published.",
		},
		{
			Name: "layout", Form: channel.FormLayout,
			Doc: "The frame of the body: the name of a file in messages/_layouts. Empty: none, whatever messages/_defaults.yaml says.",
		},
		{Name: "preheader", Doc: "What an inbox shows after the subject: plain text, hidden in the mail itself."},
		{
			Name: "from", Form: channel.FormSender,
			Doc: "The sender, as in \"Shop <shop@example.com>\". Default: that of messages/_defaults.yaml, else of the channel.",
		},
		{
			Name: "reply_to", Form: channel.FormSender,
			Doc: "Where answers go. Default: that of messages/_defaults.yaml, else the sender.",
		},
	},
}

// KeyHeader is the header with the ledger key of a mail.
const KeyHeader = "X-Tabi-Key"

// email sends over SMTP with pooled connections, or by the API of a provider. SMTP has no way to drop a repeat, so an unknown outcome stays
// unknown. The Message-ID, which is the same on each attempt, lets mail readers and people see that two mails are
// one.
type email struct {
	spec    channel.Spec
	from    *mail.Address
	domain  string
	returns *returnPath // nil: mails are returned to the sender
	proofs  signedlink.Secrets
	signer  *dkim.Signer // nil: the mail server signs, or nobody
	timeout time.Duration

	pool *pool // nil: the API is used

	api    mailapi.API
	client *http.Client // of the API
}

func openEmail(cfg Config) (channel.Channel, error) {
	if cfg.EmailURL == "" {
		return nil, &channel.NotConfiguredError{Setting: "TABI_EMAIL_URL"}
	}
	e := &email{spec: emailSpec, timeout: cfg.Timeout}
	var errs []error
	if _, api := mailapi.Named(cfg.EmailURL); api {
		if err := e.openAPI(cfg); err != nil {
			errs = append(errs, err)
		}
	} else if server, err := parseSMTPURL(cfg.EmailURL, cfg.RootCAs); err != nil {
		errs = append(errs, variable("TABI_EMAIL_URL", "%w", err))
	} else {
		server.current = cfg.EmailCurrent
		e.pool = newPool(server, cfg.SMTPConnections)
	}
	if strings.TrimSpace(cfg.MailFrom) == "" {
		errs = append(errs, variable("TABI_MAIL_FROM", "must be set with TABI_EMAIL_URL: the sender of mails"))
	} else if _, err := parseFrom(cfg.MailFrom); err != nil {
		errs = append(errs, variable("TABI_MAIL_FROM", "%w", err))
	}
	var returns *returnPath
	if cfg.BounceAddress != "" {
		var err error
		if returns, err = parseReturnPath(cfg.BounceAddress, cfg.Proofs); err != nil {
			errs = append(errs, variable("TABI_BOUNCE_ADDRESS", "%w", err))
		}
	}
	signer, err := DKIM(cfg)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	from, err := parseFrom(cfg.MailFrom)
	if err != nil {
		return nil, err
	}
	e.from, e.returns, e.proofs = from, returns, cfg.Proofs
	_, e.domain, _ = strings.Cut(from.Address, "@")
	if e.api == nil { // providers sign by themselves
		e.signer = signer
	}
	return e, nil
}

func (e *email) Spec() channel.Spec { return e.spec }
func (e *email) Dedupes() bool      { return e.api != nil && e.api.Dedupes() }

// Sender returns the address in From.
func (e *email) Sender(m channel.Message) (string, bool) { return e.sender(m).Address, false }

// sender returns who a mail is from: the message's own sender, else the channel's.
func (e *email) sender(m channel.Message) *mail.Address {
	if from, err := address.ParseSender(m.Fields["from"]); err == nil {
		return from
	}
	return e.from
}

// envelope returns the address that the mail with this key is returned to if it cannot be delivered.
func (e *email) envelope(key string) string {
	if e.returns == nil {
		return e.from.Address
	}
	return e.returns.of(key)
}

// Close closes the connections.
func (e *email) Close() error {
	if e.pool != nil {
		e.pool.close()
	}
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	return nil
}

// Send delivers one mail to the server.
func (e *email) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, e.spec, m); bad {
		return r
	}
	to, err := address.ParseMail(m.Address)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer's email " + err.Error()}
	}
	raw, err := e.compose(m, to)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if e.api != nil {
		return e.sendByAPI(ctx, m, to, raw)
	}
	for {
		s, reused, err := e.pool.get(ctx)
		if err != nil {
			return e.unreachable(err)
		}
		release := bind(ctx, s.conn)
		stage, reply, err := s.deliver(e.envelope(m.Key), to.String(), !to.ASCII(), raw)
		good := release()
		if err != nil && hungUp(err) || !good {
			e.pool.drop(s)
		} else {
			e.pool.put(s)
		}
		if err == nil {
			return channel.Receipt{Outcome: channel.Sent, ProviderID: queueID(reply)}
		}
		// The server may have closed a pooled connection while it was idle. Nothing has gone out, so another one is tried.
		if reused && stage == stageMail && hungUp(err) && ctx.Err() == nil {
			continue
		}
		return e.failed(stage, err, m.Address, to.Plain())
	}
}

// Stages of a delivery.
const (
	stageMail  = "MAIL FROM"
	stageRcpt  = "RCPT TO"
	stageData  = "DATA"
	stageWrite = "the message"
	stageEnd   = "the end of the message"
)

// deliver runs one SMTP transaction and returns the stage at which it failed.
func (s *session) deliver(from, to string, utf8 bool, raw []byte) (stage, reply string, err error) {
	s.mails++
	if offered, _ := s.smtp.Extension("SMTPUTF8"); utf8 && !offered {
		return stageRcpt, "", &textproto.Error{Code: 550, Msg: "5.6.7 the mail server does not take addresses outside ASCII"}
	}
	s.smtp.SkipSMTPUTF8(!utf8)
	if err := s.smtp.Mail("<" + from + ">"); err != nil {
		return stageMail, "", err
	}
	if err := s.smtp.Rcpt("<" + to + ">"); err != nil {
		return stageRcpt, "", err
	}
	w, err := s.smtp.Data()
	if err != nil {
		return stageData, "", err
	}
	if _, err := w.Write(raw); err != nil {
		return stageWrite, "", err
	}
	if err := w.Close(); err != nil {
		var said *textproto.Error
		if errors.As(err, &said) && said.Code/100 == 2 {
			return "", said.Msg, nil
		}
		return stageEnd, "", err
	}
	if answered, ok := w.(interface{ ServerResponse() string }); ok {
		reply = answered.ServerResponse()
	}
	return "", reply, nil
}

// unreachable returns the receipt of a failure before MAIL FROM. Its cause is the server or the settings, so it may
// pass.
func (e *email) unreachable(err error) channel.Receipt {
	var said *textproto.Error
	words := ""
	switch {
	case errors.As(err, &said):
		words = fmt.Sprintf("%d %s", said.Code, said.Msg)
	case errors.Is(err, errPoolClosed):
		return channel.Receipt{Outcome: channel.NotSent, Reason: err.Error()}
	default:
		words = trouble(err)
	}
	step, rest, _ := strings.Cut(err.Error(), ": ")
	if words == trouble(errors.New("")) && rest != "" {
		words = rest
	}
	return channel.Receipt{Outcome: channel.NotSent, Reason: clean("mail server, " + step + ": " + words)}
}

// failed returns the receipt of a failure at a stage. Without a reply of the server, everything before the end of the
// message certainly did not go out, and the end is unknown.
func (e *email) failed(stage string, err error, addresses ...string) channel.Receipt {
	var said *textproto.Error
	if !errors.As(err, &said) {
		r := channel.Receipt{Outcome: channel.NotSent, Reason: "mail server, " + stage + ": " + trouble(err)}
		if stage == stageEnd {
			r.Outcome = channel.Unknown
			r.Reason = "the mail was handed over, but the server did not confirm it: " + trouble(err)
		}
		return r
	}
	r := channel.Receipt{Outcome: channel.NotSent, Reason: clean(fmt.Sprintf("%d %s", said.Code, said.Msg), addresses...)}
	if said.Code/100 == 5 {
		r.Outcome = channel.Refused
		r.Gone = stage != stageMail && stage != stageData && address.SMTP(said.Code, said.Msg) == address.Hard
	}
	return r
}

var queuedAs = regexp.MustCompile(`(?i)queued as ([A-Za-z0-9._-]+)|\bid=([A-Za-z0-9._-]+)`)

// queueID returns the server's own id in its last reply; empty if there is none.
func queueID(reply string) string {
	if m := queuedAs.FindStringSubmatch(reply); m != nil {
		return m[1] + m[2]
	}
	return ""
}

// longSubject is from which length on, in bytes, a subject is encoded to fold it: a line of a mail may have 998.
const longSubject = 200

// setSubject sets the subject. Customers' data may be in it: what only looks encoded ("=?utf-8?Q?…?=") must arrive as it is, and a long
// text must not make a line that servers refuse.
func setSubject(msg *gomail.Msg, subject string) {
	if !strings.Contains(subject, "=?") && len(subject) <= longSubject {
		msg.Subject(subject)
		return
	}
	const most = 45 // bytes of an encoded word of at most 75 characters
	var words []string
	for rest := subject; rest != ""; {
		end := min(most, len(rest))
		for end < len(rest) && !utf8.RuneStart(rest[end]) {
			end--
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(rest[:end]))+"?=")
		rest = rest[end:]
	}
	msg.SetGenHeaderPreformatted(gomail.HeaderSubject, strings.Join(words, "\r\n "))
}

// compose writes the mail. Its errors are for people and hold no customer data.
func (e *email) compose(m channel.Message, to address.Mail) ([]byte, error) {
	if strings.ContainsFunc(m.Fields["subject"], unicode.IsControl) {
		return nil, errors.New("the subject has a line break or another control character in it")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.sender(m))
	if to, err := address.ParseSender(m.Fields["reply_to"]); err == nil {
		msg.ReplyToMailAddress(to)
	}
	msg.ToMailAddress(to.Header())
	setSubject(msg, m.Fields["subject"])
	msg.SetDateWithValue(clock.Wall())
	msg.SetMessageIDWithValue(e.proofs.MessageID(m.Key, e.domain))
	msg.SetGenHeader(KeyHeader, headerKey(m.Key))
	// Away notes would come to the bounce address. Exchange reads a header of its own, which must not name NDR: bounces are wanted.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "OOF, AutoReply")
	if m.Unsubscribe != "" {
		u, err := url.Parse(m.Unsubscribe)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" ||
			strings.ContainsFunc(m.Unsubscribe, unicode.IsControl) ||
			strings.ContainsAny(m.Unsubscribe, "<> ") {
			return nil, errors.New("the unsubscribe link is not an https address")
		}
		msg.SetGenHeaderPreformatted(gomail.HeaderListUnsubscribe, "<"+u.String()+">")
		msg.SetListUnsubscribePost()
	}
	switch text, html := m.Fields["text"], m.Fields["html"]; {
	case text == "":
		msg.SetBodyString(gomail.TypeTextHTML, html)
	case html == "":
		msg.SetBodyString(gomail.TypeTextPlain, text)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, text)
		msg.AddAlternativeString(gomail.TypeTextHTML, html)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		return nil, errors.New("the mail could not be composed")
	}
	if e.signer == nil {
		return raw.Bytes(), nil
	}
	sealed, err := e.signer.Sign(raw.Bytes())
	if err != nil {
		return nil, errors.New("the mail could not be signed (DKIM)")
	}
	return sealed, nil
}
