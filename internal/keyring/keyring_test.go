package keyring_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

const (
	oldMaster = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	newMaster = "ASNFZ4mrze/+3LqYdlQyEAEjRWeJq83v/ty6mHZUMhA="
)

// ring returns a room of its own process: it shares the database with others, and no cache.
func ring(s *enginetest.Suite, masters ...string) *keyring.Room {
	m, err := keyring.ParseMasters(masters)
	s.Must(err)
	r := keyring.New(s.Database)
	r.Use(m)
	return r
}

// TestForgottenKeyStopsEverywhere: a process that has just used a key goes on with it for a minute at most, and then asks the database.
func TestForgottenKeyStopsEverywhere(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		now := clock.Wall()
		one, two := ring(s, oldMaster), ring(s, oldMaster)
		for _, r := range []*keyring.Room{one, two} {
			r.SetWall(func() time.Time { return now })
		}
		ana, err := one.ForWorkflow(s.Ctx, e.WorkflowID)
		s.Must(err)
		_, err = two.ByID(s.Ctx, ana.ID)
		s.Must(err)
		f := &unit.Forgetting{Customer: "ana", IDs: []string{"ana"}, Left: 100}
		s.Must(s.Units.Change(s.Ctx, enginetest.Noon, func(_ sqldb.Conn, b *unit.Unit) error { return keyring.Forget(s.Ctx, b, f) }))
		now = now.Add(keyring.CacheLife - time.Millisecond)
		for _, r := range []*keyring.Room{one, two} {
			_, err = r.ByID(s.Ctx, ana.ID)
			s.Must(err)
		}
		now = now.Add(time.Millisecond)
		for _, r := range []*keyring.Room{one, two} {
			_, err = r.ByID(s.Ctx, ana.ID)
			s.WantError(err, keyring.ErrNoKey)
		}
	})
}

// opens reports whether key decrypts what other encrypts.
func opens(key, other *keyring.Key) bool {
	_, err := key.AEAD.Open(nil, nil, other.AEAD.Seal(nil, nil, []byte("text"), nil), nil)
	return err == nil
}

func TestKeyOfACustomerIsTheSameInAllProcesses(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon, s.Identify("ana", nil), s.Identify("bob", nil))
		one, two := ring(s, oldMaster), ring(s, oldMaster)
		a, err := one.ForCustomer(s.Ctx, "ana")
		s.Must(err)
		b, err := two.ForCustomer(s.Ctx, "ana")
		s.Must(err)
		c, err := two.ForCustomer(s.Ctx, "bob")
		s.Must(err)
		require.Equal(s.T, a.ID, b.ID)
		require.True(s.T, opens(a, b))
		require.NotEqual(s.T, a.ID, c.ID)
		require.False(s.T, opens(a, c))
		require.NotContains(s.T, a.ID, "ana")
	})
}

func TestKeyOfAWorkflowIsThatOfItsCustomer(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", enginetest.Props{"cart_id": "c1"})
		one := ring(s, oldMaster)
		run, err := one.ForWorkflow(s.Ctx, e.WorkflowID)
		s.Must(err)
		customer, err := ring(s, oldMaster).ForCustomer(s.Ctx, "ana")
		s.Must(err)
		require.Equal(s.T, customer.ID, run.ID)
		other, err := one.ForWorkflow(s.Ctx, "somebody-elses-workflow")
		s.Must(err)
		shared, err := one.Shared(s.Ctx)
		s.Must(err)
		require.Equal(s.T, shared.ID, other.ID)
	})
}

func TestForgottenKeyIsGone(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon, s.Identify("ana", nil), s.Identify("bob", nil))
		ana, err := ring(s, oldMaster).ForCustomer(s.Ctx, "ana")
		s.Must(err)
		bob, err := ring(s, oldMaster).ForCustomer(s.Ctx, "bob")
		s.Must(err)
		shared, err := ring(s, oldMaster).Shared(s.Ctx)
		s.Must(err)
		f := &unit.Forgetting{Customer: "ana", IDs: []string{"ana", "", "nobody"}, Left: 100}
		s.Must(s.Units.Change(s.Ctx, enginetest.Noon, func(_ sqldb.Conn, b *unit.Unit) error { return keyring.Forget(s.Ctx, b, f) }))
		require.EqualValues(s.T, 1, f.Tables["customer_keys"].Erased)
		after := ring(s, oldMaster)
		_, err = after.ByID(s.Ctx, ana.ID)
		s.WantError(err, keyring.ErrNoKey)
		for _, k := range []*keyring.Key{bob, shared} {
			_, err = after.ByID(s.Ctx, k.ID)
			s.Must(err)
		}
		again, err := after.ForCustomer(s.Ctx, "ana") // who comes back is another customer
		s.Must(err)
		require.NotEqual(s.T, ana.ID, again.ID)
		_, err = after.ForCustomer(s.Ctx, "nobody") // nor is a key made for somebody who is no more: it would name them
		s.WantError(err, keyring.ErrNoKey)
	})
}

func TestMasterKeysRotate(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon, s.Identify("ana", nil), s.Identify("bob", nil))
		before, err := ring(s, oldMaster).ForCustomer(s.Ctx, "ana")
		s.Must(err)
		_, err = ring(s, newMaster).ByID(s.Ctx, before.ID)
		require.ErrorContains(s.T, err, "which TABI_MASTER_KEYS does not list")
		both := ring(s, newMaster, oldMaster)
		_, err = both.ByID(s.Ctx, before.ID)
		s.Must(err)

		n, err := both.Rewrap(s.Ctx)
		s.Must(err)
		require.Equal(s.T, 1, n)
		usage, err := both.Usage(s.Ctx)
		s.Must(err)
		require.Equal(s.T, []int{1, 0}, []int{usage[0].Keys, usage[1].Keys})

		after, err := ring(s, newMaster).ByID(s.Ctx, before.ID)
		s.Must(err)
		require.True(s.T, opens(after, before))
		_, err = ring(s, oldMaster).ByID(s.Ctx, before.ID)
		require.Error(s.T, err)
	})
}

func TestDatabaseThatIsAwayIsNoMissingKey(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		one := ring(s, oldMaster)
		s.Must(s.Database.Close())
		_, err := one.ByID(s.Ctx, "c1")
		require.Error(s.T, err)
		require.False(s.T, errors.Is(err, keyring.ErrNoKey))
	})
}

func TestWeakMasterKeysAreRefused(t *testing.T) {
	for _, text := range []string{"", "secret", strings.Repeat("00", 32), strings.Repeat("ab", 16), oldMaster + "00"} {
		_, err := keyring.ParseMasters([]string{text})
		require.ErrorContains(t, err, "openssl rand -hex 32", text)
	}
	_, err := keyring.ParseMasters([]string{oldMaster, oldMaster})
	require.ErrorContains(t, err, "master key 2 is listed twice")
	raw, err := hex.DecodeString(oldMaster)
	require.NoError(t, err)
	_, err = keyring.ParseMasters([]string{newMaster, oldMaster, base64.StdEncoding.EncodeToString(raw)})
	require.ErrorContains(t, err, "master key 3 is listed twice")
	for bad, want := range map[string]string{
		oldMaster[:62]: "master key 2 has 31 bytes", oldMaster[:63]: "a character too many or too few",
		oldMaster[:62] + "?!": "master key 2 is not 32 random bytes", oldMaster[:40]: "master key 2 has 20 bytes",
	} {
		_, err := keyring.ParseMasters([]string{newMaster, bad})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), bad[:8], "errors say nothing of a key")
	}
	_, err = keyring.ParseMasters(nil)
	require.Error(t, err)
}
