package gallery

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/sms"
)

//go:embed templates
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"kb":      func(n int) string { return fmt.Sprintf("%.1f KB", float64(n)/1024) },
	"letter":  initial,
	"sides":   func() []bool { return []bool{false, true} },
	"webpage": func(link string) bool { return strings.HasPrefix(link, "https://") },
}).ParseFS(files, "templates/*.html"))

// ContentPolicy is the Content-Security-Policy of a page with a gallery, beside the sources of its own styles: pictures of mails are
// loaded as a reader would load them, over https alone, and nothing runs.
const ContentPolicy = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' https: data:; object-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// card is a view as its template shows it.
type card struct {
	View
	Look    string // mail, push, chat, app or fields
	Bubbles []string
	Image   string
	Buttons []map[string]string
	Rest    []pair // fields that the look has no place for
	Frames  []frame
	Size    int // of the html
	Dark    bool
	Letters int
	// Segments says what a text message costs: 2 segments of UCS-2, because of ’. Empty: it is none.
	Segments string
}

type pair struct{ Name, Text string }

type frame struct {
	Label     string
	Doc       template.HTMLAttr // srcdoc="…"
	Width     int
	Height    int
	Dark      bool
	IsWide    bool
	ShownHigh int
}

// section is the cards of a channel.
type section struct {
	Channel string
	Doc     string
	Cards   []card
	Odd     []card
}

// Fragment returns a gallery as html for the middle of a page. Style must be on the page.
func (g *Gallery) Fragment(specs []channel.Spec) (template.HTML, error) {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "gallery", g.sections(specs)); err != nil {
		return "", fmt.Errorf("the gallery of %s: %w", g.Message, err)
	}
	return template.HTML(out.String()), nil
}

// Style returns the style sheet of fragments.
func Style() template.CSS {
	data, err := files.ReadFile("templates/gallery.css")
	if err != nil { // it is embedded
		return ""
	}
	return template.CSS(data)
}

// Page is a whole page with galleries, or an index of such pages.
type Page struct {
	Title     string
	Galleries []*Gallery
	Index     []Entry // links to other pages, in place of galleries
	Back      string  // address of the index; empty: none
	Note      string
}

// Entry is a line of an index.
type Entry struct {
	Name, About, File string
	Subject           string
	Warnings          int
	Channels          []string
}

// HTML returns the page. It is one file: it has its styles, frames and texts in it, runs nothing, and loads nothing except the pictures
// of mails.
func (p Page) HTML(specs []channel.Spec) ([]byte, error) {
	type part struct {
		*Gallery
		Fragment template.HTML
		Warned   []Warning
	}
	data := struct {
		Page
		Style template.CSS
		Parts []part
	}{Page: p, Style: Style()}
	for _, g := range p.Galleries {
		fragment, err := g.Fragment(specs)
		if err != nil {
			return nil, err
		}
		data.Parts = append(data.Parts, part{g, fragment, g.Warnings()})
	}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "page.html", data); err != nil {
		return nil, fmt.Errorf("the page %s: %w", p.Title, err)
	}
	return out.Bytes(), nil
}

