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
	*unit.Units
	*customer.CustomerRoom
	*intent.IntentRoom
	*variables.VariableRoom
	*outbox.OutboxRoom
	*message.MessageRoom
	*handoff.HandoffRoom
	*offer.OfferRoom
	*enrollment.EnrollmentRoom
	*analytics.AnalyticsRoom
	*ingest.IngestRoom
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
	releases := catalog.New(database, unit.OpenRevisions, enrollment.PublishSchedulesOf, intent.PreparePublication)
	db := unit.New(releases, unit.UnitOptions{Channels: o.Channels, Scenario: o.Scenario, Holdout: o.Holdout}, unit.Hooks{
		Flush:       flushOrder(),
		BeforeMerge: []unit.Merge{enrollment.MergeConditions},
		OnMerge: []unit.Merge{
			intent.MergeIntents, customer.MergeEvents, unit.MergeEnrollments, message.MergeSends,
			handoff.MergeHandoffs, offer.MergeDecisions,
		},
		AfterMerge: []unit.Merge{enrollment.EndYounger},
		OnClose: []unit.Holder{
			{Holds: handoff.HeldHandoffs, Release: handoff.ReleaseHandoffs},
			{Holds: message.HeldSends, Release: message.ReleaseSends},
			{Holds: variables.HeldResponses, Release: variables.ReleaseResponses},
		},
	})
	intents, ledger := intent.New(db, o.Classifier, o.Notice), message.New(db, offer.SettleOffer)
	return &Engine{
		Units:          db,
		CustomerRoom:   customer.New(db),
		IntentRoom:     intents,
		VariableRoom:   variables.New(db),
		OutboxRoom:     outbox.New(db, enrollment.RetryDeferredEntry, enrollment.DropStart),
		MessageRoom:    ledger,
		HandoffRoom:    handoff.New(db),
		OfferRoom:      offer.New(db, ledger),
		EnrollmentRoom: enrollment.New(db),
		AnalyticsRoom:  analytics.New(db),
		IngestRoom:     ingest.New(db, intents),
	}, nil
}

// flushOrder returns the Flush hooks in the order in which they run. Time zones come before traits, because they are
// compared with the stored traits. Events come before conditions and intents, which may read events. The outbox is last,
// because it refers to enrollments and events.
func flushOrder() []unit.Flush {
	return []unit.Flush{
		customer.FlushTimezones, unit.FlushTraits, customer.FlushEvents, enrollment.FlushConditions, intent.FlushIntents,
		unit.FlushEnrollments, outbox.FlushOutbox,
	}
}
