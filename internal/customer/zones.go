package customer

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/catalog"
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

// ZoneOf returns the name of a customer's time zone as localtime.Zone spells it, or UTC if it is unknown.
func ZoneOf(traits map[string]any) string {
	name, _ := traits["timezone"].(string)
	zone, ok := localtime.Zone(name)
	if !ok {
		return Utc
	}
	return zone.String()
}

// ZonesInUse returns the time zones of customers, and always UTC. It takes one index lookup for each zone.
func ZonesInUse(ctx context.Context, tx sqldb.Conn) ([]string, error) {
	zones := []string{Utc}
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		zones = append(zones, name)
		return err
	}, `with recursive z(name) as (
		select min(timezone) from customer_timezones
		union all
		select (select min(timezone) from customer_timezones where timezone > z.name) from z where z.name is not null
	) select name from z where name is not null`)
	return sqldb.Sorted(zones), err
}

// InZone returns at most limit customers after an id, in id order, with their traits: those who existed and were in the time
// zone at a time (Unix milliseconds). The zone may be catalog.Everybody.
func InZone(ctx context.Context, tx sqldb.Conn, zone, after string, at int64, limit int) ([]Customer, error) {
	args := []any{after, at, limit}
	var query string
	switch zone {
	case catalog.Everybody:
		query = `select id, traits from customers where merged_into = '' and id > $1 and created_at <= $2 order by id limit $3`
	case Utc: // including customers whose zone was never known
		query = `select id, traits from customers where merged_into = '' and id > $1 and created_at <= $2
			and not exists (select 1 from customer_timezones z where z.customer = customers.id and (z.timezone <> '` + Utc +
			`' or z.since_at > $2)) order by id limit $3`
	default:
		query = `select c.id, c.traits from customer_timezones z join customers c on c.id = z.customer
			where z.timezone = $4 and z.customer > $1 and z.since_at <= $2 and c.merged_into = '' order by z.customer limit $3`
		args = append(args, zone)
	}
	var page []Customer
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var c Customer
		var traits string
		err := r.Scan(&c.ID, &traits)
		if err == nil {
			c.Traits, err = sqldb.Object(traits)
		}
		page = append(page, c)
		return err
	}, query, args...)
	return page, err
}
