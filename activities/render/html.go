package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// mail is a sanitized body, as HTML and as text.
type mail struct{ html, text string }

// cleanHTML sanitizes a rendered body by mailPolicy. A marketing mail without a visible unsubscribe link gets one at
// the end of its body. own is the text that the designer wrote beside it; empty: the text is made of the body.
//
// The body is parsed and written before the policy sees it: what the policy judges is well-formed, so a tag that is
// never closed cannot hide what follows it. It is parsed once more after that, for the footer and the text.
func cleanHTML(source, own, preheader string, opts Options) (mail, error) {
	whole := hasDocument(source)
	root, err := parseHTML(strings.ToValidUTF8(source, ""), whole)
	if err != nil {
		return mail{}, err
	}
	wellFormed, err := writeHTML(root, whole)
	if err != nil {
		return mail{}, err
	}
	doctype := doctypeOf(root) // bluemonday drops it; without it readers fall into quirks mode
	if root, err = parseHTML(mailPolicy.Sanitize(wellFormed), whole); err != nil {
		return mail{}, err
	}
	if doctype != nil {
		root.InsertBefore(doctype, root.FirstChild)
	}
	dropEmptyMeta(root)
	if n := dropEmptyLinks(root); n > 0 {
		report(opts, "html", template.Note{Filter: "href", Cause: fmt.Sprintf("the address of %s came out empty: there is no link",
			human.Count(n, "link", "links"))})
	}
	if opts.Unsubscribe != "" && !links(root, opts.Unsubscribe) {
		appendFooter(root, opts)
	}
	text := trackMail(root, own, opts)
	prependPreheader(root, preheader)
	out, err := writeHTML(root, whole)
	if err != nil {
		return mail{}, err
	}
	return mail{html: out, text: text}, nil
}

// preheaderStyle hides the preheader from all but the list of an inbox.
const preheaderStyle = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"

// preheaderFill follows the preheader, so that an inbox does not show the beginning of the mail after a short one.
var preheaderFill = strings.Repeat("\u00a0\u200c", 60)

// prependPreheader puts the preheader at the beginning of the body.
func prependPreheader(root *html.Node, text string) {
	if text == "" {
		return
	}
	body := bodyOf(root)
	div := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div, Attr: []html.Attribute{{Key: "style", Val: preheaderStyle}}}
	div.AppendChild(&html.Node{Type: html.TextNode, Data: text + preheaderFill})
	body.InsertBefore(div, body.FirstChild)
}

// parseHTML parses a document, or a fragment of one, whose nodes it puts into a body element.
func parseHTML(source string, whole bool) (*html.Node, error) {
	root := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	var err error
	if whole {
		root, err = html.Parse(strings.NewReader(source))
	} else {
		var nodes []*html.Node
		nodes, err = html.ParseFragment(strings.NewReader(source), root)
		for _, n := range nodes {
			root.AppendChild(n)
		}
	}
	if err != nil {
		return nil, errors.New("is not HTML: it nests too deep or is malformed")
	}
	return root, nil
}

// writeHTML writes a document, or what is in the body of a fragment.
func writeHTML(root *html.Node, whole bool) (string, error) {
	var b strings.Builder
	var err error
	if whole {
		err = html.Render(&b, root)
	} else {
		for n := root.FirstChild; n != nil && err == nil; n = n.NextSibling {
			err = html.Render(&b, n)
		}
	}
	if err != nil {
		return "", errors.New("cannot be written as HTML")
	}
	return b.String(), nil
}

// doctypeOf takes the doctype out of a document; nil if there is none.
func doctypeOf(root *html.Node) *html.Node {
	for n := root.FirstChild; n != nil; n = n.NextSibling {
		if n.Type == html.DoctypeNode {
			root.RemoveChild(n)
			return n
		}
	}
	return nil
}

// dropEmptyMeta removes the meta elements whose meaning the policy took away, such as a redirect.
func dropEmptyMeta(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		named := attribute(c, "name") + attribute(c, "property") + attribute(c, "charset") + attribute(c, "http-equiv") +
			attribute(c, "itemprop")
		if c.Type == html.ElementNode && c.DataAtom == atom.Meta && named == "" {
			n.RemoveChild(c)
		} else {
			dropEmptyMeta(c)
		}
		c = next
	}
}

// dropEmptyLinks removes addresses that came out empty, which would open the mail itself, and returns how many.
func dropEmptyLinks(n *html.Node) (dropped int) {
	if n.Type == html.ElementNode && n.DataAtom == atom.A {
		for i, a := range n.Attr {
			if a.Key == "href" && strings.TrimSpace(a.Val) == "" {
				n.Attr = slices.Delete(n.Attr, i, i+1)
				dropped++
				break
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		dropped += dropEmptyLinks(c)
	}
	return dropped
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

// scheme returns the scheme of an address as browsers read it, in lower case; empty if it has none.
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

// safeLink reports whether a tap may open a link: web addresses and an app's own scheme, nothing that runs.
func safeLink(link string) bool {
	switch scheme(link) {
	case "javascript", "vbscript", "data", "file", "blob", "about", "view-source":
		return false
	}
	return true
}

// safeImage reports whether an address can be that of a picture in a notification: an absolute https or http address.
func safeImage(link string) bool {
	s := scheme(link)
	return link == "" || s == "https" || s == "http"
}

// attribute returns the value of an attribute; empty if it is not there.
func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && strings.EqualFold(a.Key, name) {
			return a.Val
		}
	}
	return ""
}

// links reports whether a visible link under n has the address target.
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

// unsubscribeWords is the text of the link that appendFooter adds, by language.
var unsubscribeWords = map[string]string{
	"en": "Unsubscribe", "ja": "配信停止", "zh": "退订", "ko": "수신 거부", "de": "Abmelden", "fr": "Se désabonner", "es": "Cancelar suscripción",
	"it": "Annulla iscrizione", "pt": "Cancelar subscrição", "nl": "Uitschrijven",
}

// unsubscribeWord returns the text in the customer's language, or in English.
func unsubscribeWord(language string) string {
	if name, ok := human.MatchLanguage(unsubscribeWords, language); ok {
		return unsubscribeWords[name]
	}
	return unsubscribeWords["en"]
}

// appendFooter adds a line with the unsubscribe link at the end of the body.
func appendFooter(root *html.Node, opts Options) {
	body := bodyOf(root)
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

// bodyOf returns the body of a document, or of a fragment.
func bodyOf(root *html.Node) *html.Node {
	if body := find(root, atom.Body); body != nil {
		return body
	}
	return root
}

// find returns the first element of a kind; nil if there is none.
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
