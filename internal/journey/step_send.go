package journey

import (
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
)

var sendKind = Kind{
	Name: "send",
	Form: "`send: <message>`, `via:` a channel, `best` (default: the channel the customer answers most, of those permitted) or a list (the first permitted); optional `data: {k: <CEL>}`, `category: marketing` (default) or `transactional`, `topic:`, `tone:`, `on_blocked: [...]`, `on_failure: [...]`",
	Doc: "Says a message on one channel: the first of a list that is permitted, or, with `best` and without `via`, the one that the customer answers most of those permitted. " +
		"In quiet hours it waits for their end, if the policy says so. `on_blocked` runs where the policy forbids it on every channel, `on_failure` where it could not be delivered; " +
		"otherwise the journey goes on behind the step.",
	Example: "- id: nudge\n  send: cart-reminder\n  via: [push, email]\n  data: {left: size(entry.items)}\n  on_failure: [{exit: unreachable}]\n",
	Results: []string{"status", "reason", "channel"},
	Options: []string{"via", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
	parse:   parseSend,
	decode:  into[Send],
}

func parseSend(r *stepReader, n *node) Spec {
	spec := &Send{Category: Marketing, OnBlocked: End, OnFailure: End}
	r.saying(n, "send", spec)
	r.arm(r.get("on_blocked"), "on_blocked", &spec.OnBlocked)
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	return spec
}

// saying reads what is said, and how: the message and the keys beside it.
func (r *stepReader) saying(n *node, kind string, spec *Send) {
	name, ok := r.word(n, "the message of "+kind)
	spec.Message = name
	var message *messageFile
	if ok {
		message = r.messageNamed(n, name)
	}
	if via := r.get("via"); via != nil {
		var places []*node
		spec.Via, places = r.channels(via)
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
}

// messageNamed finds a message that is to be sent, and reports where there is none.
func (f *fileCheck) messageNamed(n *node, name string) *messageFile {
	message := f.messages[name]
	if message != nil {
		message.used.Store(true)
		return message
	}
	hint := human.Suggest(name, f.messageNames())
	if meant := f.messages[hint]; meant != nil {
		meant.used.Store(true) // once the name is mended
	}
	f.report(n.pos, "unknown-message", hint, "there is no message %q (messages/%s.yaml)", name, name)
	return nil
}

// best is the word for the channel that the customer answers most, of those permitted.
const best = "best"

// channels reads via: a channel, a list, or best, which is none.
func (f *fileCheck) channels(n *node) ([]string, []*node) {
	if n.isText() && n.text == best {
		return nil, nil
	}
	names, places := f.words(n, "via")
	if i := slices.Index(names, best); i >= 0 {
		f.report(places[i].pos, "bad-value", "", "best stands for all channels: write via: best, without a list")
		names, places = slices.Delete(names, i, i+1), slices.Delete(places, i, i+1)
	}
	return names, places
}

// channelSpec finds a channel, and reports where there is none.
func (f *fileCheck) channelSpec(channel string, at pos) *channel.Spec {
	known := f.channelNames()
	i := slices.Index(known, channel)
	if i < 0 {
		f.report(at, "unknown-channel", human.Suggest(channel, append(known, best)), "there is no channel %q, only %s", channel, joinWords(known))
		return nil
	}
	return &f.opts.Channels[i]
}

// channel checks one channel of via.
func (f *fileCheck) channel(channel string, at pos, name string, message *messageFile) {
	spec := f.channelSpec(channel, at)
	if spec == nil || message == nil || message.broken || spec.Any || slices.Contains(message.channels, channel) {
		return
	}
	f.report(at, "unknown-channel", human.Suggest(channel, message.channels), "%s", noTreatment(name, channel, message.channels))
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
