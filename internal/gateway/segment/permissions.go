package segment

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// allow refuses a Segment call that a key may not make. A web key is public: it may not touch addresses, permissions or another
// user's identity.
func allow(k auth.Key, field string, c *customer.SegmentCall) *web.Error {
	if k.Kind == auth.ServerKey {
		return nil
	}
	switch c.Type {
	case TypeTrack:
		if !slices.Contains(k.Events, c.Event) {
			return web.Forbidden(
				web.Join(field, "event"),
				"this web key may not track this event; add it to the key's events, or send it with a server key",
			)
		}
	case typeIdentify:
		for _, name := range slices.Sorted(maps.Keys(c.Traits)) {
			if auth.ProtectedTraits[name] {
				return web.Forbidden(web.Join(field, "traits."+web.Top(name)), "only a server key may set this trait")
			}
			if !slices.Contains(k.Traits, name) {
				return web.Forbidden(
					web.Join(field, "traits."+web.Top(name)),
					"this web key may not set this trait; add it to the key's traits, or send it with a server key",
				)
			}
		}
	case typeGroup:
		return web.Forbidden(web.Join(field, "type"), "only a server key may make group calls")
	}
	return nil
}
