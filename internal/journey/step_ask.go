package journey

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var askKind = Kind{
	Name:   "ask",
	Family: Speaking,
	Icon:   "M2 3h12v8H8l-3 3v-3H2zM6.500 5.800a1.500 1.500 0 1 1 2 1.400c-.5.2-.5.600-.5.900",
	Form: "`ask: <message>`, `via:` as of send, `timeout:` (required); `replies:` list of arms `{intent: NAME, then: [...]}`, " +
		"`{matches: \"<regexp>\", then: [...]}` or `{any: true, then: [...]}`; " +
		"`on_timeout: [...]`; optional `data`, `category`, `topic`, `tone`, `on_blocked: [...]`, `on_failure: [...]` as of send",
	Doc: "Sends a message and waits until the customer replies with a `Message Received`, or until the timeout. The first arm that " +
		"matches the reply is taken. A reply that matches no arm is ignored, and the wait continues. Without `replies`, the journey " +
		"continues after the step on any reply. A question that is blocked takes `on_blocked`, one that could not be delivered " +
		"takes `on_failure`; where these are absent, both take `on_timeout`.",
	Example: "- id: question\n  ask: cart-reminder\n  via: [push, email]\n  timeout: 24h\n  replies:\n    - {intent: complaint, then: " +
		"[{handoff: support}]}\n    - {matches: \"(?i)^(yes|ok)\", then: [{exit: agreed}]}\n    - {any: true}\n  on_timeout:\n    - " +
		"exit: silent\n",
	Results: []string{"text", "intent", "confidence", "timed_out"},
	New:     func() Spec { return &Ask{} },
}

// ReplyArm is an arm of ask. Exactly one of Intent, Matches and Any is set.
type ReplyArm struct {
	Intent  string `json:"intent,omitempty"`  // the intent that the reply is classified as
	Matches string `json:"matches,omitempty"` // RE2 syntax; matches anywhere in the text
	Any     bool   `json:"any,omitempty"`
	Then    int    `json:"then"`
}

// Ask sends a message and waits for the customer's reply: the first later `Message Received` that matches an arm.
type Ask struct {
	Question  Send          `json:"question"` // its OnBlocked and OnFailure default to the target of OnTimeout
	Timeout   time.Duration `json:"timeout"`  // from the moment of asking
	Replies   []ReplyArm    `json:"replies" key:"arms"`
	OnTimeout int           `json:"on_timeout"`
}

// Kind implements Spec.
func (*Ask) Kind() string { return "ask" }

// Fields implements Spec.
func (a *Ask) Fields() []syntax.Field {
	return append(a.Question.message("ask"),
		syntax.Field{
			Key: "timeout", Doc: "How long to wait at most, from the moment of asking.", Need: "ask needs a timeout",
			Value: syntax.Duration{To: &a.Timeout, Refuse: syntax.NotZero("a question needs a timeout above 0s")},
		},
		syntax.Field{
			Key:   "replies",
			Doc:   "The first arm that matches a reply is taken. Without replies, the journey continues after the step on any reply.",
			Value: replyArms{syntax.ListOf(&a.Replies)},
		},
		syntax.Arm(ArmTimeout, "to take if no matching reply came in time", syntax.Steps{To: &a.OnTimeout}),
		syntax.Arm(ArmBlocked, onBlocked, syntax.Steps{To: &a.Question.OnBlocked, Instead: &a.OnTimeout}),
		syntax.Arm(ArmFailure, onFailure, syntax.Steps{To: &a.Question.OnFailure, Instead: &a.OnTimeout}))
}

// replyArms are the arms of a question. If there are none, a single arm takes every reply.
type replyArms struct {
	syntax.List[ReplyArm, *ReplyArm]
}

// Absent adds the arm for every reply.
func (v replyArms) Absent(r *syntax.Reader, _ *syntax.Field) {
	*v.To = []ReplyArm{{Any: true}}
	r.Steps(nil, ArmNumber(0), &(*v.To)[0].Then, nil)
}

// Fields implements syntax.Part.
func (a *ReplyArm) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "intent", Doc: "The reply is classified as this intent.", Value: syntax.Intent{To: &a.Intent}},
		{Key: "matches", Doc: "This regular expression (RE2) is found in the text.", Value: replyPattern{&a.Matches}},
		{Key: "any", Doc: "Any reply.", Value: anyReply{syntax.Bool{To: &a.Any}}},
		syntax.Arm("then", "to take when the reply matches", syntax.Steps{To: &a.Then}),
	}
}

// replyConditions are the keys of an arm's condition. An arm has exactly one of them.
var replyConditions = []string{"intent", "matches", "any"}

