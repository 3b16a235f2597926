package render

import (
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// mailPolicy says what a mail may hold; bluemonday enforces it. It is an allowlist: the tag of an element that is not
// listed goes and its content stays, except for the elements in dropped, which go with their content. An attribute
// that is not listed, or whose value does not match, goes alone. See docs/decisions/0012.
//
// Mail readers need more than web pages do: style elements (media queries), style attributes (many readers ignore
// style elements), layout tables with their old attributes, and conditional comments for Outlook. All of these are kept.
var mailPolicy = newMailPolicy()

// mailElements may be in a mail, with or without attributes.
const mailElements = `html head body title meta link style
	a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn
	dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main map area mark nav
	ol p picture pre q rp rt ruby s samp section small source span strike strong sub summary sup table tbody td tfoot
	th thead time tr tt u ul var wbr`

// dropped are elements that go with what is in them.
const dropped = `script noscript noembed noframes iframe frame frameset object embed applet portal template math svg`

// mailAttributes may be on any element, with any value.
const mailAttributes = `align valign width height bgcolor border bordercolor cellpadding cellspacing class color colspan
	rowspan compact datetime dir face frame height hidden hspace vspace id lang name noshade nowrap role rules scope size
	span start summary title type value reversed alt abbr axis headers char charoff clear rel target media shape coords
	charset content itemprop itemscope itemtype property xmlns xmlns:v xmlns:o xml:lang link alink vlink text
	leftmargin topmargin marginwidth marginheight sizes
	aria-hidden aria-label aria-labelledby aria-describedby aria-roledescription aria-level`

// An address is relative (no colon before the first slash, question mark or hash), or its scheme is listed. Readers
// ignore spaces and control characters inside a scheme ("java\nscript:"), so nothing but the listed schemes may be
// before a colon.
const (
	relative     = `[^:/?#]*(?:[/?#]|$)`
	linkSchemes  = `https?:|mailto:|tel:`
	imageSchemes = `https?:|cid:|data:image/|mailto:|tel:`
)

var (
	linkAddress  = regexp.MustCompile(`(?i)^[\x00-\x20]*(?:` + linkSchemes + `|` + relative + `)`)
	imageAddress = regexp.MustCompile(`(?i)^[\x00-\x20]*(?:` + imageSchemes + `|` + relative + `)`)
	// imageSet is a srcset: addresses with an optional width or density, separated by commas.
	imageSet = regexp.MustCompile(`(?i)^\s*(?:https?:[^\s,]*|[^:\s,]*)(?:\s[^,:]*)?(?:,\s*(?:https?:[^\s,]*|[^:\s,]*)(?:\s[^,:]*)?)*$`)
	// contentType is the only http-equiv of a mail: others redirect, or set cookies.
	contentType = regexp.MustCompile(`(?i)^content-type$`)
	styleValue  = regexp.MustCompile(`(?i)^\s*(?:(?:` + declaration + `)?\s*(?:;\s*|$))*$`)
)

// Parts of a style attribute. A declaration is `name: value`. Old readers run what `behavior` and `-moz-binding` point
// to, and what is in `expression(…)`; so those names are left out, functions are listed, and an address in url(…) has
// to be one that an image may have. A backslash could spell any of these another way.
const (
	declaration = `(?:` + property + `)\s*:(?:` + function + `|` + address + `|` + quoted + `|[^\\():;"'])*`
	property    = `[ac-z][-a-z]*|b[a-df-z][-a-z]*|-(?:webkit|ms|o)-[-a-z]+|-moz-[ac-z][-a-z]*|--[-\w]+`
	function    = `\b(?:rgba?|hsla?|calc|min|max|clamp|var|attr|counter|translate[xyz]?|rotate|scale[xy]?|skew[xy]?|matrix|` +
		`cubic-bezier|steps|blur|opacity|brightness|drop-shadow|format|image-set|(?:repeating-)?(?:linear|radial|conic)-gradient)` +
		`\((?:[^\\():;"']|\((?:[^\\():;"'])*\)|\b(?:rgba?|hsla?|calc|var)\([^\\():;"']*\))*\)`
	address = `\burl\(\s*["']?(?:(?:https?:|cid:|data:image/)[^\\()"']*|[^\\():"'/?#]*(?:[/?#][^\\()"']*)?)["']?\s*\)`
	quoted  = `"[^"\\]*"|'[^'\\]*'`
)

func newMailPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	elements := strings.Fields(mailElements)
	p.AllowElements(elements...)
	p.AllowNoAttrs().OnElements(elements...)
	p.SkipElementsContent(strings.Fields(dropped)...)
	p.AllowUnsafe(true) // for the content of style elements; script is not among mailElements, and goes
	p.AllowComments()
	p.AllowDataAttributes()
	p.AllowAttrs(strings.Fields(mailAttributes)...).Globally()
	p.AllowAttrs("style").Matching(styleValue).Globally()
	p.AllowAttrs("href").Matching(linkAddress).OnElements("a", "area", "link")
	p.AllowAttrs("cite").Matching(linkAddress).OnElements("blockquote", "q", "del", "ins")
	p.AllowAttrs("usemap").Matching(regexp.MustCompile(`^#`)).OnElements("img")
	p.AllowAttrs("src").Matching(imageAddress).OnElements("img")
	p.AllowAttrs("srcset").Matching(imageSet).OnElements("img", "source")
	p.AllowAttrs("background").Matching(imageAddress).Globally()
	p.AllowAttrs("http-equiv").Matching(contentType).OnElements("meta")
	return p
}
