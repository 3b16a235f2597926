package engine

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/ingest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/internal/variables"
)

// An Engine is a database with all rooms.
type Engine struct {
	Database *sqldb.Database
	Catalog  *catalog.Catalog
	Units    *unit.Units

	Analytics   *analytics.Room
	Customers   *customer.Room
	Enrollments *enrollment.Room
	Handoffs    *handoff.Room
	Intake      *ingest.Room
	Intents     *intent.Room
	Messages    *message.Room
	Offers      *offer.Room
	Outbox      *outbox.Room
	Variables   *variables.Room
}

// Open connects to the database, migrates its schema and composes the rooms. Errors do not contain the URL, which may
// contain a password.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Notice == nil {
		o.Notice = func(string, error) {}
	}
	if o.Holdout == nil {
		o.Holdout = func(name, customerID string, percent float64) bool {
			return journey.Bucket(name, customerID)*100 < percent
		}
	}
	database, err := sqldb.Open(ctx, o.URL, o.MaxConns, o.Statements)
	if err != nil {
		return nil, err
	}
	releases := catalog.New(database, enrollment.OpenRevisions, enrollment.PublishSchedulesOf, intent.PreparePublication)
	options := unit.Options{Channels: o.Channels, Scenario: o.Scenario, Holdout: o.Holdout}
	db := unit.New(releases, options, customer.Table{}, enrollment.Table{}, unit.Hooks{
		Flush:       flushOrder(),
		BeforeMerge: []unit.Merge{enrollment.MergeConditions},
		OnMerge: []unit.Merge{
			intent.Merge, customer.MergeEvents, enrollment.Merge, message.Merge,
			handoff.Merge, offer.MergeDecisions,
		},
		AfterMerge: []unit.Merge{enrollment.EndYounger},
		OnClose: []unit.Holder{
			{Holds: handoff.HeldHandoffs, Release: handoff.Release},
			{Holds: message.HeldSends, Release: message.ReleaseSends},
			{Holds: variables.HeldResponses, Release: variables.ReleaseResponses},
		},
	})
	intents, ledger := intent.New(db, o.Classifier, o.Notice), message.New(db, offer.SettleOffer)
	return &Engine{
		Database: database,
		Catalog:  releases,
		Units:    db,

		Analytics:   analytics.New(db),
		Customers:   customer.New(db, enrollment.ForgetConditions),
		Enrollments: enrollment.New(db),
		Handoffs:    handoff.New(db),
		Intake:      ingest.New(db, intents),
		Intents:     intents,
		Messages:    ledger,
		Offers:      offer.New(db, ledger),
		Outbox:      outbox.New(db, enrollment.Table{}, enrollment.RetryDeferredEntry, enrollment.DropStart),
		Variables:   variables.New(db),
	}, nil
}

// Close closes the database.
func (e *Engine) Close() error { return e.Database.Close() }

// flushOrder returns the Flush hooks in the order in which they run. Time zones come before traits, because they are
// compared with the stored traits. Events come before conditions and intents, which may read events. The outbox is last,
// because it refers to enrollments and events.
func flushOrder() []unit.Flush {
	return []unit.Flush{
		customer.FlushTimezones, customer.FlushTraits, customer.FlushEvents, enrollment.FlushConditions, intent.Flush,
		enrollment.Flush, outbox.Flush,
	}
}
