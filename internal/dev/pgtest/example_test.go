package pgtest_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// A suite runs once on each database. Its subtest on PostgreSQL is skipped where there is none, and fails in CI.
func ExampleURL() {
	suite := func(t *testing.T, url string) { t.Log("testing on", url) }
	test := func(t *testing.T) {
		t.Run("sqlite", func(t *testing.T) { suite(t, t.TempDir()+"/tabi.db") })
		t.Run("postgres", func(t *testing.T) {
			suite(t, pgtest.URL(t))
		})
	}
	_ = test
}
