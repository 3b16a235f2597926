package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Kinds of API keys.
const (
	ServerKey = "server" // a write key of back ends, secret
	WebKey    = "web"    // a write key of pages and apps, public
	TokenKey  = "token"  // of a program or person, with a role: opens the admin API and pages
)

// prefixes begin the secrets of each kind, so that scanners for secrets in repositories and logs find them.
var prefixes = map[string]string{ServerKey: "tabi_srv_", WebKey: "tabi_web_", TokenKey: "tabi_tok_"}

// ProofPrefix begins the proof secret of a web key, by which a site's server makes userHash.
const ProofPrefix = "tabi_prf_"

// MaxKeys is how many API keys may be live at once: every gateway holds all of them in memory.
const MaxKeys = 1000

// KeyScope is what an API key may do within its kind.
type KeyScope struct {
	Events []string `json:"events,omitempty"` // web: the names it may track
	Traits []string `json:"traits,omitempty"` // web: the top-level traits it may set
	Routes []string `json:"routes,omitempty"` // server: see Routes; empty: all
	Role   Role     `json:"role,omitempty"`   // token
	Queues []string `json:"queues,omitempty"` // token of an agent; empty: all
}

// Routes of a server key: the tracking API, reports of mail providers, app messages with user tokens, and decisions.
var Routes = []string{"track", "mail", "inbox", "decide"}

// A Key is an API key, without its secret. Times are of the wall clock.
type Key struct {
	ID        string // sorts by the time of creation
	Family    string // id of the first key of a chain of rotations
	Name      string
	Kind      string
	Hint      string // how the secret begins
	Scope     KeyScope
	Proof     string // web: the sealed proof secret; the room does not open it
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: it is not revoked
	RevokedBy string
	UsedAt    time.Time // to the minute; zero: never
}

// Live reports whether the key opens anything at wall time now.
func (k Key) Live(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// KeyDigest is what the store keeps of a key's secret: its SHA-256. A slow hash, as passwords need it, would add nothing here and
// cost a call milliseconds: a secret has 256 random bits, so nobody finds it by trying.
func KeyDigest(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// NewSecret returns a new secret of 256 random bits behind a prefix, without characters that end a word.
func NewSecret(prefix string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails: see crypto/rand
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
}

// IsKey reports whether a secret has the form of an API key of the store.
func IsKey(secret string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(secret, p) {
			return true
		}
	}
	return false
}

// Check returns an error for people if a key may not be created.
func (k Key) Check() error {
	switch {
	case prefixes[k.Kind] == "":
		return sqldb.InputError(fmt.Sprintf("there is no kind of key %q: it is server, web or token", k.Kind))
	case k.Name == "" || len(k.Name) > 80 || !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, unicode.IsControl):
		return sqldb.InputError("a key needs a name of at most 80 bytes, without control characters: what uses it")
	case k.Kind != WebKey && len(k.Scope.Events)+len(k.Scope.Traits) > 0:
		return sqldb.InputError("only web keys have events and traits")
	case k.Kind == WebKey && len(k.Scope.Events)+len(k.Scope.Traits) == 0:
		return sqldb.InputError("a web key needs the events that it may track, or traits that it may set")
	case k.Kind != ServerKey && len(k.Scope.Routes) > 0:
		return sqldb.InputError("only server keys have routes")
	case k.Kind != TokenKey && (k.Scope.Role != Nobody || len(k.Scope.Queues) > 0):
		return sqldb.InputError("only tokens have a role and queues")
	case k.Kind == TokenKey && !slices.Contains(Roles, k.Scope.Role):
		return sqldb.InputError(fmt.Sprintf("a token needs a role; roles are %s", RoleNames()))
	case k.Scope.Role != Agent && len(k.Scope.Queues) > 0:
		return sqldb.InputError("only the role agent has queues")
	}
	for _, r := range k.Scope.Routes {
		if !slices.Contains(Routes, r) {
			return sqldb.InputError(fmt.Sprintf("there is no route %q for keys; routes are %s", r, strings.Join(Routes, ", ")))
		}
	}
	return nil
}

