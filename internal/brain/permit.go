// Package brain decides: pure functions over a customer's standing, called inside the store's transaction for that customer.
package brain

import "github.com/tabi-journeys/tabi/internal/journey"

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
	Treatment journey.Treatment
	Reason    string
}
