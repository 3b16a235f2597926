package store

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Engine is the database with all rooms over it.
type Engine struct {
	*units
	*CustomerRoom
	*IntentRoom
	*VariableRoom
	*OutboxRoom
	*MessageRoom
	*HandoffRoom
	*OfferRoom
	*EnrollmentRoom
	*AnalyticsRoom
	*IngestRoom
}

// Store is the engine.
type Store = Engine

// Open connects, migrates and composes the rooms. Errors do not contain the URL, which may hold a password.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Notice == nil {
		o.Notice = func(string, error) {}
	}
	if o.Holdout == nil {
		o.Holdout = func(name, customerID string, percent float64) bool {
			return journey.Bucket(name, customerID)*100 < percent
		}
	}
	database, err := openDatabase(ctx, o.URL, o.MaxConns, o.Statements)
	if err != nil {
		return nil, err
	}
	releases := newCatalog(database, openRevisions, publishSchedulesOf, preparePublication)
	db := newUnits(releases, unitOptions{channels: o.Channels, scenario: o.Scenario, holdout: o.Holdout}, hooks{
		flush:       flushOrder(),
		beforeMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{mergeConditions},
		onMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{
			mergeIntents, mergeEvents, mergeEnrollments, mergeSends, mergeHandoffs, mergeDecisions,
		},
		afterMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{endYounger},
		onClose: []holder{
			{holds: heldHandoffs, release: releaseHandoffs},
			{holds: heldSends, release: releaseSends},
			{holds: heldResponses, release: releaseResponses},
		},
	})
	intents, ledger := newIntentRoom(db, o.Classifier, o.Notice), newMessageRoom(db, settleOffer)
	return &Engine{
		units:          db,
		CustomerRoom:   newCustomerRoom(db),
		IntentRoom:     intents,
		VariableRoom:   newVariableRoom(db),
		OutboxRoom:     newOutboxRoom(db, retryDeferredEntry, dropStart),
		MessageRoom:    ledger,
		HandoffRoom:    newHandoffRoom(db),
		OfferRoom:      newOfferRoom(db, ledger),
		EnrollmentRoom: newEnrollmentRoom(db),
		AnalyticsRoom:  newAnalyticsRoom(db),
		IngestRoom:     newIngestRoom(db, intents),
	}, nil
}

// flushOrder is the order in which the rooms write what a unit has collected. Time zones are compared with the traits
// that the database has, so they come before the traits. Conditions and intents may read events.
func flushOrder() []func(ctx context.Context, b *unit) error {
	return []func(ctx context.Context, b *unit) error{
		flushTimezones, flushTraits, flushEvents, flushConditions, flushIntents, flushEnrollments, flushOutbox,
	}
}
