package gateway

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/store"
)

// namedKey is a write key by its digest, so that comparing takes the same time whatever is given.
type namedKey struct {
	digest [sha256.Size]byte
	Key
}

func digestKeys(keys map[string]Key) []namedKey {
	out := make([]namedKey, 0, len(keys))
	for name, k := range keys {
		out = append(out, namedKey{sha256.Sum256([]byte(name)), k})
	}
	return out
}

// writeKey finds the key of a request: basic-auth user, bearer token, or writeKey in the body (nil where it was
// not read). In Dev every key, and none, is a server key; so it is where no keys are configured, which only
// Insecure allows.
func (g *Gateway) writeKey(r *http.Request, body []byte) (Key, *fail) {
	if g.cfg.Dev || len(g.keys) == 0 {
		return Key{Kind: ServerKey}, nil
	}
	given := bearer(r)
	if user, _, ok := r.BasicAuth(); ok {
		given = user
	}
	if given == "" && body != nil {
		var envelope struct {
			WriteKey string `json:"writeKey"`
		}
		// What else is wrong with the body is said to those alone who have a key.
		_ = json.NewDecoder(bytes.NewReader(body)).Decode(&envelope)
		given = envelope.WriteKey
	}
	if given == "" {
		return Key{}, unauthorized("no write key; give it as the user of basic authentication, or as writeKey in the body")
	}
	digest := sha256.Sum256([]byte(given))
	var found *Key
	for i := range g.keys {
		if subtle.ConstantTimeCompare(digest[:], g.keys[i].digest[:]) == 1 {
			found = &g.keys[i].Key
		}
	}
	if found == nil {
		return Key{}, unauthorized("unknown write key")
	}
	return *found, nil
}

// serverKey demands a server key in the headers.
func (g *Gateway) serverKey(r *http.Request) *fail {
	key, f := g.writeKey(r, nil)
	if f != nil {
		return f
	}
	if key.Kind != ServerKey {
		return forbidden("", "this needs a server key, not a web key")
	}
	return nil
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// allow says whether a key may make a call. A web key is public: it may not touch addresses, permissions, or
// another user's identity.
func (k Key) allow(field string, c *store.SegmentCall) *fail {
	if k.Kind == ServerKey {
		return nil
	}
	c.Untrusted = true
	switch c.Type {
	case typeTrack:
		if !slices.Contains(k.Events, c.Event) {
			return forbidden(
				join(field, "event"),
				"this web key may not track this event; add it to the key's events, or send it with a server key",
			)
		}
	case typeIdentify:
		names := make([]string, 0, len(c.Traits))
		for name := range c.Traits {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if protected[name] {
				return forbidden(join(field, "traits."+top(name)), "only a server key may set this trait")
			}
			if !slices.Contains(k.Traits, name) {
				return forbidden(
					join(field, "traits."+top(name)),
					"this web key may not set this trait; add it to the key's traits, or send it with a server key",
				)
			}
		}
	case typeGroup:
		return forbidden(join(field, "type"), "only a server key may make group calls")
	}
	return nil
}
