package store

import "github.com/tabi-journeys/tabi/internal/journey"

// utc is the zone of a customer whose own is not known.
const utc = "UTC"

// zone is the time zone that the database has of a customer.
func (p *lockedCustomer) zone() string { return zoneOf(p.stored) }

// zoneOf is the name of a customer's time zone; UTC where it is not known.
func zoneOf(traits map[string]any) string {
	name, _ := traits["timezone"].(string)
	if _, ok := journey.Zone(name); !ok {
		return utc
	}
	return name
}
