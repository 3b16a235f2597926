package customer

import (
	"context"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Utc is the time zone of a customer whose own is unknown.
const Utc = "UTC"

// storedZone returns the stored time zone of a customer.
func storedZone(p *unit.LockedCustomer) string { return ZoneOf(p.Stored) }

// FlushTimezones is a Flush hook of this room: it writes the time zones that changed. It must run before the traits are
// written, since it compares them with the stored ones.
func FlushTimezones(ctx context.Context, b *unit.Unit) error {
	var zones [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		p := b.Customers[id]
		if !p.Dirty {
			continue
		}
		if zone := ZoneOf(p.Traits); zone != storedZone(p) {
			zones = append(zones, []any{id, zone, sqldb.Millis(b.Now)})
		}
	}
	_, err := sqldb.Insert(ctx, b.Tx, "customer_timezones (customer, timezone, since_at)", zones,
		"on conflict (customer) do update set timezone = excluded.timezone, since_at = excluded.since_at")
	return err
}

// ZoneOf returns the name of a customer's time zone, or UTC if it is unknown.
func ZoneOf(traits map[string]any) string {
	name, _ := traits["timezone"].(string)
	if _, ok := localtime.Zone(name); !ok {
		return Utc
	}
	return name
}
