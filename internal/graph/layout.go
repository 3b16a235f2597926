package graph

import "slices"

// Sizes of the drawing, in pixels.
const (
	cardWidth  = 240.0
	ruleWidth  = 220.0
	pillHeight = 20.0
	pillGap    = 5.0
	pillMost   = 210.0 // maximum width of a label
	columnGap  = 30.0
	stepGap    = 36.0 // between a step and the next
	busGap     = 16.0 // from a card to the horizontal line above its arms
	headGap    = 18.0 // from that line, or the labels on it, to the first card of an arm
	joinGap    = 14.0
	skipGap    = 18.0 // above a card that may be skipped
	skipAside  = 10.0 // next to it
	margin     = 24.0
	lanePad    = 30.0
	laneGap    = 34.0
	laneHead   = 34.0
	headroom   = 44.0 // above the paths, for edges between them
)

// frame is the horizontal extent of a block or an arm, to the left and to the right of its axis.
type frame struct {
	left, right float64
}

type point struct{ x, y float64 }

type box struct{ x, y, w, h float64 }

func (b box) right() float64  { return b.x + b.w }
func (b box) bottom() float64 { return b.y + b.h }

// card is a node with its position and its text, shortened to fit.
type card struct {
	box
	node   int
	when   []string
	title  []string
	lines  []string
	left   string // at the foot
	right2 string
	alert  string
	here   bool
}

// pill is the label of a way.
type pill struct {
	box
	text, share, full string
	quiet             bool
}

// line is an edge of straight segments.
type line struct {
	points []point
	kind   string // EdgeNext, EdgeJump, EdgeReroute, or a way past a step
	arrow  bool
	full   string
}

const lineSkip = "skip"

// scene is a drawing with the positions of all its parts.
type scene struct {
	g       *Graph
	overlay *Overlay
	cards   []card
	byNode  map[int]int // index into cards
	pills   []pill
	lines   []line
	panels  []panel
	jumps   []jump
	width   float64
	height  float64
}

// panel is the background of a path or of the rules.
type panel struct {
	box
	title string
}

// jump is an edge that is routed after all boxes have positions.
type jump struct {
	from int   // a node; or -1 and
	at   point // a point, if no card ends there
	to   int
	kind string
	// below reports that nothing follows the card on its axis, so that the edge may leave there.
	below bool
}

// arrange computes the position of everything. top is the space to leave for a heading.
//
// Journeys are trees with some jumps, so the layout is that of a structured program, and not that of a general graph: it
// can be read like the file, from top to bottom, and an edit changes the drawing only locally. Each path is a lane, and
// lanes are placed from left to right. Within a lane a sequence runs down a vertical axis; the arms of a step lie next to
// each other below it and join again:
//
//	      [ branch ]
//	   ┌──────┴──────┐        the bus, with a label (pill) on every arm
//	[ wait ]     [ send ]
//	   └──────┬──────┘        the join, if an enrollment can continue there
//	      [ exit ]
//
// It takes three passes:
//
//  1. measure, bottom-up: how far every block reaches to the left and right of its axis (frame).
//  2. lane, sequence, block, arms, top-down: positions. Only the downward lines of the tree are drawn in this pass.
//  3. route: edges that do not follow the tree (go_to, reroute) need all boxes. They run on a grid of lines next to the
//     boxes, along the cheapest path (A*); bends, crossings and shared segments cost extra. If the search exceeds
//     maxVisits, an edge runs along the right rim, which is always free.
//
// Invariants: boxes do not overlap, because every frame contains all its contents; routed edges cross no card; and the
// same graph yields the same bytes, because goldens and caches compare them. The code therefore iterates over no map, and
// widths of text come from a table (text.go) and not from a font.
func (g *Graph) arrange(o *Overlay, top float64) *scene {
	s := &scene{g: g, overlay: o, byNode: map[int]int{}}
	x, y := margin, margin+top
	switch {
	case slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.Kind == EdgeReroute }):
		y += headroom
	case len(g.lanes) > 1:
		y += headroom / 2
	}
	bottom := y
	if len(g.rules) > 0 {
		at := len(s.panels)
		s.panels = append(s.panels, panel{title: "at every step"})
		cy := y + laneHead
		for _, n := range g.rules {
			c := s.put(n, x+14, cy, ruleWidth)
			cy = c.bottom() + 14
		}
		s.panels[at].box = box{x, y, ruleWidth + 28, cy - y}
		bottom = max(bottom, cy)
		x += ruleWidth + 28 + laneGap
	}
	for i, l := range g.lanes {
		left, right := cardWidth/2, cardWidth/2
		s.measure(l.body, &left, &right)
		titled := len(g.lanes) > 1
		axis := x + lanePad + left
		cy := y
		if titled {
			cy += laneHead
		}
		at := len(s.panels)
		if titled {
			s.panels = append(s.panels, panel{title: "path " + l.name})
		}
		end := s.lane(l, axis, cy)
		if titled {
			s.panels[at].box = box{x, y, left + right + 2*lanePad, end + lanePad/2 - y}
		}
		x += left + right + 2*lanePad
		if i+1 < len(g.lanes) {
			x += laneGap
		}
		bottom = max(bottom, end+lanePad/2)
	}
	s.width, s.height = x+margin, bottom+margin
	for _, e := range g.Edges {
		if e.Kind == EdgeReroute {
			s.jumps = append(s.jumps, jump{from: e.From, to: e.To, kind: EdgeReroute})
		}
	}
	s.route()
	return s
}

