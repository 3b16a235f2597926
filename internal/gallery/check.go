package gallery

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Warning is something that readers of a mail will stumble over.
type Warning struct {
	Code  string // of diagnostics, as lint prints it
	Text  string
	Where string // the treatment; empty: that of the view
}

// Codes of warnings.
const (
	ClippedMail  = "clipped-mail"
	MissingAlt   = "missing-alt"
	LowContrast  = "low-contrast"
	InsecureLink = "insecure-link"
	MissingText  = "missing-text"
)

// ClipSize is the size of html, in bytes, above which Gmail cuts a mail off.
const ClipSize = 102 << 10

// Least contrasts of text by WCAG 2.2, AA: of large text (24 px, or 18.66 px and bold) and of other text.
const (
	leastContrast      = 4.5
	leastContrastLarge = 3.0
)

// Check returns what is wrong with the html of a rendered treatment.
func Check(fields map[string]string) []Warning {
	source, ok := fields["html"]
	if !ok || strings.TrimSpace(source) == "" {
		return nil
	}
	c := &checking{}
	if len(source) > ClipSize {
		c.warn(ClippedMail, "the html has %d KB: Gmail cuts mails off after %d KB, and hides what is below, the unsubscribe link too",
			(len(source)+1023)>>10, ClipSize>>10)
	}
	if strings.TrimSpace(fields["text"]) == "" {
		c.warn(MissingText, "there is no plain text: the html has only pictures, and readers without html see nothing")
	}
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		return c.found
	}
	c.walk(root, look{ink: rgb{0, 0, 0}, ground: rgb{255, 255, 255}, known: true, size: 16})
	return c.found
}

type checking struct{ found []Warning }

// warn adds a warning, once.
func (c *checking) warn(code, format string, args ...any) {
	w := Warning{Code: code, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.found, w) {
		c.found = append(c.found, w)
	}
}

type rgb struct{ r, g, b uint8 }

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// look is how text is shown at a place, as far as attributes of elements say.
type look struct {
	ink, ground rgb
	set         bool // an element sets one of the colors
	known       bool // both are known: no picture and no gradient is behind the text
	hidden      bool
	size        float64 // of the letters, in px
	bold        bool
}

func (c *checking) walk(n *html.Node, l look) {
	switch n.Type {
	case html.TextNode:
		if strings.TrimSpace(n.Data) != "" {
			c.text(n.Data, l)
		}
		return
	case html.ElementNode:
		switch n.DataAtom {
		case atom.Style, atom.Script, atom.Title, atom.Head:
			return
		}
		l = l.of(n)
		c.element(n, l)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(child, l)
	}
}

// element checks links and pictures.
func (c *checking) element(n *html.Node, l look) {
	value := func(key string) (string, bool) {
		for _, a := range n.Attr {
			if a.Key == key {
				return strings.TrimSpace(a.Val), true
			}
		}
		return "", false
	}
	switch n.DataAtom {
	case atom.Img:
		src, _ := value("src")
		if _, has := value("alt"); !has && !l.hidden {
			c.warn(MissingAlt, "the picture %s has no alt: readers without pictures miss it (alt=\"\" if it says nothing)", brief(src))
		}
		if strings.HasPrefix(strings.ToLower(src), "http://") {
			c.warn(InsecureLink, "the picture %s is without https: many readers do not show it", brief(src))
		}
	case atom.A, atom.Area:
		if href, _ := value("href"); strings.HasPrefix(strings.ToLower(href), "http://") {
			c.warn(InsecureLink, "the link %s is without https", brief(href))
		}
	}
}

func brief(address string) string { return strconv.Quote(human.Shorten(address, 80)) }

// text checks the contrast of a text.
func (c *checking) text(text string, l look) {
	if !l.set || !l.known || l.hidden {
		return
	}
	least := leastContrast
	if l.size >= 24 || l.bold && l.size >= 18.66 {
		least = leastContrastLarge
	}
	if ratio := contrast(l.ink, l.ground); ratio < least {
		c.warn(LowContrast, "%q has a contrast of %.1f (%s on %s), and needs %.1f to be readable", human.Shorten(text, 40),
			math.Floor(ratio*10)/10, l.ink, l.ground, least)
	}
}

var (
	declarations = regexp.MustCompile(`(?i)([-a-z]+)\s*:\s*([^;]+)`)
	pixels       = regexp.MustCompile(`(?i)^([\d.]+)(px|pt)`)
)

