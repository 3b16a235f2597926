package customer

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// MergeTraits applies patch to traits, deeply; null removes a trait. It returns a new map and the sorted top-level names
// that changed.
func MergeTraits(traits, patch map[string]any) (merged map[string]any, changed []string) {
	merged = Overlay(traits, patch)
	for name := range patch {
		before, had := traits[name]
		after, has := merged[name]
		if had != has || !reflect.DeepEqual(before, after) {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return merged, changed
}

// Overlay returns base changed by patch: null deletes a name, a mapping changes the mapping under its name, and any other
// value replaces. base is not modified.
func Overlay(base, patch map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(out, name)
		case map[string]any:
			under, _ := out[name].(map[string]any)
			out[name] = Overlay(under, value)
		default:
			out[name] = value
		}
	}
	return out
}

// joinTraits merges the traits of two customers. The survivor's traits win, but a refused consent stays refused.
func joinTraits(survivor, gone map[string]any) (merged map[string]any, changed []string) {
	merged = Overlay(gone, survivor)
	if consent, ok := gone["consent"].(map[string]any); ok {
		if own, ok := merged["consent"].(map[string]any); ok {
			merged["consent"] = refusals(own, consent)
		}
	} else if gone["consent"] == false {
		merged["consent"] = false
	}
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		if !reflect.DeepEqual(survivor[name], merged[name]) || !reflect.DeepEqual(gone[name], merged[name]) {
			changed = append(changed, name)
		}
	}
	return merged, changed
}

// refusals returns a copy of into with every false leaf of from.
func refusals(into, from map[string]any) map[string]any {
	out := maps.Clone(into)
	for name, value := range from {
		switch value := value.(type) {
		case bool:
			if !value {
				out[name] = false
			}
		case map[string]any:
			if under, ok := out[name].(map[string]any); ok {
				out[name] = refusals(under, value)
			}
		}
	}
	return out
}

// A Bounce is a dead address.
type Bounce struct{ Channel, Address, Reason string }

// consequence returns what an event about a message changes: consent in the profile, or a dead address.
func consequence(name string, properties, traits map[string]any) (patch map[string]any, dead *Bounce) {
	str := func(key string) string { s, _ := properties[key].(string); return strings.TrimSpace(s) }
	switch name {
	case event.Unsubscribed:
		consent := map[string]any{}
		switch {
		case str("topic") != "":
			consent["topics"] = map[string]any{str("topic"): false}
		case str("channel") != "":
			consent[str("channel")] = false
		default:
			consent["marketing"] = false
		}
		return map[string]any{"consent": consent}, nil
	case event.EmailMarkedAsSpam:
		return map[string]any{"consent": map[string]any{"email": false, "marketing": false}}, nil
	case event.EmailBounced:
		if !hard(str("type"), properties["permanent"]) {
			return nil, nil
		}
		address := str("address")
		if address == "" {
			address = str("email")
		}
		if address == "" {
			address, _ = traits["email"].(string)
		}
		if address = sqldb.Clean(address); address == "" {
			return nil, nil
		}
		reason := "bounced"
		if kind := str("type"); kind != "" {
			reason += ": " + sqldb.Clean(kind)
		}
		return nil, &Bounce{Channel: "email", Address: address, Reason: reason}
	}
	return nil, nil
}

// hard reports whether a bounce is permanent. An event that does not say counts as permanent.
func hard(kind string, permanent any) bool {
	if p, ok := permanent.(bool); ok {
		return p
	}
	switch strings.ToLower(kind) {
	case "soft", "temporary", "transient":
		return false
	}
	return true
}

// AddBounce stores a dead address.
func AddBounce(ctx context.Context, tx sqldb.Conn, now time.Time, d Bounce) error {
	_, err := tx.ExecContext(
		ctx,
		`insert into bounces (channel, address, reason, at) values ($1, $2, $3, $4) on conflict (channel, address) do nothing`,
		d.Channel,
		d.Address,
		d.Reason,
		sqldb.Millis(now),
	)
	return err
}

// Bounced reports whether an address is dead on a channel.
func Bounced(ctx context.Context, tx sqldb.Conn, channel, address string) (bool, error) {
	return sqldb.Exists(ctx, tx, `select 1 from bounces where channel = $1 and address = $2`, channel, sqldb.Clean(address))
}
