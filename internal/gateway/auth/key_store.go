package auth

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	// KeysFresh is how long a process believes what it has read of the API keys (wall time): a revoked key opens nothing after that,
	// in no process. In the process that revoked it, it ends at once.
	KeysFresh = 5 * time.Second
	// usedEvery is how often the use of a key is written at most, by each process.
	usedEvery = time.Minute
	// usedTimeout bounds writing it: the call waits for it.
	usedTimeout = time.Second
	// proofPurpose is what the proof secrets of web keys are sealed for.
	proofPurpose = "proof v1"
)

// KeyRoom stores API keys.
type KeyRoom interface {
	CreateKey(ctx context.Context, now time.Time, k access.Key) (access.Key, string, error)
	RotateKey(ctx context.Context, now, ends time.Time, ref, by, proof string) (old, next access.Key, secret string, err error)
	RevokeKey(ctx context.Context, now time.Time, ref, by string) (access.Key, error)
	Keys(ctx context.Context, now time.Time, all bool) ([]access.Key, error)
	LiveKeys(ctx context.Context, now time.Time) ([]access.StoredKey, error)
	UseKey(ctx context.Context, now time.Time, id string) error
}

// Keys are the API keys of the store. A process keeps the live ones in memory for KeysFresh, so a call costs no statement, and a key
// that is revoked elsewhere ends within that time. If the store cannot be read, no key of the store opens anything until it can.
type Keys struct {
	room    KeyRoom
	secrets signedlink.Secrets // seal the proof secrets
	wall    func() time.Time
	log     *zap.Logger

	mu     sync.Mutex
	readAt time.Time // zero: read again
	live   map[[sha256.Size]byte]*storedKey
	used   map[string]time.Time // when the use of a key was written last
}

// storedKey is a live key, as callers are checked by it.
type storedKey struct {
	access.Key
	write Key // of a write key
}

// NewKeys returns the API keys of a room.
func NewKeys(room KeyRoom, secrets signedlink.Secrets, wall func() time.Time, log *zap.Logger) *Keys {
	return &Keys{room: room, secrets: secrets, wall: wall, log: log, used: map[string]time.Time{}}
}

// Issued is a key with what is shown once.
type Issued struct {
	access.Key
	Secret string
	Proof  string // of a web key: by which the site's server makes userHash
}

// Create stores a new key of which Name, Kind, Scope, CreatedBy and ExpiresAt are set.
func (k *Keys) Create(ctx context.Context, key access.Key) (Issued, error) {
	out := Issued{}
	if key.Kind == access.WebKey {
		for _, problem := range (Key{Kind: WebKey, Events: key.Scope.Events, Traits: key.Scope.Traits}).problems("") {
			return out, sqldb.InputError(problem.Error())
		}
		out.Proof = access.NewSecret(access.ProofPrefix)
		key.Proof = k.secrets.Seal(proofPurpose, []byte(out.Proof))
	}
	var err error
	out.Key, out.Secret, err = k.room.CreateKey(ctx, k.wall(), key)
	k.forget()
	return out, err
}

// Rotate makes a second key like the one with this id or name, which ends after overlap. Until then both are valid, and a web key
// accepts the proofs of both.
func (k *Keys) Rotate(ctx context.Context, ref, by string, overlap time.Duration) (old access.Key, next Issued, err error) {
	next.Proof = access.NewSecret(access.ProofPrefix)
	now := k.wall()
	old, next.Key, next.Secret, err = k.room.RotateKey(
		ctx,
		now,
		now.Add(overlap),
		ref,
		by,
		k.secrets.Seal(proofPurpose, []byte(next.Proof)),
	)
	if next.Kind != access.WebKey {
		next.Proof = ""
	}
	k.forget()
	return old, next, err
}

// Revoke ends the key with this id or name: here at once, in other processes within KeysFresh.
func (k *Keys) Revoke(ctx context.Context, ref, by string) (access.Key, error) {
	out, err := k.room.RevokeKey(ctx, k.wall(), ref, by)
	k.forget()
	return out, err
}

