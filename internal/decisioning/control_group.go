package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// ControlGroup returns the control group of the customer with a draw id; empty if there is none. It stays the same as long as the
// percentages do.
func ControlGroup(policy *journey.Policy, drawID string) string {
	if policy == nil || len(policy.ControlGroups) == 0 {
		return ""
	}
	at := journey.Bucket("tabi.control", drawID) * 100
	for _, name := range journey.Controls {
		if at -= policy.ControlGroups[name]; at < 0 {
			return name
		}
	}
	return ""
}
