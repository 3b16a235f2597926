package message

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// policyFacts lazily loads what the contact policy needs to know about a customer, inside the deciding transaction. Each
// fact is read at most once. Check Err after the decision.
type policyFacts struct {
	s   *MessageRoom
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

// Standing returns the context of a policy decision about p, which must be locked. vars is what the rules may read: the
// customer, and the enrollment if the decision is for one.
func (s *MessageRoom) Standing(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	vars expr.Vars,
	now time.Time,
	key string,
) (decisioning.CustomerContext, *policyFacts, error) {
	q := &policyFacts{s: s, ctx: ctx, tx: tx, p: p, rel: rel, now: now, key: key}
	active, err := sqldb.Exists(ctx, tx, `select 1 from handoffs h join enrollments e on e.id = h.enrollment
		where h.customer = $1 and h.state in ('open', 'claimed') and e.state <> 'closed' limit 1`, p.ID)
	vars.History = &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now} // this transaction may hold the only connection
	return decisioning.CustomerContext{
		Customer: p.ID, Traits: p.Traits, AgentActive: active, Bounced: q.bounced, Release: rel.Number, Content: rel.Content,
		Rules: rel.Rules, Scope: journey.NewScope(vars), Now: now, Contacted: q.contacted, Reach: q.reach, Scenario: s.db.Scenario,
	}, q, err
}

func (q *policyFacts) bounced(channel, address string) bool {
	dead, err := sqldb.Exists(q.ctx, q.tx, `select 1 from bounces where channel = $1 and address = $2`, channel, sqldb.Clean(address))
	q.Err = errors.Join(q.Err, err)
	return dead
}

// contacted returns the number of contacts that count for a limit. One query counts for all limits of the policy.
func (q *policyFacts) contacted(limit journey.Limit) int {
	if q.contacts == nil {
		limits := []journey.Limit{limit}
		if policy := q.rel.Rules.Policy; policy != nil {
			limits = policy.Limits
		}
		q.Err = errors.Join(q.Err, q.count(limits))
	}
	if _, known := q.contacts[limit]; !known {
		q.Err = errors.Join(q.Err, q.count([]journey.Limit{limit}))
	}
	return q.contacts[limit]
}

// counting selects the sends that count as contacts: those that went out, may have gone out, or are about to.
const counting = `(status in ('` + StatusSending + `', '` + contract.StatusRetry + `', '` + contract.StatusSent +
	`') or outcome_unknown = 1)`

func (q *policyFacts) count(limits []journey.Limit) error {
	if q.contacts == nil {
		q.contacts = map[journey.Limit]int{}
	}
	since := sqldb.Millis(q.now)
	var sums []string
	args := []any{q.p.ID, q.key, int64(0)}
	param := func(v any) string { args = append(args, v); return sqldb.List(len(args), 1) }
	for _, l := range limits {
		from := sqldb.Millis(q.now.Add(-l.Per))
		since = min(since, from)
		when := "at > " + param(from)
		if l.Channel != "" {
			when += " and channel = " + param(l.Channel)
		}
		if l.Topic != "" {
			when += " and topic = " + param(l.Topic)
		}
		sums = append(sums, "count(case when "+when+" then 1 end)")
	}
	args[2] = since
	counts := make([]int, len(limits))
	into := make([]any, len(limits))
	for i := range counts {
		into[i] = &counts[i]
	}
	err := q.tx.QueryRowContext(q.ctx, `select `+strings.Join(sums, ", ")+` from sends where customer = $1 and key <> $2 and at > $3 and `+
		counting, args...).
		Scan(into...)
	for i, l := range limits {
		q.contacts[l] = counts[i]
	}
	return err
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
