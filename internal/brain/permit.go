// Package brain decides: pure functions over a customer's standing, called inside the store's transaction for that customer.
package brain

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Reasons a send is suppressed for (LANGUAGE: Contact policy).
const (
	NoConsent   = "NO_CONSENT"
	AgentActive = "AGENT_ACTIVE"
	NoAddress   = "NO_ADDRESS"
	Bounced     = "BOUNCED"
	NoTreatment = "NO_TREATMENT" // the current release's message has no treatment for the channel any more
)

// Standing is what the deciding transaction knows of a customer.
type Standing struct {
	Customer    string
	Traits      map[string]any
	AgentActive bool                               // a hand-off of this customer is open
	Bounced     func(channel, address string) bool // a hard bounce or a dead token on this address
	Release     int
	Content     *journey.Content

	Rules *journey.Rulebook // of the release
	Scope *journey.Scope    // what its expressions may see of this customer, and of the journey where one asks
	Now   time.Time         // virtual
	// Contacted counts the contacts that a limit bounds: reserved or sent within its window, those of transactional messages too.
	Contacted func(limit journey.Limit) int
	// Reach is how likely the customer answers on a channel, 0…1, as learned.
	Reach func(channel string) float64
	// Scenario: a consent property that is not given counts as given, and nothing is explored.
	Scenario bool
}

// Ask is a send to be decided.
type Ask struct {
	Send     journey.Send
	Message  *journey.Message
	Channels []journey.ChannelSpec // of this build, in the registry's order
}

// Verdict is the decision. Channel is empty where the send is suppressed; Reason then says why.
type Verdict struct {
	Channel   string
	Addresses []string // one or more (a customer may have several push tokens); empty for channels without
	Reason    string
}

// Permit finds the first channel of the ask that the customer may be reached by, or says why there is none: the reason of the first channel asked for.
// Marketing needs that no agent has the customer and that no consent was withdrawn; transactional asks only for consent to anything at all, and for a live address.
func Permit(st Standing, ask Ask) Verdict {
	marketing := ask.Send.Category != journey.Transactional
	switch {
	case denied(st.Traits, "all"):
		return Verdict{Reason: NoConsent}
	case marketing && st.AgentActive:
		return Verdict{Reason: AgentActive}
	case marketing && (denied(st.Traits, journey.Marketing) || ask.Send.Topic != "" && denied(st.Traits, "topics", ask.Send.Topic)):
		return Verdict{Reason: NoConsent}
	}
	var first string
	for _, spec := range candidates(ask) {
		verdict := reach(st, ask, spec, marketing)
		if verdict.Reason == "" {
			return verdict
		}
		if first == "" {
			first = verdict.Reason
		}
	}
	if first == "" {
		first = NoTreatment
	}
	return Verdict{Reason: first}
}

// candidates are the channels asked for, in the order asked; without a wish, those the message has a treatment for.
func candidates(ask Ask) []journey.ChannelSpec {
	var specs []journey.ChannelSpec
	if len(ask.Send.Via) == 0 {
		for _, spec := range ask.Channels {
			if _, ok := ask.Message.Treatments[spec.Name]; ok {
				specs = append(specs, spec)
			}
		}
		return specs
	}
	for _, name := range ask.Send.Via {
		for _, spec := range ask.Channels {
			if spec.Name == name {
				specs = append(specs, spec)
			}
		}
	}
	return specs
}

// reach says whether one channel reaches the customer.
func reach(st Standing, ask Ask, spec journey.ChannelSpec, marketing bool) Verdict {
	if _, ok := ask.Message.Treatments[spec.Name]; !ok && !spec.Any {
		return Verdict{Reason: NoTreatment}
	}
	if marketing && denied(st.Traits, spec.Name) {
		return Verdict{Reason: NoConsent}
	}
	if spec.Address == "" {
		return Verdict{Channel: spec.Name}
	}
	all := addresses(st.Traits[spec.Address])
	if len(all) == 0 {
		return Verdict{Reason: NoAddress}
	}
	var live []string
	for _, address := range all {
		if st.Bounced == nil || !st.Bounced(spec.Name, address) {
			live = append(live, address)
		}
	}
	if len(live) == 0 {
		return Verdict{Reason: Bounced}
	}
	return Verdict{Channel: spec.Name, Addresses: live}
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

// addresses reads a trait that holds one address, or a list.
func addresses(value any) []string {
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
