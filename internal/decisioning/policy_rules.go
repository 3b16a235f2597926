package decisioning

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// A denial is why a send is not permitted; without a reason it is. detail is for people.
type denial struct{ reason, detail string }

func (d denial) at(stage stage) staged {
	return staged{ChannelVerdict: ChannelVerdict{Reason: d.reason, Detail: d.detail}, stage: stage}
}

// evaluateChannel takes one channel through the policy. The order of the checks is the order of the reasons: the
// first that applies is reported. Transactional sends skip suppression, the channel's consent, quiet hours and caps.
func (p *PolicyEvaluator) evaluateChannel(k sendKind, spec *channel.Spec) staged {
	if d := p.customerDenial(k); d.reason != "" {
		return d.at(stageWhole)
	}
	suppressed := p.suppressed(k)
	if suppressed.reason != "" {
		return suppressed.at(stageWhole)
	}
	if !k.transactional {
		if d := p.topicOff(k.topic, spec.Name); d.reason != "" {
			off := d.at(stageChannel)
			off.off = true
			return off
		}
		if d := p.consentMissing(spec.Name); d.reason != "" {
			return d.at(stageChannel)
		}
	}
	addresses, d := p.addresses(spec, k.transactional)
	if d.reason != "" {
		return d.at(stageChannel)
	}
	passed := ChannelVerdict{
		Addresses: addresses, Detail: joined(suppressed.detail, d.detail), Wrote: p.addressesByChannel[spec.Name].wrote,
	}
	if k.transactional {
		return staged{ChannelVerdict: passed, stage: stagePassed}
	}
	if h := p.quietState(); h.quiet {
		return staged{ChannelVerdict: ChannelVerdict{Reason: QuietHours, HeldUntil: h.until}, stage: stageQuiet}
	}
	if p.capped(k) {
		return staged{ChannelVerdict: ChannelVerdict{Reason: CapReached}, stage: stageLimits}
	}
	return staged{ChannelVerdict: passed, stage: stagePassed}
}

// customerDenial returns what forbids a send on every channel: consent that was withdrawn or never given, or an agent
// who is serving the customer.
func (p *PolicyEvaluator) customerDenial(k sendKind) denial {
	k.channel = ""
	d, known := p.customerReasons[k]
	if known {
		return d
	}
	_, asked := p.consentRule(journey.Transactional)
	switch all := p.consentMissing("all"); {
	case all.reason != "":
		d = all
	case k.transactional:
		if asked {
			d = p.consentMissing(journey.Transactional)
		}
	case p.st.AgentActive:
		d.reason = AgentActive
	default:
		d = p.consentMissing(journey.Marketing)
		if answer := consent.At(p.st.Traits, consent.Topics, k.topic); d.reason == "" && k.topic != "" && consent.Refused(answer) {
			d = denial{NoConsent, refusal(consent.Topics+"."+k.topic, answer)}
		}
	}
	p.customerReasons[k] = d
	return d
}

// consentRule returns the policy's condition for a consent, and whether there is one.
func (p *PolicyEvaluator) consentRule(name string) (rule expr.Expr, asked bool) {
	if policy := p.policy(); policy != nil {
		rule, asked = policy.Consent[name]
	}
	return rule, asked
}

// consentMissing returns why a consent is missing: the policy's rule for it is not true, or the customer has withdrawn it
// (customer.consent.<name> is there and is not yes) and the rule does not read that property. So unsubscribing works
// whatever the rule reads. See docs/decisions/0008.
func (p *PolicyEvaluator) consentMissing(name string) denial {
	if d, known := p.consent[name]; known {
		return d
	}
	d := p.readConsent(name)
	p.consent[name] = d
	return d
}

func (p *PolicyEvaluator) readConsent(name string) denial {
	rule, asked := p.consentRule(name)
	answer := consent.At(p.st.Traits, name)
	if consent.Refused(answer) && !(asked && p.st.Rules.Names(rule, "customer", consent.Trait, name)) {
		return denial{NoConsent, refusal(name, answer)}
	}
	if !asked {
		return denial{}
	}
	if p.st.Scenario && p.st.Rules.TestGiven(rule, p.st.Scope) {
		if p.st.Assumed != nil && !p.st.Rules.Test(rule, p.st.Scope) {
			p.st.Assumed(name, rule)
		}
		return denial{}
	}
	value, err := p.st.Rules.Eval(rule, p.st.Scope)
	said := "rule consent." + name
	switch answer := consent.Of(value); {
	case err != nil:
		return denial{NoConsent, said + " has no answer: " + short(err)}
	case answer == consent.Yes:
		return denial{}
	case answer == consent.Unclear:
		return denial{NoConsent, said + " is neither yes nor no, which means no"}
	}
	return denial{NoConsent, said + " is false"}
}

// topicOff returns why a channel is no candidate for marketing of a topic: the customer's choice, or the topic's default where
// there is none. On a channel that is not among the topic's the default counts. Without topics.yaml nothing is asked.
func (p *PolicyEvaluator) topicOff(name, channel string) denial {
	if name == "" || p.st.Rules == nil || len(p.st.Rules.Topics) == 0 {
		return denial{}
	}
	topic := consent.Topic{Name: name, Channels: []string{channel}, Default: true} // of a revision older than topics.yaml
	if known := p.st.Rules.Topics[name]; known != nil {
		topic = known.Asked(name)
	}
	trait := "customer." + consent.TopicsTrait + "." + name + "." + channel
	switch on, answer := topic.On(p.st.Traits, channel); {
	case on:
		return denial{}
	case answer == consent.No:
		return denial{NoConsent, trait + " is false"}
	case answer == consent.Unclear:
		return denial{NoConsent, trait + " is neither yes nor no, which means no"}
	}
	return denial{NoConsent, "the customer has not chosen the topic " + name + " on " + channel + ", and its default is no"}
}

