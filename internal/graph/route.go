package graph

import (
	"container/heap"
	"math"
	"slices"
)

// Costs of a routed edge, in pixels of length.
const (
	bendCost   = 45.0
	crossCost  = 60.0
	insideCost = 0.8     // extra per pixel on the background of a path
	alongCost  = 16.0    // times the length shared with another edge
	maxVisits  = 200_000 // per drawing; the remaining edges run along the rim
	clear      = 8.0     // minimum distance of edges from cards
	aside      = 14.0    // distance at which edges pass cards
)

// route draws the jumps around everything else. Jumps to the same card are routed together, because they may share
// segments.
func (s *scene) route() {
	if len(s.jumps) == 0 {
		return
	}
	g := s.newGrid()
	for _, l := range s.lines {
		g.mark(l.points)
	}
	slices.SortStableFunc(s.jumps, func(a, b jump) int { return a.to - b.to })
	var together [][]point
	for i, j := range s.jumps {
		to := s.cards[s.byNode[j.to]]
		var points []point
		if g != nil {
			points = g.find(s.starts(j), s.ends(j, to))
		}
		if points == nil {
			points = s.plain(j, to)
		}
		s.lines = append(s.lines, line{points: points, kind: j.kind, arrow: true, full: s.jumpTitle(j)})
		together = append(together, points)
		if i+1 == len(s.jumps) || s.jumps[i+1].to != j.to || s.jumps[i+1].kind != j.kind {
			for _, points := range together {
				g.mark(points)
			}
			together = nil
		}
	}
}

func (s *scene) jumpTitle(j jump) string {
	to := s.g.Nodes[j.to]
	name := to.Step
	if name == "" {
		name = to.Title
	}
	if j.kind == EdgeReroute {
		return "reroute to " + name
	}
	return "go to " + name
}

// port is where an edge leaves or enters a card, and the nearest point of the grid.
type port struct {
	rim, near point
}

func sides(c box) []port {
	cy := c.y + headHeight/2
	return []port{
		{point{c.x, cy}, point{c.x - aside, cy}},
		{point{c.right(), cy}, point{c.right() + aside, cy}},
	}
}

func (s *scene) starts(j jump) []port {
	if j.from < 0 {
		return []port{{j.at, j.at}}
	}
	c := s.cards[s.byNode[j.from]]
	out := sides(c.box)
	if j.below {
		cx := c.x + c.w/2
		out = append(out, port{point{cx, c.bottom()}, point{cx, c.bottom() + aside}})
	}
	return out
}

func (s *scene) ends(j jump, to card) []port {
	out := sides(to.box)
	for _, l := range s.g.lanes[min(1, len(s.g.lanes)):] { // the first card of another path has nothing above it
		if len(l.nodes) > 0 && l.nodes[0] == j.to {
			cx := to.x + to.w/2
			out = append(out, port{point{cx, to.y}, point{cx, to.y - aside}})
		}
	}
	return out
}

// plain returns an edge along the right rim of the drawing, for jumps without a better route.
func (s *scene) plain(j jump, to card) []point {
	from := s.starts(j)[0].rim
	if j.from >= 0 {
		from = sides(s.cards[s.byNode[j.from]].box)[1].rim
	}
	end := sides(to.box)[1].rim
	rim := s.width - margin/2
	return []point{from, {rim, from.y}, {rim, end.y}, end}
}

// spot is a point of the grid and the direction in which it was reached: 0 right, 1 down, 2 left, 3 up.
type spot struct{ i, j, dir int }

type visit struct {
	spot
	cost, guess float64
	from        int // index into the visits before; -1: a start
	port        int
	order       int
}

type frontier []visit

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(a, b int) bool {
	if f[a].guess != f[b].guess {
		return f[a].guess < f[b].guess
	}
	return f[a].order < f[b].order
}
func (f frontier) Swap(a, b int) { f[a], f[b] = f[b], f[a] }
func (f *frontier) Push(v any)   { *f = append(*f, v.(visit)) }
func (f *frontier) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}

// heading returns the direction from a to b.
func heading(a, b point) int {
	switch {
	case b.x > a.x:
		return 0
	case b.x < a.x:
		return 2
	case b.y < a.y:
		return 3
	}
	return 1
}

