package graph

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// TestEveryKindIsDescribed checks the registry: an unknown kind of step would be drawn as a blank card.
func TestEveryKindIsDescribed(t *testing.T) {
	t.Parallel()
	for _, kind := range journey.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			if kind.Icon == "" || kind.Family == "" {
				t.Errorf("no icon or family for %s", kind.Name)
			}
			source := "journey: k\nentry: {event: E}\ngoal: {event: G}\nvars: {tries: 0}\nsteps:\n  " +
				strings.ReplaceAll(strings.ReplaceAll(strings.TrimRight(kind.Example, "\n"), "cart-reminder", "m1"), "\n", "\n  ") + "\n"
			d := compiled(t, source)
			for i := range d.Steps {
				if spec := d.Steps[i].Describe(); spec.Title == "" && spec.Question == "" {
					t.Errorf("%s: nothing says what it does", d.Steps[i].Kind)
				}
			}
			checkEdges(t, d)
		})
	}
}

// checkEdges checks that every way that the compiler knows is an edge, and that there are no other edges.
func checkEdges(t *testing.T, d *journey.Definition) {
	t.Helper()
	g := New(d)
	for i := range d.Steps {
		want := map[int]bool{}
		for _, to := range journey.Successors(&d.Steps[i]) {
			want[to] = true
		}
		got := map[int]bool{}
		for _, e := range g.Ways(d.Steps[i].ID) {
			to := e.To - 1
			if g.Nodes[e.To].Kind == KindEnd {
				to = journey.End
			}
			got[to] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, step %s: not as compiled (- compiled, + drawn)\n%s", d.Journey, d.Steps[i].ID, diff)
		}
	}
}

func TestEdgesMatchCompiler(t *testing.T) {
	t.Parallel()
	for _, d := range drawn(t) {
		checkEdges(t, d)
	}
}

// TestBoxesDoNotOverlap checks that cards and labels do not overlap, routed edges cross no card, text fits its
// card, and nothing leaves the drawing.
func TestBoxesDoNotOverlap(t *testing.T) {
	t.Parallel()
	for name, d := range drawn(t) {
		g := New(d)
		s := g.arrange(nil, 52)
		if len(s.cards) != len(g.Nodes) {
			t.Errorf("%s: %d cards for %d nodes", name, len(s.cards), len(g.Nodes))
		}
		all := []box{}
		for _, c := range s.cards {
			all = append(all, c.box)
			for _, l := range c.lines {
				if measure(l, 12, false) > c.w-24 {
					t.Errorf("%s: %q is wider than its card", name, l)
				}
			}
		}
		for _, p := range s.pills {
			all = append(all, p.box)
		}
		for i, a := range all {
			if a.x < 0 || a.y < 0 || a.right() > s.width || a.bottom() > s.height {
				t.Errorf("%s: %v lies outside of %v×%v", name, a, s.width, s.height)
			}
			for _, b := range all[i+1:] {
				if a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom() {
					t.Errorf("%s: %v lies on %v", name, a, b)
				}
			}
		}
		for _, l := range s.lines {
			for k := 0; k+1 < len(l.points); k++ {
				p, q := l.points[k], l.points[k+1]
				for _, c := range s.cards {
					if max(p.x, q.x) > c.x+1 && min(p.x, q.x) < c.right()-1 && max(p.y, q.y) > c.y+1 && min(p.y, q.y) < c.bottom()-1 {
						t.Errorf("%s: an edge (%s) from %v to %v crosses the card of %s", name, l.kind, p, q, g.Nodes[c.node].ID)
					}
				}
			}
		}
		if len(s.jumps) > 0 && !strings.Contains(string(g.SVG(Options{})), `class="edge jump"`) &&
			!strings.Contains(string(g.SVG(Options{})), `class="edge reroute"`) {
			t.Errorf("%s: jumps are not drawn", name)
		}
	}
}

