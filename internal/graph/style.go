package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// hue is the color of a family of kinds: light is used on white and on ground, dark on dark cards and on night.
type hue struct{ light, ground, dark, night string }

var hues = map[string]hue{
	"green":  {"#14693d", "#e3f3ea", "#6fdba6", "#173527"},
	"amber":  {"#7a4f00", "#fcf0d4", "#f1c76b", "#3a2e12"},
	"violet": {"#5b3bb0", "#eee8fb", "#c0aaf7", "#2c2444"},
	"blue":   {"#0b5394", "#e1eefa", "#7cc0f5", "#152f47"},
	"rose":   {"#a11d33", "#fce8ec", "#f59bac", "#431d26"},
	"teal":   {"#0b615a", "#dcf1ef", "#68d2c7", "#123430"},
	"plum":   {"#8a2478", "#f9e6f5", "#ee9ddf", "#3d1b37"},
	"orange": {"#8f3d00", "#fdeadb", "#f7ad73", "#40260f"},
	"slate":  {"#414c58", "#e8ecf0", "#b4bfca", "#2a333c"},
}

// The look of the nodes that are not steps. A step has that of its kind.
var looks = map[string]look{
	KindEntry:   {"entry", "green", "M10 3h3v10h-3M2 8h8M7 5l3 3-3 3"},
	KindEnd:     {"end", "slate", "M4 4h8v8H4z"},
	KindGoal:    {"goal", "green", "M4 14V2.500h8.500L10.500 6l2 3.500H4"},
	KindExit:    {"exit when", "slate", "M6 3H3v10h3M6 8h8M11 5l3 3-3 3"},
	KindReroute: {"reroute when", "orange", "M2 5h3l6 6h3M12 9l2 2-2 2M2 11h3l2-2M9 7l2-2h3M12 3l2 2-2 2"},
	KindTimeout: {"longest life", "slate", "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12M8 4.800V8l2.400 1.600"},
}

// look is how a kind of node is drawn. Its icon is a path of strokes in a box of 16 by 16.
type look struct{ label, hue, icon string }

// familyHues are the colors of steps; those of other families are slate.
var familyHues = map[journey.Family]string{
	journey.Waiting: "amber", journey.Choosing: "violet", journey.Speaking: "blue", journey.Human: "rose",
	journey.Acting: "teal", journey.Jumping: "plum",
}

// plainIcon is that of a kind without one.
const plainIcon = "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10"

// lookOf returns the look of a node.
func lookOf(n *Node) look {
	if n.Step == "" {
		return looks[n.Kind]
	}
	kind, _ := journey.KindNamed(n.Kind)
	return look{
		label: cmp.Or(kind.Words(), n.Kind),
		hue:   cmp.Or(familyHues[kind.Family], "slate"),
		icon:  cmp.Or(kind.Icon, plainIcon),
	}
}

// shades are the colors that belong to no kind: light, dark.
var shades = map[string][2]string{
	"ground": {"#f6f7f9", "#12171c"},
	"card":   {"#ffffff", "#1b2229"},
	"panel":  {"#eef1f4", "#171d23"},
	"border": {"#c6ced6", "#3d4853"},
	"text":   {"#1d2733", "#e4e9ee"},
	"dim":    {"#55626f", "#a3afba"},
	"line":   {"#7d8a97", "#7f8d9a"},
	"alert":  {"#a5130a", "#ffb4a8"},
}

// Style returns the CSS of drawings, in light and in dark, for a page that embeds them.
func Style() string {
	var out strings.Builder
	out.WriteString(`.tabi-graph{font:12px "Helvetica Neue",Helvetica,Arial,"Liberation Sans","Noto Sans CJK JP",sans-serif}` +
		`.tabi-graph path{fill:none}.tabi-graph .card .body{stroke-width:1}` +
		`.tabi-graph .card .icon{stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}` +
		`.tabi-graph .edge path{stroke-width:1.6;stroke-linejoin:round}.tabi-graph .edge .head{stroke:none}` +
		`.tabi-graph .edge.skip path{stroke-dasharray:2 4;stroke-linecap:round}` +
		`.tabi-graph .edge.reroute path{stroke-width:1.8;stroke-dasharray:7 4}` +
		`.tabi-graph .edge .head{stroke-dasharray:none}.tabi-graph .way text{text-anchor:middle;font-size:11.5px}` +
		`.tabi-graph .way.quiet text{font-style:italic}` +
		`.tabi-graph .share,.tabi-graph .here .now,.tabi-graph .green .now{font-weight:700}.tabi-graph .card.here .body{stroke-width:2}` +
		`.tabi-graph .name{font-size:18px;font-weight:700}.tabi-graph .about{font-size:13px}` +
		`.tabi-graph .lane{font-size:12px;font-weight:700}` +
		`.tabi-graph .kind{font-size:11px;font-weight:700;letter-spacing:.05em}.tabi-graph .id{font-size:11px;text-anchor:end}` +
		`.tabi-graph .title{font-size:13.5px;font-weight:600}.tabi-graph .when{font-size:11.5px;font-style:italic}` +
		`.tabi-graph .passed{text-anchor:end}.tabi-graph .alarm{font-weight:700}`)
	out.WriteString(colours(0))
	out.WriteString("@media (prefers-color-scheme:dark){" + colours(1) + "}")
	return out.String()
}

func colours(dark int) string {
	shade := func(name string) string { return shades[name][dark] }
	var out strings.Builder
	rule := func(selector, property, value string) {
		fmt.Fprintf(&out, ".tabi-graph %s{%s:%s}", selector, property, value)
	}
	rule("text", "fill", shade("text"))
	rule(".ground", "fill", shade("ground"))
	rule(".panel", "fill", shade("panel"))
	for _, class := range []string{"about", "lane", "id", "more", "now", "passed", "when"} {
		rule("."+class, "fill", shade("dim"))
	}
	rule(".card .body", "fill", shade("card"))
	rule(".card .body", "stroke", shade("border"))
	rule(".card .rule", "stroke", shade("border"))
	rule(".edge path", "stroke", shade("line"))
	rule(".edge .head", "fill", shade("line"))
	rule(".way rect", "fill", shade("card"))
	rule(".way rect", "stroke", shade("border"))
	rule(".alarm", "fill", shade("alert"))
	for _, name := range slices.Sorted(maps.Keys(hues)) {
		h := hues[name]
		ink, ground := h.light, h.ground
		if dark == 1 {
			ink, ground = h.dark, h.night
		}
		rule("."+name+" .strip", "fill", ground)
		rule("."+name+" .icon", "stroke", ink)
		rule("."+name+" .kind", "fill", ink)
		rule("."+name+".here .body", "stroke", ink)
		rule("."+name+".here .now", "fill", ink)
	}
	rule(".green .now", "fill", shade("text"))
	for _, edge := range [][2]string{{EdgeJump, "plum"}, {EdgeReroute, "orange"}} {
		ink := []string{hues[edge[1]].light, hues[edge[1]].dark}[dark]
		rule(".edge."+edge[0]+" path", "stroke", ink)
		rule(".edge."+edge[0]+" .head", "fill", ink)
	}
	return out.String()
}
