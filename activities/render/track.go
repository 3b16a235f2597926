package render

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Links makes the tracked links of one send.
type Links interface {
	// Track returns the tracked form of each of a message's links that can be tracked, in the order of the message.
	Track(links []string) map[string]string
	// Pixel returns the address of the picture that reports an open; empty: the message has none.
	Pixel() string
}

// untracked is the attribute of a link that stays as it is: data-track="false".
const untracked = "data-track"

// tracks reports whether a link may be tracked: it is no link to a page of tabi itself, and the designer has not said otherwise.
func (o Options) tracks(link string) bool {
	for _, page := range []string{o.Unsubscribe, o.Preferences, o.Confirm} {
		if page != "" && strings.HasPrefix(link, page) {
			return false
		}
	}
	return true
}

// isLink reports whether a node is a link that a reader can follow.
func isLink(n *html.Node) bool {
	return n.Type == html.ElementNode && (n.DataAtom == atom.A || n.DataAtom == atom.Area)
}

// dropBreaks removes what browsers pass over within an address.
var dropBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// webLink returns an address as browsers read it: without spaces around it, and without tabs and line breaks in it.
func webLink(value string) string { return dropBreaks.Replace(strings.TrimSpace(value)) }

// keepsLink reports whether the designer wants a link as it is.
func keepsLink(n *html.Node) bool {
	switch strings.ToLower(strings.TrimSpace(attribute(n, untracked))) {
	case "false", "off", "no":
		return true
	}
	return false
}

// In a conditional comment, where Outlook's buttons are, outlookTag matches a tag that a reader can follow: no style sheet, and no base
// of other links. outlookLink matches its link, and outlookKeeps that the designer wants it as it is.
var (
	outlookTag   = regexp.MustCompile(`(?i)<(?:a|area|v:[a-z]+)\s(?:"[^"]*"|'[^']*'|[^<>"'])*>`)
	outlookLink  = regexp.MustCompile(`(?i)(\shref\s*=\s*)(?:"([^"]*)"|'([^']*)')`)
	outlookKeeps = regexp.MustCompile(`(?i)\s` + untracked + `\s*=\s*["']?\s*(?:false|off|no)\b["']?`)
)

// eachLink calls do with every link under n that may be tracked, and puts what it returns in its place.
func eachLink(n *html.Node, opts Options, do func(link string) string) {
	switch {
	case isLink(n) && !keepsLink(n):
		for i, a := range n.Attr {
			if link := webLink(a.Val); a.Namespace == "" && a.Key == "href" && link != "" && opts.tracks(link) {
				n.Attr[i].Val = do(link)
			}
		}
	case n.Type == html.CommentNode && strings.HasPrefix(strings.TrimSpace(n.Data), "[if"):
		n.Data = outlookTag.ReplaceAllStringFunc(n.Data, func(tag string) string {
			if outlookKeeps.MatchString(tag) {
				return tag
			}
			return outlookLink.ReplaceAllStringFunc(tag, func(whole string) string {
				part := outlookLink.FindStringSubmatch(whole)
				link := webLink(html.UnescapeString(part[2] + part[3]))
				if link == "" || !opts.tracks(link) {
					return whole
				}
				if put := do(link); put != link {
					return part[1] + `"` + html.EscapeString(put) + `"`
				}
				return whole
			})
		})
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		eachLink(c, opts, do)
	}
}

// dropTrackAttributes removes the attributes by which designers keep links from being tracked.
func dropTrackAttributes(n *html.Node) {
	if isLink(n) {
		for i, a := range n.Attr {
			if a.Key == untracked {
				n.Attr = append(n.Attr[:i], n.Attr[i+1:]...)
				break
			}
		}
	}
	if n.Type == html.CommentNode {
		n.Data = outlookKeeps.ReplaceAllString(n.Data, "")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		dropTrackAttributes(c)
	}
}

// trackMail tracks the links of a mail's body, and of the text that the designer wrote for it, if there is one. It returns the text.
func trackMail(root *html.Node, own string, opts Options) (text string) {
	defer dropTrackAttributes(root)
	if opts.Links == nil {
		if strings.TrimSpace(own) == "" {
			return plainText(root, nil)
		}
		return own
	}
	tracked := opts.Links.Track(collect(func(do func(link string) string) {
		eachLink(root, opts, do)
		eachTextLink(own, opts, do)
	}))
	text = eachTextLink(own, opts, into(tracked))
	if strings.TrimSpace(own) == "" {
		text = plainText(root, tracked)
	}
	eachLink(root, opts, into(tracked))
	if pixel := opts.Links.Pixel(); pixel != "" {
		appendPixel(root, pixel)
	}
	return text
}

// appendPixel adds the picture that reports an open at the end of the body. It is not hidden: some readers load no hidden pictures.
func appendPixel(root *html.Node, address string) {
	bodyOf(root).AppendChild(&html.Node{Type: html.ElementNode, Data: "img", DataAtom: atom.Img, Attr: []html.Attribute{
		{Key: "src", Val: address}, {Key: "width", Val: "1"}, {Key: "height", Val: "1"}, {Key: "alt", Val: ""},
		{Key: "style", Val: "display:block;width:1px;height:1px;border:0"},
	}})
}

// textLink matches a web address in a text. What ends a sentence is cut off by trimLink.
var textLink = regexp.MustCompile("(?i)\\bhttps?://[^\\s<>\"`「」『』【】〈〉《》（）、。，；！？]+")

// eachTextLink returns a text in which do has replaced every link that may be tracked.
func eachTextLink(text string, opts Options, do func(link string) string) string {
	return textLink.ReplaceAllStringFunc(text, func(whole string) string {
		link := trimLink(whole)
		if !opts.tracks(link) {
			return whole
		}
		return do(link) + whole[len(link):]
	})
}

// trimLink cuts off what ends the sentence that an address is in, and a bracket that was opened before it.
func trimLink(link string) string {
	for link != "" {
		last := link[len(link)-1]
		switch {
		case strings.IndexByte(".,;:!?'*|", last) >= 0:
		case last == ')' && strings.Count(link, ")") > strings.Count(link, "("):
		case last == ']' && strings.Count(link, "]") > strings.Count(link, "["):
		case last == '}' && strings.Count(link, "}") > strings.Count(link, "{"):
		default:
			return link
		}
		link = link[:len(link)-1]
	}
	return link
}

// trackFields tracks the links of a message without html: what a tap opens, and those in its texts.
func trackFields(fields map[string]string, opts Options) {
	if opts.Links == nil {
		return
	}
	visit := func(do func(link string) string) {
		for _, name := range sortedKeys(fields) {
			value := fields[name]
			switch {
			case name == "link" || strings.HasSuffix(name, ".link"):
				if value != "" && opts.tracks(value) {
					fields[name] = do(value)
				}
			case name == "text" || strings.HasPrefix(name, "values."):
				fields[name] = eachTextLink(value, opts, do)
			}
		}
	}
	tracked := opts.Links.Track(collect(visit))
	visit(into(tracked))
}

// collect returns the links that are visited, and leaves them as they are.
func collect(visit func(do func(link string) string)) (found []string) {
	visit(func(link string) string {
		found = append(found, link)
		return link
	})
	return found
}

// into returns the tracked form of a link, or the link itself if it has none.
func into(tracked map[string]string) func(link string) string {
	return func(link string) string {
		if to, ok := tracked[link]; ok {
			return to
		}
		return link
	}
}