// Errors of keys.
var (
	ErrNoKey       error = sqldb.Refusal("no live key has this id or name")
	ErrTooManyKeys error = KeyConflict(fmt.Sprintf("%d keys are live, which is the most: revoke some", MaxKeys))
)

// KeyConflict is an error because of other keys.
type KeyConflict string

// Error is for people.
func (e KeyConflict) Error() string { return string(e) }

// Refusal says that the database is not at fault.
func (e KeyConflict) Refusal() {}

// Room keeps who may call.
type Room struct{ db *sqldb.Database }

// New returns the room.
func New(db *sqldb.Database) *Room { return &Room{db: db} }

// CreateKey stores a key of which Name, Kind, Scope, Proof, CreatedBy and ExpiresAt are set, and returns it with its secret, which is
// stored nowhere.
func (s *Room) CreateKey(ctx context.Context, now time.Time, k Key) (Key, string, error) {
	if err := k.Check(); err != nil {
		return k, "", err
	}
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return k, "", sqldb.InputError("the key would expire before it is used")
	}
	var secret string
	err := s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		var live int
		if err := tx.QueryRowContext(ctx, `select count(*) from api_keys where revoked_at = 0 and (expires_at = 0 or expires_at > $1)`,
			sqldb.Millis(now)).Scan(&live); err != nil {
			return err
		}
		if live >= MaxKeys {
			return ErrTooManyKeys
		}
		taken, err := sqldb.Exists(
			ctx,
			tx,
			`select 1 from api_keys where name = $1 and revoked_at = 0 and (expires_at = 0 or expires_at > $2)`,
			k.Name,
			sqldb.Millis(now),
		)
		if err != nil {
			return err
		}
		if taken {
			return KeyConflict("a key with this name is live: choose another name, or rotate that one")
		}
		k.Family = ""
		k, secret, err = insertKey(ctx, tx, now, k)
		return err
	})
	return k, secret, err
}

// insertKey stores a key; an empty family is its own id.
func insertKey(ctx context.Context, tx sqldb.Conn, now time.Time, k Key) (Key, string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return k, "", err
	}
	scope, err := json.Marshal(k.Scope)
	if err != nil {
		return k, "", err
	}
	secret := NewSecret(prefixes[k.Kind])
	digest := KeyDigest(secret)
	k.ID, k.Hint, k.CreatedAt = id.String(), secret[:len(prefixes[k.Kind])+4]+"…", sqldb.Moment(sqldb.Millis(now))
	if k.Family == "" {
		k.Family = k.ID
	}
	_, err = tx.ExecContext(
		ctx,
		`insert into api_keys
		(id, family, name, kind, digest, hint, scope, proof, created_at, created_by, expires_at, revoked_at, revoked_by, used_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', 0)`,
		k.ID,
		k.Family,
		k.Name,
		k.Kind,
		hex.EncodeToString(digest[:]),
		k.Hint,
		string(scope),
		k.Proof,
		sqldb.Millis(k.CreatedAt),
		k.CreatedBy,
		sqldb.Millis(k.ExpiresAt),
	)
	return k, secret, err
}

// RotateKey makes a second key of the same kind, name and scope. The first one, ref by id or name, ends at ends at the latest: until
// then both are valid. A key that expires is followed by one with the same length of life. It returns both, and the new secret.
func (s *Room) RotateKey(ctx context.Context, now, ends time.Time, ref, by, proof string) (old, next Key, secret string, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		list, err := liveKeys(ctx, tx, now, ref)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNoKey
		}
		old = list[len(list)-1].Key // the newest
		next = Key{Family: old.Family, Name: old.Name, Kind: old.Kind, Scope: old.Scope, Proof: proof, CreatedBy: by}
		if !old.ExpiresAt.IsZero() {
			next.ExpiresAt = now.Add(old.ExpiresAt.Sub(old.CreatedAt))
		}
		if old.ExpiresAt.IsZero() || ends.Before(old.ExpiresAt) {
			old.ExpiresAt = sqldb.Moment(sqldb.Millis(ends))
		}
		_, err = tx.ExecContext(ctx, `update api_keys set expires_at = $2 where id = $1`, old.ID, sqldb.Millis(old.ExpiresAt))
		if err != nil {
			return err
		}
		next, secret, err = insertKey(ctx, tx, now, next)
		return err
	})
	return old, next, secret, err
}

