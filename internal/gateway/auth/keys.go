package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/segmentcall"
)

// Kinds of write keys.
const (
	ServerKey = "server" // secret, held by back ends: every event, every trait
	WebKey    = "web"    // public, shipped in pages and apps: listed events and traits only
)

// Key says what a write key may do.
type Key struct {
	Kind   string   // ServerKey or WebKey
	Events []string // web: the names it may track
	// Traits are web only: the top-level traits it may set; of the protected ones only those that a device tells of itself.
	Traits []string
	// Proofs are web only: the secrets, of at least 16 bytes, by which the site's server proves who its user is (userHash). More than
	// one is valid while they are rotated. A key without any speaks of visitors only.
	Proofs []string
	// Space is web only: it separates the message ids of this key from those of all others. A key that is rotated keeps it, so that a
	// repeat is still a duplicate. Empty: a digest of the key.
	Space string
	// Routes are server only: what it may be used for, of access.Routes. Empty: everything.
	Routes []string
}

// minProof is the shortest secret of a userHash, in bytes.
const minProof = 16

// protectedEvents may be tracked by server keys only.
var protectedEvents = segmentcall.ProtectedEvents

// ProtectedTraits are addresses and permissions: only a server key may set them.
var ProtectedTraits = segmentcall.ProtectedTraits

// check returns what is wrong with a write key of the configuration.
func (k Key) check(name string) (problems []error) {
	shown := name
	if len(shown) > 4 {
		shown = shown[:4] + "…" // a server key is a secret
	}
	if name == "" {
		problems = append(problems, errors.New("gateway: a write key is empty"))
	}
	for _, err := range k.problems(" " + shown) {
		problems = append(problems, fmt.Errorf("gateway: %w", err))
	}
	return problems
}

// problems returns what a write key lists that its kind may not do. shown names the key, after a space.
func (k Key) problems(shown string) (problems []error) {
	if k.Kind != ServerKey && k.Kind != WebKey {
		problems = append(problems, fmt.Errorf("write key%s has kind %q; it is %q or %q", shown, k.Kind, ServerKey, WebKey))
	}
	if k.Kind == ServerKey && len(k.Proofs) > 0 {
		problems = append(problems, fmt.Errorf("write key%s is a server key with a secret for userHash; a server needs no proof", shown))
	}
	for _, secret := range k.Proofs {
		if len(secret) < minProof {
			problems = append(problems, fmt.Errorf("the userHash secret of write key%s has %d bytes; it needs at least %d", shown,
				len(secret), minProof))
		}
	}
	for _, e := range k.Events {
		if protectedEvents[e] {
			problems = append(problems, fmt.Errorf("write key%s lists event %q, which only server keys may track", shown, e))
		}
	}
	for _, t := range k.Traits {
		if ProtectedTraits[t] && !customer.DeviceTraits[t] {
			problems = append(problems, fmt.Errorf("write key%s lists trait %q, which only server keys may set", shown, t))
		}
	}
	return problems
}

// Proves reports whether hash proves, by one of the key's secrets, that a call is of a user: it is their HMAC-SHA256 in hex.
func (k Key) Proves(userID, hash string) bool {
	given, err := hex.DecodeString(hash)
	proven := false
	for _, secret := range k.Proofs {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(userID))
		proven = hmac.Equal(mac.Sum(nil), given) || proven
	}
	return proven && err == nil
}

// namedKey is a write key with its digest, so that comparing takes the same time for every input.
type namedKey struct {
	digest [sha256.Size]byte
	Key
}

func digestKeys(keys map[string]Key) []namedKey {
	out := make([]namedKey, 0, len(keys))
	for name, k := range keys {
		digest := sha256.Sum256([]byte(name))
		if k.Space == "" {
			k.Space = hex.EncodeToString(digest[:8])
		}
		out = append(out, namedKey{digest, k})
	}
	return out
}

// WriteKey finds the key of a request: user of basic authentication, bearer token, or writeKey in the body (nil: it was not
// read). In dev, and with Insecure where there is no key, every request has a server key.
func (a *Auth) WriteKey(r *http.Request, body []byte) (Key, *web.Error) {
	open, err := a.openToWriters(r.Context())
	if err != nil {
		return Key{}, a.unreadable(r, err)
	}
	if open {
		return Key{Kind: ServerKey}, nil
	}
	given := Bearer(r)
	if user, _, ok := r.BasicAuth(); ok {
		given = user
	}
	if given == "" && body != nil {
		var envelope struct {
			WriteKey string `json:"writeKey"`
		}
		// Other errors of the body are reported only to callers who have a key.
		_ = json.NewDecoder(bytes.NewReader(body)).Decode(&envelope)
		given = envelope.WriteKey
	}
	if given == "" {
		return Key{}, web.Unauthorized("no write key; send it as the user of basic authentication, or as writeKey in the body")
	}
	digest := sha256.Sum256([]byte(given))
	var found *Key
	for i := range a.keys {
		if subtle.ConstantTimeCompare(digest[:], a.keys[i].digest[:]) == 1 {
			found = &a.keys[i].Key
		}
	}
	if found == nil {
		stored, err := a.Stored.find(r.Context(), given)
		if err != nil {
			return Key{}, a.unreadable(r, err)
		}
		if stored == nil || stored.Kind == access.TokenKey {
			return Key{}, web.Unauthorized("unknown write key")
		}
		found = &stored.write
	}
	if route := routeOf(r.URL.Path); len(found.Routes) > 0 && !slices.Contains(found.Routes, route) {
		return Key{}, web.Forbidden("", "this key is for "+strings.Join(found.Routes, ", ")+", not for "+route)
	}
	return *found, nil
}

// routeOf returns which of access.Routes a path belongs to.
func routeOf(path string) string {
	for _, route := range access.Routes {
		if rest, ok := strings.CutPrefix(path, "/v1/"+route); ok && (rest == "" || rest[0] == '/') {
			return route
		}
	}
	return "track" // its paths have several names
}

// openToWriters reports whether every request counts as one with a server key.
func (a *Auth) openToWriters(ctx context.Context) (bool, error) {
	if a.Dev || !a.Insecure || len(a.keys) > 0 {
		return a.Dev, nil
	}
	any, err := a.Stored.any(ctx, access.ServerKey, access.WebKey)
	return !any, err
}

// unreadable is the answer while the keys of the store cannot be read: callers should try again, not take their key for a wrong one.
func (a *Auth) unreadable(r *http.Request, err error) *web.Error {
	a.env.Log.Error("the API keys cannot be read, so no call with one gets in", zap.String("route", r.Pattern), zap.Error(err))
	return &web.Error{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Retry: 5,
		Message: "the key cannot be looked up now; nothing was stored, send the request again",
	}
}

// ServerKey refuses a request without a server key in its headers.
func (a *Auth) ServerKey(r *http.Request) *web.Error {
	key, f := a.WriteKey(r, nil)
	if f != nil {
		return f
	}
	if key.Kind != ServerKey {
		return web.Forbidden("", "this needs a server key, not a web key")
	}
	return nil
}
