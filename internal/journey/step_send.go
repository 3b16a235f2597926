package journey

import (
	"fmt"
	"slices"
)

var sendKind = Kind{
	Name: "send",
	Form: "`send: <message>`, `via:` a channel or a list (the first permitted); optional `data: {k: <CEL>}`, `category: marketing` (default) or `transactional`, `topic:`, `tone:`, `on_blocked: [...]`, `on_failure: [...]`",
	Doc: "Says a message on the first channel that is permitted. `on_blocked` runs where the policy forbids it on every channel, `on_failure` where it could not be delivered; " +
		"otherwise the journey goes on behind the step. Without `via` the message's channels are tried in the order of the channel list.",
	Example: "- id: nudge\n  send: cart-reminder\n  via: [push, email]\n  data: {left: size(entry.items)}\n  on_failure: [{exit: unreachable}]\n",
	Results: []string{"status", "reason", "channel"},
	Options: []string{"via", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
	parse:   parseSend,
	decode:  into[Send],
}

func parseSend(r *stepReader, n *node) Spec {
	spec := &Send{Category: Marketing, OnBlocked: End, OnFailure: End}
	name, ok := r.word(n, "the message of send")
	spec.Message = name
	var message *messageFile
	if ok {
		message = r.messages[name]
		if message == nil {
			hint := suggest(name, r.messageNames())
			if meant := r.messages[hint]; meant != nil {
				meant.used.Store(true) // once the name is mended
			}
			r.report(n.pos, "unknown-message", hint, "there is no message %q (messages/%s.yaml)", name, name)
		} else {
			message.used.Store(true)
		}
	}
	if via := r.get("via"); via != nil {
		var places []*node
		spec.Via, places = r.words(via, "via")
		for i, channel := range spec.Via {
			r.channel(channel, places[i].pos, name, message)
		}
	}
	if data := r.get("data"); data != nil {
		if m := r.fields(data, "data"); m != nil {
			spec.Data = map[string]Expr{}
			for i, key := range data.keys {
				if key.shape == scalar && variableName.MatchString(key.text) {
					spec.Data[key.text] = r.expr(data.values[i], wantAny)
				} else if !m.cut(i, false) {
					r.report(key.pos, "bad-value", "", "a key of data is called by letters, digits and _")
				}
			}
		}
	}
	if c := r.get("category"); c != nil {
		spec.Category, _ = r.oneOf(c, "category", Marketing, Transactional)
	}
	if t := r.get("topic"); t != nil {
		spec.Topic, _ = r.word(t, "topic")
	}
	if t := r.get("tone"); t != nil {
		spec.Tone, _ = r.word(t, "tone")
	}
	r.arm(r.get("on_blocked"), "on_blocked", &spec.OnBlocked)
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	return spec
}

// channel checks one channel of via.
func (r *stepReader) channel(channel string, at pos, name string, message *messageFile) {
	if channel == "best" {
		r.report(at, "not-available", "", "this build does not choose the best channel yet; name the channels in order")
		return
	}
	known := r.channelNames()
	i := slices.IndexFunc(r.opts.Channels, func(c ChannelSpec) bool { return c.Name == channel })
	if i < 0 {
		r.report(at, "unknown-channel", suggest(channel, known), "there is no channel %q, only %s", channel, joinWords(known))
		return
	}
	if message == nil || message.broken || r.opts.Channels[i].Any || slices.Contains(message.channels, channel) {
		return
	}
	r.report(at, "unknown-channel", suggest(channel, message.channels), "%s", noTreatment(name, channel, message.channels))
}

// noTreatment says that a message has nothing for a channel, and what it has.
func noTreatment(message, channel string, channels []string) string {
	if len(channels) == 0 {
		return fmt.Sprintf("the message %q has no treatment for %s, nor for any other channel", message, channel)
	}
	return fmt.Sprintf("the message %q has no treatment for %s, only for %s", message, channel, joinWords(channels))
}

func (c *checker) channelNames() []string {
	var names []string
	for _, spec := range c.opts.Channels {
		names = append(names, spec.Name)
	}
	return names
}
