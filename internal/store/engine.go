package store

import (
	"context"
	"runtime"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Engine is the database with all rooms over it.
type Engine struct {
	db *units
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
		o.Holdout = func(name, customer string, percent float64) bool { return journey.Bucket(name, customer)*100 < percent }
	}
	database, err := openDatabase(ctx, o.URL, o.MaxConns, o.Statements)
	if err != nil {
		return nil, err
	}
	releases := &catalog{database: database, programs: map[string]*program{}, openRevisions: openRevisions}
	db := &units{catalog: releases, channels: o.Channels, scenario: o.Scenario, holdout: o.Holdout, committed: make(chan struct{}, 1)}
	s := &Engine{db: db, units: db}
	s.CustomerRoom = &CustomerRoom{db: db}
	s.IntentRoom = &IntentRoom{db: db, asks: o.Classifier, notice: o.Notice}
	s.VariableRoom = &VariableRoom{db: db}
	s.OutboxRoom = &OutboxRoom{db: db, onDeferred: retryDeferredEntry, onDropped: dropStart}
	s.MessageRoom = &MessageRoom{db: db}
	s.HandoffRoom = &HandoffRoom{db: db}
	s.OfferRoom = &OfferRoom{db: db, ledger: s.MessageRoom, drafts: make(chan struct{}, max(1, min(runtime.GOMAXPROCS(0), database.SpareReaders())))}
	s.EnrollmentRoom = &EnrollmentRoom{db: db}
	s.AnalyticsRoom = &AnalyticsRoom{db: db}
	s.IngestRoom = &IngestRoom{db: db, intents: s.IntentRoom, intake: intake{limit: min(database.Writers(), maxIntakes)}}

	releases.onPublish = []onPublish{publishSchedulesOf, preparePublication}
	s.MessageRoom.onSettled = append(s.MessageRoom.onSettled, settleOffer)
	db.hooks = hooks{
		flush: []func(ctx context.Context, b *unit) error{
			flushTimezones, flushTraits, flushEvents, flushConditions, flushIntents, flushEnrollments, flushOutbox,
		},
		beforeMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{mergeConditions},
		onMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{
			mergeIntents, mergeEvents, mergeEnrollments, mergeSends, mergeHandoffs, mergeDecisions,
		},
		afterMerge: []func(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error{endYounger},
		onClose: []holder{
			{heldHandoffs, releaseHandoffs}, {heldSends, releaseSends}, {heldResponses, releaseResponses},
		},
	}
	return s, nil
}
