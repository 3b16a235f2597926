package customer

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// MarkForgotten begins to forget a customer whose row the unit has locked. From its commit on no call finds or creates one of its
// ids: each has a digest in forgotten, which Lock asks, and is a redirect to the pseudonym, which nobody can name. It returns how many
// ids there are.
func MarkForgotten(ctx context.Context, b *unit.Unit, own, pseudonym, request string) (ids int, err error) {
	all, err := idsOf(ctx, b.Tx, own, pseudonym)
	if err != nil {
		return 0, err
	}
	var rows [][]any
	for _, id := range all {
		for _, form := range forms(id) {
			rows = append(rows, []any{unit.Digest(b.Units.Salt, unit.DigestCustomer, form), request, sqldb.Millis(b.Now)})
		}
	}
	if _, err := sqldb.Insert(ctx, b.Tx, "forgotten (digest, request, at)", rows, "on conflict (digest) do nothing"); err != nil {
		return 0, err
	}
	_, err = b.Tx.ExecContext(ctx, `update customers set merged_into = $2, version = version + 1 where id = $1 or merged_into = $1`, own,
		pseudonym)
	return len(all), err
}

// forms returns an id as a user's and as an anonymous one: calls name a device in both ways, as previousId.
func forms(id string) []string {
	plain := strings.TrimPrefix(id, event.AnonymousPrefix)
	return []string{plain, Anonymous(plain)}
}

// idsOf returns the ids of a customer, its own first.
func idsOf(ctx context.Context, tx sqldb.Conn, own, pseudonym string) ([]string, error) {
	all := []string{own}
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		all = append(all, id)
		return err
	}, `select id from customers where merged_into in ($1, $2) and id <> $1 order by id`, own, pseudonym)
	return all, err
}

// Unmake deletes the customers that only dropped calls of forgotten customers have made: a new device, say, that a late call links to
// its owner.
func Unmake(ctx context.Context, b *unit.Unit, calls []SegmentCall, dropped map[int]bool) error {
	if len(dropped) == 0 {
		return nil
	}
	ids, kept := map[string]bool{}, map[string]bool{}
	for i := range calls {
		into := kept
		if dropped[i] {
			into = ids
		}
		into[calls[i].Subject()] = true
		if calls[i].merges() {
			for _, id := range calls[i].others() {
				into[id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if p := b.Customers[id]; p == nil || p.Version > 1 || kept[id] {
			continue
		}
		if _, err := b.Tx.ExecContext(ctx, `delete from customers where id = $1 and version = 1`, id); err != nil {
			return err
		}
		delete(b.Customers, id)
	}
	return nil
}

// WasForgotten returns the request by which a customer with this id was forgotten, or "".
func (s *Room) WasForgotten(ctx context.Context, tx sqldb.Conn, id string) (request string, err error) {
	err = tx.QueryRowContext(ctx, `select request from forgotten where digest = $1`, unit.Digest(s.db.Salt, unit.DigestCustomer, id)).
		Scan(&request)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return request, err
}

// maxGuesses bounds the texts of which one look finds out whether they name somebody who was forgotten.
const maxGuesses = 400

// Forgotten reports whether one of some texts is an id of a customer who was forgotten, or an address of one on one of some channels. It
// looks at the first 400 texts.
func Forgotten(ctx context.Context, tx sqldb.Conn, salt []byte, channels []channel.Spec, texts []string) (found bool, err error) {
	texts = sqldb.Sorted(texts)
	texts = texts[:min(len(texts), maxGuesses)]
	there := func(r *sql.Rows) error {
		var digest string
		found = true
		return r.Scan(&digest)
	}
	var ids []string
	for _, text := range texts {
		for _, form := range forms(sqldb.Clean(text)) {
			ids = append(ids, unit.Digest(salt, unit.DigestCustomer, form))
		}
	}
	err = sqldb.Within(ctx, tx, `select digest from forgotten where digest in (%s)`, ids, there)
	for i := range channels {
		if err != nil || found || channels[i].Address == "" {
			continue
		}
		var keys []string
		for _, text := range texts {
			keys = append(keys, hidden(salt, channels[i].Name, address.Fold(channels[i].Address, text)))
		}
		err = sqldb.Within(ctx, tx, `select address from addresses where channel = $1 and address in (%s)`, keys, there, channels[i].Name)
	}
	return found, err
}

// Remember lets a customer with this id come back: calls create it again, with nothing that was known before.
func (s *Room) Remember(ctx context.Context, tx sqldb.Conn, id string) error {
	for _, form := range forms(id) {
		if _, err := tx.ExecContext(ctx, `delete from forgotten where digest = $1`,
			unit.Digest(s.db.Salt, unit.DigestCustomer, form)); err != nil {
			return err
		}
	}
	return nil
}

// Identified adds to f what the other rooms look for: the ids of the customer, and its addresses, also those that it had at a merge.
func Identified(ctx context.Context, tx sqldb.Conn, f *unit.Forgetting, traits []string) (err error) {
	if f.IDs, err = idsOf(ctx, tx, f.Customer, f.Pseudonym); err != nil {
		return err
	}
	profiles, err := profilesOf(ctx, tx, f)
	if err != nil {
		return err
	}
	for _, profile := range profiles {
		for _, trait := range traits {
			for _, text := range written(profile[trait]) {
				f.Addresses = append(f.Addresses, text, address.Fold(trait, text))
			}
			f.Addresses = append(f.Addresses, KeysOf(trait, profile)...) // of devices that are objects too
		}
	}
	f.Addresses = sqldb.Sorted(f.Addresses)
	return nil
}

// written returns the texts of a trait that holds an address, or several.
func written(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
	}
	return out
}

// profilesOf returns the traits of the customer, and those that were known at its merges.
func profilesOf(ctx context.Context, tx sqldb.Conn, f *unit.Forgetting) ([]map[string]any, error) {
	var out []map[string]any
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var raw string
		if err := r.Scan(&raw); err != nil {
			return err
		}
		traits, err := sqldb.Object(raw)
		out = append(out, traits)
		return err
	}, `select traits from customers where id = $1 union all select gone_traits from merges where survivor = $1 or gone = $1
		union all select survivor_traits from merges where survivor = $1`, f.Customer)
	return out, err
}

