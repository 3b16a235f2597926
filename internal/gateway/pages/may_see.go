package pages

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// maySee reports whether the viewer may see a customer at all: an agent of queues sees those with a hand-off in them.
func (p *Pages) maySee(r *http.Request, customer string) (bool, error) {
	queues := auth.PrincipalOf(r.Context()).Queues
	if len(queues) == 0 {
		return true, nil
	}
	for _, state := range []string{"", handoff.HandoffResolved, handoff.HandoffWithdrawn} {
		list, err := p.rooms.Handoffs.List(r.Context(), handoff.Filter{State: state, Queues: queues, Customer: customer, Limit: 1})
		if err != nil || len(list) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}
