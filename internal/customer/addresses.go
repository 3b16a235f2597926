package customer

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// What is true of a mailbox, a phone number or a device token is kept with it and not with a profile, since two customers
// may have it, and a customer may have another one tomorrow: that it is dead, and that who reads it has refused marketing.
// The key is the channel and the folded address. See docs/decisions/0018.

// A DeadAddress is what MarkDead stores.
type DeadAddress struct {
	Channel, Key, Reason string
	Since                time.Time // since when, by the provider's clock; zero: not said. A device that has registered since is alive
	SentAt               time.Time // when the message went out that did not arrive; a later one that arrives revives it
}

// MarkDead stores that nothing arrives at an address.
func MarkDead(ctx context.Context, tx sqldb.Conn, now time.Time, d DeadAddress) error {
	if d.Key == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `insert into addresses (channel, address, dead_at, dead_send_at, reason) values ($1, $2, $3, $4, $5)
		on conflict (channel, address) do update set dead_at = excluded.dead_at, dead_send_at = excluded.dead_send_at,
			reason = excluded.reason, revived_at = 0, revived_by = ''
		where (addresses.dead_at = 0 or addresses.revived_at <> 0) and (cast($6 as bigint) = 0 or addresses.claimed_at < $6)`,
		d.Channel, sqldb.Clean(d.Key), sqldb.Millis(now), sqldb.Millis(d.SentAt), sqldb.Clean(d.Reason), sqldb.Millis(d.Since))
	return err
}

// ReviveBySuccess revives a dead address, because a message arrived that was sent after the one that did not.
func ReviveBySuccess(ctx context.Context, b *unit.Unit, sent time.Time, channel, key, by string) error {
	_, err := b.Tx.ExecContext(ctx, `update addresses set revived_at = $3, revived_by = $4
		where channel = $1 and address in ($2, $6) and dead_at <> 0 and revived_at = 0 and dead_send_at < $5`,
		channel, sqldb.Clean(key), sqldb.Millis(b.Now), sqldb.Clean(by), sqldb.Millis(sent), hidden(b.Units.Salt, channel, key))
	return err
}

// Wrote stores when somebody last wrote from an address.
func Wrote(ctx context.Context, tx sqldb.Conn, at time.Time, channel, key string) error {
	_, err := tx.ExecContext(ctx, `insert into addresses (channel, address, wrote_at) values ($1, $2, $3)
		on conflict (channel, address) do update set wrote_at = excluded.wrote_at where addresses.wrote_at < excluded.wrote_at`,
		channel, sqldb.Clean(key), sqldb.Millis(at))
	return err
}

