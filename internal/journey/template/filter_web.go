package template

import (
	"crypto/md5"  //nolint:gosec // addresses of pictures are made with it
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode/utf8"

	plaintext "github.com/tabi-journeys/tabi/internal/journey/template/text"
)

// webFilters are the filters of HTML, addresses and encodings. In HTML the result of those that write tags is markup.
var webFilters = []filter{
	{name: "escape", run: escape},
	{name: "escape_once", run: func(c *filterCall, in any, _ []any) any {
		if m, ok := in.(Markup); ok {
			return m
		}
		out := plaintext.EscapeOnce(toText(in))
		if c.HTML {
			return Markup(out)
		}
		return out
	}},
	{name: "newline_to_br", run: func(c *filterCall, in any, _ []any) any {
		breaks := strings.NewReplacer("\r\n", "<br />\n", "\n", "<br />\n")
		if c.HTML {
			return Markup(breaks.Replace(string(markupOf(in, false))))
		}
		return breaks.Replace(toText(in))
	}},
	{name: "strip_html", run: func(_ *filterCall, in any, _ []any) any {
		if m, ok := in.(Markup); ok {
			return m.plain()
		}
		return plaintext.StripTags(toText(in))
	}},
	{name: "link_to", min: 1, args: []kind{anyKind, anyKind}, run: func(c *filterCall, in any, args []any) any {
		address := strings.TrimSpace(toText(args[0]))
		if address == "" {
			c.odd("the address is empty: there is no link")
			return in
		}
		if !c.HTML {
			if s := toText(in); s != "" && s != address {
				return s + " (" + address + ")"
			}
			return address
		}
		title := ""
		if given(arg(args, 1)) {
			title = ` title="` + plaintext.EscapeHTML(toText(args[1])) + `"`
		}
		return Markup(`<a href="`+plaintext.EscapeHTML(address)+`"`+title+`>`) + markupOf(in, false) + "</a>"
	}},
	{name: "url_encode", run: func(_ *filterCall, in any, _ []any) any {
		if in == nil {
			return nil
		}
		return url.QueryEscape(toText(in))
	}},
	{name: "url_decode", run: func(c *filterCall, in any, _ []any) any {
		if in == nil {
			return nil
		}
		s := toText(in)
		out, err := url.QueryUnescape(s)
		if err != nil || !utf8.ValidString(out) {
			c.odd("the text is not encoded as an address: it stays as it is")
			return s
		}
		return out
	}},
	textFilter("base64_encode", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	textFilter("base64_url_safe_encode", func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }),
	{name: "base64_decode", run: decode(base64.StdEncoding)},
	{name: "base64_url_safe_decode", run: decode(base64.URLEncoding)},
	textFilter("md5", func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }),   //nolint:gosec // see above
	textFilter("sha1", func(s string) string { sum := sha1.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }), //nolint:gosec // see above
	textFilter("sha256", func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }),
	{name: "inspect", run: func(_ *filterCall, in any, _ []any) any { return toJSON(in) }},
	{name: "json", run: func(_ *filterCall, in any, _ []any) any { return toJSON(in) }},
}

// escape writes HTML's signs as entities. In HTML every inserted value is escaped, so there it does nothing.
func escape(c *filterCall, in any, _ []any) any {
	if in == nil || c.HTML {
		return in
	}
	return plaintext.EscapeHTML(toText(in))
}

// decode reads base64; a text that is none stays as it is.
func decode(encoding *base64.Encoding) func(*filterCall, any, []any) any {
	return func(c *filterCall, in any, _ []any) any {
		s := toText(in)
		out, err := encoding.DecodeString(s)
		if err != nil || !utf8.Valid(out) {
			c.odd("the text is not base64 of a text: it stays as it is")
			return s
		}
		return string(out)
	}
}
