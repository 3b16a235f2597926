package bounce

import (
	"bytes"
	"io"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // ISO-2022-JP and the others that servers write in

	"github.com/tabi-journeys/tabi/channel"
)

// Read reads a mail, or its first MaxMail bytes. It fails with ErrUnknown for one that is neither a bounce nor a complaint nor
// anything else that is ignored.
func Read(raw []byte) (Mail, error) {
	raw = envelope(raw)
	p := parts{left: maxParts}
	head, body := split(raw)
	p.head = head
	p.walk(head, body, 0)
	m := p.mail()
	p.evidence(&m)
	switch {
	case p.feedback != nil:
		p.complaint(&m)
	case p.microsoft() != "":
		m.Results = []Result{{Kind: channel.Complained, Address: address(p.microsoft()), Reason: "reported as spam"}}
	case len(p.status) > 0:
		p.delivery(&m)
	case p.disposition:
		m.ignore("a receipt that a mail was displayed or deleted")
	default:
		p.words(&m)
	}
	if len(m.Results) == 0 && len(m.Ignored) == 0 {
		return m, ErrUnknown
	}
	return m, nil
}

func (m *Mail) ignore(why string) {
	if !slices.Contains(m.Ignored, why) {
		m.Ignored = append(m.Ignored, why)
	}
}

// envelope drops what is before the header: blank lines, and the line that a mailbox file begins a mail with.
func envelope(raw []byte) []byte {
	raw = bytes.TrimLeft(raw[:min(len(raw), MaxMail)], "\r\n \t\ufeff")
	if bytes.HasPrefix(raw, []byte("From ")) {
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
	}
	return raw
}

// parts is what the parts of a mail hold.
type parts struct {
	head        header
	left        int      // how many more parts are read
	text        []string // decoded, in order; HTML without its tags only where there is no other
	html        []string
	status      []byte   // all groups of fields of delivery reports
	feedback    header   // of a complaint; nil: none
	originals   []header // of the mail that was sent
	disposition bool     // there is a receipt (RFC 8098)
}

// walk reads a part and what is in it. The original mail is not looked into, except for its header: what it says is no report.
func (p *parts) walk(head header, body []byte, depth int) {
	if p.left--; p.left < 0 || depth > maxDepth {
		return
	}
	entity, err := message.New(message.HeaderFromMap(head.mime()), bytes.NewReader(body))
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		p.text = append(p.text, string(body[:min(len(body), maxText)]))
		return
	}
	kind, params, err := entity.Header.ContentType()
	if err != nil {
		kind = "text/plain"
	}
	kind = strings.ToLower(kind)
	if strings.HasPrefix(kind, "multipart/") {
		p.multipart(body, params["boundary"], depth)
		return
	}
	text, _ := io.ReadAll(io.LimitReader(entity.Body, maxText)) // a part that breaks off says what it says until there
	if len(text) == 0 {
		text = body[:min(len(body), maxText)]
	}
	switch kind {
	case "message/delivery-status", "message/global-delivery-status":
		p.status = append(append(p.status, text...), "\n\n"...)
	case "message/feedback-report":
		p.feedback, _ = split(text)
		if p.feedback == nil {
			p.feedback = header{}
		}
	case "message/disposition-notification", "message/global-disposition-notification":
		p.disposition = true
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		original, _ := split(envelope(text))
		p.originals = append(p.originals, original)
	case "text/html":
		p.html = append(p.html, untagged(string(text)))
	default:
		if strings.HasPrefix(kind, "text/") {
			p.text = append(p.text, string(text))
		}
	}
}

// multipart reads the parts between boundaries. A boundary that is not declared or not there leaves one part of text.
func (p *parts) multipart(body []byte, boundary string, depth int) {
	if boundary == "" {
		p.text = append(p.text, string(body[:min(len(body), maxText)]))
		return
	}
	var piece []byte // of body, from its first line
	inside, found := false, false
	end := func(upTo int) {
		if inside {
			head, rest := split(piece[:len(piece)-upTo])
			p.walk(head, rest, depth+1)
		}
	}
	mark := []byte("--" + boundary)
	for left := body; len(left) > 0; {
		line, rest, _ := bytes.Cut(left, []byte("\n"))
		after, ok := bytes.CutPrefix(line, mark)
		after = bytes.TrimRight(after, " \t\r")
		if !ok || len(after) > 0 && string(after) != "--" {
			left = rest
			continue
		}
		end(len(left))
		found, inside, piece, left = true, len(after) == 0, rest, rest
		if !inside {
			break
		}
	}
	end(0)
	if !found {
		p.text = append(p.text, string(body[:min(len(body), maxText)]))
	}
}

