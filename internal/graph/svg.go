package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Options of SVG.
type Options struct {
	Overlay *Overlay // live numbers; nil: none
	// Inline omits heading and styles, for a page that provides both (Style).
	Inline bool
	// Message returns the address of a message's page, which the card of a step that says it links to; nil: cards link nowhere.
	Message func(name string) string
}

// SVG returns the graph as SVG, without scripts or external resources. The same graph and options always return the
// same bytes. With Inline, the page must include Style.
func (g *Graph) SVG(o Options) []byte {
	top := 0.0
	if !o.Inline {
		top = 52
	}
	s := g.arrange(o.Overlay, top)
	w := &writer{}
	if !o.Inline && s.width < 420 {
		s.width = 420
	}
	w.f(
		`<svg xmlns="http://www.w3.org/2000/svg" class="tabi-graph" role="img" width="%s" height="%s" viewBox="0 0 %s %s">`,
		num(s.width),
		num(s.height),
		num(s.width),
		num(s.height),
	)
	w.f("\n<title>%s</title>\n<desc>%s</desc>\n", esc("The journey "+g.Journey), esc(g.sentence()))
	if !o.Inline {
		w.f("<style>%s</style>\n", Style())
		w.f(`<rect class="ground" width="%s" height="%s"/>`+"\n", num(s.width), num(s.height))
		w.f(`<text class="name" x="%s" y="%s">%s</text>`+"\n", num(margin), num(margin+14), esc(fit(g.Journey, s.width-2*margin, 18, true)))
		about := human.Shorten(g.Description, 400)
		if about == "" && g.Owner != "" {
			about = "owner: " + human.Shorten(g.Owner, 80)
		}
		if about != "" {
			w.f(
				`<text class="about" x="%s" y="%s">%s</text>`+"\n",
				num(margin),
				num(margin+34),
				esc(fit(about, s.width-2*margin, 13, false)),
			)
		}
	}
	for _, p := range s.panels {
		w.f(`<rect class="panel" x="%s" y="%s" width="%s" height="%s" rx="10"/><text class="lane" x="%s" y="%s">%s</text>`+"\n",
			num(p.x), num(p.y), num(p.w), num(p.h), num(p.x+14), num(p.y+21), esc(fit(p.title, p.w-28, 12, true)))
	}
	for _, l := range s.lines {
		w.line(l)
	}
	for _, p := range s.pills {
		w.pill(p)
	}
	for i := range s.cards {
		card := &s.cards[i]
		link := ""
		if said := g.Nodes[card.node].spec.Messages; o.Message != nil && len(said) > 0 {
			link = o.Message(said[0].Message)
		}
		if link != "" {
			w.f(`<a href="%s" aria-label="%s">`, esc(link), esc("the message "+g.Nodes[card.node].spec.Messages[0].Message))
		}
		w.card(g, card)
		if link != "" {
			w.f("</a>\n")
		}
	}
	w.f("</svg>\n")
	return w.Bytes()
}

// sentence describes the drawing in words, for people who cannot see it.
func (g *Graph) sentence() string {
	steps := 0
	for _, n := range g.Nodes {
		if n.Step != "" {
			steps++
		}
	}
	text := fmt.Sprintf("A flow chart of %s on %s.", human.Count(steps, "step", "steps"), human.Count(len(g.lanes), "path", "paths"))
	if g.Description != "" {
		text = strings.TrimSpace(human.Shorten(g.Description, 400)) + " " + text
	}
	return text
}

type writer struct{ bytes.Buffer }

