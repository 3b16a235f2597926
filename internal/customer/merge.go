package customer

import (
	"context"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/consent"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Merge is the OnMerge hook of this room: gone becomes a redirect to survivor, which takes over its traits, its enrollments and its
// age and its draws if it is the older. How customers are merged as a whole follows.
//
// The invariant: after the commit no row of any room names gone, except its own row in customers, whose merged_into
// redirects later calls. The survivor has both histories. Its traits win over those of gone, but a refused consent stays
// refused. Of two open enrollments in one journey with one key the younger is ordered to end. Traits of gone that do not fit into
// the survivor's profile are left out (limits.FitTraits), and the receipt of the call names them.
//
// The order of OnMerge (see package engine) matters. The entry conditions are first, while both customers still have their own
// events: they are evaluated for each, since a condition that was true for either is not new for both. Then everything
// collected so far is flushed, because the hooks after it move rows with SQL updates, which would miss rows that are not
// written. Intents move before events, since stale scores are recomputed from the events of each customer alone. This hook comes
// after all rows have moved, and the hook that ends the younger of two enrollments sees the merged customer.
//
// Example: Ana browses as anon:7 and then logs in as user 42. identify names both ids, so anon:7 is merged into 42. Her
// abandoned-cart enrollment of anon:7 continues for 42: its run keeps its workflow id, and its next report finds the
// enrollment by id. An event for anon:7 that arrives later resolves to 42 by merged_into. Merging a customer also
// redirects those merged into it before, so one step is always enough (Canonical).
//
// Both rows are locked by Identify, in id order, before anything is read. Without that, two identify calls in opposite
// directions deadlock, or each moves rows to a customer that the other has just removed. See docs/decisions/0011.
func Merge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if err := rememberMerge(ctx, b, gone, survivor); err != nil {
		return err
	}
	if _, err := b.Tx.ExecContext(ctx, `update customers set merged_into = $2, traits = '{}' where id = $1 or merged_into = $1`, gone.ID,
		survivor.ID); err != nil {
		return err
	}
	if _, err := b.Tx.ExecContext(ctx, `delete from customer_timezones where customer = $1`, gone.ID); err != nil {
		return err
	}
	if older(gone, survivor) {
		survivor.Created, survivor.Draw = gone.Created, gone.Draw
	}
	if _, err := b.Tx.ExecContext(ctx, `update customers set created_at = $2, draw_id = $3 where id = $1`, survivor.ID, survivor.Created,
		survivor.Draw); err != nil {
		return err
	}
	if hasDevices(gone.Traits) {
		if err := moveDevices(ctx, b, gone.ID, survivor.ID); err != nil {
			return err
		}
	}
	link := unit.State[linking](b)
	link.changed, link.dropped = nil, nil
	if len(gone.Traits) > 0 {
		own, traits := survivor.Traits, gone.Traits
		if link.web {
			var stayed bool
			traits, stayed = unprotected(b, traits)
			link.stayed = link.stayed || stayed
		}
		survivor.Traits, link.changed = joinTraits(own, traits)
		survivor.Traits, link.dropped = b.Units.Limits.FitTraits(own, survivor.Traits, consent.Trait, consent.TopicsTrait)
		survivor.Dirty = true
	}
	for _, e := range gone.Open {
		e.Customer = survivor.ID
	}
	survivor.Open = append(survivor.Open, gone.Open...)
	survivor.Sort()
	gone.Open, gone.Traits, gone.Stored, gone.Merged, gone.Dirty = nil, map[string]any{}, nil, survivor.ID, false
	return nil
}

// older reports whether gone is the older of two customers, whose draws the merged one keeps: the one that tabi has known for longer.
// If both came in the same millisecond, as in one batch, it is gone if it has entered a journey, because what has been drawn stays.
func older(gone, survivor *unit.LockedCustomer) bool {
	return gone.Created < survivor.Created || gone.Created == survivor.Created && len(gone.Open) > 0
}

// linking is this room's part of a unit that links ids.
type linking struct {
	web     bool     // by a call of a web key: protected traits stay behind
	stayed  bool     // there were some
	changed []string // the traits of the survivor that the latest merge has changed
	dropped []string // those of gone that the latest merge left out, since the profile would have become too large
}

// unprotected returns traits without addresses and permissions, and whether there were some: those of ProtectedTraits, and those by which
// the channels of this build reach a customer.
func unprotected(b *unit.Unit, traits map[string]any) (rest map[string]any, stayed bool) {
	rest = maps.Clone(traits)
	for name := range traits {
		address := func(spec channel.Spec) bool { return spec.Address == name }
		if ProtectedTraits[name] || slices.ContainsFunc(b.Units.Channels, address) {
			delete(rest, name)
			stayed = true
		}
	}
	return rest, stayed
}
