package journey

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/human"
)

// rerouteTree is a reroute rule while it is read.
type rerouteTree struct {
	rule int // index in Definition.Reroute
	at   pos // of go_to's value
}

// reroute reads the rules that move an instance to another path.
func (j *journeyCheck) reroute(n *node) {
	items, ok := j.list(n, "reroute")
	j.astray = !ok
	for _, item := range items {
		m := j.fields(item, "a reroute rule")
		if m == nil {
			j.astray = true
			continue
		}
		rule := RerouteRule{}
		event, when, intent := m.get("event"), m.get("when"), m.get("intent")
		switch {
		case intent != nil:
			rule.Level = j.level(m, intent, "a reroute")
		case j.threshold(m):
			j.report(item.pos, "missing-key", "", "%q is missing: above and below are scores of an intent", "intent")
		case event == nil && when == nil:
			j.report(item.pos, "missing-key", "", "%q is missing: a reroute rule has an event, a condition, or an intent", "event")
		}
		if event != nil {
			rule.Events, _ = j.words(event, "event")
		}
		rule.When = j.expr(when, wantBool)
		if to := m.need("go_to", "a reroute rule leads to a path"); to != nil {
			rule.GoTo, ok = j.word(to, "the target of go_to")
			j.astray = j.astray || !ok || j.unread(to.pos)
			j.targets = append(j.targets, rerouteTree{len(j.def.Reroute), to.pos})
		}
		if repeat := m.get("repeat"); repeat != nil {
			rule.Repeat = j.boolean(repeat, "repeat")
		}
		m.done()
		j.def.Reroute = append(j.def.Reroute, rule)
	}
}

// reroutes looks up where the rules lead, once all paths and steps are read.
func (j *journeyCheck) reroutes() {
	for _, target := range j.targets {
		name := j.def.Reroute[target.rule].GoTo
		if name == "" || j.paths[name] != nil {
			continue
		}
		if i := slices.IndexFunc(j.all, func(s *stepTree) bool { return s.id == name }); i >= 0 {
			j.rerouted = append(j.rerouted, j.all[i].path)
			j.report(
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
		j.rerouted = append(j.rerouted, hint) // leads there once the name is mended
		j.report(target.at, "unknown-path", hint, "reroute: there is no path %q", name)
	}
}
