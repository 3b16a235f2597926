package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// ControlGroup returns the control group of a customer; empty if there is none. It stays the same as long as the
// percentages do.
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
