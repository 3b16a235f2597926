package journey

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/human"
)

var decideKind = Kind{
	Name: "decide",
	Form: "`decide: <group>` or a list of action names; optional `send: false` (only chooses), `via:` a channel or a list (narrows), `none: [...]`",
	Doc: "Chooses the next best action of a group, or of those named: eligible, applicable, suitable, permitted by the contact policy, and then the highest priority. " +
		"Its message is sent at once on the channel it won with, and its accept window opens. `none` runs where nothing is chosen; otherwise the journey goes on behind the step, " +
		"also where the send failed. With `send: false` it only chooses.",
	Example: "- id: offer\n  decide: retention\n  via: [email, push]\n  none:\n    - send: cart-reminder\n- id: idea\n  decide: [loyalty-discount, cart-help]\n  send: false\n",
	Results: []string{"action", "channel", "propensity", "priority", "status", "reason"},
	Options: []string{"send", "via", "none"},
	parse:   parseDecide,
	decode:  into[Decide],
}

func parseDecide(r *stepReader, n *node) Spec {
	spec := &Decide{None: End}
	actions, sure := r.choice(n, spec)
	if s := r.keys.node.values; r.keys.index("send") >= 0 && !secondKind(s[r.keys.index("send")]) {
		spec.Choose = !r.boolean(r.get("send"), "send")
	}
	for _, a := range actions {
		if spec.Choose {
			a.chosen.Store(true)
		} else {
			a.sent.Store(true)
		}
	}
	if via := r.get("via"); via != nil {
		var places []*node
		spec.Via, places = r.channels(via)
		for i, channel := range spec.Via {
			r.offered(channel, places[i], actions, sure)
		}
	}
	r.arm(r.get("none"), "none", &spec.None)
	return spec
}

// secondKind reports whether the value of `send` beside decide is a message: then it is a kind of its own, and
// no option.
func secondKind(n *node) bool { return n.isText() && n.text != "true" && n.text != "false" }

// choice reads what is chosen among; sure tells whether all of it is known.
func (r *stepReader) choice(n *node, spec *Decide) (actions []*actionInfo, sure bool) {
	if n.shape == sequence {
		names, places := r.words(n, "decide")
		sure = len(names) == len(n.items) && len(names) > 0
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
	name, ok := r.word(n, "the group of decide")
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

// unknownAction reports a name that is no group or action, unless it may stand in a file that could not be read.
func (r *stepReader) unknownAction(n *node, name, what string, known []string) {
	if r.lostActions {
		return
	}
	switch {
	case what == "group" && r.actions[name] != nil:
		r.report(n.pos, "unknown-action", "["+name+"]", "%q is an action, no group: actions stand in a list", name)
	case what == "group":
		r.report(n.pos, "unknown-action", human.Suggest(name, known), "there is no group of actions %q (actions/%s.yaml)", name, name)
	case r.groups[name] != nil:
		r.report(n.pos, "unknown-action", "", "%q is a group, no action: write decide: %s, or name its actions", name, name)
	default:
		r.report(n.pos, "unknown-action", human.Suggest(name, known), "there is no action %q in actions/", name)
	}
}

// offered checks that some action can be offered by a channel.
func (r *stepReader) offered(channel string, at *node, actions []*actionInfo, sure bool) {
	spec := r.channelSpec(channel, at.pos)
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
	r.report(
		at.pos,
		"unknown-channel",
		human.Suggest(channel, all),
		"no action of this decide can be offered by %s, only by %s",
		channel,
		joinWords(all),
	)
}