func (w *writer) f(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func esc(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // writing to a buffer never fails
	return out.String()
}

// num formats a length with at most one decimal.
func num(v float64) string {
	v = math.Round(v*10) / 10
	if v == math.Trunc(v) {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%.1f", v)
}

// line draws an edge with round corners and an arrow head.
func (w *writer) line(l line) {
	points := straight(l.points)
	if len(points) < 2 {
		return
	}
	last := points[len(points)-1]
	before := points[len(points)-2]
	head := ""
	if l.arrow {
		dx, dy := unit(before, last)
		tip := last
		last = point{last.x - dx*7, last.y - dy*7}
		points[len(points)-1] = last
		head = fmt.Sprintf(`<path class="head" d="M%s %sL%s %sL%s %sz"/>`, num(tip.x), num(tip.y),
			num(tip.x-dx*9-dy*4.5), num(tip.y-dy*9+dx*4.5), num(tip.x-dx*9+dy*4.5), num(tip.y-dy*9-dx*4.5))
	}
	w.f(`<g class="edge %s">`, l.kind)
	if l.full != "" {
		w.f("<title>%s</title>", esc(human.Shorten(l.full, 300)))
	}
	w.f(`<path d="%s"/>%s</g>`+"\n", rounded(points), head)
}

func unit(a, b point) (dx, dy float64) {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return 0, 1
	}
	return (b.x - a.x) / length, (b.y - a.y) / length
}

func rounded(points []point) string {
	var d strings.Builder
	fmt.Fprintf(&d, "M%s %s", num(points[0].x), num(points[0].y))
	for i := 1; i < len(points); i++ {
		p := points[i]
		if i+1 == len(points) {
			fmt.Fprintf(&d, "L%s %s", num(p.x), num(p.y))
			break
		}
		a, b := points[i-1], points[i+1]
		r := min(8, math.Hypot(p.x-a.x, p.y-a.y)/2, math.Hypot(b.x-p.x, b.y-p.y)/2)
		dx1, dy1 := unit(p, a)
		dx2, dy2 := unit(p, b)
		fmt.Fprintf(&d, "L%s %sQ%s %s %s %s", num(p.x+dx1*r), num(p.y+dy1*r), num(p.x), num(p.y), num(p.x+dx2*r), num(p.y+dy2*r))
	}
	return d.String()
}

func (w *writer) pill(p pill) {
	class := "way"
	if p.quiet {
		class = "way quiet"
	}
	w.f(`<g class="%s"><title>%s</title><rect x="%s" y="%s" width="%s" height="%s" rx="10"/><text x="%s" y="%s">%s`,
		class, esc(human.Shorten(p.full, 300)), num(p.x), num(p.y), num(p.w), num(p.h), num(p.x+p.w/2), num(p.y+14), esc(p.text))
	if p.share != "" {
		w.f(`<tspan class="share" dx="5">%s</tspan>`, esc(p.share))
	}
	w.f("</text></g>\n")
}

func (w *writer) card(g *Graph, c *card) {
	n := &g.Nodes[c.node]
	round := 9.0
	class := "card " + lookOf(n).hue
	if n.ends() || n.Kind == KindEnd {
		class += " end"
		round = 16
	}
	if c.here {
		class += " here"
	}
	w.f(`<g class="%s"><title>%s</title>`, class, esc(full(n.Full, c)))
	w.f(`<rect class="body" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, num(c.x), num(c.y), num(c.w), num(c.h), num(round))
	w.f(
		`<path class="strip" d="M%s %sv%sa%s %s 0 0 1 %s %sh%sa%s %s 0 0 1 %s %sv%sz"/>`,
		num(
			c.x+0.5,
		),
		num(c.y+headHeight),
		num(-(headHeight - round - 0.5)),
		num(round),
		num(round),
		num(round),
		num(-round),
		num(c.w-2*round-1),
		num(round),
		num(round),
		num(round),
		num(round),
		num(headHeight-round-0.5),
	)
	w.f(`<path class="icon" transform="translate(%s %s)" d="%s"/>`, num(c.x+9), num(c.y+4.5), lookOf(n).icon)
	kind := strings.ToUpper(lookOf(n).label)
	w.f(`<text class="kind" x="%s" y="%s">%s</text>`, num(c.x+30), num(c.y+16.5), esc(kind))
	if n.named {
		room := c.w - 30 - 12 - measure(kind, 11, true)*1.1 - 10
		w.f(`<text class="id" x="%s" y="%s">%s</text>`, num(c.right()-10), num(c.y+16.5), esc(fit(n.Step, room, 11, false)))
	}
	y := c.y + headHeight + 4
	text := func(class, text string, step float64) {
		y += step
		w.f(`<text class="%s" x="%s" y="%s">%s</text>`, class, num(c.x+12), num(y-3), esc(text))
	}
	for _, l := range c.when {
		text("when", l, smallLine)
	}
	for _, l := range c.title {
		text("title", l, titleLine)
	}
	for _, l := range c.lines {
		text("more", l, textLine)
	}
	if c.left+c.right2 != "" {
		foot := c.bottom() - footHeight
		if c.alert != "" {
			foot -= footHeight - 4
		}
		w.f(`<path class="rule" d="M%s %sh%s"/>`, num(c.x+1), num(foot), num(c.w-2))
		if c.left != "" {
			w.f(`<text class="now" x="%s" y="%s">%s</text>`, num(c.x+12), num(foot+16), esc(fit(c.left, c.w-24, 12, true)))
		}
		if c.right2 != "" {
			w.f(`<text class="passed" x="%s" y="%s">%s</text>`, num(c.right()-12), num(foot+16), esc(c.right2))
		}
	}
	if c.alert != "" {
		w.f(`<text class="alarm" x="%s" y="%s">%s</text>`, num(c.x+12), num(c.bottom()-8), esc(fit(c.alert, c.w-24, 12, true)))
	}
	w.f("</g>\n")
}

// full returns the tooltip of a card.
func full(text string, c *card) string {
	if c.left+c.right2 != "" {
		text += "\n" + strings.Trim(c.left+", "+c.right2, ", ")
	}
	if c.alert != "" {
		text += "\n" + c.alert
	}
	return text
}
