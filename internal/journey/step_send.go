package journey

import (
	"cmp"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

var sendKind = Kind{
	Name:   "send",
	Family: Speaking,
	Icon:   "M2 4h12v8.500H2zM2 4.500l6 4.500 6-4.500",
	Form: "`send: <message>`, `via:` a channel, `best` (default: the channel the customer answers most, of those permitted) or a list " +
		"(the first permitted); optional `data: {k: <CEL>}`, `category: marketing` (default) or `transactional`, `topic:`, `tone:`, " +
		"`on_blocked: [...]`, `on_failure: [...]`",
	Doc: "Sends a message on one channel: the first permitted channel of a list or, with `best` or without `via`, the permitted " +
		"channel that the customer answers most. In quiet hours the send waits until they end, if the policy says so. `on_blocked` " +
		"runs if the policy forbids every channel, `on_failure` if the message could not be delivered; otherwise the journey " +
		"continues after the step.",
	Example: "- id: nudge\n  send: cart-reminder\n  via: [push, email]\n  data: {left: size(entry.items)}\n  on_failure: [{exit: " +
		"unreachable}]\n",
	Results: []string{"status", "reason", "channel"},
	New:     func() Spec { return &Send{} },
}

// Send sends a message on the first permitted channel of Via. An empty Via means best: the permitted channel of the
// message that the customer answers most.
type Send struct {
	Message   string               `json:"message" key:"send"`
	Via       []string             `json:"via,omitempty"`
	Data      map[string]expr.Expr `json:"data,omitempty"`
	Category  string               `json:"category"` // Marketing (default) or Transactional
	Topic     string               `json:"topic,omitempty"`
	Tone      string               `json:"tone,omitempty"`
	OnBlocked int                  `json:"on_blocked"` // default Next
	OnFailure int                  `json:"on_failure"` // default Next
}

// Categories of a send.
const (
	Marketing     = "marketing"
	Transactional = "transactional"
)

// Kind implements Spec.
func (*Send) Kind() string { return "send" }

// Fields implements Spec.
func (s *Send) Fields() []syntax.Field {
	return append(s.message("send"),
		syntax.Arm(ArmBlocked, onBlocked, syntax.Steps{To: &s.OnBlocked}),
		syntax.Arm(ArmFailure, onFailure, syntax.Steps{To: &s.OnFailure}))
}

// When the arms of a step that sends a message are taken.
const (
	onBlocked = "to take if the policy forbids every channel"
	onFailure = "to take if the message could not be delivered"
)

// message returns the fields of a message and its delivery, for a kind that sends it.
func (s *Send) message(kind string) []syntax.Field {
	return []syntax.Field{
		{Key: kind, What: "the message of " + kind, Value: syntax.Message{To: &s.Message}},
		{
			Key: "via",
			Doc: "A channel, best (the default: the permitted channel that the customer answers most), or a list: the first permitted.",
			Value: syntax.Via{To: &s.Via, Check: func(r *syntax.Reader, n *source.Node, channel string) {
				r.Channel(n, channel, s.Message)
			}},
		},
		{
			Key: "data", Doc: "Values for the message, as data.x.",
			Value: syntax.CELs{To: &s.Data, Names: VariableName, Words: "a key of data consists of letters, digits and _"},
		},
		{
			Key: "category", Doc: "Default marketing.",
			Value: syntax.Enum{To: &s.Category, Words: []string{Marketing, Transactional}, Default: Marketing},
		},
		{Key: "topic", Doc: "The topic, of topics.yaml where there is one. Customers choose topics, and limits can name them.",
			Value: syntax.Topic{To: &s.Topic}},
		{Key: "tone", Doc: "One of the message's tones.", Value: syntax.Word{To: &s.Tone}},
	}
}

// Describe implements Spec.
func (s *Send) Describe() Description {
	return Description{
		Title: "message " + s.Message, Lines: s.delivery(),
		Arms: []Arm{
			{Label: "sent", Full: "it was sent"},
			armBlocked(&s.OnBlocked, nil),
			armFailed(&s.OnFailure, nil, undelivered),
		},
		Exprs:    sortedExprs(s.Data),
		Messages: []Saying{{s.Message, s.Via}},
		Topic:    s.Topic,
		Says:     true, Stays: true,
	}
}

const undelivered = "it could not be delivered"

// delivery describes the options of a send.
func (s *Send) delivery() []string {
	lines := []string{"via " + cmp.Or(strings.Join(s.Via, ", else "), "the channel answered most")}
	var more []string
	if s.Category == Transactional {
		more = append(more, s.Category)
	}
	if s.Topic != "" {
		more = append(more, "topic "+s.Topic)
	}
	if s.Tone != "" {
		more = append(more, s.Tone+" tone")
	}
	if len(more) > 0 {
		lines = append(lines, strings.Join(more, ", "))
	}
	return lines
}
