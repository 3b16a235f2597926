package graph

import (
	"fmt"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Mermaid returns the graph as a Mermaid flowchart. Node ids are generated. Labels are quoted, and everything that
// Mermaid or HTML could interpret is escaped.
func (g *Graph) Mermaid() string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("%%%% %s", mermaidComment(g.Journey))
	line("flowchart TD")
	inLane := map[int]bool{}
	for i, l := range g.lanes {
		indent := "  "
		if len(g.lanes) > 1 {
			line("  subgraph p%d[\"%s\"]", i, mermaidText(l.name, 60))
			line("    direction TB")
			indent = "    "
		}
		nodes := l.nodes
		if l.entry >= 0 {
			nodes = append([]int{l.entry}, nodes...)
		}
		for _, n := range nodes {
			inLane[n] = true
			line("%s%s", indent, g.mermaidNode(n))
		}
		if len(g.lanes) > 1 {
			line("  end")
		}
	}
	if len(g.rules) > 0 {
		line("  subgraph rules[\"at every step\"]")
		line("    direction TB")
		for _, n := range g.rules {
			line("    %s", g.mermaidNode(n))
		}
		line("  end")
	}
	for _, e := range g.merged() {
		arrow := "-->"
		if e.Kind != EdgeNext {
			arrow = "-.->"
		}
		if e.Label != "" {
			arrow += "|\"" + mermaidText(e.Label, 2*exprLength) + "\"|"
		}
		line("  n%d %s n%d", e.From, arrow, e.To)
	}
	classes := map[string][]string{}
	var order []string
	for i, n := range g.Nodes {
		hue := lookOf(&n).hue
		if classes[hue] == nil {
			order = append(order, hue)
		}
		classes[hue] = append(classes[hue], fmt.Sprintf("n%d", i))
	}
	for _, hue := range order {
		c := hues[hue]
		line("  classDef %s fill:%s,stroke:%s,color:#1d2733", hue, c.ground, c.light)
		line("  class %s %s", strings.Join(classes[hue], ","), hue)
	}
	return out.String()
}

// merged returns the edges, with those between the same two nodes as one. For example, a send or a
// decision whose outcomes all lead to the same step has one edge without a label.
func (g *Graph) merged() []Edge {
	var out []Edge
	at := map[[2]int]int{}
	ways := map[int]int{}
	for _, e := range g.Edges {
		i, met := at[[2]int{e.From, e.To}]
		if !met {
			at[[2]int{e.From, e.To}] = len(out)
			out = append(out, e)
			ways[e.From]++
			continue
		}
		out[i].Label = strings.Trim(out[i].Label+" / "+e.Label, " /")
	}
	for i, e := range out {
		if spec := g.Nodes[e.From].spec; ways[e.From] == 1 && (!spec.Forks || spec.Says || spec.Stays) {
			out[i].Label = ""
		}
	}
	return out
}

func (g *Graph) mermaidNode(i int) string {
	n := &g.Nodes[i]
	text := "<b>" + mermaidText(lookOf(n).label, 40) + "</b>"
	if n.Step != "" && n.named {
		text += " " + mermaidText(n.Step, 60)
	}
	if n.When != "" {
		text += "<br/><i>if " + mermaidText(n.When, exprLength) + "</i>"
	}
	for _, l := range append([]string{n.Title}, n.Lines...) {
		if l != "" {
			text += "<br/>" + mermaidText(l, 80)
		}
	}
	open, shut := "[", "]"
	switch {
	case n.Kind == KindEntry, n.Kind == KindEnd, n.ends():
		open, shut = "([", "])"
	case n.spec.Chooses():
		open, shut = "{{", "}}"
	case n.Step == "":
		open, shut = "[/", "/]"
	}
	return fmt.Sprintf("n%d%s\"%s\"%s", i, open, text, shut)
}

// mermaidText escapes with Mermaid's codes everything except letters, digits and characters that are harmless in
// quotes.
func mermaidText(text string, n int) string {
	var out strings.Builder
	for _, r := range human.Shorten(text, n) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,:!?+-/_()='’…%", r), r > 0x7f:
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, "#%d;", r)
		}
	}
	return out.String()
}

// mermaidComment returns text without what could end a comment or begin a directive.
func mermaidComment(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("{}%\"<>", r) {
			return ' '
		}
		return r
	}, human.Shorten(text, 100))
}