// sections returns the cards, by channel.
func (g *Gallery) sections(specs []channel.Spec) []section {
	var out []section
	for _, spec := range specs {
		s := section{Channel: spec.Name, Doc: spec.Doc}
		for i := range g.Views {
			if g.Views[i].Channel != spec.Name {
				continue
			}
			c := newCard(g.Views[i], spec)
			if c.Odd {
				s.Odd = append(s.Odd, c)
			} else {
				s.Cards = append(s.Cards, c)
			}
		}
		if len(s.Cards)+len(s.Odd) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// segments returns in how many segments a text message is sent, and which characters make them shorter.
func segments(text string) string {
	n := sms.Segments(text)
	out := fmt.Sprintf("%d segments of %s", n.Segments, n.Encoding)
	if n.Segments == 1 {
		out = fmt.Sprintf("1 segment of %s", n.Encoding)
	}
	if len(n.Odd) > 0 && len(n.Odd) <= 5 { // more are another script
		out += ", because of " + string(n.Odd)
	}
	return out
}

// looks are how the channels that tabi ships are shown. Another channel is shown as its fields.
var looks = map[string]string{
	"email": "mail", "push": "push", "web_push": "push", "sms": "chat", "line": "chat", "whatsapp": "chat", "slack": "chat", "app": "app",
}

func newCard(v View, spec channel.Spec) card {
	c := card{View: v, Look: cmp.Or(looks[spec.Name], "fields"), Image: v.Fields["image"], Buttons: channel.Items(v.Fields, "buttons")}
	if c.Look == "mail" && v.Fields["html"] == "" {
		c.Look = "text"
	}
	shown := []string{"subject", "preheader", "from", "reply_to", "html", "text", "title", "body", "image", "link"}
	if c.Look == "fields" {
		shown = nil
	}
	for _, name := range fieldOrder(v.Fields, spec) {
		if !slices.Contains(shown, name) && (c.Look == "fields" || !strings.HasPrefix(name, "buttons.")) {
			c.Rest = append(c.Rest, pair{name, v.Fields[name]})
		}
	}
	switch c.Look {
	case "mail":
		c.mail()
	case "chat":
		c.Letters = len([]rune(v.Fields["text"]))
		if spec.Name == "sms" {
			c.Segments = segments(v.Fields["text"])
		}
		if text := v.Fields["text"]; text != "" {
			c.Bubbles = append(c.Bubbles, text)
		}
	}
	return c
}

// mail adds the frames of a mail.
func (c *card) mail() {
	source, text := c.Fields["html"], c.Fields["text"]
	c.Size, c.Dark = len(source), SupportsDark(source)
	for _, wide := range []bool{false, true} {
		for _, dark := range []bool{false, true} {
			f := frame{Doc: srcdoc(Document(source, dark)), Dark: dark, IsWide: wide, Width: Narrow, Height: height(source, text, wide)}
			f.Label, f.ShownHigh = "390 px", f.Height
			if wide {
				f.Width, f.Label = Wide, "1280 px, half size"
				f.ShownHigh = f.Height / 2
			}
			switch {
			case dark && c.Dark:
				f.Label += ", dark"
			case dark:
				f.Label += ", darkened by the reader"
			default:
				f.Label += ", light"
			}
			c.Frames = append(c.Frames, f)
		}
	}
}

// fieldOrder returns the names of fields as the channel lists them, then others.
func fieldOrder(fields map[string]string, spec channel.Spec) []string {
	var out []string
	for _, f := range spec.Fields {
		if _, ok := fields[f.Name]; ok {
			out = append(out, f.Name)
		}
	}
	var rest []string
	for name := range fields {
		if !slices.Contains(out, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(out, rest...)
}

// Subject returns the first words of a message, for an index.
func (g *Gallery) Subject() string {
	for i := range g.Views {
		for _, name := range []string{"subject", "title", "text", "body"} {
			if text := g.Views[i].Fields[name]; text != "" {
				return human.Shorten(text, 90)
			}
		}
	}
	return ""
}

// Channels returns the channels that the message has a treatment for, in order.
func (g *Gallery) Channels() []string {
	var out []string
	for i := range g.Views {
		if !slices.Contains(out, g.Views[i].Channel) {
			out = append(out, g.Views[i].Channel)
		}
	}
	return out
}

// initial returns the letter that stands where a sender's picture would be.
func initial(text string) string {
	for _, r := range text {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// srcdoc returns the attribute of a frame with a document. html/template would take the tags out of the document.
func srcdoc(document string) template.HTMLAttr {
	return template.HTMLAttr(`srcdoc="` + template.HTMLEscapeString(document) + `"`)
}