// of returns how the content of an element is shown.
func (l look) of(n *html.Node) look {
	switch n.DataAtom {
	case atom.B, atom.Strong, atom.Th, atom.H1, atom.H2, atom.H3:
		l.bold = true
	}
	if size := map[atom.Atom]float64{atom.H1: 32, atom.H2: 24, atom.H3: 18.72, atom.Small: 13}[n.DataAtom]; size > 0 {
		l.size = size
	}
	style := ""
	for _, a := range n.Attr {
		switch a.Key {
		case "href":
			if n.DataAtom == atom.A {
				l.ink = rgb{0, 0, 0xee} // unless it has a color of its own
			}
		case "bgcolor":
			l.back(a.Val)
		case "background":
			l.known = false
		case "color":
			if n.DataAtom == atom.Font {
				l.front(a.Val)
			}
		case "text":
			if n.DataAtom == atom.Body {
				l.front(a.Val)
			}
		case "hidden":
			l.hidden = true
		case "style":
			style = a.Val
		}
	}
	for _, d := range declarations.FindAllStringSubmatch(style, -1) {
		value := strings.TrimSpace(strings.TrimSuffix(strings.ToLower(strings.TrimSpace(d[2])), "!important"))
		switch strings.ToLower(d[1]) {
		case "color":
			l.front(value)
		case "background-color":
			l.back(value)
		case "background":
			if strings.Contains(value, "url(") || strings.Contains(value, "gradient") {
				l.known = false
			} else {
				color, _, _ := strings.Cut(value, " ")
				l.back(color)
			}
		case "background-image":
			l.known = l.known && value == "none"
		case "display":
			l.hidden = l.hidden || value == "none"
		case "visibility":
			l.hidden = l.hidden || value == "hidden"
		case "opacity", "mso-hide":
			l.hidden = l.hidden || value == "0" || value == "all"
		case "font-size":
			if m := pixels.FindStringSubmatch(value); m != nil {
				size, _ := strconv.ParseFloat(m[1], 64)
				if m[2] == "pt" {
					size *= 4.0 / 3
				}
				l.size = size
				l.hidden = l.hidden || size < 2 // a preview line
			}
		case "font-weight":
			weight, err := strconv.Atoi(value)
			l.bold = value == "bold" || value == "bolder" || err == nil && weight >= 700
		}
	}
	return l
}

func (l *look) front(text string) {
	if c, ok := parseColor(text); ok {
		l.ink, l.set = c, true
	} else if !inherits(text) {
		l.known = false
	}
}

func (l *look) back(text string) {
	if c, ok := parseColor(text); ok {
		l.ground, l.set, l.known = c, true, true
	} else if !inherits(text) {
		l.known = false
	}
}

func inherits(text string) bool {
	return slices.Contains([]string{"", "inherit", "transparent", "none", "currentcolor", "initial", "unset"}, strings.ToLower(text))
}

// colors are names that mails use.
var colors = map[string]rgb{
	"black": {0, 0, 0}, "white": {255, 255, 255}, "red": {255, 0, 0}, "green": {0, 128, 0}, "blue": {0, 0, 255}, "gray": {128, 128, 128},
	"grey": {128, 128, 128}, "silver": {192, 192, 192}, "lightgray": {211, 211, 211}, "lightgrey": {211, 211, 211},
	"darkgray": {169, 169, 169},
	"darkgrey": {169, 169, 169}, "dimgray": {105, 105, 105}, "navy": {0, 0, 128}, "teal": {0, 128, 128}, "maroon": {128, 0, 0},
	"purple": {128, 0, 128}, "olive": {128, 128, 0}, "orange": {255, 165, 0}, "yellow": {255, 255, 0}, "lime": {0, 255, 0},
	"aqua": {0, 255, 255}, "cyan": {0, 255, 255}, "fuchsia": {255, 0, 255}, "magenta": {255, 0, 255}, "pink": {255, 192, 203},
	"brown": {165, 42, 42}, "gold": {255, 215, 0}, "whitesmoke": {245, 245, 245},
}

var rgbCall = regexp.MustCompile(`^rgb\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*\)$`)

// parseColor reads #abc, #aabbcc, rgb(…) and names; ok is false for others, such as those that let something through.
func parseColor(text string) (c rgb, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if c, ok = colors[text]; ok {
		return c, true
	}
	if m := rgbCall.FindStringSubmatch(text); m != nil {
		var parts [3]uint8
		for i := range parts {
			n, err := strconv.ParseUint(m[i+1], 10, 8)
			if err != nil {
				return c, false
			}
			parts[i] = uint8(n)
		}
		return rgb{parts[0], parts[1], parts[2]}, true
	}
	digits := strings.TrimPrefix(text, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) != 6 {
		return c, false
	}
	return rgb{uint8(n >> 16), uint8(n >> 8 & 0xff), uint8(n & 0xff)}, true
}

// contrast returns the contrast ratio of two colors by WCAG: 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c rgb) float64 {
	part := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.r) + 0.7152*part(c.g) + 0.0722*part(c.b)
}