// refusal says for people what a customer has refused.
func refusal(name string, answer consent.Answer) string {
	if answer == consent.Unclear {
		return "customer.consent." + name + " is neither yes nor no, which means no"
	}
	return "customer.consent." + name + " is false"
}

// suppressed returns the reason of the first suppress rule that is true for marketing on this channel and topic. A rule
// that has no answer because a property is missing does not hold, as any condition; one that fails on what is there (a text
// in place of a number, a time zone that does not exist) suppresses. Both are reported.
func (p *PolicyEvaluator) suppressed(k sendKind) denial {
	policy := p.policy()
	if policy == nil || k.transactional {
		return denial{}
	}
	var passed denial
	for i, rule := range policy.Suppress {
		switch {
		case rule.Category == journey.Transactional,
			rule.Channel != "" && rule.Channel != k.channel,
			rule.Topic != "" && rule.Topic != k.topic:
			continue
		}
		value, err := p.st.Rules.Eval(rule.When, p.st.Scope)
		answer, detail := consent.Of(value), ""
		switch {
		case expr.IsMissing(err) && rule.When != "":
			passed.detail = joined(passed.detail, fmt.Sprintf("suppress rule %d has no answer and does not hold: %s", i+1, short(err)))
			continue
		case rule.When == "":
		case err != nil:
			detail = fmt.Sprintf("suppress rule %d failed, so it holds: %s", i+1, short(err))
		case answer == consent.No || answer == consent.Absent:
			continue
		case answer == consent.Unclear:
			detail = fmt.Sprintf("suppress rule %d is neither true nor false, so it holds", i+1)
		}
		if rule.Reason == "" {
			return denial{Suppressed, detail}
		}
		return denial{rule.Reason, detail}
	}
	return passed
}

// maxDetail is the longest error in a detail, in characters.
const maxDetail = 120

// short returns an error of an expression on one line.
func short(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if runes := []rune(text); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "…"
	}
	return text
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// capped reports whether one more send would exceed a frequency cap.
func (p *PolicyEvaluator) capped(k sendKind) bool {
	policy := p.policy()
	if policy == nil {
		return false
	}
	for _, limit := range policy.Limits {
		if limit.Channel != "" && limit.Channel != k.channel || limit.Topic != "" && limit.Topic != k.topic {
			continue
		}
		if limit.Max <= 0 || p.st.Contacted != nil && p.st.Contacted(limit) >= limit.Max {
			return true
		}
	}
	return false
}

// addressStatus holds a channel's usable addresses, or why there are none.
type addressStatus struct {
	addresses []string
	wrote     map[string]time.Time // by address
	denied    denial
	optedOut  bool // who reads the addresses has refused marketing
}

// addresses returns where the channel reaches the customer, or why it does not. Their form is judged here, before a
// channel is chosen, so that the next one follows. A present customer needs no address.
func (p *PolicyEvaluator) addresses(spec *channel.Spec, transactional bool) ([]string, denial) {
	if spec.Address == "" || p.st.Present {
		return nil, denial{}
	}
	l, known := p.addressesByChannel[spec.Name]
	if !known {
		l = p.addressStatus(spec)
		p.addressesByChannel[spec.Name] = l
	}
	if l.optedOut && !transactional {
		return nil, denial{NoConsent, "the " + spec.Address + " has opted out of marketing, by whichever customer; an event " +
			"Marketing Opted In lifts it"}
	}
	return l.addresses, l.denied
}

func (p *PolicyEvaluator) addressStatus(spec *channel.Spec) addressStatus {
	usable, unusable := address.List(spec.Address, p.st.Traits[spec.Address])
	var states map[string]address.State
	if p.st.Addresses != nil && len(usable) > 0 {
		keys := make([]string, len(usable))
		for i, a := range usable {
			keys[i] = a.Key
		}
		states = p.st.Addresses(spec.Name, keys)
	}
	var l addressStatus
	var skipped []string
	willing, dead := 0, 0
	for _, u := range unusable {
		skipped = append(skipped, u.String())
	}
	for _, a := range usable {
		if wrote := states[a.Key].WroteAt; !wrote.IsZero() {
			if l.wrote == nil {
				l.wrote = map[string]time.Time{}
			}
			l.wrote[a.Text] = wrote
		}
		switch state := states[a.Key]; {
		case state.Moved:
			skipped = append(skipped, address.Mask(a.Text)+" is a device on which another customer has signed in since")
		case state.Dead:
			skipped, dead = append(skipped, address.Mask(a.Text)+" is dead: "+state.Reason), dead+1
		case len(l.addresses) > 0 && !address.Several(spec.Address):
			skipped = append(skipped, address.Mask(a.Text)+" is a second address, which is not used")
		case state.OptedOut:
			l.addresses = append(l.addresses, a.Text)
		default:
			l.addresses, willing = append(l.addresses, a.Text), willing+1
		}
	}
	l.optedOut = len(l.addresses) > 0 && willing == 0
	switch {
	case len(usable) == 0:
		l.denied.reason = NoAddress
	case len(l.addresses) == 0 && dead == 0: // all are others' by now
		l.denied.reason = NoAddress
	case len(l.addresses) == 0:
		l.denied.reason = Bounced
	}
	if len(skipped) > maxSkipped {
		skipped = append(skipped[:maxSkipped], fmt.Sprintf("and %d more", len(skipped)-maxSkipped))
	}
	l.denied.detail = joined(skipped...)
	return l
}

// maxSkipped is how many addresses that are not used are named.
const maxSkipped = 5