// lane places a path and returns the y of its bottom.
func (s *scene) lane(l lane, axis, y float64) float64 {
	from := -1.0 // where a line comes from; negative: nowhere
	if l.entry >= 0 {
		c := s.put(l.entry, axis-cardWidth/2, y, cardWidth)
		from = c.bottom()
		y = from + stepGap
	}
	bottom, falls := s.sequence(l.body, axis, y, from)
	if len(l.body) == 0 {
		bottom, falls = y-stepGap, from >= 0
	}
	if l.end >= 0 {
		ey := bottom + stepGap
		if len(l.body) == 0 && from < 0 {
			ey = y
		}
		c := s.put(l.end, axis-cardWidth/2, ey, cardWidth)
		if falls {
			s.line(EdgeNext, true, "", point{axis, bottom}, point{axis, ey})
		}
		bottom = c.bottom()
	}
	return bottom
}

// sequence places a list of steps on an axis. from is the y at which a line to its first step starts; negative: no
// line. It returns the bottom, and whether a line continues from there.
func (s *scene) sequence(list sequence, axis, y, from float64) (bottom float64, falls bool) {
	bottom = y
	for i, b := range list {
		if i > 0 {
			y = bottom + stepGap
			from = bottom
			if !falls {
				from = -1
			}
		}
		bottom = s.block(b, axis, y, from)
		falls = b.behind
	}
	return bottom, falls
}

// block places a step and its arms, and returns the bottom on its axis.
func (s *scene) block(b *block, axis, y, from float64) float64 {
	n := &s.g.Nodes[b.node]
	shares := s.overlay.shares(n, b)
	cy := y
	if b.skip != nil {
		cy += skipGap
	}
	c := s.put(b.node, axis-cardWidth/2, cy, cardWidth)
	if from >= 0 {
		s.line(EdgeNext, true, "", point{axis, from}, point{axis, cy})
	}
	bottom := c.bottom()
	inner := slices.ContainsFunc(b.arms, arm.falls)
	switch {
	case b.jump >= 0:
		s.jumps = append(s.jumps, jump{from: b.node, to: b.jump, kind: EdgeJump, below: b.skip == nil})
	case b.split():
		bottom = s.arms(b, axis, bottom, shares)
	case s.labelled(b):
		start := bottom
		bottom = s.pillStack(s.onward(b), shares, axis, bottom+12)
		s.line(EdgeNext, false, "", point{axis, start}, point{axis, bottom})
	}
	if b.skip != nil {
		w := pillWidth(*b.skip, shares)
		bx := axis + b.frame.right - w/2
		join := bottom + joinGap
		s.line(lineSkip, false, b.skip.Full, point{axis, y + 2}, point{bx, y + 2}, point{bx, join}, point{axis, join})
		if inner {
			s.line(EdgeNext, false, "", point{axis, bottom}, point{axis, join})
		}
		s.pillStack([]way{*b.skip}, shares, bx, y+14)
		s.pills[len(s.pills)-1].quiet = true
		bottom = join
	}
	return bottom
}

