package render

import (
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText writes a body as a person would type it: an empty line between paragraphs, list items with a dash or a
// number, links as "text (address)", images as their alt text. What a mail hides (its preview line, styles) is left
// out. tracked has the links that are written in another form.
func plainText(root *html.Node, tracked map[string]string) string {
	w := &textWriter{tracked: tracked}
	w.children(root)
	lines := strings.Split(w.b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if text == "" {
		return ""
	}
	return text + "\n"
}

// textWriter collects text. Line ends and spaces are owed, and written only before the next text.
type textWriter struct {
	b      strings.Builder
	breaks int    // line ends owed before the next text
	space  bool   // a space is owed before the next text
	begun  bool   // text was written since the last line end
	indent string // before each line
	pre    bool

	tracked map[string]string
}

// owe asks for at least n line ends before the next text.
func (w *textWriter) owe(n int) {
	w.breaks, w.space = max(w.breaks, n), false
}

// write adds text without folding its white space.
func (w *textWriter) write(s string) {
	if s == "" {
		return
	}
	if w.b.Len() == 0 {
		w.breaks = 0
	}
	if w.breaks > 0 {
		w.b.WriteString(strings.Repeat("\n", w.breaks))
		w.begun = false
	}
	if !w.begun {
		w.b.WriteString(w.indent)
	} else if w.space {
		w.b.WriteByte(' ')
	}
	w.b.WriteString(s)
	w.breaks, w.space, w.begun = 0, false, true
}

// text adds text with its white space folded.
func (w *textWriter) text(s string) {
	if w.pre {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.owe(w.breaks + 1)
			}
			w.write(line)
		}
		return
	}
	if s == "" {
		return
	}
	w.space = w.space || folds(rune(s[0]))
	for i, word := range strings.FieldsFunc(s, folds) {
		w.space = w.space || i > 0
		w.write(word)
	}
	w.space = w.space || folds(rune(s[len(s)-1]))
}

// folds reports whether HTML folds a character. A no-break space is kept.
func folds(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' || r == '\f' }

// children adds the nodes under n.
func (w *textWriter) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
}

var hiddenStyle = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all`)

// hidden reports whether a reader does not see an element.
func hidden(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "hidden" || a.Key == "style" && hiddenStyle.MatchString(a.Val) {
			return true
		}
	}
	return false
}

func (w *textWriter) node(n *html.Node) {
	if n.Type == html.TextNode {
		w.text(n.Data)
		return
	}
	if n.Type != html.ElementNode {
		if n.Type == html.DocumentNode {
			w.children(n)
		}
		return
	}
	if hidden(n) {
		return
	}
	switch n.DataAtom {
	case atom.Head, atom.Style, atom.Title, atom.Script:
	case atom.Br:
		w.owe(w.breaks + 1)
	case atom.Hr:
		w.owe(2)
		w.write("---")
		w.owe(2)
	case atom.Img:
		w.text(attribute(n, "alt"))
	case atom.A:
		w.link(n)
	case atom.Ul, atom.Ol:
		w.list(n)
	case atom.Pre:
		w.owe(2)
		w.pre = true
		w.children(n)
		w.pre = false
		w.owe(2)
	case atom.Blockquote:
		w.owe(2)
		outer := w.indent
		w.indent += "> "
		w.children(n)
		w.indent = outer
		w.owe(2)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Dl:
		w.owe(2)
		w.children(n)
		w.owe(2)
	case atom.Div,
		atom.Tr,
		atom.Li,
		atom.Dt,
		atom.Dd,
		atom.Section,
		atom.Article,
		atom.Header,
		atom.Footer,
		atom.Main,
		atom.Center,
		atom.Address,
		atom.Figure,
		atom.Caption,
		atom.Body:
		w.owe(1)
		w.children(n)
		w.owe(1)
	case atom.Td, atom.Th:
		w.space = w.begun
		w.children(n)
		w.space = w.begun
	default:
		w.children(n)
	}
}

// link adds a link: its text, and its address if the text does not show it.
func (w *textWriter) link(n *html.Node) {
	var inner textWriter
	inner.children(n)
	words := strings.Join(strings.Fields(inner.b.String()), " ")
	address := strings.TrimSpace(attribute(n, "href"))
	if strings.HasPrefix(address, "#") {
		address = ""
	}
	said := strings.TrimPrefix(strings.TrimPrefix(address, "mailto:"), "tel:")
	shown := address == "" || words == address || words == said
	if to := w.tracked[address]; to != "" && !keepsLink(n) {
		if said = to; shown {
			words = to
		}
	}
	switch {
	case shown:
		w.inline(n, words)
	case words == "":
		w.inline(n, said)
	default:
		w.inline(n, words+" ("+said+")")
	}
}

// inline writes words within a line, with the spaces that the text at both ends of n asks for.
func (w *textWriter) inline(n *html.Node, words string) {
	if first := n.FirstChild; first != nil && first.Type == html.TextNode && first.Data != "" && first.Data[0] <= ' ' {
		w.space = true
	}
	w.write(words)
	if last := n.LastChild; last != nil && last.Type == html.TextNode && last.Data != "" && last.Data[len(last.Data)-1] <= ' ' {
		w.space = true
	}
}

func (w *textWriter) list(n *html.Node) {
	outer := w.indent
	if outer == "" {
		w.owe(2)
	} else {
		w.owe(1)
	}
	number := 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode || c.DataAtom != atom.Li || hidden(c) {
			continue
		}
		number++
		mark := "- "
		if n.DataAtom == atom.Ol {
			mark = strconv.Itoa(number) + ". "
		}
		w.owe(1)
		w.indent = outer
		w.write(strings.TrimSuffix(mark, " "))
		w.space = true
		w.indent = outer + strings.Repeat(" ", len(mark))
		w.item(c)
	}
	w.indent = outer
	if outer == "" {
		w.owe(2)
	} else {
		w.owe(1)
	}
}

// item adds a list item. A paragraph at its start stays on the line of the mark.
func (w *textWriter) item(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && c.DataAtom == atom.P && !hidden(c) {
			w.space = true
			w.children(c)
			w.owe(1)
			continue
		}
		w.node(c)
	}
}
