package mailapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Mail is a mail to be sent. There is one function that composes mails, whatever they are sent by: providers that take a mail as it is
// get Raw, and for the others it is taken apart again.
type Mail struct {
	Key string // ledger key
	To  string // the address alone
	Raw []byte // the mail, as SMTP would carry it
}

// parts are what providers want that do not take a mail as it is.
type parts struct {
	From, ReplyTo       string // "Name" <address>, decoded
	Subject, HTML, Text string
	Headers             []header // the others, such as List-Unsubscribe, in the mail's order
}

type header struct{ Name, Value string }

// headers returns the other headers by name.
func (p parts) headers() map[string]string {
	out := map[string]string{}
	for _, h := range p.Headers {
		out[h.Name] = h.Value
	}
	return out
}

// own are the headers that providers write themselves, or take from their own fields.
var own = []string{
	"From", "To", "Reply-To", "Subject", "Date", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Dkim-Signature",
	"Return-Path",
}

// take takes a mail apart. It reads what package channels composes: a text, an html, or both as alternatives.
func take(raw []byte) (p parts, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return p, errors.New("the mail cannot be read again")
	}
	var words mime.WordDecoder
	text := func(name string) string {
		value := m.Header.Get(name)
		if decoded, err := words.DecodeHeader(value); err == nil {
			return decoded
		}
		return value
	}
	address := func(name string) string {
		one, err := mail.ParseAddress(m.Header.Get(name))
		if err != nil {
			return m.Header.Get(name)
		}
		if one.Name == "" {
			return one.Address
		}
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(one.Name) + `" <` + one.Address + ">"
	}
	p = parts{From: address("From"), ReplyTo: address("Reply-To"), Subject: text("Subject")}
	for line := range strings.SplitSeq(string(raw[:bytes.Index(raw, []byte("\r\n\r\n"))]), "\r\n") {
		name, _, found := strings.Cut(line, ":")
		if name = textproto.CanonicalMIMEHeaderKey(name); !found || strings.ContainsAny(name, " \t") || slices.Contains(own, name) ||
			slices.ContainsFunc(p.Headers, func(h header) bool { return h.Name == name }) {
			continue
		}
		if value := text(name); value != "" {
			p.Headers = append(p.Headers, header{name, value})
		}
	}
	return p, p.body(textproto.MIMEHeader(m.Header), m.Body)
}

// body reads a part of a mail, and those within.
func (p *parts) body(h textproto.MIMEHeader, r io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return errors.New("a part of the mail has no readable type")
	}
	if strings.HasPrefix(kind, "multipart/") {
		for inner := multipart.NewReader(r, params["boundary"]); ; {
			part, err := inner.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return errors.New("the parts of the mail cannot be read again")
			}
			if err := p.body(part.Header, part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	content, err := io.ReadAll(r)
	switch {
	case err != nil:
		return errors.New("a part of the mail cannot be decoded again")
	case kind == "text/html":
		p.HTML = string(content)
	case kind == "text/plain":
		p.Text = string(content)
	default:
		return fmt.Errorf("a part of the mail is %s, which this provider's API does not take from tabi", kind)
	}
	return nil
}

// Request is the call that sends a mail.
type Request struct {
	URL    string
	Header http.Header
	Body   []byte
}

// post returns a call with JSON.
func post(url string, body any, headers ...string) (Request, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Request{}, errors.New("the mail cannot be written as JSON")
	}
	r := Request{URL: url, Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, Body: raw}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r, nil
}

// base returns where an API is: the default, or ?endpoint=, which must be encrypted unless it is on this machine, since the key goes
// there. q loses what it reads.
func base(q url.Values, fallback string) (string, error) {
	raw := q.Get("endpoint")
	q.Del("endpoint")
	if raw == "" {
		return fallback, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", errors.New("endpoint must be an https address")
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
		return "", errors.New("endpoint must be an https address: the key would go there in clear")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// fixed is base for a provider with one address, whose URL has no host.
func fixed(u *url.URL, q url.Values, address string) (string, error) {
	if u.Host != "" {
		return "", errors.New("has a host, which " + u.Scheme + ":// does not know")
	}
	return base(q, address)
}

// tag returns a ledger key in the letters that providers permit in tags (A-Z a-z 0-9 _ -), empty if it would be too long.
func tag(key string) string {
	if t := base64.RawURLEncoding.EncodeToString([]byte(key)); len(t) <= 256 {
		return t
	}
	return ""
}

// untag returns the ledger key of a tag, empty if it is none of tag's.
func untag(t string) string {
	key, err := base64.RawURLEncoding.DecodeString(t)
	if err != nil {
		return ""
	}
	return string(key)
}

// aboutTo matches the words of providers about a recipient that is no address.
var aboutTo = regexp.MustCompile(
	`(?i)(\bto\b|recipient).*(valid|illegal|pars|malformed|format)|(invalid|illegal|pars|malformed).*(\bto\b|recipient)`,
)

// digest returns a short name of a key, the same each time.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