// hostile returns a journey as an attacker or a bug could make it: names that are markup, scripts or directives, too
// long, or not valid text.
func hostile() *journey.Definition {
	evil := []string{
		`"]; click n0 "javascript:alert(1)"`, "<script>alert(1)</script>", "end", "`**md**`", "1. list", "a\nb\r\tc",
		"%%{init: {\"theme\":\"dark\"}}%%", "]]>--><!--",
		"\x00\x1b[31m\u202e\ufffe", strings.Repeat("long ", 200), strings.Repeat("無", 300), "#quot;&quot;&#34;", "\xff\xfe", "subgraph x",
		"|pipe|{}[]()", "",
	}
	d := &journey.Definition{
		Journey:     evil[0],
		Description: evil[1],
		Owner:       evil[2],
		Timeout:     time.Hour,
		Entry:       journey.Entry{Events: evil, When: expr.Expr(evil[3]), Key: expr.Expr(evil[7])},
		Goal:        &journey.Goal{Events: evil, When: expr.Expr(evil[5]), Value: expr.Expr(evil[4])},
	}
	branch := &journey.Branch{Else: 1}
	for _, text := range evil {
		d.Exit = append(d.Exit, journey.ExitRule{Events: []string{text}, Outcome: text})
		branch.Arms = append(branch.Arms, journey.BranchArm{When: expr.Expr(text), Then: 1})
	}
	d.Steps = append(
		d.Steps,
		journey.Step{ID: evil[0], Kind: "branch", Name: evil[1], Path: journey.Main, When: expr.Expr(evil[6]), Next: 1, Spec: branch},
	)
	for i, text := range evil {
		next := i + 2
		if i == len(evil)-1 {
			next = journey.End
		}
		d.Steps = append(
			d.Steps,
			journey.Step{ID: "x" + text + string(rune('a'+i)), Kind: "handoff", Name: text, Path: journey.Main, Next: next,
				Spec: &journey.Handoff{
					Queue:     text,
					Priority:  text,
					Timeout:   time.Hour,
					Outcomes:  map[string]*int{text: new(next), text + "x": new(0)},
					OnTimeout: next,
				}},
		)
	}
	d.Paths = []journey.Path{{Name: journey.Main, Start: 0}, {Name: evil[0], Start: journey.End}}
	d.Reroute = []journey.RerouteRule{{Events: evil, GoTo: evil[0]}, {GoTo: "nowhere"}}
	return d
}

var mermaidLine = regexp.MustCompile(`^(%% [^{}"<>%]*|flowchart TD|` +
	` {2}subgraph (p\d+|rules)\["[^"\[\]{}<>|` + "`" + `&\\]*"\]| {4}direction TB| {2}end|` +
	` {2,4}n\d+(\(\[|\[/|\[|\{\{)"(<b>|</b>|<i>|</i>|<br/>|[^"\[\]{}<>|` + "`" + `&\\])*"(\]\)|/\]|\]|\}\})|` +
	` {2}n\d+ (-->|-\.->)(\|"[^"\[\]{}<>|` + "`" + `&\\]*"\|)? n\d+| {2}classDef [a-z]+ [a-z0-9#:,]+| {2}class [n0-9,]+ [a-z]+)$`)