// Forget is the last OnForget hook: it erases the log, the profile and the ids, by which the other rooms find their rows.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	f.Table("addresses", whyAddresses)
	profiles, err := profilesOf(ctx, b.Tx, f)
	if err != nil {
		return err
	}
	for i := range b.Units.Channels {
		spec := &b.Units.Channels[i]
		var keys []string
		for _, profile := range profiles {
			keys = append(keys, KeysOf(spec.Address, profile)...)
		}
		if err := HideAddresses(ctx, b, f, spec.Name, keys); err != nil {
			return err
		}
	}
	if err := forgetEvents(ctx, b, f); err != nil {
		return err
	}
	if !f.DryRun {
		if err := dropDevices(ctx, b, f.Customer); err != nil {
			return err
		}
	}
	if err := f.Erase(ctx, b, "customer_timezones", "customer", `customer = $1`, "where the customer lives", f.Customer); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "merges", "gone, survivor", `survivor = $1 or gone = $1 or survivor in (select id from customers where
		merged_into = $2) or gone in (select id from customers where merged_into = $2)`, "which ids are the customer's", f.Customer,
		f.Pseudonym); err != nil {
		return err
	}
	f.Table("forgotten", "a digest of each id, so that late calls bring nobody back")
	return f.Erase(ctx, b, "customers", "id", `id = $1 or merged_into = $2 or merged_into = $1`, "the profile and all ids", f.Customer,
		f.Pseudonym)
}

// addressEvents is how many events with addresses one pass erases.
const addressEvents = 200

// addressTexts are the properties in which a report names an address.
var addressTexts = []string{"address", "email"}

// forgetEvents erases the event log. Addresses that the customer had once, or that a report named, are in it alone: they are hidden
// before their events go.
func forgetEvents(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	const why = "what the customer did and said"
	if f.DryRun || f.Visitor {
		return f.Erase(ctx, b, "events", "id", `customer = $1`, why, f.Customer)
	}
	var ids []any
	keys := map[string][]string{}
	if err := sqldb.Within(ctx, b.Tx, `select id, name, properties from events where customer = $1 and name in (%s) order by id limit `+
		strconv.Itoa(addressEvents), event.WithAddresses, func(r *sql.Rows) error {
		var id, name, raw string
		if err := r.Scan(&id, &name, &raw); err != nil {
			return err
		}
		ids = append(ids, id)
		properties, err := sqldb.Object(raw)
		if err != nil {
			return err
		}
		said, _ := properties["channel"].(string)
		for i := range b.Units.Channels {
			spec := &b.Units.Channels[i]
			keys[spec.Name] = append(keys[spec.Name], KeysOf(spec.Address, properties)...)
			for _, property := range addressTexts {
				if text, ok := properties[property].(string); ok && spec.Address != "" && spec.Name == cmp.Or(said, "email") {
					keys[spec.Name] = append(keys[spec.Name], address.Fold(spec.Address, text))
				}
			}
		}
		return nil
	}, f.Customer); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if err := HideAddresses(ctx, b, f, name, keys[name]); err != nil {
			return err
		}
	}
	if f.Left <= 0 {
		return nil
	}
	if len(ids) > 0 {
		return f.Erase(ctx, b, "events", "id", `id in (`+sqldb.List(1, len(ids))+`)`, why, ids...)
	}
	return f.Erase(ctx, b, "events", "id", `customer = $1`, why, f.Customer)
}

