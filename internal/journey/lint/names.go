package lint

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// Message reports a message that does not exist.
func (r *stepReader) Message(n *source.Node, name string) { r.messageNamed(n, name) }

// Topic reports a topic that topics.yaml does not have.
func (r *stepReader) Topic(n *source.Node, name string) { r.topicNamed(n, name) }

// Channel reports a channel that does not exist, or that the message has no treatment for.
func (r *stepReader) Channel(n *source.Node, channel, message string) {
	r.channel(channel, n.Pos, message, r.Messages[message])
}

// Action reports an action that does not exist.
func (r *stepReader) Action(n *source.Node, name string) (known bool) {
	if r.actions[name] == nil {
		r.unknownAction(n, name, "action", slices.Sorted(maps.Keys(r.actions)))
	}
	return r.actions[name] != nil
}

// Group reports a group of actions that does not exist.
func (r *stepReader) Group(n *source.Node, name string) (known bool) {
	if r.groups[name] == nil {
		r.unknownAction(n, name, "group", slices.Concat(slices.Collect(maps.Keys(r.groups)), slices.Collect(maps.Keys(r.actions))))
	}
	return r.groups[name] != nil
}

// candidates returns the actions of a choice. sure reports whether all of them are known.
func (r *stepReader) candidates(group string, names []string) (actions []*actionInfo, sure bool) {
	if g := r.groups[group]; g != nil {
		return g.actions, !g.broken
	}
	for _, name := range names {
		if a := r.actions[name]; a != nil {
			actions = append(actions, a)
		}
	}
	return actions, len(actions) == len(names)
}

// Decides notes that a step chooses among actions, and whether it sends what it chose.
func (r *stepReader) Decides(group string, names []string, sends bool) {
	actions, _ := r.candidates(group, names)
	for _, a := range actions {
		if sends {
			a.sent.Store(true)
		} else {
			a.chosen.Store(true)
		}
	}
}

// Narrows reports a channel that does not exist, or that can offer none of the actions.
func (r *stepReader) Narrows(n *source.Node, channel, group string, names []string) {
	actions, sure := r.candidates(group, names)
	r.offered(channel, n, actions, sure)
}

// unknownAction reports a name that is no group or action, unless a file that could not be read may define it.
func (r *stepReader) unknownAction(n *source.Node, name, what string, known []string) {
	if r.lostActions {
		return
	}
	switch {
	case what == "group" && r.actions[name] != nil:
		r.Report(n.Pos, "unknown-action", "["+name+"]", "%q is an action, not a group: write actions as a list", name)
	case what == "group":
		r.Report(n.Pos, "unknown-action", human.Suggest(name, known), "there is no group of actions %q (actions/%s.yaml)", name, name)
	case r.groups[name] != nil:
		r.Report(n.Pos, "unknown-action", "", "%q is a group, not an action: write decide: %s, or list its actions", name, name)
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
		"no action of this decide can be offered on %s, only on %s",
		channel,
		human.Join(all),
	)
}

// messageNamed returns a message to be sent, and reports an unknown one.
func (f *fileCheck) messageNamed(n *source.Node, name string) *messageFile {
	message := f.Messages[name]
	if message != nil {
		message.used.Store(true)
		return message
	}
	hint := human.Suggest(name, f.MessageNames())
	if meant := f.Messages[hint]; meant != nil {
		meant.used.Store(true) // it is used once the name is fixed
	}
	f.Report(n.Pos, "unknown-message", hint, "there is no message %q (messages/%s.yaml)", name, name)
	return nil
}

// channelSpec returns a channel, and reports an unknown one.
func (f *fileCheck) channelSpec(channel string, at source.Pos) *channel.Spec {
	known := f.ChannelNames()
	i := slices.Index(known, channel)
	if i < 0 {
		f.Report(at, "unknown-channel", human.Suggest(channel, append(known, syntax.Best)), "there is no channel %q, only %s", channel,
			human.Join(known))
		return nil
	}
	return &f.Opts.Channels[i]
}

// channel checks one channel of via.
func (f *fileCheck) channel(channel string, at source.Pos, name string, message *messageFile) {
	spec := f.channelSpec(channel, at)
	if spec == nil || message == nil || message.Broken || spec.Any || slices.Contains(message.Channels, channel) {
		return
	}
	f.Report(at, "unknown-channel", human.Suggest(channel, message.Channels), "%s", NoTreatment(name, channel, message.Channels))
}

// NoTreatment returns the message about a message that has no treatment for a channel.
func NoTreatment(message, channel string, channels []string) string {
	if len(channels) == 0 {
		return fmt.Sprintf("the message %q has no treatment for %s, nor for any other channel", message, channel)
	}
	return fmt.Sprintf("the message %q has no treatment for %s, only for %s", message, channel, human.Join(channels))
}

// ChannelNames returns the names of this build's channels, in the order of the registry.
func (c *Folder) ChannelNames() []string {
	var names []string
	for _, spec := range c.Opts.Channels {
		names = append(names, spec.Name)
	}
	return names
}

// intentName reads the name of an intent, and reports one that does not exist.
func (f *fileCheck) intentName(n *source.Node) string {
	name, ok := f.Word(n, "intent")
	if ok && !f.Intents.Has(name) {
		f.Report(n.Pos, "unknown-intent", human.Suggest(name, f.Intents.Names), "%s", f.Intents.Unknown(name))
	}
	return name
}
