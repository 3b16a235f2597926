// Package graph draws journeys: as Mermaid, and as SVG with a layout of its own. A drawing can show live numbers.
package graph

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Kinds of nodes that are not steps. The node of a step has the step's kind.
const (
	KindEntry = "entry"
	KindEnd   = "end"
	// Rules are drawn next to the journey, because they apply to an enrollment wherever it is.
	KindGoal    = "goal"
	KindExit    = "leave"
	KindReroute = "reroute"
	KindTimeout = "limit"
)

// Keys of ways out of a step that are not arms in the file.
const (
	ArmNext  = ""            // continues after the step
	ArmOther = "\x00another" // outcomes of a handoff that the journey does not name
)

// Edge kinds.
const (
	EdgeNext    = "next"    // to the following step, or into an arm
	EdgeJump    = "jump"    // a go_to
	EdgeReroute = "reroute" // a rule that moves enrollments to a path
)

// Node is a card of the drawing.
type Node struct {
	ID    string // unique: the step's id, or one of this package's with a leading "#"
	Step  string // the step's id; empty for others
	Kind  string
	Title string   // what it is, in words
	Lines []string // more about it
	When  string   // the step's condition; empty: none
	End   string   // the outcome, if enrollments end here: of an exit step, or of the end of a path
	Full  string   // the whole text, not shortened
	named bool     // Step is an id given by the designer
	spec  journey.Description
}

// ends reports whether the step of a node ends enrollments.
func (n *Node) ends() bool { return n.spec.Outcome != "" }

// Edge connects two nodes, identified by index.
type Edge struct {
	From, To int
	Kind     string
	Arm      string // as contract.StepVisit.Arm
	Label    string
	Full     string // the whole label, not shortened
}

// Graph is a journey as nodes and edges, in a fixed order: the entry, the steps in the order of the file, the ends of
// paths, the rules.
type Graph struct {
	Journey, Description, Owner, Revision string
	Nodes                                 []Node
	Edges                                 []Edge

	lanes []lane // the same, nested as in the file
	rules []int  // nodes next to the journey
}

// lane is a path.
type lane struct {
	name  string
	nodes []int // its steps and its end
	body  sequence
	entry int // the entry's node, before the main path; else -1
	end   int // the node of its end; -1 if no enrollment reaches it
}

// sequence is a list of steps with their arms.
type sequence []*block

type block struct {
	node   int
	step   int
	skip   *way  // set if a condition may skip the step
	arms   []arm // in the order of the file; those that continue after the step are merged into one
	jump   int   // target node of a go_to; -1: none
	frame  frame
	behind bool // an enrollment can reach what follows it
}

// arm is a list of steps below a step, and the ways into it. If the ways continue after the step, the list is empty.
type arm struct {
	ways   []way
	body   sequence
	jump   int // target node if the arm leads elsewhere; else -1
	goesOn bool
	frame  frame
}

// way is one way out of a step.
type way struct {
	Arm   string
	Label string
	Full  string
	to    int
}

// New returns the graph of a definition that Check returned or NewProgram accepted.
func New(d *journey.Definition) *Graph {
	g := &Graph{Journey: d.Journey, Description: d.Description, Owner: d.Owner, Revision: d.Revision()}
	g.add(entryNode(d))
	for i := range d.Steps {
		g.add(stepNode(&d.Steps[i]))
	}
	used := reachable(d)
	for _, p := range pathOrder(d) {
		l := lane{name: p.Name, entry: -1, end: -1}
		if len(g.lanes) == 0 {
			l.entry = 0
		}
		from, to := pathRange(d, p.Name)
		l.body = g.sequence(d, from, to)
		for n := from; n < to; n++ {
			l.nodes = append(l.nodes, n+1)
		}
		if runsOff(d, from, to, used) || p.Start == journey.End {
			l.end = g.add(endNode(p.Name))
			l.nodes = append(l.nodes, l.end)
		}
		g.lanes = append(g.lanes, l)
	}
	g.connect(d)
	g.addRules(d)
	return g
}

// pathOrder returns the paths: main first, each of the others after the first path that leads to it.
func pathOrder(d *journey.Definition) []journey.Path {
	var out []journey.Path
	var visit func(name string)
	visit = func(name string) {
		i := slices.IndexFunc(d.Paths, func(p journey.Path) bool { return p.Name == name })
		if i < 0 || slices.ContainsFunc(out, func(p journey.Path) bool { return p.Name == name }) {
			return
		}
		out = append(out, d.Paths[i])
		for k := range d.Steps {
			if d.Steps[k].Path == name {
				visit(d.Steps[k].Describe().Jump)
			}
		}
	}
	visit(journey.Main)
	for _, rule := range d.Reroute {
		visit(rule.GoTo)
	}
	for _, p := range d.Paths {
		visit(p.Name)
	}
	return out
}

