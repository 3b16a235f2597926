package lint

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseDecide(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Decide{None: journey.End}
	actions, sure := r.choice(n, spec)
	if s := r.keys.Node.Values; r.keys.Index("send") >= 0 && !secondKind(s[r.keys.Index("send")]) {
		spec.Choose = !r.Boolean(r.get("send"), "send")
	}
	for _, a := range actions {
		if spec.Choose {
			a.chosen.Store(true)
		} else {
			a.sent.Store(true)
		}
	}
	if via := r.get("via"); via != nil {
		var places []*source.Node
		spec.Via, places = r.channels(via)
		for i, channel := range spec.Via {
			r.offered(channel, places[i], actions, sure)
		}
	}
	r.arm(r.get("none"), "none", &spec.None)
	return spec
}

// secondKind reports whether the value of `send` next to decide is a message. Then it is a second kind and not an
// option.
func secondKind(n *source.Node) bool { return n.IsText() && n.Text != "true" && n.Text != "false" }

// choice reads the actions to choose from. sure reports whether all of them are known.
func (r *stepReader) choice(n *source.Node, spec *journey.Decide) (actions []*actionInfo, sure bool) {
	if n.Shape == source.Sequence {
		names, places := r.Words(n, "decide")
		sure = len(names) == len(n.Items) && len(names) > 0
		for i, name := range names {
			if a := r.actions[name]; a != nil {
				actions = append(actions, a)
			} else {
				sure = false
				r.unknownAction(places[i], name, "action", slices.Sorted(maps.Keys(r.actions)))
			}
		}
		spec.Actions = names
		return actions, sure
	}
	name, ok := r.Word(n, "the group of decide")
	spec.Group = name
	if !ok {
		return nil, false
	}
	group := r.groups[name]
	if group == nil {
		known := slices.Concat(slices.Collect(maps.Keys(r.groups)), slices.Collect(maps.Keys(r.actions)))
		r.unknownAction(n, name, "group", known)
		return nil, false
	}
	return group.actions, !group.broken
}

// unknownAction reports a name that is no group or action, unless a file that could not be read may define it.
func (r *stepReader) unknownAction(n *source.Node, name, what string, known []string) {
	if r.lostActions {
		return
	}
	switch {
	case what == "group" && r.actions[name] != nil:
		r.Report(n.Pos, "unknown-action", "["+name+"]", "%q is an action, no group: actions stand in a list", name)
	case what == "group":
		r.Report(n.Pos, "unknown-action", human.Suggest(name, known), "there is no group of actions %q (actions/%s.yaml)", name, name)
	case r.groups[name] != nil:
		r.Report(n.Pos, "unknown-action", "", "%q is a group, no action: write decide: %s, or name its actions", name, name)
	default:
		r.Report(n.Pos, "unknown-action", human.Suggest(name, known), "there is no action %q in actions/", name)
	}
}

// offered reports a channel that can offer none of the actions.
func (r *stepReader) offered(channel string, at *source.Node, actions []*actionInfo, sure bool) {
	spec := r.channelSpec(channel, at.Pos)
	if spec == nil || spec.Any || !sure || len(actions) == 0 {
		return
	}
	var all []string
	for _, a := range actions {
		channels, known := a.channels()
		if !known || slices.Contains(channels, channel) {
			return
		}
		all = append(all, channels...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	r.Report(
		at.Pos,
		"unknown-channel",
		human.Suggest(channel, all),
		"no action of this decide can be offered by %s, only by %s",
		channel,
		human.Join(all),
	)
}