// OptOut stores that who reads the addresses has refused marketing.
func OptOut(ctx context.Context, tx sqldb.Conn, at time.Time, channel string, keys []string, by string) error {
	var rows [][]any
	for _, key := range sqldb.Sorted(keys) {
		if key = sqldb.Clean(key); key != "" {
			rows = append(rows, []any{channel, key, sqldb.Millis(at), by})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := sqldb.Insert(ctx, tx, "addresses (channel, address, opted_out_at, opted_out_by)", rows, `on conflict (channel, address)
		do update set opted_out_at = excluded.opted_out_at, opted_out_by = excluded.opted_out_by, opted_in_at = 0, opted_in_by = ''`)
	return err
}

// OptIn lifts the opt-outs of addresses that are older than at.
func OptIn(ctx context.Context, b *unit.Unit, at time.Time, channels, keys []string, by string) error {
	if len(channels) == 0 || len(keys) == 0 {
		return nil
	}
	keys = slices.Clone(keys)
	for _, key := range keys[:len(keys):len(keys)] {
		for _, channel := range channels {
			keys = append(keys, hidden(b.Units.Salt, channel, key))
		}
	}
	args := []any{sqldb.Millis(at), by}
	list := func(values []string) string {
		from := len(args) + 1
		for _, v := range values {
			args = append(args, sqldb.Clean(v))
		}
		return sqldb.List(from, len(values))
	}
	_, err := b.Tx.ExecContext(ctx, `update addresses set opted_in_at = $1, opted_in_by = $2
		where channel in (`+list(channels)+`) and address in (`+list(keys)+`)
		and opted_out_at <> 0 and opted_in_at = 0 and opted_out_at <= $1`,
		args...)
	return err
}

// optInAgain lifts the opt-outs of a customer's addresses when a call turns a consent from no to yes: the customer has
// changed their mind. A yes in place of nothing, or of yes, does not: it may be a list that is older than the opt-out.
func optInAgain(ctx context.Context, b *unit.Unit, a *Arrival, before, after map[string]any) error {
	turned := func(name string) bool {
		return consent.Refused(consent.At(before, name)) && consent.At(after, name) == consent.Yes
	}
	all := turned(journey.Marketing)
	var channels, keys []string
	for i := range b.Units.Channels {
		spec := &b.Units.Channels[i]
		if spec.Address == "" || !turned(spec.Name) && (!all || consent.Refused(consent.At(after, spec.Name))) {
			continue
		}
		channels = append(channels, spec.Name)
		keys = append(keys, KeysOf(spec.Address, after)...)
	}
	return OptIn(ctx, b, sqldb.Moment(a.At), channels, sqldb.Sorted(keys), a.Name)
}

// KeysOf returns the keys of the addresses that a customer has under a trait.
func KeysOf(trait string, traits map[string]any) []string {
	usable, _ := address.List(trait, traits[trait])
	out := make([]string, len(usable))
	for i, one := range usable {
		out[i] = one.Key
	}
	return out
}

// States returns what is known of addresses, by their keys; also of those that a forgotten customer had. A device that another customer
// than the given one has claimed is that one's; an empty customer: that is not asked.
func States(ctx context.Context, tx sqldb.Conn, salt []byte, customer, channel string, keys []string) (map[string]address.State, error) {
	out := map[string]address.State{}
	clean := map[string]string{}
	for _, key := range keys {
		clean[sqldb.Clean(key)] = key
		clean[hidden(salt, channel, key)] = key
	}
	err := sqldb.Within(ctx, tx, `select address, reason, dead_at <> 0 and revived_at = 0, opted_out_at <> 0 and opted_in_at = 0, dead_at,
		opted_out_at, owner, wrote_at from addresses where channel = $1 and address in (%s)`, slices.Sorted(maps.Keys(clean)),
		func(r *sql.Rows) error {
			var key string
			var state address.State
			var dead, optedOut, wrote int64
			var owner string
			err := r.Scan(&key, &state.Reason, &state.Dead, &state.OptedOut, &dead, &optedOut, &owner, &wrote)
			if state.WroteAt = sqldb.Moment(wrote); state.WroteAt.IsZero() {
				state.WroteAt = out[clean[key]].WroteAt
			}
			state.Moved = owner != "" && customer != "" && owner != customer
			switch {
			case state.Dead:
				state.Since = sqldb.Moment(dead)
			case state.OptedOut:
				state.Since = sqldb.Moment(optedOut)
			}
			if other := out[clean[key]]; other.Dead || other.OptedOut {
				state = address.State{Dead: state.Dead || other.Dead, OptedOut: state.OptedOut || other.OptedOut,
					Reason: cmp.Or(state.Reason, other.Reason), Moved: state.Moved || other.Moved, Since: state.Since,
					WroteAt: state.WroteAt}
			}
			out[clean[key]] = state
			return err
		}, channel)
	return out, err
}

// readAddresses reads what is known of the customer's addresses.
func (s *Room) readAddresses(ctx context.Context, tx sqldb.Conn, c *Customer) error {
	for i := range s.db.Channels {
		spec := &s.db.Channels[i]
		if spec.Address == "" {
			continue
		}
		usable, wrong := address.List(spec.Address, c.Traits[spec.Address])
		for _, one := range wrong {
			c.Addresses = append(c.Addresses, ChannelAddress{Channel: spec.Name, Address: one.Masked, Wrong: one.Reason})
		}
		if len(usable) == 0 {
			continue
		}
		states, err := States(ctx, tx, s.db.Salt, c.ID, spec.Name, KeysOf(spec.Address, c.Traits))
		if err != nil {
			return err
		}
		for _, one := range usable {
			shown := one.Text
			if spec.Address == address.WebPush {
				shown = one.Key
			}
			c.Addresses = append(c.Addresses, ChannelAddress{Channel: spec.Name, Address: shown, State: states[one.Key]})
			if state := states[one.Key]; state.Dead {
				c.Bounced[one.Text] = state.Reason
			} else if state.OptedOut {
				c.OptedOut = append(c.OptedOut, one.Text)
			}
		}
	}
	return nil
}

// AddressState returns what is known of one address.
func (s *Room) AddressState(ctx context.Context, channel, key string) (state address.State, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		states, err := States(ctx, tx, s.db.Salt, "", channel, []string{key})
		state = states[key]
		return err
	})
	return state, err
}

// KnownAddress is an address that is or was dead, or has opted out. Times are virtual, zero for never.
type KnownAddress struct {
	Channel, Address  string // folded
	Reason            string // why it is dead
	DeadAt, RevivedAt time.Time
	RevivedBy         string
	OptedOutAt        time.Time
	OptedOutBy        string // the event
	OptedInAt         time.Time
	OptedInBy         string
	Dead, OptedOut    bool
}

// AddressFilter narrows KnownAddresses. Empty fields do not filter.
type AddressFilter struct {
	Channel, Address string // Address as anybody writes it
	State            string // dead, opted_out, or revived
	AfterChannel     string // the last address of the page before
	AfterAddress     string
	Limit            int // default 100, max 1000
}

// States of AddressFilter.
const (
	AddressDead     = "dead"
	AddressOptedOut = "opted_out"
	AddressRevived  = "revived"
)

