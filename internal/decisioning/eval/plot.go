package eval

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/tabi-journeys/tabi/internal/stats"
)

// chart is a small line chart, just enough for docs/learning.md.
type chart struct {
	title, x, y string
	log         bool // both axes
	lines       []line
}

type line struct {
	name string
	dots bool
	thin bool // a thin line to compare with
	at   [][2]float64
}

const (
	width, height           = 640, 360
	left, right, upper, low = 70, 150, 40, 50
)

var colours = []string{"#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5"}

// svg draws the chart; text adapts to a light or dark page.
func (c chart) svg() []byte {
	x0, x1, y0, y1 := c.span()
	place := func(v, from, to, a, b float64) float64 {
		if c.log {
			v, from, to = math.Log(v), math.Log(from), math.Log(to)
		}
		return a + (v-from)/(to-from)*(b-a)
	}
	px := func(v float64) float64 { return place(v, x0, x1, left, width-right) }
	py := func(v float64) float64 { return place(v, y0, y1, height-low, upper) }

	var b bytes.Buffer
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`, width, height)
	p(`<style>text{fill:#222}.axis{stroke:#888}.grid{stroke:#8883}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>`)
	p(`<title>%s</title>`, escape(c.title))
	p(`<text x="%d" y="20" font-size="14" font-weight="600">%s</text>`, left, escape(c.title))
	for _, v := range ticks(x0, x1, c.log) {
		p(
			`<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			px(v),
			px(v),
			upper,
			height-low,
			px(v),
			height-low+16,
			label(v),
		)
	}
	for _, v := range ticks(y0, y1, c.log) {
		p(
			`<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left,
			width-right,
			py(v),
			py(v),
			left-6,
			py(v)+4,
			label(v),
		)
	}
	p(`<path class="axis" fill="none" d="M%d %dV%dH%d"/>`, left, upper, height-low, width-right)
	p(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, (left+width-right)/2, height-12, escape(c.x))
	p(`<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`, (upper+height-low)/2, escape(c.y))
	for i, l := range c.lines {
		colour, stroke := colours[i%len(colours)], 2.0
		if l.thin {
			colour, stroke = "#888", 1.0
		}
		var d strings.Builder
		for j, q := range l.at {
			fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[j == 0], px(q[0]), py(q[1]))
			if l.dots {
				p(`<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`, px(q[0]), py(q[1]), colour)
			}
		}
		p(`<path fill="none" stroke="%s" stroke-width="%g" d="%s"/>`, colour, stroke, d.String())
		p(`<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="%g"/><text x="%d" y="%d">%s</text>`,
			width-right+12, width-right+30, upper+8+18*i, upper+8+18*i, colour, stroke, width-right+36, upper+12+18*i, escape(l.name))
	}
	p(`</svg>`)
	return b.Bytes()
}

func (c chart) span() (x0, x1, y0, y1 float64) {
	x0, x1, y0, y1 = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, l := range c.lines {
		for _, q := range l.at {
			x0, x1, y0, y1 = min(x0, q[0]), max(x1, q[0]), min(y0, q[1]), max(y1, q[1])
		}
	}
	if !c.log {
		x0, y0 = min(x0, 0), min(y0, 0)
	}
	return x0, x1 + (x1-x0)*1e-9, y0, y1 + (y1-y0)*1e-9
}

// ticks returns round numbers between two: powers of ten with their twos and fives, or about five even steps.
func ticks(from, to float64, log bool) []float64 {
	var out []float64
	if log {
		for e := math.Floor(math.Log10(from)); e <= math.Log10(to); e++ {
			for _, m := range []float64{1, 2, 5} {
				if v := m * math.Pow(10, e); v >= from && v <= to {
					out = append(out, v)
				}
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10((to-from)/4)))
	for _, m := range []float64{5, 2} {
		if (to-from)/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for i := math.Ceil(from / step); i*step <= to; i++ {
		out = append(out, i*step)
	}
	return out
}

func label(v float64) string { return fmt.Sprintf("%.6g", v) }

func escape(s string) string { return strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(s) }

// Plots returns the charts of a run: file name → SVG.
func (r *Run) Plots() map[string][]byte {
	n := len(r.Regret)
	s := r.Summary()
	regret, straight := line{name: "regret"}, line{name: "linear (slope 1)", thin: true}
	from := max(n/400, 10)
	for x := float64(from); int(x) < n; x *= 1.03 {
		if v := r.Regret[int(x)]; v > 0 {
			regret.at = append(regret.at, [2]float64{x, v})
		}
	}
	first := regret.at[0]
	straight.at = [][2]float64{first, {float64(n), first[1] * float64(n) / first[0]}}

	var shares []line
	for k := range r.Offers[0] {
		l := line{name: fmt.Sprintf("action %d", k+1)}
		if k == newAction {
			l.name = "the new action"
		}
		for part, counts := range r.Offers {
			all := 0
			for _, c := range counts {
				all += c
			}
			l.at = append(l.at, [2]float64{(float64(part) + 0.5) * float64(n) / parts, float64(counts[k]) / float64(all)})
		}
		shares = append(shares, l)
	}

	bars, _ := stats.Reliability(r.Chances, r.Accepted, 10)
	seen := line{name: "observed", dots: true}
	for _, b := range bars {
		seen.at = append(seen.at, [2]float64{b.Predicted, b.Observed})
	}
	edge := max(bars[len(bars)-1].Predicted, bars[len(bars)-1].Observed)
	ideal := line{name: "ideal", thin: true, at: [][2]float64{{0, 0}, {edge, edge}}}

	return map[string][]byte{
		"learning-regret.svg": chart{
			title: fmt.Sprintf("Regret against the best fixed policy: slope %.2f", s.Slope),
			x:     "decisions",
			y:     "acceptances forgone",
			log:   true,
			lines: []line{regret, straight},
		}.svg(),
		"learning-shares.svg": chart{
			title: "Share of offers; an action appears midway",
			x:     "decisions",
			y:     "share of offers",
			lines: shares,
		}.svg(),
		"learning-calibration.svg": chart{
			title: fmt.Sprintf("Calibration after %d outcomes: error %.4f", s.Calibrated, s.CalibrationError),
			x:     "foretold",
			y:     "accepted",
			lines: []line{seen, ideal},
		}.svg(),
	}
}
