package engine

import (
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Options are the options of Open.
type Options struct {
	URL string // SQLite file path, ":memory:", or a postgres:// URL
	// Current returns the URL with the credentials of now, for new connections to PostgreSQL; nil: those of URL stay.
	Current  func() string
	MaxConns int // PostgreSQL only; default 16
	// Channels are the channels of this build, in the registry's order. Decisions choose among them.
	Channels []channel.Spec
	// Scenario makes decisions as a simulated scenario expects them: missing consent counts as given, and nothing is
	// explored.
	Scenario bool
	// Pseudonyms makes workflow ids name customers and instance keys by pseudonyms.
	Pseudonyms bool
	// Watch has functions that a simulation wants to be called.
	Watch unit.Watch
	// Classifier classifies customers' messages before the built-in classifier. Default: none.
	Classifier intent.TextClassifier
	// Notice is called once for each problem in the database that stops nothing. It must not block. It gets no customer
	// data. Default: ignored.
	Notice func(text string, err error)
	// Holdout reports whether a customer is held out. Default: if a hash of journey and draw id is below percent.
	Holdout func(journey, drawID string, percent float64) bool
	// NoMigrate leaves the schema as it is, and refuses one that this build cannot use.
	NoMigrate bool
	// Limits bound what one customer, event or request can cause. Zero values take the defaults.
	Limits limits.Limits
	// Statements counts the SQL statements, without begin and commit, for measurements. Default: not counted.
	Statements *atomic.Int64
}
