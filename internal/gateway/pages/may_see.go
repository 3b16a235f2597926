package pages

import (
	"net/http"
	"slices"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/message"
)

// masked returns a story without personal data, for roles without customers.personal: names of traits, events and messages stay, their
// values and texts do not. It masks every value, since no list of names knows what a company puts into its traits.
func (s story) masked() story {
	s.Name, s.Profile.Bounced, s.Profile.OptedOut = "", nil, nil
	s.Profile.Traits = maskValues(s.Profile.Traits)
	s.Conversation = slices.Clone(s.Conversation)
	for i := range s.Conversation {
		s.Conversation[i].Text = web.Masked
	}
	s.Timeline = slices.Clone(s.Timeline)
	for i, line := range s.Timeline {
		s.Timeline[i].Detail = maskLine(line)
	}
	return s
}

func maskValues(values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for name := range values {
		out[name] = web.Masked
	}
	return out
}

// maskLine returns the details of a timeline entry without what customers or agents wrote.
func maskLine(line analytics.TimelineEntry) map[string]any {
	if line.Kind == "event" {
		return maskValues(line.Detail)
	}
	out := map[string]any{}
	for name, v := range line.Detail {
		if slices.Contains([]string{"note", "agent_note"}, name) {
			v = web.Masked
		}
		out[name] = v
	}
	return out
}

// maskSends removes addresses, also those in the policy's words.
func maskSends(list []message.Send) []message.Send {
	out := slices.Clone(list)
	for i := range out {
		out[i].Addresses, out[i].Said, out[i].Tried = nil, nil, nil
	}
	return out
}

// seesPersonal reports whether the viewer may see personal data.
func seesPersonal(r *http.Request) bool {
	return auth.PrincipalOf(r.Context()).May(access.CustomersPersonal)
}

// maySee reports whether the viewer may see a customer at all: an agent of queues sees those with a hand-off in them.
func (p *Pages) maySee(r *http.Request, customer string) (bool, error) {
	caller := auth.PrincipalOf(r.Context())
	for _, queue := range caller.Queues {
		for _, state := range []string{"", handoff.HandoffResolved, handoff.HandoffWithdrawn} {
			list, err := p.rooms.Handoffs.List(r.Context(), handoff.Filter{State: state, Queue: queue, Customer: customer, Limit: 1})
			if err != nil || len(list) > 0 {
				return err == nil, err
			}
		}
	}
	return len(caller.Queues) == 0, nil
}
