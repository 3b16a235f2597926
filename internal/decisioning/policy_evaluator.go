// Package decisioning decides: pure functions over a customer's standing, called inside the store's transaction
// for that customer.
package decisioning

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Reasons a send is suppressed for (LANGUAGE: Contact policy).
const (
	NoConsent   = "NO_CONSENT"
	AgentActive = "AGENT_ACTIVE"
	Suppressed  = "SUPPRESSED" // where the rule of the policy names no reason of its own
	NoAddress   = "NO_ADDRESS"
	Bounced     = "BOUNCED"
	QuietHours  = "QUIET_HOURS"
	CapReached  = "CAP_REACHED"
	NoTreatment = "NO_TREATMENT" // the current release's message has no treatment for the channel any more
)

// CustomerContext is what the deciding transaction knows of a customer.
type CustomerContext struct {
	Customer    string
	Traits      map[string]any
	AgentActive bool                               // a hand-off of this customer is open
	Bounced     func(channel, address string) bool // a hard bounce or a dead token on this address
	Release     int
	Content     *journey.Content

	Rules *journey.Rulebook // of the release
	Scope *journey.Scope    // what its expressions may see of this customer, and of the journey where one asks
	Now   time.Time         // virtual
	// Contacted counts the contacts that a limit bounds: reserved or sent within its window, those of
	// transactional messages too.
	Contacted func(limit journey.Limit) int
	// Reach is how likely the customer answers on a channel, 0…1, as learned. Nil: nothing is known.
	Reach func(channel string) float64
	// Scenario: a consent property that is not given counts as given, and nothing is explored.
	Scenario bool
	// Present: the customer is on the page or on the phone. Quiet hours and addresses do not apply.
	Present bool
}

// SendRequest is a send to be decided.
type SendRequest struct {
	Send     journey.Send     // of which Via, Category, Topic and Tone are read
	Message  *journey.Message // nil: whatever is said, it has a treatment for each channel of Via
	Channels []channel.Spec   // of this build, in the registry's order
}

// Verdict is the decision. Channel is empty where nothing may be sent now: HeldUntil then says when to ask
// again, or it is zero and the send is suppressed for Reason.
type Verdict struct {
	Channel   string
	Addresses []string // one or more (a customer may have several push tokens); empty for channels without
	Reason    string   // also of a send that is held: QuietHours
	HeldUntil time.Time
	Tone      string           // the step's, else that of the policy's first tone rule that is true; empty: plain
	Channels  []ChannelVerdict // the channels asked for, in the order they were looked at
}

// ChannelVerdict is what the policy says to one channel.
type ChannelVerdict struct {
	Channel   string    `json:"channel"`
	Reason    string    `json:"reason,omitempty"` // empty: permitted
	HeldUntil time.Time `json:"held_until,omitzero"`
	Addresses []string  `json:"-"`
}

// Permit decides a send by the contact policy: the channel it goes out on, until when quiet hours hold it, or
// why it is suppressed. Of a list of channels the first that is permitted is taken; without one (best), of
// those that the message has a treatment for and that are permitted, the one that the customer answers most,
// and of equals the first of the registry.
func Permit(st CustomerContext, ask SendRequest) Verdict {
	return NewPolicyEvaluator(st, ask.Channels).Permit(ask)
}

// PolicyEvaluator decides sends to one customer at one moment. What it has looked at once it remembers, by category,
// topic and channel, so that asking for a thousand actions costs little more than asking for one. It is not
// safe for concurrent use.
type PolicyEvaluator struct {
	st                 CustomerContext
	specs              []channel.Spec
	verdicts           map[sendKind]staged
	customerReasons    map[sendKind]string      // of the customer as a whole; without channel
	consent            map[string]bool          // by rule of the policy
	addressesByChannel map[string]addressStatus // addresses by channel
	quiet              *quietState
	tone               *string
}

// sendKind is what the policy tells sends apart by.
type sendKind struct {
	transactional  bool
	topic, channel string
}

// staged is what the policy says to a channel, and how far the send came.
type staged struct {
	ChannelVerdict
	stage stage
}

// stage is how far a send came on its way through the policy.
type stage int

const (
	stageWhole   stage = iota // forbidden whatever the channel says
	stageChannel              // forbidden on the channel
	stageQuiet                // held or dropped by quiet hours
	stageLimits               // one contact too many
	stagePassed
)

// NewPolicyEvaluator prepares decisions for a customer. channels are those of this build, in the registry's order.
func NewPolicyEvaluator(st CustomerContext, channels []channel.Spec) *PolicyEvaluator {
	return &PolicyEvaluator{
		st:                 st,
		specs:              channels,
		verdicts:           map[sendKind]staged{},
		customerReasons:    map[sendKind]string{},
		consent:            map[string]bool{},
		addressesByChannel: map[string]addressStatus{},
	}
}

// Permit decides one send; the ask's Channels are not read.
func (p *PolicyEvaluator) Permit(ask SendRequest) Verdict {
	all := p.evaluateAll(ask)
	if len(all) == 0 {
		reason := p.customerReason(sendKind{transactional: ask.Send.Category == journey.Transactional, topic: ask.Send.Topic})
		if reason == "" {
			reason = NoTreatment
		}
		return Verdict{Reason: reason}
	}
	best := 0
	for i, v := range all {
		// Before the quiet hours every channel fails for reasons of its own: that of the first is told.
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
	}
	return out
}

// Channels says of every channel asked for whether the send is permitted there, in the order of preference: as
// listed, or without a list the one that the customer answers most first. Without a list these are the channels
// that the message has a treatment for.
func (p *PolicyEvaluator) Channels(ask SendRequest) []ChannelVerdict {
	all := p.evaluateAll(ask)
	out := make([]ChannelVerdict, len(all))
	for i, v := range all {
		out[i] = v.ChannelVerdict
	}
	return out
}

// Tone is how to speak to the customer, where the step does not say.
func (p *PolicyEvaluator) Tone() string { return p.toneFor("") }

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

// policy of the release; nil: none.
func (p *PolicyEvaluator) policy() *journey.Policy {
	if p.st.Rules == nil {
		return nil
	}
	return p.st.Rules.Policy
}

// evaluateAll looks at every candidate.
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
