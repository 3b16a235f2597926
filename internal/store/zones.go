package store

import (
	"context"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// utc is the zone of a customer whose own is not known.
const utc = "UTC"

// zone is the time zone that the database has of a customer.
func storedZone(p *lockedCustomer) string { return zoneOf(p.stored) }

// flushTimezones writes the time zones that changed. It comes before the traits are written, since it compares them with
// those that the database has.
func flushTimezones(ctx context.Context, b *unit) error {
	var zones [][]any
	for _, id := range slices.Sorted(maps.Keys(b.customers)) {
		p := b.customers[id]
		if !p.dirty {
			continue
		}
		if zone := zoneOf(p.traits); zone != storedZone(p) {
			zones = append(zones, []any{id, zone, millis(b.now)})
		}
	}
	_, err := insert(ctx, b.tx, "customer_timezones (customer, timezone, since_at)", zones,
		"on conflict (customer) do update set timezone = excluded.timezone, since_at = excluded.since_at")
	return err
}

// zoneOf is the name of a customer's time zone; UTC where it is not known.
func zoneOf(traits map[string]any) string {
	name, _ := traits["timezone"].(string)
	if _, ok := journey.Zone(name); !ok {
		return utc
	}
	return name
}