// find returns the cheapest route from one of the starts to one of the ends (A*), or nil if there is none.
func (g *grid) find(starts, ends []port) []point {
	type goal struct{ dir, port int }
	goals := map[[2]int][]goal{}
	var targets []point
	for k, e := range ends {
		if i, j, ok := g.at(e.near); ok {
			goals[[2]int{i, j}] = append(goals[[2]int{i, j}], goal{heading(e.near, e.rim), k})
			targets = append(targets, e.near)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	guess := func(i, j int) float64 {
		best := math.Inf(1)
		for _, t := range targets {
			best = min(best, math.Abs(g.xs[i]-t.x)+math.Abs(g.ys[j]-t.y))
		}
		return best
	}
	open := &frontier{}
	order := 0
	push := func(v visit) {
		order++
		v.order, v.guess = order, v.cost+guess(v.i, v.j)
		heap.Push(open, v)
	}
	for k, p := range starts {
		if i, j, ok := g.at(p.near); ok {
			push(visit{spot: spot{i, j, heading(p.rim, p.near)}, from: -1, port: k})
		}
	}
	var trail []visit
	if g.search++; g.seen == nil {
		g.seen = make([]int32, 4*len(g.xs)*len(g.ys))
	}
	place := func(s spot) int { return (s.i*len(g.ys)+s.j)*4 + s.dir }
	for open.Len() > 0 {
		v := heap.Pop(open).(visit)
		if g.seen[place(v.spot)] == g.search {
			continue
		}
		g.seen[place(v.spot)] = g.search
		trail = append(trail, v)
		if g.visits++; g.visits > maxVisits {
			return nil
		}
		for _, end := range goals[[2]int{v.i, v.j}] {
			if end.dir == v.dir {
				return g.trace(trail, starts, ends[end.port])
			}
		}
		for dir := range 4 {
			if (dir+2)%4 == v.dir {
				continue
			}
			n, cost := g.step(v.spot, dir)
			if cost < 0 || g.seen[place(n)] == g.search {
				continue
			}
			if dir != v.dir {
				cost += bendCost
			}
			push(visit{spot: n, cost: v.cost + cost, from: len(trail) - 1, port: v.port})
		}
	}
	return nil
}

// step moves by one point. A negative cost means that the move is impossible.
func (g *grid) step(s spot, dir int) (spot, float64) {
	i, j := s.i, s.j
	var perPixel, cross, length float64
	switch dir {
	case 0, 2:
		if dir == 2 {
			i--
		}
		if i < 0 || i+1 >= len(g.xs) {
			return s, -1
		}
		perPixel, cross, length = g.right[i][j], g.crossRight[i][j], g.xs[i+1]-g.xs[i]
		if dir == 0 {
			i++
		}
	default:
		if dir == 3 {
			j--
		}
		if j < 0 || j+1 >= len(g.ys) {
			return s, -1
		}
		perPixel, cross, length = g.down[i][j], g.crossDown[i][j], g.ys[j+1]-g.ys[j]
		if dir == 1 {
			j++
		}
	}
	if math.IsInf(perPixel, 1) {
		return s, -1
	}
	return spot{i, j, dir}, perPixel*length + cross
}

// trace returns the route that ends at the last visit.
func (g *grid) trace(trail []visit, starts []port, end port) []point {
	points := []point{end.rim}
	last := trail[len(trail)-1]
	for v := last; ; v = trail[v.from] {
		points = append(points, point{g.xs[v.i], g.ys[v.j]})
		if v.from < 0 {
			points = append(points, starts[v.port].rim)
			break
		}
	}
	slices.Reverse(points)
	return straight(points)
}

// straight drops the points inside straight segments.
func straight(points []point) []point {
	var out []point
	for _, p := range points {
		if n := len(out); n > 0 && out[n-1] == p {
			continue
		}
		if n := len(out); n > 1 &&
			(math.Abs(out[n-1].x-out[n-2].x) < 0.6 && math.Abs(p.x-out[n-1].x) < 0.6 || math.Abs(out[n-1].y-out[n-2].y) < 0.6 &&
				math.Abs(p.y-out[n-1].y) < 0.6) {
			out[n-1] = p
			continue
		}
		out = append(out, p)
	}
	return out
}