// RevokeKey ends a key at once; ref is its id or its name. Of several live keys with this name it ends none.
func (s *Room) RevokeKey(ctx context.Context, now time.Time, ref, by string) (k Key, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		list, err := liveKeys(ctx, tx, now, ref)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return ErrNoKey
		case len(list) > 1:
			ids := make([]string, len(list))
			for i, one := range list {
				ids[i] = one.ID
			}
			return KeyConflict("several keys have this name, since it is being rotated: give the id of one of " + strings.Join(ids, ", "))
		}
		k = list[0].Key
		k.RevokedAt, k.RevokedBy = sqldb.Moment(sqldb.Millis(now)), by
		_, err = tx.ExecContext(ctx, `update api_keys set revoked_at = $2, revoked_by = $3 where id = $1`, k.ID, sqldb.Millis(now), by)
		return err
	})
	return k, err
}

// Keys lists the keys that are live, or all, in the order of creation.
func (s *Room) Keys(ctx context.Context, now time.Time, all bool) ([]Key, error) {
	list, err := readKeys(ctx, s.db.Reader, `where cast($1 as integer) = 1 or revoked_at = 0 and (expires_at = 0 or expires_at > $2)`,
		sqldb.Flag(all), sqldb.Millis(now))
	out := make([]Key, len(list))
	for i, k := range list {
		out[i] = k.Key
	}
	return out, sqldb.DatabaseError(err)
}

// A StoredKey is a key with the digest of its secret.
type StoredKey struct {
	Key
	Digest [sha256.Size]byte
}

// LiveKeys returns all keys that are live.
func (s *Room) LiveKeys(ctx context.Context, now time.Time) ([]StoredKey, error) {
	out, err := liveKeys(ctx, s.db.Reader, now, "")
	return out, sqldb.DatabaseError(err)
}

// UseKey notes that a key was used.
func (s *Room) UseKey(ctx context.Context, now time.Time, id string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, `update api_keys set used_at = $2 where id = $1 and used_at < $2`, id, sqldb.Millis(now))
		return err
	})
}

// liveKeys returns the live keys with this id or name, or all, in the order of creation.
func liveKeys(ctx context.Context, tx sqldb.Conn, now time.Time, ref string) ([]StoredKey, error) {
	return readKeys(
		ctx,
		tx,
		`where (cast($1 as text) = '' or id = $1 or name = $1) and revoked_at = 0 and (expires_at = 0 or expires_at > $2)`,
		sqldb.Clean(ref),
		sqldb.Millis(now),
	)
}

func readKeys(ctx context.Context, tx sqldb.Conn, where string, args ...any) (out []StoredKey, err error) {
	err = sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var k StoredKey
		var digest, scope string
		var created, expires, revoked, used int64
		if err := r.Scan(&k.ID, &k.Family, &k.Name, &k.Kind, &digest, &k.Hint, &scope, &k.Proof, &created, &k.CreatedBy, &expires, &revoked,
			&k.RevokedBy, &used); err != nil {
			return err
		}
		k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.UsedAt = sqldb.Moment(
			created,
		), sqldb.Moment(
			expires,
		), sqldb.Moment(
			revoked,
		), sqldb.Moment(
			used,
		)
		raw, err := hex.DecodeString(digest)
		if err != nil || len(raw) != sha256.Size {
			return errors.New("access: a key has no digest")
		}
		k.Digest = [sha256.Size]byte(raw)
		if err := json.Unmarshal([]byte(scope), &k.Scope); err != nil {
			return fmt.Errorf("access: scope of key %s: %w", k.ID, err)
		}
		out = append(out, k)
		return nil
	}, `select id, family, name, kind, digest, hint, scope, proof, created_at, created_by, expires_at, revoked_at, revoked_by, used_at
		from api_keys `+where+` order by id`, args...)
	return out, err
}
