package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// ControlGroup is the control test a customer takes part in; empty: none. It is the same for ever, while the
// percentages are.
func ControlGroup(policy *journey.Policy, customer string) string {
	if policy == nil || len(policy.ControlGroups) == 0 {
		return ""
	}
	at := journey.Bucket("tabi.control", customer) * 100
	for _, name := range journey.Controls {
		if at -= policy.ControlGroups[name]; at < 0 {
			return name
		}
	}
	return ""
}
