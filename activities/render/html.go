package render

import (
	"errors"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// mail is a cleaned body.
type mail struct{ html, text string }

// cleanHTML takes out of a rendered body what no mail may hold: scripts, frames, plug-ins, event handlers, and links
// that are not http, https, mailto or tel (images may also be cid: and data:image). A body of a marketing mail without
// its unsubscribe link gets one at its end. It also gives the body as text.
func cleanHTML(source string, opts Options) (mail, error) {
	source = strings.ToValidUTF8(source, "")
	var (
		root  *html.Node
		whole = hasDocument(source)
		err   error
	)
	if whole {
		root, err = html.Parse(strings.NewReader(source))
	} else {
		root = &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
		var nodes []*html.Node
		nodes, err = html.ParseFragment(strings.NewReader(source), root)
		for _, n := range nodes {
			root.AppendChild(n)
		}
	}
	if err != nil {
		return mail{}, errors.New("is not HTML: it nests too deep or is malformed")
	}
	scrub(root)
	if opts.Unsubscribe != "" && !links(root, opts.Unsubscribe) {
		appendFooter(root, opts)
	}
	var b strings.Builder
	if whole {
		err = html.Render(&b, root)
	} else {
		for n := root.FirstChild; n != nil && err == nil; n = n.NextSibling {
			err = html.Render(&b, n)
		}
	}
	if err != nil {
		return mail{}, errors.New("cannot be written as HTML")
	}
	return mail{html: b.String(), text: plainText(root)}, nil
}

// hasDocument reports whether source is a document rather than a piece of one.
func hasDocument(source string) bool {
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.CommentToken:
		case html.TextToken:
			if strings.TrimSpace(string(z.Text())) != "" {
				return false
			}
		case html.DoctypeToken:
			return true
		case html.StartTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			return a == atom.Html || a == atom.Head || a == atom.Body
		default:
			return false
		}
	}
}

// forbidden are elements that are taken out with what is in them.
var forbidden = map[string]bool{
	"script": true, "noscript": true, "iframe": true, "frame": true, "frameset": true, "object": true, "embed": true, "applet": true,
	"base": true, "portal": true, "template": true, "math": true, "svg": true,
}

// addresses are the attributes that hold one.
var addresses = map[string]bool{
	"href": true, "src": true, "action": true, "formaction": true, "background": true, "poster": true, "cite": true, "data": true,
	"longdesc": true, "ping": true, "manifest": true, "lowsrc": true, "dynsrc": true, "usemap": true, "codebase": true,
}

// scrub cleans n's children and attributes.
func scrub(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if c.Type == html.ElementNode &&
			(forbidden[c.Data] || c.Namespace != "" || c.DataAtom == atom.Meta && attribute(c, "http-equiv") != "" && !strings.EqualFold(attribute(c, "http-equiv"), "content-type")) {
			n.RemoveChild(c)
		} else {
			scrub(c)
		}
		c = next
	}
	if n.Type != html.ElementNode {
		return
	}
	kept := n.Attr[:0]
	for _, a := range n.Attr {
		name := strings.ToLower(a.Key)
		switch {
		case strings.HasPrefix(name, "on"), name == "srcdoc":
			continue
		case addresses[name] && !safeAddress(a.Val, name == "src" || name == "background"):
			continue
		case name == "srcset" && !safeSet(a.Val):
			continue
		case name == "style" && unsafeStyle(a.Val):
			continue
		}
		kept = append(kept, a)
	}
	n.Attr = kept
}

// scheme is the part before the colon of an address as browsers see it, in small letters; empty if it has none.
func scheme(address string) string {
	address = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, address)
	before, _, found := strings.Cut(address, ":")
	if !found || strings.ContainsAny(before, "/?#") {
		return ""
	}
	return strings.ToLower(before)
}

// safeAddress reports whether a mail may hold an address. Those without a scheme are harmless.
func safeAddress(address string, image bool) bool {
	switch scheme(address) {
	case "", "http", "https", "mailto", "tel":
		return true
	case "cid":
		return image
	case "data":
		return image && strings.HasPrefix(strings.ToLower(strings.TrimSpace(address)), "data:image/")
	}
	return false
}

// safeSet is safeAddress for each of a srcset.
func safeSet(set string) bool {
	for _, candidate := range strings.Split(set, ",") {
		if address, _, _ := strings.Cut(strings.TrimSpace(candidate), " "); !safeAddress(address, false) {
			return false
		}
	}
	return true
}

// unsafeStyle finds what old mail readers run.
func unsafeStyle(style string) bool {
	style = strings.ToLower(style)
	for _, s := range []string{"javascript:", "vbscript:", "expression(", "-moz-binding", "behavior:", "\\"} {
		if strings.Contains(style, s) {
			return true
		}
	}
	return false
}

// safeLink reports whether a tap may open a link: web addresses and an app's own scheme, nothing that runs.
func safeLink(link string) bool {
	switch scheme(link) {
	case "javascript", "vbscript", "data", "file", "blob", "about", "view-source":
		return false
	}
	return true
}

// attribute gives an attribute's value.
func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && strings.EqualFold(a.Key, name) {
			return a.Val
		}
	}
	return ""
}

// links reports whether some link under n leads to target.
func links(n *html.Node, target string) bool {
	if n.Type == html.ElementNode && n.DataAtom == atom.A && strings.TrimSpace(attribute(n, "href")) == target && !hidden(n) {
		return true
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if links(c, target) {
			return true
		}
	}
	return false
}

// unsubscribeWords are the words of the link that is added, by language.
var unsubscribeWords = map[string]string{
	"en": "Unsubscribe", "ja": "配信停止", "zh": "退订", "ko": "수신 거부", "de": "Abmelden", "fr": "Se désabonner", "es": "Cancelar suscripción",
	"it": "Annulla iscrizione", "pt": "Cancelar subscrição", "nl": "Uitschrijven",
}

// unsubscribeWord is the word in the customer's language, or in English.
func unsubscribeWord(language string) string {
	if name, ok := matchLanguage(unsubscribeWords, language); ok {
		return unsubscribeWords[name]
	}
	return unsubscribeWords["en"]
}

// appendFooter adds a line with the unsubscribe link at the end of the body.
func appendFooter(root *html.Node, opts Options) {
	body := find(root, atom.Body)
	if body == nil {
		body = root
	}
	p := &html.Node{
		Type:     html.ElementNode,
		Data:     "p",
		DataAtom: atom.P,
		Attr:     []html.Attribute{{Key: "style", Val: "margin:24px 0 0;font-size:12px;color:#666666"}},
	}
	a := &html.Node{
		Type:     html.ElementNode,
		Data:     "a",
		DataAtom: atom.A,
		Attr:     []html.Attribute{{Key: "href", Val: opts.Unsubscribe}, {Key: "style", Val: "color:#666666"}},
	}
	a.AppendChild(&html.Node{Type: html.TextNode, Data: unsubscribeWord(opts.Language)})
	p.AppendChild(a)
	body.AppendChild(p)
	body.AppendChild(&html.Node{Type: html.TextNode, Data: "\n"})
}

// find gives the first element of a kind.
func find(n *html.Node, kind atom.Atom) *html.Node {
	if n.Type == html.ElementNode && n.DataAtom == kind {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, kind); found != nil {
			return found
		}
	}
	return nil
}