// TestHostileNames checks that what a designer writes remains text, in both formats.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	g := New(hostile())
	mermaid := g.Mermaid()
	for _, line := range strings.Split(strings.TrimRight(mermaid, "\n"), "\n") {
		if !mermaidLine.MatchString(line) {
			t.Errorf("no line of a flowchart: %q", line)
		}
	}
	for name, d := range drawn(t) {
		for _, line := range strings.Split(strings.TrimRight(New(d).Mermaid(), "\n"), "\n") {
			if !mermaidLine.MatchString(line) {
				t.Errorf("%s: no line of a flowchart: %q", name, line)
			}
		}
	}
	known := map[string]bool{
		"svg":   true,
		"title": true,
		"desc":  true,
		"style": true,
		"rect":  true,
		"text":  true,
		"tspan": true,
		"path":  true,
		"g":     true,
	}
	for _, o := range []Options{{}, {Inline: true, Overlay: &Overlay{Ends: map[string]int64{"goal": 3}}}} {
		svg := g.SVG(o)
		reader := xml.NewDecoder(strings.NewReader(string(svg)))
		for {
			token, err := reader.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("not XML: %v", err)
			}
			start, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			if !known[start.Name.Local] || start.Name.Local == "style" && o.Inline {
				t.Errorf("an element %q", start.Name.Local)
			}
			for _, a := range start.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") || a.Name.Local == "style" {
					t.Errorf("an attribute %s=%q", a.Name.Local, a.Value)
				}
			}
		}
		if strings.Contains(string(svg), "url(") ||
			strings.Contains(strings.ReplaceAll(string(svg), `xmlns="http://www.w3.org/2000/svg"`, ""), "http:") {
			t.Error("it needs something from elsewhere")
		}
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	c := Count{Arms: map[string]int64{"refunded": 2, "called back": 1, "on_timeout": 1, "": 96}}
	want := map[string]float64{"refunded": 0.5, ArmOther: 0.25, "on_timeout": 0.25}
	if diff := cmp.Diff(want, c.Shares([]string{"refunded", ArmOther, "on_timeout"})); diff != "" {
		t.Errorf("a hand-off, with passages of which nothing is known:\n%s", diff)
	}
	c = Count{Arms: map[string]int64{"": 3, "on_blocked": 1}}
	if diff := cmp.Diff(map[string]float64{"": 0.75, "on_blocked": 0.25, "on_failure": 0},
		c.Shares([]string{"", "on_blocked", "on_failure"})); diff != "" {
		t.Errorf("a send:\n%s", diff)
	}
	if got := (Count{}).Shares([]string{"1"}); len(got) != 0 {
		t.Errorf("shares of nothing: %v", got)
	}
	for share, want := range map[float64]string{0: "0 %", 0.001: "<1 %", 0.5: "50 %", 0.9999: ">99 %", 1: "100 %"} {
		if got := Percent(share); got != want {
			t.Errorf("Percent(%v) = %q, want %q", share, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "short", strings.Repeat("word ", 50), strings.Repeat("x", 500), strings.Repeat("あ", 90),
		"a\u0301" + strings.Repeat("\u0301", 300)} {
		for n := 1; n <= 3; n++ {
			lines := wrap(text, 120, 12, false, n)
			if len(lines) > n {
				t.Errorf("%d lines of %q, want at most %d", len(lines), text, n)
			}
			for _, l := range lines {
				if measure(l, 12, false) > 120 {
					t.Errorf("%q is %v wide", l, measure(l, 12, false))
				}
			}
		}
	}
}

// TestManySteps checks that a journey of the maximum size is drawn quickly.
func TestManySteps(t *testing.T) {
	t.Parallel()
	d := &journey.Definition{
		Journey: "many",
		Entry:   journey.Entry{Events: []string{"E"}},
		Timeout: time.Hour,
		Paths:   []journey.Path{{Name: journey.Main}},
	}
	for i := range 300 {
		s := journey.Step{
			ID:   "s" + Number(int64(i)),
			Path: journey.Main,
			Kind: "wait",
			Next: i + 1,
			Spec: &journey.Wait{Duration: time.Hour},
		}
		if i%10 == 9 {
			s.Kind, s.When, s.Spec = "go_to", "vars.x", &journey.GoTo{Target: "s0", To: (i * 37) % 300}
		}
		if i == 299 {
			s.Next = journey.End
		}
		d.Steps = append(d.Steps, s)
	}
	if svg := New(d).SVG(Options{}); strings.Count(string(svg), `class="edge jump"`) != 30 {
		t.Errorf("%d jumps are drawn, want 30", strings.Count(string(svg), `class="edge jump"`))
	}
}

// TestWaitForInOrder checks that a wait_for lists its events in the order of the file, without repeats.
func TestWaitForInOrder(t *testing.T) {
	t.Parallel()
	spec := &journey.WaitFor{
		Arms: []journey.EventArm{{Events: []string{"Project Created", "Help Asked"}}, {Events: []string{"Call Ended", "Help Asked"}}},
	}
	if got, want := spec.Describe().Title, "for Project Created or Help Asked or Call Ended"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestJumpsApart checks that jumps to different cards share no segment: one would seem to lead to the target of the
// other.
func TestJumpsApart(t *testing.T) {
	t.Parallel()
	all := drawn(t)
	all["two-ways"] = compiled(t, `
journey: two-ways
entry: {event: E}
goal: {event: G}
vars: {n: 0}
reroute: [{event: Complaint Made, go_to: care}]
steps:
  - id: project
    wait_for:
      - {event: Project Created}
      - {event: Help Asked, then: [{go_to: care}]}
    timeout: 3d
    on_timeout:
      - set: {vars.n: vars.n + 1}
      - send: m1
        via: push
        on_blocked: [{send: m1, via: email}]
      - {when: vars.n < 2, go_to: project}
  - id: worth
    branch:
      - {when: vars.n > 80, then: [{go_to: care}]}
      - {when: vars.n > 10, then: [{emit: Big}]}
    else:
      - wait: 1d
  - id: rest
    wait: 1d
paths:
  care:
    - handoff: sales
      timeout: 1d
      outcomes: {extend: [{set: {vars.n: 0}}, {go_to: rest}], lost: [{exit: lost}]}
      on_timeout: [{send: m2, via: email}]
    - wait: 2d
`)
	for name, d := range all {
		s := New(d).arrange(nil, 52)
		var jumps []line
		for _, l := range s.lines {
			if l.kind == EdgeJump || l.kind == EdgeReroute {
				jumps = append(jumps, l)
			}
		}
		for i, a := range jumps {
			for _, b := range jumps[i+1:] {
				if n := shared(a.points, b.points); n > 1 && a.full != b.full {
					t.Errorf("%s: %q and %q share %.0f pixels", name, a.full, b.full, n)
				}
			}
		}
	}
}

// shared returns the length over which two edges coincide.
func shared(a, b []point) (n float64) {
	for i := 0; i+1 < len(a); i++ {
		for k := 0; k+1 < len(b); k++ {
			p, q, u, v := a[i], a[i+1], b[k], b[k+1]
			if p.x == q.x && u.x == v.x && p.x == u.x {
				n += max(0, min(max(p.y, q.y), max(u.y, v.y))-max(min(p.y, q.y), min(u.y, v.y)))
			}
			if p.y == q.y && u.y == v.y && p.y == u.y {
				n += max(0, min(max(p.x, q.x), max(u.x, v.x))-max(min(p.x, q.x), min(u.x, v.x)))
			}
		}
	}
	return n
}
