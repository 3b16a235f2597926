package template

import (
	"crypto/md5"  //nolint:gosec // addresses of pictures are made with it
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	tagMark   = regexp.MustCompile(`(?s)<.*?>`)
	blockMark = regexp.MustCompile(`(?s)<script.*?</script>|<!--.*?-->|<style.*?</style>`)
	entity    = regexp.MustCompile(`^&(?:[a-zA-Z][a-zA-Z0-9]*|#\d+|#[xX][0-9a-fA-F]+);`)
)

// webFilters are the filters of HTML, addresses and encodings. In HTML the result of those that write tags is markup.
var webFilters = []filter{
	{name: "escape", run: escape},
	{name: "escape_once", run: func(c *filterCall, in any, _ []any) any {
		if m, ok := in.(Markup); ok {
			return m
		}
		out := escapeOnce(toText(in))
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
		return stripTags(toText(in))
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
			title = ` title="` + escapeHTML(toText(args[1])) + `"`
		}
		return Markup(`<a href="`+escapeHTML(address)+`"`+title+`>`) + markupOf(in, false) + "</a>"
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
	return escapeHTML(toText(in))
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

var escaper = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", `"`, "&quot;", "'", "&#39;")

func escapeHTML(s string) string   { return escaper.Replace(s) }
func unescapeHTML(s string) string { return html.UnescapeString(s) }

// stripTags removes tags, comments, scripts and styles.
func stripTags(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	return tagMark.ReplaceAllString(blockMark.ReplaceAllString(s, ""), "")
}

// escapeOnce escapes what is not an entity already.
func escapeOnce(s string) string {
	var b strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '&')
		if at < 0 {
			b.WriteString(escapeHTML(s))
			break
		}
		b.WriteString(escapeHTML(s[:at]))
		if m := entity.FindString(s[at:]); m != "" {
			b.WriteString(m)
			s = s[at+len(m):]
		} else {
			b.WriteString("&amp;")
			s = s[at+1:]
		}
	}
	return b.String()
}
