package bounce

import (
	"bytes"
	"net/textproto"
	"strings"

	"github.com/emersion/go-message"
)

// header has the fields of a header by their canonical names. Lines that are no field are left out: what reports is not always
// careful.
type header map[string][]string

func (h header) get(name string) string {
	if v := h[textproto.CanonicalMIMEHeaderKey(name)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (h header) has(name string) bool { return len(h[textproto.CanonicalMIMEHeaderKey(name)]) > 0 }

// mime returns the fields that say how the body is written.
func (h header) mime() map[string][]string {
	out := map[string][]string{}
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding"} {
		if v := h[name]; len(v) > 0 {
			out[name] = v[:1]
		}
	}
	return out
}

// maxFields bounds the fields of a header that are read.
const maxFields = 1000

// split returns the header and the body of a mail or a part, with the first blank line between them.
func split(raw []byte) (header, []byte) {
	h := header{}
	name, fields := "", 0
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte("\n"))
		raw = rest
		text := string(bytes.TrimRight(line, "\r"))
		switch {
		case strings.TrimSpace(text) == "":
			return h, raw
		case text[0] == ' ' || text[0] == '\t':
			if values := h[name]; len(values) > 0 && len(values[len(values)-1]) < maxText {
				values[len(values)-1] = strings.TrimSpace(values[len(values)-1] + " " + strings.TrimSpace(text))
			}
		default:
			key, value, ok := strings.Cut(text, ":")
			key = strings.TrimSpace(key)
			if !ok || key == "" || strings.ContainsAny(key, " \t") || fields == maxFields {
				name = ""
				continue
			}
			fields++
			name = textproto.CanonicalMIMEHeaderKey(key)
			h[name] = append(h[name], strings.TrimSpace(value))
		}
	}
	return h, nil
}

// decoded returns a field in words (RFC 2047).
func decoded(value string) string {
	h := message.HeaderFromMap(map[string][]string{"Subject": {value}})
	text, err := h.Text("Subject")
	if err != nil {
		return value
	}
	return text
}
