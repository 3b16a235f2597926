package adminapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Keys are the API keys of the store.
type Keys interface {
	Create(ctx context.Context, key access.Key) (auth.Issued, error)
	List(ctx context.Context, all bool) ([]access.Key, error)
	Rotate(ctx context.Context, ref, by string, overlap time.Duration) (access.Key, auth.Issued, error)
	Revoke(ctx context.Context, ref, by string) (access.Key, error)
}

func viewKey(k access.Key) api.APIKey {
	return api.APIKey{
		ID: k.ID, Name: k.Name, Kind: k.Kind, Hint: k.Hint, Events: k.Scope.Events, Traits: k.Scope.Traits, Routes: k.Scope.Routes,
		Role: string(k.Scope.Role), Queues: k.Scope.Queues, CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy,
		UsedAt: optional(k.UsedAt), ExpiresAt: optional(k.ExpiresAt), RevokedAt: optional(k.RevokedAt), RevokedBy: k.RevokedBy,
	}
}

// optional returns nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func viewIssued(k auth.Issued) api.IssuedKey {
	return api.IssuedKey{Key: viewKey(k.Key), Secret: k.Secret, Proof: k.Proof}
}

func (h *Handlers) createKey(ctx context.Context, in *api.CreateKeyInput) (*api.IssuedKey, error) {
	b := in.Body
	key := access.Key{Name: b.Name, Kind: b.Kind, CreatedBy: auth.Actor(ctx, ""), Scope: access.KeyScope{
		Events: b.Events, Traits: b.Traits, Routes: b.Routes, Role: access.Role(b.Role), Queues: b.Queues,
	}}
	if b.ExpiresIn > 0 {
		key.ExpiresAt = h.Wall().Add(time.Duration(b.ExpiresIn) * time.Second)
	}
	act := audit.Of(ctx)
	act.Object("key", b.Name)
	act.Note("kind", b.Kind)
	act.Note("role", b.Role)
	issued, err := h.rooms.Keys.Create(ctx, key)
	if err != nil {
		return nil, keyError(err)
	}
	out := viewIssued(issued)
	return &out, nil
}

func (h *Handlers) listKeys(ctx context.Context, in *api.APIKeyFilter) (*api.APIKeyList, error) {
	list, err := h.rooms.Keys.List(ctx, in.All)
	if err != nil {
		return nil, err
	}
	out := &api.APIKeyList{Keys: make([]api.APIKey, len(list))}
	for i, k := range list {
		out.Keys[i] = viewKey(k)
	}
	return out, nil
}

func (h *Handlers) rotateKey(ctx context.Context, in *api.RotateKeyInput) (*api.RotatedKey, error) {
	audit.Of(ctx).Object("key", in.Key)
	old, next, err := h.rooms.Keys.Rotate(ctx, in.Key, auth.Actor(ctx, ""), time.Duration(in.Body.Overlap)*time.Second)
	if err != nil {
		return nil, keyError(err)
	}
	return &api.RotatedKey{Old: viewKey(old), New: viewIssued(next)}, nil
}

func (h *Handlers) revokeKey(ctx context.Context, in *api.KeyInput) (*api.APIKey, error) {
	audit.Of(ctx).Object("key", in.Key)
	key, err := h.rooms.Keys.Revoke(ctx, in.Key, auth.Actor(ctx, ""))
	if err != nil {
		return nil, keyError(err)
	}
	out := viewKey(key)
	return &out, nil
}

// keyError converts what the store says about a key.
func keyError(err error) error {
	var conflict access.KeyConflict
	switch {
	case errors.Is(err, access.ErrNoKey):
		return web.NotFound("not_found", "key", err.Error())
	case errors.As(err, &conflict):
		return &web.Error{Status: http.StatusConflict, Code: "conflict", Message: err.Error()}
	}
	return err
}