// fold returns the keys that a text may have, on each channel it may belong to.
func (s *Room) fold(channel, text string) map[string]string {
	out := map[string]string{}
	for i := range s.db.Channels {
		if spec := &s.db.Channels[i]; spec.Address != "" && (channel == "" || channel == spec.Name) {
			out[spec.Name] = sqldb.Clean(address.Fold(spec.Address, text))
		}
	}
	return out
}

// KnownAddresses lists addresses of which something is known, by channel and address.
func (s *Room) KnownAddresses(ctx context.Context, f AddressFilter) ([]KnownAddress, error) {
	w := sqldb.Where{}
	w.Equals("channel", sqldb.Clean(f.Channel))
	if f.Address != "" {
		keys := s.fold(f.Channel, f.Address)
		w.In("channel", slices.Sorted(maps.Keys(keys))) // the primary key begins with it
		all := slices.Collect(maps.Values(keys))
		for _, channel := range slices.Sorted(maps.Keys(keys)) {
			all = append(all, hidden(s.db.Salt, channel, keys[channel]))
		}
		w.In("address", sqldb.Sorted(all))
	}
	w.Raw("(dead_at <> 0 or opted_out_at <> 0)") // others are devices that only say whose they are
	switch f.State {
	case AddressDead:
		w.Raw("dead_at <> 0 and revived_at = 0")
	case AddressOptedOut:
		w.Raw("opted_out_at <> 0 and opted_in_at = 0")
	case AddressRevived:
		w.Raw("revived_at <> 0")
	}
	if f.AfterChannel != "" {
		w.Raw("(channel > " + w.Param(f.AfterChannel) + " or channel = " + w.Param(f.AfterChannel) + " and address > " +
			w.Param(f.AfterAddress) + ")")
	}
	var out []KnownAddress
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		out = nil
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var k KnownAddress
			var dead, revived, optedOut, optedIn int64
			err := r.Scan(&k.Channel, &k.Address, &k.Reason, &dead, &revived, &k.RevivedBy, &optedOut, &k.OptedOutBy,
				&optedIn, &k.OptedInBy)
			k.DeadAt, k.RevivedAt, k.OptedOutAt, k.OptedInAt = sqldb.Moment(dead), sqldb.Moment(revived), sqldb.Moment(optedOut),
				sqldb.Moment(optedIn)
			k.Dead, k.OptedOut = dead != 0 && revived == 0, optedOut != 0 && optedIn == 0
			out = append(out, k)
			return err
		}, `select channel, address, reason, dead_at, revived_at, revived_by, opted_out_at, opted_out_by, opted_in_at, opted_in_by
			from addresses`+w.SQL()+` order by channel, address limit `+w.Param(sqldb.Bounded(f.Limit)), w.Args...)
	})
	return out, err
}

// Revive makes dead addresses usable again, by an operator's word: on one channel, or on all if channel is empty. It returns how
// many were dead.
func (s *Room) Revive(ctx context.Context, now time.Time, channel, text, by string) (int, error) {
	n := 0
	err := s.db.Write(ctx, func(tx sqldb.Conn) error {
		n = 0
		keys := s.fold(channel, text)
		for _, name := range slices.Sorted(maps.Keys(keys)) {
			done, err := sqldb.Affected(ctx, tx, `update addresses set revived_at = $3, revived_by = $4
				where channel = $1 and address in ($2, $5) and dead_at <> 0 and revived_at = 0`, name, keys[name], sqldb.Millis(now),
				sqldb.Clean(by), hidden(s.db.Salt, name, keys[name]))
			if err != nil {
				return err
			}
			n += int(done)
		}
		if n == 0 {
			audit.Of(ctx).Hold()
		}
		return nil
	})
	return n, err
}

// exportAddresses reads what is known of the addresses that a customer has. Others may have them too; it has nothing of theirs.
// There is one page.
func exportAddresses(ctx context.Context, db *unit.Units, tx sqldb.Conn, customerID string, _ []any, _ int) (
	out []map[string]any, _ []any, _ error) {
	p, err := Read(ctx, tx, customerID)
	if err != nil {
		return nil, nil, err
	}
	for i := range db.Channels {
		spec := &db.Channels[i]
		keys := KeysOf(spec.Address, p.Traits)
		if len(keys) == 0 {
			continue
		}
		states, err := States(ctx, tx, db.Salt, p.ID, spec.Name, keys)
		if err != nil {
			return nil, nil, err
		}
		for _, key := range keys {
			row := map[string]any{"channel": spec.Name, "address": key, "dead": states[key].Dead, "opted_out": states[key].OptedOut}
			if why := states[key].Reason; why != "" {
				row["reason"] = why
			}
			if since := states[key].Since; !since.IsZero() {
				row["since"] = since
			}
			if wrote := states[key].WroteAt; !wrote.IsZero() {
				row["wrote"] = wrote
			}
			if states[key].Moved {
				row["device_of_another_customer"] = true
			}
			out = append(out, row)
		}
	}
	return out, nil, nil
}
