package decisioning

import (
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// evaluateChannel takes one channel through the policy. The order of the checks is the order of the reasons: the
// first that applies is reported. Transactional sends skip suppression, the channel's consent, quiet hours and caps.
func (p *PolicyEvaluator) evaluateChannel(k sendKind, spec *channel.Spec) staged {
	if reason := p.customerReason(k); reason != "" {
		return staged{ChannelVerdict: ChannelVerdict{Reason: reason}, stage: stageWhole}
	}
	if reason := p.suppressed(k); reason != "" {
		return staged{ChannelVerdict: ChannelVerdict{Reason: reason}, stage: stageWhole}
	}
	if !k.transactional && p.consentMissing(spec.Name) {
		return staged{ChannelVerdict: ChannelVerdict{Reason: NoConsent}, stage: stageChannel}
	}
	addresses, reason := p.addresses(spec)
	if reason != "" {
		return staged{ChannelVerdict: ChannelVerdict{Reason: reason}, stage: stageChannel}
	}
	if k.transactional {
		return staged{ChannelVerdict: ChannelVerdict{Addresses: addresses}, stage: stagePassed}
	}
	if h := p.quietState(); h.quiet {
		return staged{ChannelVerdict: ChannelVerdict{Reason: QuietHours, HeldUntil: h.until}, stage: stageQuiet}
	}
	if p.capped(k) {
		return staged{ChannelVerdict: ChannelVerdict{Reason: CapReached}, stage: stageLimits}
	}
	return staged{ChannelVerdict: ChannelVerdict{Addresses: addresses}, stage: stagePassed}
}

// customerReason returns what forbids a send on every channel: consent that was withdrawn or never given, or an agent
// who is serving the customer. Empty if nothing does.
func (p *PolicyEvaluator) customerReason(k sendKind) string {
	k.channel = ""
	reason, known := p.customerReasons[k]
	if known {
		return reason
	}
	switch {
	case p.consentMissing("all"):
		reason = NoConsent
	case k.transactional:
		if _, asked := p.consentRule(journey.Transactional); asked && p.consentMissing(journey.Transactional) {
			reason = NoConsent
		}
	case p.st.AgentActive:
		reason = AgentActive
	case p.consentMissing(journey.Marketing) || k.topic != "" && withdrawn(p.st.Traits, "topics", k.topic):
		reason = NoConsent
	}
	p.customerReasons[k] = reason
	return reason
}

// consentRule returns the policy's condition for a consent, and whether there is one.
func (p *PolicyEvaluator) consentRule(name string) (rule expr.Expr, asked bool) {
	if policy := p.policy(); policy != nil {
		rule, asked = policy.Consent[name]
	}
	return rule, asked
}

// consentMissing reports whether a consent is missing: the policy's rule for it is not true, or the customer has
// withdrawn it (customer.consent.<name> is false) and the rule does not read that property. So unsubscribing works
// whatever the rule reads. See docs/decisions/0008.
func (p *PolicyEvaluator) consentMissing(name string) bool {
	rule, asked := p.consentRule(name)
	if withdrawn(p.st.Traits, name) && !(asked && p.st.Rules.Names(rule, "customer", "consent", name)) {
		return true
	}
	if !asked {
		return false
	}
	yes, known := p.consent[name]
	if !known {
		if p.st.Scenario {
			yes = p.st.Rules.TestGiven(rule, p.st.Scope)
		} else {
			yes = p.st.Rules.Test(rule, p.st.Scope)
		}
		p.consent[name] = yes
	}
	return !yes
}

// suppressed returns the reason of the first suppress rule that is true for marketing on this channel and topic;
// empty if none is.
func (p *PolicyEvaluator) suppressed(k sendKind) string {
	policy := p.policy()
	if policy == nil || k.transactional {
		return ""
	}
	for _, rule := range policy.Suppress {
		switch {
		case rule.Category == journey.Transactional,
			rule.Channel != "" && rule.Channel != k.channel,
			rule.Topic != "" && rule.Topic != k.topic:
		case p.st.Rules.Test(rule.When, p.st.Scope):
			if rule.Reason == "" {
				return Suppressed
			}
			return rule.Reason
		}
	}
	return ""
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

// withdrawn reports whether customer.consent.<path> is present and false.
func withdrawn(traits map[string]any, path ...string) bool {
	var value any = traits["consent"]
	for _, part := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return false
		}
		value = m[part]
	}
	yes, ok := value.(bool)
	return ok && !yes
}

// addressStatus holds a channel's usable addresses, or the reason there are none.
type addressStatus struct {
	addresses []string
	reason    string
}

// addresses returns where the channel reaches the customer, or the reason it does not. A present customer needs no
// address.
func (p *PolicyEvaluator) addresses(spec *channel.Spec) ([]string, string) {
	if spec.Address == "" || p.st.Present {
		return nil, ""
	}
	l, known := p.addressesByChannel[spec.Name]
	if !known {
		all := addressList(p.st.Traits[spec.Address])
		for _, address := range all {
			if p.st.Bounced == nil || !p.st.Bounced(spec.Name, address) {
				l.addresses = append(l.addresses, address)
			}
		}
		switch {
		case len(all) == 0:
			l.reason = NoAddress
		case len(l.addresses) == 0:
			l.reason = Bounced
		}
		p.addressesByChannel[spec.Name] = l
	}
	return l.addresses, l.reason
}

// addressList reads a trait that holds one address or a list.
func addressList(value any) []string {
	switch v := value.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok && s != "" {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