// mail returns what the header says.
func (p *parts) mail() Mail {
	m := Mail{ID: strings.Trim(p.head.get("Message-ID"), "<> ")}
	if at, err := mail.ParseDate(p.head.get("Date")); err == nil && at.Year() > 1990 && at.Year() < 9999 {
		m.At = at.UTC().Truncate(time.Second)
	}
	return m
}

// microsoft returns whom a complaint of Outlook.com, which writes no ARF, is from; empty: it is none.
func (p *parts) microsoft() string {
	for _, h := range append([]header{p.head}, p.originals...) {
		if who := h.get("X-HmXmrOriginalRecipient"); who != "" {
			return who
		}
	}
	return ""
}

// own are the fields with the address that a report was sent to. A mail server adds them.
var own = []string{"X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Apparently-To", "X-Rcpt-To"}

var (
	idInText = regexp.MustCompile(`(?im)^[> \t]*(?:x-)?(?:original-)?message-id:\s*(<[^<>\s]{3,500}>)`)
	idsIn    = regexp.MustCompile(`<[^<>\s]{3,500}>`)
	pathIn   = regexp.MustCompile(`(?im)^[> \t]*(?:return-path|envelope-from|original-mail-from|x-original-from):` +
		`\s*<?([^<>\s]{3,320}@[^<>\s]{1,255})>?`)
	// signedIn matches an address with a return token, which package signedlink makes.
	signedIn = regexp.MustCompile(`[A-Za-z0-9._=+-]{0,200}[0-9A-Va-v]{48}@[A-Za-z0-9.-]{3,255}`)
)

// evidence collects what may prove that the mail is about one of ours.
func (p *parts) evidence(m *Mail) {
	address := func(list ...string) {
		for _, text := range list {
			if text = strings.Trim(strings.TrimSpace(text), "<>"); text != "" && len(m.Addresses) < maxEvidence {
				m.Addresses = append(m.Addresses, text)
			}
		}
	}
	id := func(list ...string) {
		for _, text := range list {
			if text = strings.Trim(strings.TrimSpace(text), "<>"); text != "" && len(m.MessageIDs) < maxEvidence &&
				!slices.Contains(m.MessageIDs, text) {
				m.MessageIDs = append(m.MessageIDs, text)
			}
		}
	}
	for _, name := range own {
		for _, value := range p.head[name] {
			if list, err := mail.ParseAddressList(value); err == nil {
				for _, one := range list {
					address(one.Address)
				}
				continue
			}
			address(value)
		}
	}
	for _, original := range p.originals {
		id(original.get("Message-ID"))
		address(original.get("Return-Path"))
	}
	if p.feedback != nil {
		address(p.feedback["Original-Mail-From"]...)
	}
	texts := append(slices.Clone(p.text), string(p.status))
	texts = append(texts, p.html...)
	for _, text := range texts {
		for _, found := range idInText.FindAllStringSubmatch(text, maxEvidence) {
			id(found[1])
		}
		for _, found := range pathIn.FindAllStringSubmatch(text, maxEvidence) {
			address(found[1])
		}
		address(signedIn.FindAllString(text, maxEvidence)...)
	}
	id(idsIn.FindAllString(p.head.get("In-Reply-To"), maxEvidence)...)
	id(idsIn.FindAllString(p.head.get("References"), maxEvidence)...)
}

var tags = regexp.MustCompile(`(?is)<(?:script|style)\b.*?</(?:script|style)>|<br[^>]*>|</(?:p|div|tr|li|h\d)>|<[a-z/!][^<>@]*>`)

// untagged returns the words of HTML.
func untagged(html string) string {
	text := tags.ReplaceAllStringFunc(html, func(tag string) string {
		if strings.HasPrefix(tag, "<br") || strings.HasPrefix(tag, "</") {
			return "\n"
		}
		return " "
	})
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&nbsp;", " ", "&amp;", "&").Replace(text)
}
