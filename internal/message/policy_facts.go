package message

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// policyFacts lazily loads what the contact policy needs to know about a customer, inside the deciding transaction. Each
// fact is read at most once. Check Err after the decision.
type policyFacts struct {
	s   *Room
	ctx context.Context
	tx  sqldb.Conn
	p   *unit.LockedCustomer
	rel *catalog.Release
	now time.Time
	key string // the send to decide, which does not count against itself
	// planned is the moment for which that send is planned, at or before now; zones are those by whose clocks it may be.
	planned time.Time
	zones   []*time.Location
	steady  time.Duration // virtual; a send that ran late by less counts as if it had not
	Err     error

	contacts map[journey.Limit]int
	reached  map[string]decisioning.Engagement
}

// Plan says which send is to be decided.
type Plan struct {
	Key     string
	Journey string    // empty: none
	Planned time.Time // virtual; zero: now
	Clock   clock.Clock
}

// steadyReal is the delay, in real time, that a send may have in any case without counting as late.
const steadyReal = 30 * time.Second

// moment returns the planned moment, which is never in the future.
func (p Plan) moment(now time.Time) time.Time {
	if p.Planned.IsZero() || p.Planned.After(now) {
		return now
	}
	return p.Planned
}

// planOf returns the plan of a send.
func planOf(in contract.Send) Plan {
	return Plan{Key: in.Key, Journey: in.Journey, Planned: in.Planned, Clock: in.Clock}
}

// PolicyContext returns the context of a policy decision about p, which must be locked. vars holds what the rules may read: the
// customer, and the enrollment if the decision is for one. plan is the send to decide, if it is for one.
func (s *Room) PolicyContext(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	vars expr.Vars,
	now time.Time,
	plan Plan,
) (decisioning.CustomerContext, *policyFacts, error) {
	q := &policyFacts{s: s, ctx: ctx, tx: tx, p: p, rel: rel, now: now, key: plan.Key, planned: plan.moment(now)}
	q.zones, q.steady = rel.Programs[plan.Journey].Zones(customer.ZoneOf(p.Traits)), plan.Clock.Virtual(steadyReal)
	active, err := handoff.AgentActive(ctx, tx, p.ID)
	vars.History = &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now} // this transaction may hold the only connection
	return decisioning.CustomerContext{
		Customer: p.ID, Traits: p.Traits, AgentActive: active, Addresses: q.addresses, Release: rel.Number, Content: rel.Content,
		Rules: rel.Rules, Scope: journey.NewScope(vars), Now: now, Contacted: q.contacted, Reach: q.reach, Scenario: s.db.Scenario,
		Assumed: s.db.Watch.Assumed,
	}, q, err
}

func (q *policyFacts) addresses(channel string, keys []string) map[string]address.State {
	states, err := customer.States(q.ctx, q.tx, q.s.db.Salt, q.p.ID, channel, keys)
	q.Err = errors.Join(q.Err, err)
	return states
}

// dead reports whether one of the addresses that an earlier attempt had is dead by now.
func (q *policyFacts) dead(channel string, texts []string) bool {
	trait := q.s.db.AddressTrait(channel)
	for _, state := range q.addresses(channel, foldAll(trait, texts)) {
		if state.Dead {
			return true
		}
	}
	return false
}

// foldAll returns the keys of addresses.
func foldAll(trait string, texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = address.Fold(trait, text)
	}
	return out
}

// reach returns the probability that the customer answers on a channel.
func (q *policyFacts) reach(channel string) float64 {
	if q.reached == nil {
		q.reached = map[string]decisioning.Engagement{}
		q.Err = errors.Join(q.Err, sqldb.Rows(q.ctx, q.tx, func(r *sql.Rows) error {
			var name string
			var own decisioning.Engagement
			err := r.Scan(&name, &own.Sends, &own.Answers)
			q.reached[name] = own
			return err
		}, `select channel, sends, answers from channel_engagement where customer = $1`, q.p.ID))
	}
	return decisioning.AnswerRate(q.reached[channel], q.s.population.rate(channel), q.now)
}
