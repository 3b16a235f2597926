package offer_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// suite is the engine under test with helpers for the tests of this room.
type suite struct{ *enginetest.Suite }

// each runs f on SQLite, and on PostgreSQL if it is available.
func each(t *testing.T, f func(s *suite)) {
	t.Helper()
	enginetest.Each(t, func(s *enginetest.Suite) { f(&suite{s}) })
}