func (g *Graph) add(n Node) int {
	g.Nodes = append(g.Nodes, n)
	return len(g.Nodes) - 1
}

// pathRange returns the steps of a path, which are contiguous.
func pathRange(d *journey.Definition, path string) (from, to int) {
	from = slices.IndexFunc(d.Steps, func(s journey.Step) bool { return s.Path == path })
	if from < 0 {
		return 0, 0
	}
	for to = from; to < len(d.Steps) && d.Steps[to].Path == path; to++ {
	}
	return from, to
}

// reachable reports which steps an enrollment can reach.
func reachable(d *journey.Definition) []bool {
	seen := make([]bool, len(d.Steps))
	var visit func(i int)
	visit = func(i int) {
		if i < 0 || i >= len(seen) || seen[i] {
			return
		}
		seen[i] = true
		for _, w := range ways(&d.Steps[i]) {
			visit(w.to)
		}
		if d.Steps[i].When != "" {
			visit(d.Steps[i].Next)
		}
	}
	for _, p := range d.Paths {
		visit(p.Start)
	}
	return seen
}

// runsOff reports whether a step in the range can end its path.
func runsOff(d *journey.Definition, from, to int, reached []bool) bool {
	for i := from; i < to; i++ {
		s := &d.Steps[i]
		if !reached[i] {
			continue
		}
		if s.When != "" && s.Next == journey.End {
			return true
		}
		if slices.ContainsFunc(ways(s), func(w way) bool { return w.to == journey.End }) {
			return true
		}
	}
	return false
}

// connect creates the edges.
func (g *Graph) connect(d *journey.Definition) {
	ends := map[string]int{}
	for _, l := range g.lanes {
		ends[l.name] = l.end
	}
	target := func(to int, path string) int {
		if to >= 0 {
			return to + 1
		}
		return ends[path]
	}
	join := func(e Edge) {
		if e.To >= 0 {
			g.Edges = append(g.Edges, e)
		}
	}
	if len(d.Paths) > 0 {
		join(Edge{From: 0, To: target(d.Paths[0].Start, d.Paths[0].Name), Kind: EdgeNext})
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		jump := s.Describe().Jump
		for _, w := range ways(s) {
			e := Edge{From: i + 1, To: target(w.to, s.Path), Kind: EdgeNext, Arm: w.Arm, Label: w.Label, Full: w.Full}
			if jump != "" {
				e.Kind = EdgeJump
				if slices.ContainsFunc(d.Paths, func(p journey.Path) bool { return p.Name == jump }) {
					e.To = target(w.to, jump)
				}
			}
			join(e)
		}
		if s.When != "" {
			join(
				Edge{
					From:  i + 1,
					To:    target(s.Next, s.Path),
					Kind:  EdgeNext,
					Arm:   journey.ArmSkipped,
					Label: "otherwise",
					Full:  "the step is skipped",
				},
			)
		}
	}
	for _, l := range g.lanes {
		g.resolve(d, l.body, ends)
	}
}

// resolve replaces jumps to the end of a path by the index of its node.
func (g *Graph) resolve(d *journey.Definition, list sequence, ends map[string]int) {
	for _, b := range list {
		s := &d.Steps[b.step]
		path := s.Path
		if jump := s.Describe().Jump; jump != "" {
			if _, known := ends[jump]; known {
				path = jump
			}
		}
		if b.jump == -2 {
			b.jump = ends[path]
		}
		for i := range b.arms {
			if b.arms[i].jump == -2 {
				b.arms[i].jump = ends[s.Path]
			}
			g.resolve(d, b.arms[i].body, ends)
		}
	}
}

// addRules adds nodes for the goal, exits, reroutes and the timeout.
func (g *Graph) addRules(d *journey.Definition) {
	for _, n := range ruleNodes(d) {
		g.rules = append(g.rules, g.add(n))
	}
	for k, rule := range d.Reroute {
		from := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == rerouteID(k) })
		p := slices.IndexFunc(d.Paths, func(p journey.Path) bool { return p.Name == rule.GoTo })
		if p < 0 {
			continue
		}
		to := g.lanes[slices.IndexFunc(g.lanes, func(l lane) bool { return l.name == rule.GoTo })].end
		if d.Paths[p].Start >= 0 {
			to = d.Paths[p].Start + 1
		}
		if to >= 0 {
			g.Edges = append(g.Edges, Edge{From: from, To: to, Kind: EdgeReroute})
		}
	}
}

// Ways returns the edges out of a step, in the order of the file.
func (g *Graph) Ways(step string) []Edge {
	var out []Edge
	for _, e := range g.Edges {
		if g.Nodes[e.From].Step == step && step != "" {
			out = append(out, e)
		}
	}
	return out
}
