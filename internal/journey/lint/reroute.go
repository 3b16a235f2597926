package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

type rerouteTree struct {
	rule int        // index in Definition.Reroute
	at   source.Pos // of the value of go_to
}

// reroute reads the rules that move an enrollment to another path.
func (j *journeyCheck) reroute(n *source.Node) {
	items, ok := j.List(n, "reroute")
	j.astray = !ok
	for _, item := range items {
		m := j.Mapping(item, "a reroute rule")
		if m == nil {
			j.astray = true
			continue
		}
		rule := journey.RerouteRule{}
		event, when, intent := m.Get("event"), m.Get("when"), m.Get("intent")
		switch {
		case intent != nil:
			rule.Level = journey.ReadLevel(m, j.intentName(intent), "a reroute")
		case journey.StrayThreshold(m):
			j.Report(item.Pos, "missing-key", "", "%q is missing: above and below are scores of an intent", "intent")
		case event == nil && when == nil:
			j.Report(item.Pos, "missing-key", "", "%q is missing: a reroute rule has an event, a condition, or an intent", "event")
		}
		if event != nil {
			rule.Events, _ = j.Words(event, "event")
		}
		rule.When = j.expr(when, expr.Bool)
		if to := m.Need("go_to", "a reroute rule needs a path to go to"); to != nil {
			rule.GoTo, ok = j.Word(to, "the target of go_to")
			j.astray = j.astray || !ok || j.Unread(to.Pos)
			j.targets = append(j.targets, rerouteTree{len(j.def.Reroute), to.Pos})
		}
		if repeat := m.Get("repeat"); repeat != nil {
			rule.Repeat = j.Boolean(repeat, "repeat")
		}
		m.Done()
		j.def.Reroute = append(j.def.Reroute, rule)
	}
}

// reroutes resolves the targets of the rules, once all paths and steps are read.
func (j *journeyCheck) reroutes() {
	for _, target := range j.targets {
		name := j.def.Reroute[target.rule].GoTo
		if name == "" || j.paths[name] != nil {
			continue
		}
		if i := slices.IndexFunc(j.all, func(s *stepTree) bool { return s.id == name }); i >= 0 {
			j.rerouted = append(j.rerouted, j.all[i].path)
			j.Report(
				target.at,
				"unknown-path",
				"",
				"%q is a step, and a reroute leads to paths only: this one is on path %q",
				name,
				j.all[i].path,
			)
			continue
		}
		var known []string
		for path := range j.paths {
			known = append(known, path)
		}
		hint := human.Suggest(name, known)
		j.rerouted = append(j.rerouted, hint) // once the name is fixed, it leads there
		j.Report(target.at, "unknown-path", hint, "reroute: there is no path %q", name)
	}
}
