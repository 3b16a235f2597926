package graph

import (
	"math"
	"slices"
)

// grid holds the coordinates at which routed edges may run, next to every box, and the cost of each segment between
// them.
type grid struct {
	xs, ys     []float64
	right      [][]float64 // cost per pixel of the segment from (i, j) to (i+1, j); +Inf: blocked
	down       [][]float64
	crossRight [][]float64 // cost of crossing other edges on that segment
	crossDown  [][]float64
	visits     int
	seen       []int32 // the last search that visited a spot
	search     int32
}

func (s *scene) newGrid() *grid {
	g := &grid{}
	var blocks []box
	grow := func(b box, by float64) box { return box{b.x - by, b.y - by, b.w + 2*by, b.h + 2*by} }
	for _, c := range s.cards {
		blocks = append(blocks, grow(c.box, clear))
		g.xs = append(g.xs, c.x-aside, c.right()+aside, c.x+c.w/2)
		g.ys = append(g.ys, c.y-aside, c.bottom()+aside, c.y+headHeight/2)
	}
	for _, p := range s.pills {
		blocks = append(blocks, grow(p.box, 3))
		g.ys = append(g.ys, p.bottom()+5)
		g.xs = append(g.xs, p.x-8, p.right()+8)
	}
	for _, p := range s.panels {
		blocks = append(blocks, box{p.x, p.y + 4, min(p.w, measure(p.title, 12, true)+24), laneHead - 14}) // the title
		for k := range 3 {
			d := 8 + 8*float64(k)
			g.xs = append(g.xs, p.x-d, p.right()+d, p.x+d/2+4, p.right()-d/2-4)
			g.ys = append(g.ys, p.y-d)
		}
	}
	for _, j := range s.jumps {
		if j.from < 0 {
			g.xs, g.ys = append(g.xs, j.at.x), append(g.ys, j.at.y)
		}
	}
	for k := range 3 {
		d := margin/2 - 6*float64(k-1)
		g.xs, g.ys = append(g.xs, d, s.width-d), append(g.ys, s.height-d)
	}
	g.xs, g.ys = thin(g.xs), thin(g.ys)
	if len(g.xs)*len(g.ys) > 4_000_000 {
		return nil
	}
	make2 := func(base float64) [][]float64 {
		out := make([][]float64, len(g.xs))
		for i := range out {
			out[i] = make([]float64, len(g.ys))
			for j := range out[i] {
				out[i][j] = base
			}
		}
		return out
	}
	g.right, g.down, g.crossRight, g.crossDown = make2(1), make2(1), make2(0), make2(0)
	for _, p := range s.panels {
		g.dear(p.box)
	}
	for _, b := range blocks {
		g.block(b)
	}
	return g
}

// thin sorts the values and drops those that are almost equal to another.
func thin(v []float64) []float64 {
	slices.Sort(v)
	var out []float64
	for _, x := range v {
		if len(out) == 0 || x-out[len(out)-1] > 0.5 {
			out = append(out, x)
		}
	}
	return out
}

// pieces returns the segments between values of v that may touch from…to: those that begin at index i, first ≤ i <
// last.
func pieces(v []float64, from, to float64) (first, last int) {
	first, _ = slices.BinarySearch(v, from)
	last, _ = slices.BinarySearch(v, to)
	return max(first-1, 0), min(last+1, len(v))
}

// dear raises the cost of segments within a box, so that long edges lead around it.
func (g *grid) dear(b box) {
	for i := range g.xs {
		for j := range g.ys {
			if x, y := g.xs[i], g.ys[j]; x > b.x && x < b.right() && y > b.y && y < b.bottom() {
				g.right[i][j] += insideCost
				g.down[i][j] += insideCost
			}
		}
	}
}

func (g *grid) block(b box) {
	i0, i1 := pieces(g.xs, b.x, b.right())
	j0, j1 := pieces(g.ys, b.y, b.bottom())
	for i := i0; i < i1; i++ {
		for j := j0; j < j1; j++ {
			x, y := g.xs[i], g.ys[j]
			if y > b.y && y < b.bottom() && i+1 < len(g.xs) && x < b.right() && g.xs[i+1] > b.x {
				g.right[i][j] = math.Inf(1)
			}
			if x > b.x && x < b.right() && j+1 < len(g.ys) && y < b.bottom() && g.ys[j+1] > b.y {
				g.down[i][j] = math.Inf(1)
			}
		}
	}
}

// mark raises the cost of running along an edge or crossing it.
func (g *grid) mark(points []point) {
	if g == nil {
		return
	}
	const near = 6.0
	for k := 0; k+1 < len(points); k++ {
		a, b := points[k], points[k+1]
		x1, x2, y1, y2 := min(a.x, b.x), max(a.x, b.x), min(a.y, b.y), max(a.y, b.y)
		level := y1 == y2
		i0, i1 := pieces(g.xs, x1-near, x2+near)
		j0, j1 := pieces(g.ys, y1-near, y2+near)
		for i := i0; i < i1; i++ {
			for j := j0; j < j1; j++ {
				x, y := g.xs[i], g.ys[j]
				if i+1 < len(g.xs) && x < x2 && g.xs[i+1] > x1 {
					if level && math.Abs(y-y1) < near {
						g.right[i][j] += alongCost
					} else if !level && y > y1 && y < y2 {
						g.crossRight[i][j] += crossCost
					}
				}
				if j+1 < len(g.ys) && y < y2 && g.ys[j+1] > y1 {
					if !level && math.Abs(x-x1) < near {
						g.down[i][j] += alongCost
					} else if level && x > x1 && x < x2 {
						g.crossDown[i][j] += crossCost
					}
				}
			}
		}
	}
}

func (g *grid) at(p point) (i, j int, ok bool) {
	i = nearest(g.xs, p.x)
	j = nearest(g.ys, p.y)
	return i, j, math.Abs(g.xs[i]-p.x) < 1 && math.Abs(g.ys[j]-p.y) < 1
}

func nearest(v []float64, x float64) int {
	i, _ := slices.BinarySearch(v, x)
	switch {
	case i == len(v):
		return i - 1
	case i > 0 && x-v[i-1] < v[i]-x:
		return i - 1
	}
	return i
}