const whyAddresses = "a digest of each address, which refuses marketing, so that nobody writes to it again"

// hidden returns the digest that is kept of an address of a forgotten customer.
func hidden(salt []byte, channel, key string) string {
	return "forgotten/" + unit.Digest(salt, unit.DigestAddress, channel+"\x00"+sqldb.Clean(key))
}

// HideAddresses replaces what is known of addresses of a customer who is being forgotten by a row of a digest, which refuses
// marketing: whoever registers with the address, or has it already, gets none until an opt-in, as after an unsubscribe link.
// A device on which another customer has signed in since is that customer's, and what is known of it stays.
func HideAddresses(ctx context.Context, b *unit.Unit, f *unit.Forgetting, channel string, keys []string) error {
	t := f.Table("addresses", whyAddresses)
	if f.Visitor {
		return forgetWrote(ctx, b, f, channel, keys)
	}
	for _, key := range sqldb.Sorted(keys) {
		digest := hidden(b.Units.Salt, channel, key)
		var plain, done, moved bool
		dead := int64(0)
		if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
			var address, owner string
			var deadAt, revivedAt, optedOut int64
			if err := r.Scan(&address, &deadAt, &revivedAt, &optedOut, &owner); err != nil {
				return err
			}
			if revivedAt == 0 {
				dead = max(dead, deadAt)
			}
			moved = moved || owner != "" && owner != f.Customer
			plain, done = plain || address != digest, done || address == digest && optedOut != 0
			return nil
		}, `select address, dead_at, revived_at, opted_out_at, owner from addresses where channel = $1 and address in ($2, $3)`, channel,
			sqldb.Clean(key), digest); err != nil {
			return err
		}
		if moved || done && !plain {
			continue
		}
		if f.Left <= 0 && !f.DryRun {
			continue
		}
		if f.DryRun {
			if f.First(digest) {
				t.Pseudonymized++
			}
			continue
		}
		t.Pseudonymized++
		f.Left--
		if _, err := b.Tx.ExecContext(ctx, `delete from addresses where channel = $1 and address in ($2, $3)`, channel, sqldb.Clean(key),
			digest); err != nil {
			return err
		}
		if _, err := b.Tx.ExecContext(ctx, `insert into addresses (channel, address, dead_at, reason, opted_out_at, opted_out_by)
			values ($1, $2, $3, $4, $5, 'forgotten')`, channel, digest, dead, map[bool]string{true: "dead"}[dead != 0],
			sqldb.Millis(b.Now)); err != nil {
			return err
		}
	}
	return nil
}

// forgetWrote deletes when a visitor who is forgotten wrote from addresses. What else is known of them stays.
func forgetWrote(ctx context.Context, b *unit.Unit, f *unit.Forgetting, channel string, keys []string) error {
	if f.DryRun || len(keys) == 0 || !b.Units.HasSessions(channel) {
		return nil
	}
	for _, key := range sqldb.Sorted(keys) {
		if _, err := b.Tx.ExecContext(ctx, `delete from addresses where channel = $1 and address = $2 and dead_at = 0 and opted_out_at = 0
			and owner = ''`, channel, sqldb.Clean(key)); err != nil {
			return err
		}
		if _, err := b.Tx.ExecContext(ctx, `update addresses set wrote_at = 0 where channel = $1 and address = $2 and wrote_at <> 0`,
			channel, sqldb.Clean(key)); err != nil {
			return err
		}
	}
	return nil
}

// Before returns the id of the last customer before an id, in the database's order; "" if it is the first.
func Before(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	var before string
	err := tx.QueryRowContext(ctx, `select id from customers where id < $1 and merged_into = '' order by id desc limit 1`, id).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return before, err
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{
		Table: "customers", Title: "Your profile and your ids", Where: `id = $1 or merged_into = $1`, Key: "id",
		Hide: []string{"version", "draw_id", "seed"},
	},
	{
		Table: "merges", Title: "Which ids became one", Where: `survivor = $1 or gone in (select id from customers where merged_into = $1)`,
		Key: "gone, survivor", Hide: []string{"n", "gone_draw", "survivor_draw"},
	},
	{Table: "customer_timezones", Title: "Your time zone", Where: `customer = $1`, Key: "customer"},
	{Table: "addresses", Title: "What is known of your addresses", Read: exportAddresses},
	{Table: "events", Title: "What you did and said", Where: `customer = $1`, Key: "received_at, n, id", Hide: []string{"n", "depth"}},
}