// List returns the live keys, or all, in the order of creation.
func (k *Keys) List(ctx context.Context, all bool) ([]access.Key, error) {
	return k.room.Keys(ctx, k.wall(), all)
}

// forget makes the next call read the keys.
func (k *Keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readAt = time.Time{}
}

// find returns the live key with this secret, and notes its use; nil: there is none. A nil Keys has none.
func (k *Keys) find(ctx context.Context, secret string) (*storedKey, error) {
	if k == nil || !access.IsKey(secret) {
		return nil, nil
	}
	live, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	// The time of the look-up says something about a digest only, from which no secret follows.
	found, now := live[access.KeyDigest(secret)], k.wall()
	if found == nil || !found.Live(now) {
		return nil, nil
	}
	k.use(ctx, found.ID, now)
	return found, nil
}

// token returns the live token with this id; nil: there is none.
func (k *Keys) token(ctx context.Context, id string) (*storedKey, error) {
	if k == nil {
		return nil, nil
	}
	live, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range live {
		if one.ID == id && one.Kind == access.TokenKey && one.Live(k.wall()) {
			return one, nil
		}
	}
	return nil, nil
}

// principal returns the caller that a token of the store identifies.
func (k *storedKey) principal(kind string) Principal {
	return Principal{Kind: kind, Name: k.Name, Subject: "key:" + k.ID, Role: k.Scope.Role, Queues: k.Scope.Queues}
}

// any reports whether a live key of these kinds exists.
func (k *Keys) any(ctx context.Context, kinds ...string) (bool, error) {
	if k == nil {
		return false, nil
	}
	live, err := k.read(ctx)
	for _, one := range live {
		for _, kind := range kinds {
			if one.Kind == kind {
				return true, err
			}
		}
	}
	return false, err
}

// read returns the live keys as of at most KeysFresh ago.
func (k *Keys) read(ctx context.Context) (map[[sha256.Size]byte]*storedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.wall()
	if !k.readAt.IsZero() && now.Sub(k.readAt) < KeysFresh && !now.Before(k.readAt) {
		return k.live, nil
	}
	list, err := k.room.LiveKeys(ctx, now)
	if err != nil {
		return nil, err
	}
	proofs := map[string][]string{} // by family: while a key is rotated, both accept the proofs of both
	for _, one := range list {
		if one.Kind != access.WebKey {
			continue
		}
		plain, err := k.secrets.Unseal(proofPurpose, one.Proof)
		if err != nil {
			k.log.Warn("the proof secret of a web key cannot be opened, so userHash made with it is refused: it was sealed by a secret "+
				"that is not in TABI_SECRET; tabi keys rotate makes a new one", zap.String("key", one.ID), zap.String("name", one.Name))
			continue
		}
		proofs[one.Family] = append(proofs[one.Family], string(plain))
	}
	live := make(map[[sha256.Size]byte]*storedKey, len(list))
	for _, one := range list {
		live[one.Digest] = &storedKey{Key: one.Key, write: Key{
			Kind: one.Kind, Events: one.Scope.Events, Traits: one.Scope.Traits, Routes: one.Scope.Routes,
			Proofs: proofs[one.Family], Space: one.Family,
		}}
	}
	k.readAt, k.live = now, live
	return live, nil
}

// use writes that a key was used, at most once in usedEvery. A failure is logged, and the call goes through.
func (k *Keys) use(ctx context.Context, id string, now time.Time) {
	k.mu.Lock()
	if now.Sub(k.used[id]) < usedEvery {
		k.mu.Unlock()
		return
	}
	k.used[id] = now
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(sqldb.WithoutLast(ctx), usedTimeout) // it is no part of what the caller does
	defer cancel()
	if err := k.room.UseKey(ctx, now, id); err != nil {
		k.log.Warn("the use of an API key could not be written", zap.String("key", id), zap.Error(err))
	}
}
