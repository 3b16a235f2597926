// Package decisioning decides what a customer may get and what is best: contact policy, arbitration of actions, strength
// of intents, engagement with channels. It is pure: functions over what the deciding transaction knows of the customer.
package decisioning

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Reasons for suppressing a send (docs/language/policy.md).
const (
	NoConsent   = "NO_CONSENT"
	AgentActive = "AGENT_ACTIVE"
	Suppressed  = "SUPPRESSED" // for a suppress rule without a reason of its own
	NoAddress   = "NO_ADDRESS"
	Bounced     = "BOUNCED"
	QuietHours  = "QUIET_HOURS"
	CapReached  = "CAP_REACHED"
	NoTreatment = "NO_TREATMENT" // the message of the current release has no treatment for the channel
)

// CustomerContext is what the deciding transaction knows about a customer.
type CustomerContext struct {
	Customer    string
	Traits      map[string]any
	AgentActive bool // a hand-off of the customer is open
	// Addresses returns what is known of addresses, by their keys; an address of which nothing is known may be missing.
	// Nil: nothing is known.
	Addresses func(channel string, keys []string) map[string]address.State
	Release   int
	Content   *journey.Content

	Rules *journey.Rulebook // of the release
	Scope *journey.Scope    // the variables of its expressions: the customer's, and the journey's if a journey asks
	Now   time.Time         // virtual
	// Contacted counts the sends that a frequency cap bounds: reserved or sent within its window, transactional ones
	// included. Nil: none.
	Contacted func(limit journey.Limit) int
	// Reach returns how likely the customer is to answer on a channel, 0…1 (AnswerRate). Nil: nothing is known.
	Reach func(channel string) float64
	// Scenario: a missing consent property counts as consent, and nothing is explored.
	Scenario bool
	// Assumed is called in a scenario for each rule of consent that holds only because a missing property counts as given;
	// nil: nobody asks.
	Assumed func(name string, rule expr.Expr)
	// Present: the customer is on the page or on the phone, so quiet hours and addresses do not matter.
	Present bool
}

// SendRequest is a send to be decided.
type SendRequest struct {
	Send     journey.Send     // Via, Category, Topic and Tone are read
	Message  *journey.Message // nil: assume a treatment for each channel of Via
	Channels []channel.Spec   // of this build, in the registry's order
}

// Verdict is the policy's decision about a send. Channel is empty if nothing may be sent now: then HeldUntil is when
// to ask again, or it is zero and the send is suppressed for Reason. Its JSON, in the column route of a send, has the
// channel and the addresses only: a repeat keeps them.
type Verdict struct {
	Channel   string
	Addresses []string         // several if the customer has several push tokens; empty for channels without addresses
	Reason    string           `json:"-"` // also set for a held send: QuietHours
	HeldUntil time.Time        `json:"-"`
	Tone      string           `json:"-"` // the step's, else that of the policy's first matching tone rule; empty: plain
	Channels  []ChannelVerdict `json:"-"` // every channel asked for, in the order of evaluation
	// Wrote is when somebody last wrote from an address, as far as it is known, on a channel with sessions.
	Wrote map[string]time.Time `json:"-"`
}

// ChannelVerdict is the policy's decision about one channel.
type ChannelVerdict struct {
	Channel   string    `json:"channel"`
	Reason    string    `json:"reason,omitempty"` // empty: permitted
	Detail    string    `json:"detail,omitempty"` // for people: why, and which addresses are not used; without customer data
	HeldUntil time.Time `json:"held_until,omitzero"`
	Addresses []string  `json:"-"`
	// Wrote is as that of Verdict.
	Wrote map[string]time.Time `json:"-"`
}

// Permit decides a send by the contact policy: the channel it goes out on, until when quiet hours hold it, or why it
// is suppressed. Of a list of channels the first permitted one is taken. Without a list (`best`), the one the
// customer answers most is taken of those that are permitted and have a treatment; of equals, the first of the
// registry.
func Permit(st CustomerContext, ask SendRequest) Verdict {
	return NewPolicyEvaluator(st, ask.Channels).Permit(ask)
}

// PolicyEvaluator decides sends to one customer at one moment. It caches what it has evaluated, by category, topic
// and channel, so that deciding about a thousand actions costs little more than about one. It is not safe for
// concurrent use.
type PolicyEvaluator struct {
	st                 CustomerContext
	specs              []channel.Spec
	verdicts           map[sendKind]staged
	customerReasons    map[sendKind]denial      // reasons that hold on every channel
	consent            map[string]denial        // results of the policy's consent rules, by name; no reason: given
	addressesByChannel map[string]addressStatus // addresses by channel
	quiet              *quietState
	tone               *string
}

