package customer

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// DeviceTraits are the traits whose values a device or browser tells of itself: its push token, its subscription to web push. They are
// protected, but a call of a web key may add one to a visitor, and with a proof to a user.
var DeviceTraits = map[string]bool{address.PushToken: true, address.WebPush: true}

// WithoutDevices returns an unproven call without the devices of its context, and whether it had some: a device becomes a user's only
// with a proof.
func WithoutDevices(c *SegmentCall) (rest *SegmentCall, dropped bool) {
	if !hasDevices(c.Context) {
		return c, false
	}
	own := *c
	own.Context = maps.Clone(c.Context)
	for trait := range DeviceTraits {
		delete(own.Context, trait)
	}
	return &own, true
}

// maxDevices is how many push tokens, and how many browsers, a profile keeps; the oldest is dropped.
const maxDevices = 20

// withDevice adds a device to a trait that is nothing, one device or a list of them. A subscription whose browser has renewed its keys
// takes the place of the old one.
func withDevice(trait string, is, device any) (devices any, added bool) {
	var list []any
	switch is := is.(type) {
	case nil:
	case []any:
		list = slices.Clone(is)
	default:
		if is != "" {
			list = []any{is}
		}
	}
	key := deviceKey(trait, device)
	if key == "" {
		return is, false
	}
	at := slices.IndexFunc(list, func(other any) bool { return deviceKey(trait, other) == key })
	switch {
	case at < 0:
		list = append(list, device)
	case deviceText(trait, list[at]) == deviceText(trait, device):
		return is, false
	default:
		list[at] = device
	}
	if list = list[max(len(list)-maxDevices, 0):]; len(list) == 1 {
		return list[0], true
	}
	return list, true
}

// deviceKey returns the key of a device as an address; empty: it is none.
func deviceKey(trait string, device any) string {
	if usable, _ := address.List(trait, device); len(usable) == 1 {
		return usable[0].Key
	}
	text, _ := device.(string)
	return text
}

func deviceText(trait string, device any) string {
	if usable, _ := address.List(trait, device); len(usable) == 1 {
		return usable[0].Text
	}
	text, err := json.Marshal(device)
	if err != nil {
		return ""
	}
	return string(text)
}

// claim records that the device of a call is this customer's from now on, whoever had it before: whoever signs in on a phone gets what is
// pushed to it, and nobody else. A device that says its token is alive again. That costs a statement, so it happens only where the
// profile did not have the device, and at each identify, which client libraries send when somebody signs in.
func claim(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *Arrival, patch map[string]any) error {
	for _, trait := range slices.Sorted(maps.Keys(DeviceTraits)) { // in one order, as all who lock several rows
		device := a.Context[trait]
		_, added := patch[trait]
		if device == nil || a.Patch[trait] != nil || !added && a.Name != event.CustomerUpdated {
			continue
		}
		key := deviceKey(trait, device)
		for i := range b.Units.Channels {
			spec := &b.Units.Channels[i]
			if spec.Address != trait || key == "" {
				continue
			}
			if _, err := b.Tx.ExecContext(ctx, `insert into addresses (channel, address, owner, claimed_at) values ($1, $2, $3, $4)
				on conflict (channel, address) do update set owner = excluded.owner, claimed_at = excluded.claimed_at,
					revived_at = case when addresses.dead_at <> 0 and addresses.revived_at = 0 then $5 else addresses.revived_at end,
					revived_by = case when addresses.dead_at <> 0 and addresses.revived_at = 0 then 'the device'
						else addresses.revived_by end`,
				spec.Name, sqldb.Clean(key), p.ID, sqldb.Millis(clock.Wall()), sqldb.Millis(b.Now)); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasDevices reports whether traits have a device that may be claimed.
func hasDevices(traits map[string]any) bool {
	for trait := range DeviceTraits {
		if traits[trait] != nil {
			return true
		}
	}
	return false
}

// dropDevices deletes what is known of the devices of a customer who is forgotten: those of which nothing else is known. What is left, such
// as that a token is dead, names nobody.
func dropDevices(ctx context.Context, b *unit.Unit, from string) error {
	if _, err := b.Tx.ExecContext(ctx, `delete from addresses where owner = $1 and owner <> '' and dead_at = 0 and opted_out_at = 0`,
		from); err != nil {
		return err
	}
	return moveDevices(ctx, b, from, "")
}

// moveDevices gives the devices of a customer to another one; an empty id: to nobody.
func moveDevices(ctx context.Context, b *unit.Unit, from, to string) error {
	_, err := b.Tx.ExecContext(ctx, `update addresses set owner = $2 where owner = $1 and owner <> ''`, from, to)
	return err
}
