package engine

import (
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/intent"
)

// Options of Open.
type Options struct {
	URL      string // SQLite file path, ":memory:", or a postgres:// URL
	MaxConns int    // PostgreSQL only; default 16
	// Channels are those of this build, in the registry's order (activities/channel.Specs); the brain chooses
	// among them.
	Channels []channel.Spec
	// Scenario makes decisions those of a scenario: a consent property that is not given counts as given, and
	// nothing is explored.
	Scenario bool
	// Classifier is asked before the built-in one what a customer's message is about; nil: nothing is.
	Classifier intent.TextClassifier
	// Notice hears of what is wrong in the database and stopped nothing, once; it is not to block. Nil: nobody
	// does. No text of a customer is in it.
	Notice func(text string, err error)
	// Holdout decides who is held out; default: a hash of journey and customer below percent.
	Holdout func(journey, customerID string, percent float64) bool
	// Statements counts the statements that go to the database, begin and commit left out, for measurements.
	// Nil: nothing counts them.
	Statements *atomic.Int64
}
