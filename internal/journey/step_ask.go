package journey

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
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
	Options: []string{"via", "timeout", "replies", "on_timeout", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
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

// Describe implements Spec.
func (a *Ask) Describe() Description {
	d := Description{
		Title: "question " + a.Question.Message, Lines: append(a.Question.delivery(), "at most "+human.Duration(a.Timeout)),
		Exprs: sortedExprs(a.Question.Data), Events: [][]string{{MessageReceived}},
		Messages: []Saying{{a.Question.Message, a.Question.Via}},
		Parks:    true, Says: true, Forks: true,
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
