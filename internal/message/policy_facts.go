package message

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
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
	Err error

	contacts map[journey.Limit]int
	reached  map[string]decisioning.Engagement
}

// PolicyContext returns the context of a policy decision about p, which must be locked. vars holds what the rules may read: the
// customer, and the enrollment if the decision is for one.
func (s *Room) PolicyContext(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	vars expr.Vars,
	now time.Time,
	key string,
) (decisioning.CustomerContext, *policyFacts, error) {
	q := &policyFacts{s: s, ctx: ctx, tx: tx, p: p, rel: rel, now: now, key: key}
	active, err := handoff.AgentActive(ctx, tx, p.ID)
	vars.History = &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now} // this transaction may hold the only connection
	return decisioning.CustomerContext{
		Customer: p.ID, Traits: p.Traits, AgentActive: active, Addresses: q.addresses, Release: rel.Number, Content: rel.Content,
		Rules: rel.Rules, Scope: journey.NewScope(vars), Now: now, Contacted: q.contacted, Reach: q.reach, Scenario: s.db.Scenario,
	}, q, err
}

func (q *policyFacts) addresses(channel string, keys []string) map[string]address.State {
	states, err := customer.States(q.ctx, q.tx, channel, keys)
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
