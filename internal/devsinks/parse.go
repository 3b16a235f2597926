package devsinks

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"strings"

	"golang.org/x/net/html/charset"
)

// keyHeader is the header with the ledger key.
const keyHeader = "X-Tabi-Key"

// maxParts bounds the parts of a mail that are read.
const maxParts = 100

// parseMail reads a mail. One that cannot be read has only Raw.
func parseMail(raw []byte) Mail {
	m := Mail{Raw: raw, Headers: map[string]string{}}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Subject = "(a mail that cannot be read)"
		return m
	}
	words := mime.WordDecoder{CharsetReader: charset.NewReaderLabel}
	for name, values := range message.Header {
		text, err := words.DecodeHeader(values[0])
		if err != nil {
			text = values[0]
		}
		m.Headers[name] = text
	}
	m.Subject = m.Headers["Subject"]
	m.MessageID = strings.Trim(m.Headers["Message-Id"], "<>")
	m.Key = m.Headers[keyHeader]
	if key, err := url.PathUnescape(m.Key); err == nil {
		m.Key = key
	}
	left := maxParts
	m.part(message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), message.Body, &left)
	return m
}

// part reads a part and its children; the first text and the first HTML count.
func (m *Mail) part(contentType, encoding string, body io.Reader, left *int) {
	if *left--; *left < 0 {
		return
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, params = "text/plain", nil
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return
			}
			m.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, left)
		}
	}
	if kind != "text/plain" && kind != "text/html" {
		return
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	if label := params["charset"]; label != "" {
		if decoded, err := charset.NewReaderLabel(label, body); err == nil {
			body = decoded
		}
	}
	text, _ := io.ReadAll(body)
	switch {
	case kind == "text/html" && m.HTML == "":
		m.HTML = strings.ReplaceAll(string(text), "\r\n", "\n")
	case kind == "text/plain" && m.Text == "":
		m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}
