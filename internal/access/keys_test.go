package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

var moment = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// A key is shown once, found by its digest, rotated with both valid, and revoked.
func TestKeys(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		ctx, room := s.Ctx, s.Access
		k, secret, err := room.CreateKey(ctx, moment, access.Key{Name: "shop", Kind: access.ServerKey, CreatedBy: "Olga",
			Scope: access.KeyScope{Routes: []string{"track"}}})
		if err != nil || !strings.HasPrefix(secret, "tabi_srv_") || len(secret) < 60 ||
			!strings.HasPrefix(secret, strings.TrimSuffix(k.Hint, "…")) {
			s.T.Fatalf("%+v %q %v", k, secret, err)
		}
		find := func(secret string, at time.Time) string {
			live, err := room.LiveKeys(ctx, at)
			if err != nil {
				s.T.Fatal(err)
			}
			for _, one := range live {
				if one.Digest == access.KeyDigest(secret) {
					return one.ID
				}
			}
			return ""
		}
		if find(secret, moment) != k.ID || find(secret+"x", moment) != "" {
			s.T.Error("the key is not found by its secret, or is by another one")
		}
		if _, _, err := room.CreateKey(ctx, moment, access.Key{Name: "shop", Kind: access.ServerKey}); err == nil {
			s.T.Error("two keys have the same name")
		}
		old, next, second, err := room.RotateKey(ctx, moment, moment.Add(time.Hour), "shop", "Ben", "")
		if err != nil || old.ID != k.ID || next.Family != k.ID || next.Name != "shop" || len(next.Scope.Routes) != 1 {
			s.T.Fatalf("%+v %+v %v", old, next, err)
		}
		if find(secret, moment.Add(time.Hour-time.Second)) != k.ID || find(second, moment) != next.ID {
			s.T.Error("not both are valid while the key is rotated")
		}
		if find(secret, moment.Add(time.Hour)) != "" || find(second, moment.Add(time.Hour)) != next.ID {
			s.T.Error("the first key outlives its end")
		}
		if _, err := room.RevokeKey(ctx, moment, "shop", "Olga"); err == nil || !strings.Contains(err.Error(), next.ID) {
			s.T.Errorf("one of two keys with the name was revoked: %v", err)
		}
		if _, err := room.RevokeKey(ctx, moment, next.ID, "Olga"); err != nil {
			s.T.Error(err)
		}
		if find(second, moment) != "" {
			s.T.Error("a revoked key is live")
		}
		if _, err := room.RevokeKey(ctx, moment, next.ID, "Olga"); !errors.Is(err, access.ErrNoKey) {
			s.T.Errorf("revoked twice: %v", err)
		}
		for range 2 {
			if err := room.UseKey(ctx, moment.Add(time.Minute), k.ID); err != nil {
				s.T.Error(err)
			}
		}
		all, err := room.Keys(ctx, moment.Add(2*time.Hour), true)
		if err != nil || len(all) != 2 || !all[0].UsedAt.Equal(moment.Add(time.Minute)) || all[1].RevokedBy != "Olga" {
			s.T.Errorf("%+v %v", all, err)
		}
		if live, err := room.Keys(ctx, moment.Add(2*time.Hour), false); err != nil || len(live) != 0 {
			s.T.Errorf("live: %+v %v", live, err)
		}
	})
}

// A key that expires is followed by one that lives as long, and ends no later because it is rotated.
func TestKeysExpire(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		ctx, room := s.Ctx, s.Access
		_, _, err := room.CreateKey(ctx, moment, access.Key{Name: "ci", Kind: access.TokenKey, ExpiresAt: moment.Add(48 * time.Hour),
			Scope: access.KeyScope{Role: access.Designer}})
		if err != nil {
			s.T.Fatal(err)
		}
		later := moment.Add(47 * time.Hour)
		old, next, _, err := room.RotateKey(ctx, later, later.Add(24*time.Hour), "ci", "", "")
		if err != nil || !old.ExpiresAt.Equal(moment.Add(48*time.Hour)) || !next.ExpiresAt.Equal(later.Add(48*time.Hour)) {
			s.T.Errorf("%v %v %v", old.ExpiresAt, next.ExpiresAt, err)
		}
		if _, _, _, err := room.RotateKey(ctx, later.Add(72*time.Hour), later.Add(96*time.Hour), "ci", "", ""); !errors.Is(
			err,
			access.ErrNoKey,
		) {
			s.T.Errorf("an expired key is rotated: %v", err)
		}
	})
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]access.Key{
		"no kind":           {Name: "x"},
		"no name":           {Kind: access.ServerKey},
		"control":           {Name: "x\ny", Kind: access.ServerKey},
		"web without scope": {Name: "x", Kind: access.WebKey},
		"server with event": {Name: "x", Kind: access.ServerKey, Scope: access.KeyScope{Events: []string{"A"}}},
		"unknown route":     {Name: "x", Kind: access.ServerKey, Scope: access.KeyScope{Routes: []string{"admin"}}},
		"token, no role":    {Name: "x", Kind: access.TokenKey},
		"unknown role":      {Name: "x", Kind: access.TokenKey, Scope: access.KeyScope{Role: "root"}},
		"queues of admin":   {Name: "x", Kind: access.TokenKey, Scope: access.KeyScope{Role: access.Admin, Queues: []string{"q"}}},
		"role of a web key": {Name: "x", Kind: access.WebKey, Scope: access.KeyScope{Events: []string{"A"}, Role: access.Admin}},
	} {
		var input sqldb.InputError
		if err := k.Check(); !errors.As(err, &input) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
