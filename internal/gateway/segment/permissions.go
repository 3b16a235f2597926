package segment

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/segmentcall"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// allow refuses a Segment call that a key may not make. A web key is public: it may not touch addresses, permissions or another
// user's identity, nor rewrite history.
func allow(k auth.Key, field string, c *customer.SegmentCall) *tolerant.Problem {
	forbidden := func(key, message string) *tolerant.Problem {
		return &tolerant.Problem{Code: tolerant.Forbidden, Field: tolerant.Join(field, key), Message: message}
	}
	if k.Kind == auth.ServerKey {
		return nil
	}
	if c.Backfill {
		return forbidden("context.backfill", "only a server key may send history")
	}
	switch c.Type {
	case segmentcall.Track:
		if !slices.Contains(k.Events, c.Event) {
			return forbidden("event", "this web key may not track this event; add it to the key's events, or send it with a server key")
		}
	case segmentcall.Identify:
		for _, name := range slices.Sorted(maps.Keys(c.Traits)) {
			if auth.ProtectedTraits[name] {
				return forbidden("traits."+tolerant.Top(name), "only a server key may set this trait")
			}
			if !slices.Contains(k.Traits, name) {
				return forbidden(
					"traits."+tolerant.Top(name),
					"this web key may not set this trait; add it to the key's traits, or send it with a server key",
				)
			}
		}
	case segmentcall.Group:
		return forbidden("type", "only a server key may make group calls")
	}
	return nil
}

const howToProve = "send userHash, the HMAC-SHA256 of the userId by the key's secret, which your server makes; or send it with a server key"

// speaker decides for whom a web key speaks. With a proof, that is the user; without one, the visitor with the anonymousId alone, whatever
// user the call names. Client libraries name the user in each call once they know one, so such a call is taken, and says what it lost.
func speaker(k auth.Key, field string, c *customer.SegmentCall) (changes []tolerant.Change, problem *tolerant.Problem) {
	if k.Kind == auth.ServerKey {
		return nil, nil
	}
	refuse := func(key, message string) *tolerant.Problem {
		return &tolerant.Problem{Code: tolerant.Forbidden, Field: tolerant.Join(field, key), Message: message}
	}
	c.Space, c.Trust = k.Space, customer.Untrusted
	switch {
	case c.UserID == "":
	case c.UserHash != "" && k.Proves(c.UserID, c.UserHash):
		c.Trust = customer.Proven
	case c.UserHash != "" && len(k.Proofs) > 0:
		return nil, refuse("userHash", "userHash does not prove this userId: it is the HMAC-SHA256 of the userId, as text, in hex")
	case c.Type == segmentcall.Alias:
		return nil, refuse("userId", "a web key joins ids of a proven user only: "+howToProve)
	case c.AnonymousID == "":
		return nil, refuse("userId", "a web key speaks of visitors only, and of a user with a proof: "+howToProve)
	default:
		c.UserID = ""
		changes = append(changes, tolerant.Change{Field: tolerant.Join(field, "userId"), Kind: tolerant.Unproven})
	}
	return changes, nil
}

// keepContext leaves those traits of a call's context that the key may set. Libraries repeat what they know in each call, so the others
// are left out, and the call is taken.
func keepContext(k auth.Key, field string, c *customer.SegmentCall) (changes []tolerant.Change) {
	if k.Kind == auth.ServerKey {
		return nil
	}
	dropped := segmentcall.KeepContext(c, func(name string) bool {
		return name == customer.Acquisition ||
			slices.Contains(k.Traits, name) && (!auth.ProtectedTraits[name] || customer.DeviceTraits[name])
	})
	for _, name := range dropped {
		changes = append(changes, tolerant.Change{Field: tolerant.Join(field, "context."+tolerant.Top(name)), Kind: tolerant.ContextTrait})
	}
	return changes
}