// Read reads the condition of the arm and its steps.
func (a *ReplyArm) Read(r *syntax.Reader) {
	m, found := r.Keys, ""
	for i, key := range m.Node.Keys {
		if key.Shape != source.Scalar || m.Index(key.Text) != i || !slices.Contains(replyConditions, key.Text) {
			continue
		}
		if found != "" {
			m.Get(key.Text)
			r.Report(key.Pos, "unknown-key", "", "an arm of replies has one condition, and this one has %s: move %s to another arm",
				found, key.Text)
			continue
		}
		found = key.Text
		r.Fields(syntax.Pick(a.Fields(), key.Text)...)
	}
	m.Known = append(m.Known, replyConditions...)
	if key := m.Key("when"); m.Index("when") >= 0 {
		m.Known = append(m.Known, "when")
		r.Report(key, "unknown-key", "", "replies take intent, matches or any, and no condition: ask it after the step, by a branch")
	}
	if found == "" && !m.Near("intent") && !m.Near("matches") {
		r.Report(m.Node.Pos, "missing-key", "",
			"%q is missing: an arm of replies has an intent, a pattern (matches) or any: true", "intent")
	}
	r.Fields(syntax.Pick(a.Fields(), "then")...)
}

// Schema implements syntax.OwnSchema.
func (a *ReplyArm) Schema(b *shape.Builder) *shape.Schema {
	return b.Def("reply_arm", func() *shape.Schema {
		var one []*shape.Schema
		for _, key := range replyConditions {
			one = append(one, syntax.Mapping(b, syntax.Pick(a.Fields(), key, "then"), key))
		}
		return &shape.Schema{OneOf: one}
	})
}

// replyPattern is a regular expression.
type replyPattern struct{ to *string }

// Read implements syntax.Value.
func (v replyPattern) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	var ok bool
	if *v.to, ok = r.Word(n, f.Key); !ok {
		return
	}
	if _, err := regexp.Compile(*v.to); err != nil {
		r.Report(n.Pos, "bad-value", "", "%s is no regular expression (RE2): %s", f.Key, err.Error()[len("error parsing regexp: "):])
	}
}

// Print implements syntax.Value.
func (v replyPattern) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	if *v.to == "" {
		return nil
	}
	return syntax.Quoted(*v.to)
}

// Schema implements syntax.Value.
func (replyPattern) Schema(*shape.Builder) *shape.Schema { return shape.Word() }

// anyReply is true, or is left out.
type anyReply struct{ syntax.Bool }

// Read implements syntax.Value.
func (v anyReply) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	if v.Bool.Read(r, f, n); !*v.To && n.Tag == "bool" && !n.Quoted {
		r.Report(n.Pos, "bad-value", "true", "any is true or absent")
	}
}

// Schema implements syntax.Value.
func (anyReply) Schema(*shape.Builder) *shape.Schema { return &shape.Schema{Enum: []any{true}} }

// Describe implements Spec.
func (a *Ask) Describe() Description {
	d := Description{
		Title: "question " + a.Question.Message, Lines: append(a.Question.delivery(), "at most "+human.Duration(a.Timeout)),
		Exprs: sortedExprs(a.Question.Data), Events: [][]string{{MessageReceived}},
		Messages: []Saying{{a.Question.Message, a.Question.Via}},
		Topic:    a.Question.Topic,
		Parks:    true, Says: true, Forks: true, Text: true,
	}
	for i := range a.Replies {
		reply := &a.Replies[i]
		arm := Arm{Key: ArmNumber(i), To: &reply.Then, Always: true, Label: "any reply", Full: "any reply"}
		switch {
		case reply.Intent != "":
			d.Intents = append(d.Intents, reply.Intent)
			arm.Label, arm.Full = reply.Intent, "a reply with the intent "+reply.Intent
		case reply.Matches != "":
			arm.Label, arm.Full = "/"+human.Shorten(reply.Matches, exprLength/2)+"/", "a reply that matches "+reply.Matches
		}
		d.Arms = append(d.Arms, arm)
	}
	d.Arms = append(d.Arms,
		armTimeout(&a.OnTimeout, a.Timeout, "no reply that fits came"),
		armBlocked(&a.Question.OnBlocked, &a.OnTimeout),
		armFailed(&a.Question.OnFailure, &a.OnTimeout, undelivered))
	return d
}

// valid checks the arms of a question.
func (a *Ask) valid() error {
	switch {
	case a.Question.Message == "":
		return errors.New("a question without a message")
	case a.Timeout <= 0:
		return fmt.Errorf("the timeout is %s", a.Timeout)
	case len(a.Replies) == 0:
		return errors.New("a question without an arm for replies")
	}
	for i, arm := range a.Replies {
		said := 0
		for _, given := range []bool{arm.Intent != "", arm.Matches != "", arm.Any} {
			if given {
				said++
			}
		}
		if said != 1 {
			return fmt.Errorf("arm %d has not one condition", i+1)
		}
		if _, err := regexp.Compile(arm.Matches); err != nil {
			return fmt.Errorf("arm %d: %w", i+1, err)
		}
	}
	return nil
}
