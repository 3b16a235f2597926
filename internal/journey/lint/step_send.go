package lint

import (
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseSend(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Send{Category: journey.Marketing, OnBlocked: journey.End, OnFailure: journey.End}
	r.saying(n, "send", spec)
	r.arm(r.get("on_blocked"), "on_blocked", &spec.OnBlocked)
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	return spec
}

// saying reads the message of a step and its delivery options.
func (r *stepReader) saying(n *source.Node, kind string, spec *journey.Send) {
	name, ok := r.Word(n, "the message of "+kind)
	spec.Message = name
	var message *messageFile
	if ok {
		message = r.messageNamed(n, name)
	}
	if via := r.get("via"); via != nil {
		var places []*source.Node
		spec.Via, places = r.channels(via)
		for i, channel := range spec.Via {
			r.channel(channel, places[i].Pos, name, message)
		}
	}
	if data := r.get("data"); data != nil {
		if m := r.Mapping(data, "data"); m != nil {
			spec.Data = map[string]expr.Expr{}
			for i, key := range data.Keys {
				if key.Shape == source.Scalar && variableName.MatchString(key.Text) {
					spec.Data[key.Text] = r.expr(data.Values[i], expr.Any)
				} else if !m.Cut(i, false) {
					r.Report(key.Pos, "bad-value", "", "a key of data is called by letters, digits and _")
				}
			}
		}
	}
	if c := r.get("category"); c != nil {
		spec.Category, _ = r.OneOf(c, "category", journey.Marketing, journey.Transactional)
	}
	if t := r.get("topic"); t != nil {
		spec.Topic, _ = r.Word(t, "topic")
	}
	if t := r.get("tone"); t != nil {
		spec.Tone, _ = r.Word(t, "tone")
	}
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

// best is the value of via for the permitted channel that the customer answers most.
const best = "best"

// channels reads via: a channel, a list, or best, for which it returns none.
func (f *fileCheck) channels(n *source.Node) ([]string, []*source.Node) {
	if n.IsText() && n.Text == best {
		return nil, nil
	}
	names, places := f.Words(n, "via")
	if i := slices.Index(names, best); i >= 0 {
		f.Report(places[i].Pos, "bad-value", "", "best stands for all channels: write via: best, without a list")
		names, places = slices.Delete(names, i, i+1), slices.Delete(places, i, i+1)
	}
	return names, places
}

// channelSpec returns a channel, and reports an unknown one.
func (f *fileCheck) channelSpec(channel string, at source.Pos) *channel.Spec {
	known := f.ChannelNames()
	i := slices.Index(known, channel)
	if i < 0 {
		f.Report(at, "unknown-channel", human.Suggest(channel, append(known, best)), "there is no channel %q, only %s", channel,
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
