package customer

import (
	"context"
	"maps"
	"reflect"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// fromDevice is the trait that holds the time zone and language which came from a device, so that a later one of the device replaces it,
// and one that was set replaces the device's for good.
const fromDevice = "from_device"

// fromContext returns patch with what a call's context knows of the customer. A client repeats what it knows in every call, also what
// has changed elsewhere meanwhile, so the context fills what the profile lacks and overwrites nothing. There are three exceptions: a
// device is added to the others, a time zone or language of a device replaces one that came from a device, and a campaign is the last one.
func fromContext(traits, patch, known map[string]any, at int64) map[string]any {
	out := maps.Clone(patch)
	if out == nil {
		out = map[string]any{}
	}
	device, _ := traits[fromDevice].(map[string]any)
	learned := map[string]any{}
	for name, value := range known {
		if _, said := patch[name]; said || value == nil {
			continue
		}
		switch is := traits[name]; name {
		case address.PushToken, address.WebPush:
			if devices, added := withDevice(name, is, value); added {
				out[name] = devices
			}
		case Acquisition:
			campaign, _ := value.(map[string]any)
			if change := acquired(is, campaign, at); change != nil {
				out[name] = change
			}
		case "timezone", "language":
			if is == value || is != nil && is != device[name] {
				continue
			}
			out[name], learned[name] = value, value
		default:
			if is == nil {
				out[name] = value
			}
		}
	}
	if len(learned) > 0 {
		out[fromDevice] = learned
	}
	return out
}

// historic returns what remains of the change by a call of the past: if the customer's profile has changed since, it fills only what
// the profile lacks.
func historic(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, at int64, patch map[string]any) (map[string]any, error) {
	if len(patch) == 0 || len(p.Traits) == 0 {
		return patch, nil
	}
	if err := FlushEvents(ctx, b); err != nil {
		return nil, err
	}
	newer, err := sqldb.Exists(ctx, b.Tx, `select 1 from events where customer = $1 and name = $2 and at > $3`,
		p.ID, event.CustomerUpdated, at)
	if err != nil || !newer {
		return patch, err
	}
	return lacking(p.Traits, patch), nil
}

// lacking returns the part of patch whose names traits does not have.
func lacking(traits, patch map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range patch {
		is, has := traits[name]
		inner, nested := value.(map[string]any)
		under, both := is.(map[string]any)
		switch {
		case !has && value != nil:
			out[name] = value
		case nested && both:
			if rest := lacking(under, inner); len(rest) > 0 {
				out[name] = rest
			}
		}
	}
	return out
}

// Unproven returns what an unproven call may change of the traits of a user: it fills what the profile lacks, and overwrites nothing that a
// server, or the user with a proof, has said. kept reports whether something was left out that differs.
func Unproven(traits, patch map[string]any) (rest map[string]any, kept bool, err error) {
	if patch, _, err = sqldb.Normal(patch); err != nil {
		return nil, false, err
	}
	rest = lacking(traits, patch)
	return rest, !reflect.DeepEqual(Overlay(traits, patch), Overlay(traits, rest)), nil
}
