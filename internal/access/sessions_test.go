package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func TestSessions(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		room := s.Access
		at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
		add := func(value, subject string, ends time.Time) string {
			one := access.Session{
				ID: access.SessionID(value), Way: access.ByOIDC, Subject: subject, Name: "Aiko", Groups: []string{"cn=a,ou=b"},
				Peer: "192.0.2.1", Created: at, Seen: at, Ends: ends,
			}
			s.Must(room.AddSession(s.Ctx, one))
			got, err := room.Session(s.Ctx, one.ID)
			s.Must(err)
			require.Equal(s.T, one, got)
			require.NotContains(s.T, one.ID, "cookie")
			return one.ID
		}
		a1, a2 := add("cookie-a1", "oidc:a", at.Add(time.Hour)), add("cookie-a2", "oidc:a", at.Add(2*time.Hour))
		b := add("b", "oidc:b", at.Add(time.Hour))

		s.Must(room.SessionSeen(s.Ctx, a2, at.Add(time.Minute)))
		s.Must(room.SessionSeen(s.Ctx, a2, at)) // a slower process is late
		list, err := room.Sessions(s.Ctx, at, 10)
		s.Must(err)
		require.Len(s.T, list, 3)
		require.Equal(s.T, a2, list[0].ID)
		require.Equal(s.T, at.Add(time.Minute), list[0].Seen)

		s.Must(room.EndSession(s.Ctx, b))
		s.Must(room.EndSession(s.Ctx, b))
		_, err = room.Session(s.Ctx, b)
		require.True(s.T, errors.Is(err, sqldb.ErrNotFound), "%v", err)

		n, err := room.PruneSessions(s.Ctx, at.Add(time.Hour))
		s.Must(err)
		require.EqualValues(s.T, 1, n)
		_, err = room.Session(s.Ctx, a1)
		require.ErrorIs(s.T, err, sqldb.ErrNotFound)

		add("a3", "oidc:a", at.Add(time.Hour))
		add("c", "oidc:c", at.Add(time.Hour))
		n, err = room.EndSessions(s.Ctx, "oidc:a")
		s.Must(err)
		require.EqualValues(s.T, 2, n)
		n, err = room.EndSessions(s.Ctx, "")
		s.Must(err)
		require.EqualValues(s.T, 1, n)
	})
}
