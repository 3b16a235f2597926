package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// look takes one channel through the policy. The order of the questions is that of the reasons: of several the
// first is told.
func (p *Permits) look(k kind, spec *journey.ChannelSpec) verdict {
	if reason := p.customer(k); reason != "" {
		return verdict{Tried: Tried{Reason: reason}, stage: stageWhole}
	}
	if reason := p.suppressed(k); reason != "" {
		return verdict{Tried: Tried{Reason: reason}, stage: stageWhole}
	}
	if !k.transactional && p.refused(spec.Name) {
		return verdict{Tried: Tried{Reason: NoConsent}, stage: stageChannel}
	}
	addresses, reason := p.addresses(spec)
	if reason != "" {
		return verdict{Tried: Tried{Reason: reason}, stage: stageChannel}
	}
	if k.transactional {
		return verdict{Tried: Tried{Addresses: addresses}, stage: stagePassed}
	}
	if h := p.hours(); h.quiet {
		return verdict{Tried: Tried{Reason: QuietHours, HeldUntil: h.until}, stage: stageQuiet}
	}
	if p.capped(k) {
		return verdict{Tried: Tried{Reason: CapReached}, stage: stageLimits}
	}
	return verdict{Tried: Tried{Addresses: addresses}, stage: stagePassed}
}

// customer says what forbids a send whatever its channel: a consent that was withdrawn or never given, or an
// agent who has the customer.
func (p *Permits) customer(k kind) string {
	k.channel = ""
	reason, known := p.whole[k]
	if known {
		return reason
	}
	switch {
	case p.refused("all"):
		reason = NoConsent
	case k.transactional:
		if _, asked := p.rule(journey.Transactional); asked && p.refused(journey.Transactional) {
			reason = NoConsent
		}
	case p.st.AgentActive:
		reason = AgentActive
	case p.refused(journey.Marketing) || k.topic != "" && denied(p.st.Traits, "topics", k.topic):
		reason = NoConsent
	}
	p.whole[k] = reason
	return reason
}

// rule is the policy's condition for a consent.
func (p *Permits) rule(name string) (rule journey.Expr, asked bool) {
	if policy := p.policy(); policy != nil {
		rule, asked = policy.Consent[name]
	}
	return rule, asked
}

// refused reports whether a consent is missing: the policy's rule for it is not true, or the customer has
// withdrawn it (customer.consent.<name> is false) and no rule minds that, so that unsubscribing works whatever
// the rule looks at.
func (p *Permits) refused(name string) bool {
	rule, asked := p.rule(name)
	if denied(p.st.Traits, name) && !(asked && p.st.Rules.Names(rule, "customer", "consent", name)) {
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

// suppressed is the reason of the first rule that is true of marketing on this channel and topic.
func (p *Permits) suppressed(k kind) string {
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

// capped reports whether one contact more would be one too many.
func (p *Permits) capped(k kind) bool {
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

// denied reports whether customer.consent.<path> was withdrawn: it is there, and false.
func denied(traits map[string]any, path ...string) bool {
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

// live are the addresses of a channel, or why there is none.
type live struct {
	addresses []string
	reason    string
}

// addresses are where the channel reaches the customer. One who is present needs none.
func (p *Permits) addresses(spec *journey.ChannelSpec) ([]string, string) {
	if spec.Address == "" || p.st.Present {
		return nil, ""
	}
	l, known := p.live[spec.Name]
	if !known {
		all := listed(p.st.Traits[spec.Address])
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
		p.live[spec.Name] = l
	}
	return l.addresses, l.reason
}

// listed reads a trait that holds one address, or a list.
func listed(value any) []string {
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