// arms places the arms of a block next to each other.
func (s *scene) arms(b *block, axis, from float64, shares map[string]float64) float64 {
	axes, _ := s.columns(b, shares)
	middle := (axes[0] + axes[len(axes)-1]) / 2
	bus := from + busGap
	most := 0
	for _, a := range b.arms {
		most = max(most, len(a.ways))
	}
	top := bus + 10 + float64(most)*(pillHeight+pillGap) + headGap - pillGap
	bottoms := make([]float64, len(b.arms))
	deepest := top
	for i := range b.arms {
		a := &b.arms[i]
		cx := axis - middle + axes[i]
		after := s.pillStack(a.ways, shares, cx, bus+10)
		points := []point{{axis, from}, {axis, bus}, {cx, bus}}
		switch {
		case a.goesOn:
			bottoms[i] = after
		case a.jump >= 0:
			s.line(EdgeNext, false, a.ways[0].Full, append(points, point{cx, after + 4})...)
			s.jumps = append(s.jumps, jump{from: -1, at: point{cx, after + 4}, to: a.jump, kind: EdgeJump})
			bottoms[i] = after + 4
		default:
			head := top
			if len(a.body) > 0 && a.body[0].skip != nil {
				head += skipGap
			}
			s.line(EdgeNext, true, a.ways[0].Full, append(points, point{cx, head})...)
			bottoms[i], _ = s.sequence(a.body, cx, top, -1)
		}
		deepest = max(deepest, bottoms[i])
	}
	if !slices.ContainsFunc(b.arms, arm.falls) {
		return deepest
	}
	join := deepest + joinGap
	for i, a := range b.arms {
		cx := axis - middle + axes[i]
		switch {
		case a.goesOn:
			s.line(EdgeNext, false, a.ways[0].Full, point{axis, from}, point{axis, bus}, point{cx, bus}, point{cx, join}, point{axis, join})
		case a.falls():
			s.line(EdgeNext, false, "", point{cx, bottoms[i]}, point{cx, join}, point{axis, join})
		}
	}
	return join
}

// pillStack places labels below each other on a vertical line and returns the bottom.
func (s *scene) pillStack(ways []way, shares map[string]float64, cx, y float64) float64 {
	for _, w := range ways {
		width := pillWidth(w, shares)
		p := pill{box: box{cx - width/2, y, width, pillHeight}, text: fit(w.Label, pillMost, 11.5, false), full: w.Full}
		if share, ok := shares[w.Arm]; ok {
			p.share = Percent(share)
		}
		s.pills = append(s.pills, p)
		y += pillHeight + pillGap
	}
	return y - pillGap
}

func (s *scene) line(kind string, arrow bool, full string, points ...point) {
	s.lines = append(s.lines, line{points: points, kind: kind, arrow: arrow, full: full})
}

// put places the card of a node.
func (s *scene) put(node int, x, y, w float64) card {
	n := &s.g.Nodes[node]
	c := card{box: box{x, y, w, 0}, node: node}
	inner := w - 24
	c.h = headHeight + 8
	if n.When != "" {
		c.when = wrap("if "+n.When, inner, 11.5, false, 2)
		c.h += float64(len(c.when)) * smallLine
	}
	c.title = wrap(n.Title, inner, 13.5, true, 2)
	c.h += float64(len(c.title)) * titleLine
	for _, l := range n.Lines {
		room := min(2, maxLines-len(c.lines))
		if room <= 0 {
			c.lines[len(c.lines)-1] = fit(c.lines[len(c.lines)-1]+" …", inner, 12, false)
			break
		}
		c.lines = append(c.lines, wrap(l, inner, 12, false, room)...)
	}
	c.h += float64(len(c.lines))*textLine + 8
	c.left, c.right2, c.alert = s.overlay.foot(n)
	c.here = s.overlay.here(n)
	if c.left+c.right2 != "" {
		c.h += footHeight
	}
	if c.alert != "" {
		c.h += footHeight - 4
	}
	s.byNode[node] = len(s.cards)
	s.cards = append(s.cards, c)
	return c
}

// Heights in a card, in pixels.
const (
	headHeight = 24.0
	titleLine  = 18.0
	textLine   = 16.0
	smallLine  = 15.0
	footHeight = 24.0
	maxLines   = 5
)
