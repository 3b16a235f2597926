package engine

import (
	"context"
	"errors"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/ingest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/internal/variables"
)

// An Engine is a database with all rooms.
type Engine struct {
	Database *sqldb.Database
	Catalog  *catalog.Catalog
	Units    *unit.Units

	Access      *access.Room
	Analytics   *analytics.Room
	Audit       *audit.Room
	Customers   *customer.Room
	Enrollments *enrollment.Room
	Erasure     *erasure.Room
	Handoffs    *handoff.Room
	Intake      *ingest.Room
	Intents     *intent.Room
	Keyring     *keyring.Room
	Messages    *message.Room
	Offers      *offer.Room
	Outbox      *outbox.Room
	Rejections  *rejection.Room
	Variables   *variables.Room
}

// Open connects to the database, migrates its schema, and opens and connects the rooms. Errors do not contain the URL,
// because it may contain a password.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Notice == nil {
		o.Notice = func(string, error) {}
	}
	if o.Holdout == nil {
		o.Holdout = func(name, drawID string, percent float64) bool {
			return journey.Bucket(name, drawID)*100 < percent
		}
	}
	connect := sqldb.Open
	if o.NoMigrate {
		connect = sqldb.OpenMigrated
	}
	database, err := connect(ctx, o.URL, o.MaxConns, o.Statements, sqldb.WithCurrent(o.Current))
	if err != nil {
		return nil, err
	}
	releases := catalog.New(database, enrollment.OpenRevisions, onPublish())
	salt, err := openSalt(ctx, database)
	if err != nil {
		return nil, errors.Join(err, database.Close())
	}
	options := unit.Options{Channels: o.Channels, Scenario: o.Scenario,
		Pseudonyms: o.Pseudonyms, Watch: o.Watch, Holdout: o.Holdout, Salt: salt,
		Limits: o.Limits.WithDefaults()}
	hooks := unit.Hooks{Flush: flush(), OnMerge: onMerge(), OnSplit: onSplit(), OnClose: onClose(), OnForget: onForget()}
	db := unit.New(releases, options, customer.Table{}, enrollment.Table{}, hooks)
	log := audit.New(database, forgotten(salt))
	intents, ledger, numbers := intent.New(db, o.Classifier, o.Notice), message.New(db, onSettled()), analytics.New(db)
	return &Engine{
		Database: database,
		Catalog:  releases,
		Units:    db,

		Access:      access.New(database),
		Analytics:   numbers,
		Audit:       log,
		Customers:   customer.New(db, onTraitsSet()),
		Enrollments: enrollment.New(db),
		Erasure:     erasure.New(db, Keeps, exports(log), keepGoals(numbers)),
		Handoffs:    handoff.New(db),
		Intake:      ingest.New(db, intents, onEvent()),
		Intents:     intents,
		Keyring:     keyring.New(database),
		Messages:    ledger,
		Offers:      offer.New(db, ledger),
		Outbox:      outbox.New(db, enrollment.Table{}),
		Rejections:  rejection.New(db),
		Variables:   variables.New(db),
	}, nil
}

// Close closes the database.
func (e *Engine) Close() error { return e.Database.Close() }

// The hooks are the only calls from a room to one above it: what a room does in the transaction of another one.
// Each list below runs in its order, within one transaction, and the first error rolls everything back. A
// comment says why, where a hook must come before or after another; neighbors without one commute.
// TestHookOrder swaps them. See docs/decisions/0011.

// onEvent is called by ingest for each event that is new.
func onEvent() []customer.OnEvent {
	return []customer.OnEvent{
		enrollment.LoadConditions, // for the traits before the event, so that a change from false to true is seen
		customer.ApplyTraits,
		intent.LoadScores,    // before the event is stored: stale scores are recomputed from the stored events
		message.RecordReport, // after the traits: an opt-out without an address is one of the customer's
		message.RecordReaction,
		customer.StoreEvent,
		intent.AddEvidence, // its conditions read the event log with this event
		offer.CreditOffers, // its conditions see the scores after the event
		enrollment.FanOut,  // last: entry conditions and listeners see everything above
	}
}

// onMerge is called by customer when one customer becomes another one.
func onMerge() []unit.Merge {
	return []unit.Merge{
		enrollment.MergeConditions, // while both customers have their own events
		unit.FlushBeforeMerge,      // the hooks below move rows with SQL, which misses rows that are not written
		intent.Merge,               // before events: stale scores are recomputed from the events of each customer alone
		customer.MergeEvents,
		enrollment.Merge,
		message.Merge,
		handoff.Merge,
		offer.MergeDecisions,
		customer.Merge,        // last of those that move rows: it empties the removed customer
		enrollment.EndYounger, // sees all open enrollments of the merged customer
	}
}

// onSplit is called by customer when a merge is undone, before it computes the profiles of both customers again.
func onSplit() []unit.Split {
	return []unit.Split{
		customer.SplitEvents, // first: the others ask whose events are whose
		enrollment.Split,     // before the rows of enrollments
		message.Split,
		handoff.Split,
		offer.Split, // after the sends, by which offers were made
		enrollment.SplitConditions,
		customer.SplitProfiles, // needs the events; conditions of evidence read the profiles
		intent.Split,
	}
}

// onClose is called by enrollment when an enrollment ends for which at least one of the rooms holds something.
func onClose() []unit.Holder {
	return []unit.Holder{handoff.OnClose, message.OnClose, variables.OnClose}
}

// onSettled is called by message when the status of a next best action's send is known.
func onSettled() []message.OnSettled {
	return []message.OnSettled{offer.SettleOffer}
}

// onPublish is called by catalog when a release is published.
func onPublish() []catalog.OnPublish {
	return []catalog.OnPublish{enrollment.PublishSchedulesOf, intent.PreparePublication}
}

// onTraitsSet is called by customer when traits change without an event, in simulations.
func onTraitsSet() []customer.OnTraitsSet {
	return []customer.OnTraitsSet{enrollment.ForgetConditions}
}

// flush is called when a unit is about to commit: each room writes what it has collected.
func flush() []unit.Flush {
	return []unit.Flush{
		customer.FlushTimezones, // before traits, because it compares with the stored traits
		customer.FlushTraits,
		customer.FlushEvents, // before conditions and intents, which may read the event log
		enrollment.FlushConditions,
		intent.Flush,
		enrollment.Flush,
		outbox.Flush, // last, because its rows refer to enrollments and events
	}
}