// sendKind is what the policy distinguishes sends by.
type sendKind struct {
	transactional  bool
	topic, channel string
}

// staged is a verdict on a channel, and how far the send came.
type staged struct {
	ChannelVerdict
	stage stage
	off   bool // the customer does not want the topic on the channel, which is no candidate
}

// stage is how far a send came through the policy.
type stage int

const (
	stageWhole   stage = iota // forbidden on every channel
	stageChannel              // forbidden on this channel
	stageQuiet                // held or dropped by quiet hours
	stageLimits               // a frequency cap is reached
	stagePassed
)

// NewPolicyEvaluator returns an evaluator for a customer. channels are those of this build, in the registry's order.
func NewPolicyEvaluator(st CustomerContext, channels []channel.Spec) *PolicyEvaluator {
	return &PolicyEvaluator{
		st:                 st,
		specs:              channels,
		verdicts:           map[sendKind]staged{},
		customerReasons:    map[sendKind]denial{},
		consent:            map[string]denial{},
		addressesByChannel: map[string]addressStatus{},
	}
}

// Permit decides one send, as the function Permit does; the request's Channels are not read.
func (p *PolicyEvaluator) Permit(ask SendRequest) Verdict {
	all := p.evaluateAll(ask)
	if len(all) == 0 {
		reason := p.customerDenial(sendKind{transactional: ask.Send.Category == journey.Transactional, topic: ask.Send.Topic}).reason
		if reason == "" {
			reason = NoTreatment
		}
		return Verdict{Reason: reason}
	}
	best := max(slices.IndexFunc(all, func(v staged) bool { return !v.off }), 0)
	for i, v := range all {
		// Before quiet hours every channel fails for its own reason; that of the first candidate is reported.
		if v.stage > all[best].stage && v.stage >= stageQuiet {
			best = i
		}
	}
	out := Verdict{Reason: all[best].Reason, HeldUntil: all[best].HeldUntil, Channels: make([]ChannelVerdict, len(all))}
	for i, v := range all {
		out.Channels[i] = v.ChannelVerdict
	}
	if all[best].stage == stagePassed {
		out.Channel, out.Addresses, out.Tone = all[best].Channel, all[best].Addresses, p.toneFor(ask.Send.Tone)
		out.Wrote = all[best].Wrote
	}
	return out
}

func (p *PolicyEvaluator) toneFor(tone string) string {
	if tone != "" {
		return tone
	}
	if p.tone == nil {
		said := ""
		if policy := p.policy(); policy != nil {
			for _, rule := range policy.Tone {
				if p.st.Rules.Test(rule.When, p.st.Scope) {
					said = rule.Use
					break
				}
			}
		}
		p.tone = &said
	}
	return *p.tone
}

// policy returns the policy of the release; nil if there is none.
func (p *PolicyEvaluator) policy() *journey.Policy {
	if p.st.Rules == nil {
		return nil
	}
	return p.st.Rules.Policy
}

// evaluateAll evaluates every channel of a request.
func (p *PolicyEvaluator) evaluateAll(ask SendRequest) []staged {
	var all []staged
	k := sendKind{transactional: ask.Send.Category == journey.Transactional, topic: ask.Send.Topic}
	look := func(spec *channel.Spec, said bool) {
		k.channel = spec.Name
		v, known := p.verdicts[k]
		if !known {
			v = p.evaluateChannel(k, spec)
			v.Channel = spec.Name
			p.verdicts[k] = v
		}
		if !said && v.stage > stageWhole {
			v = staged{ChannelVerdict: ChannelVerdict{Channel: spec.Name, Reason: NoTreatment}, stage: stageChannel}
		}
		all = append(all, v)
	}
	if len(ask.Send.Via) == 0 {
		for i := range p.specs {
			if ask.Message != nil && ask.Message.Treatments[p.specs[i].Name] != nil {
				look(&p.specs[i], true)
			}
		}
		if p.st.Reach != nil && len(all) > 1 {
			slices.SortStableFunc(all, func(a, b staged) int {
				switch x, y := p.st.Reach(a.Channel), p.st.Reach(b.Channel); {
				case x > y:
					return -1
				case x < y:
					return 1
				}
				return 0
			})
		}
		return all
	}
	for _, name := range ask.Send.Via {
		for i := range p.specs {
			if spec := &p.specs[i]; spec.Name == name {
				look(spec, ask.Message == nil || ask.Message.Treatments[name] != nil || spec.Any)
			}
		}
	}
	return all
}
