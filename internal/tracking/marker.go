package tracking

import (
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// A Marker makes the tracked links of one send. It is not safe for concurrent use.
type Marker struct {
	Links signedlink.Links
	Key   string // ledger key of the send
	// UTM are the parameters that tell the site's own analytics where a visitor comes from; empty: none are added.
	UTM []Param
	// Domains are the hosts, each with its subdomains, whose links get UTM; empty: all.
	Domains []string
	// Longest is the length in bytes of the longest sealed link; a longer one gets a code. 0: all links get one.
	Longest int
	// Opens says that the message has a pixel.
	Opens bool
	// Stored has, after Track, the links that got a code. They must be stored before the message goes out.
	Stored []Stored
}

// A Param is a parameter of an address.
type Param struct{ Name, Value string }

// Stored is a link that must be stored under its code.
type Stored struct {
	Code string
	signedlink.Click
}

// Sealed links may have this many bytes. Outlook cuts those that are longer than 2,083 characters; other channels take less.
const (
	LongestInMail  = 2000
	LongestInOther = 900
	LongestInSMS   = 0 // a code is the shortest
)

// UTMOf returns the parameters of a send. source is the setting; empty: none.
func UTMOf(source, channel, journey, message string) []Param {
	if source == "" {
		return nil
	}
	return []Param{{"utm_source", source}, {"utm_medium", channel}, {"utm_campaign", journey}, {"utm_content", message}}
}

// Tracked reports whether a link can be tracked: an absolute web address.
func Tracked(link string) bool {
	scheme, rest, ok := strings.Cut(link, "://")
	web := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	return ok && web && rest != "" && !strings.ContainsAny(rest[:1], "/?#")
}

// Track returns the tracked form of each of a message's links, in the order of the message. Links that occur twice are one.
func (m *Marker) Track(links []string) map[string]string {
	out := make(map[string]string, len(links))
	var order []string
	for _, link := range links {
		if _, seen := out[link]; !seen && Tracked(link) {
			out[link] = ""
			order = append(order, link)
		}
	}
	for i, link := range order {
		c := signedlink.Click{Key: m.Key, Link: i, Of: len(order)}
		c.URL, c.UTM = m.withUTM(link)
		sealed := ""
		if m.Longest > 0 {
			sealed = m.Links.Click(c)
		}
		if sealed == "" || len(sealed) > m.Longest {
			code := m.Links.ShortCode(c)
			m.Stored = append(m.Stored, Stored{Code: code, Click: c})
			sealed = m.Links.ShortClick(code)
		}
		out[link] = sealed
	}
	return out
}

// Pixel returns the address of the picture that reports an open; empty: the message has none.
func (m *Marker) Pixel() string {
	if !m.Opens {
		return ""
	}
	return m.Links.Pixel(m.Key)
}

// withUTM returns a link with the parameters before its fragment, and how many bytes they are. All else stays byte by byte. A link
// that has a utm_ parameter of its own gets none.
func (m *Marker) withUTM(link string) (string, int) {
	if len(m.UTM) == 0 || !m.own(link) {
		return link, 0
	}
	before, fragment, _ := strings.Cut(link, "#")
	_, query, _ := strings.Cut(before, "?")
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		if strings.HasPrefix(strings.ToLower(pair), "utm_") {
			return link, 0
		}
	}
	var b strings.Builder
	for _, p := range m.UTM {
		switch {
		case b.Len() > 0:
			b.WriteByte('&')
		case !strings.Contains(before, "?"):
			b.WriteByte('?')
		case query != "" && !strings.HasSuffix(query, "&"):
			b.WriteByte('&')
		}
		b.WriteString(p.Name + "=" + url.QueryEscape(p.Value))
	}
	if len(before) < len(link) {
		fragment = "#" + fragment
	}
	return before + b.String() + fragment, b.Len()
}

// own reports whether a link leads to one of the domains that get UTM parameters.
func (m *Marker) own(link string) bool {
	if len(m.Domains) == 0 {
		return true
	}
	_, host, _ := strings.Cut(link, "://")
	if end := strings.IndexAny(host, `/?#\`); end >= 0 {
		host = host[:end]
	}
	host = strings.ToLower(host[strings.LastIndexByte(host, '@')+1:])
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:at]
	}
	for _, domain := range m.Domains {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
