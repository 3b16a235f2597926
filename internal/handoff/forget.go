package handoff

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is an OnForget hook of this room. A hand-off stays, for the numbers of its queue, without the customer and without what
// was written. An outcome stays where the journey names it: an agent may have written another one.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	return f.Replace(ctx, b, "handoffs", "id", `customer = $2, note = '', agent_note = '', reason = '', acts = '[]', agent = '',
		outcome = case when replace(outcomes, '"' || outcome || '"', '') <> outcomes then outcome else '' end`,
		`customer = $1 and state not in ('open', 'claimed')`,
		"that there was a hand-off and how it ended, for the numbers of its queue; not for whom and what was written",
		f.Customer, f.Pseudonym)
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{
		Table: "handoffs", Title: "Requests to our staff about you", Where: `customer = $1`, Key: "opened_at, id",
		Hide: []string{"active_at", "agent", "acts", "noticed", "notice"}, // who of the staff did it is no data of the customer
	},
}
