package message

import (
	"errors"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// contacted returns the number of sends that count for a frequency cap. The first call counts for all caps of the policy,
// in one query.
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

// counting selects the sends that count for caps: those that went out, may have gone out, or are about to.
const counting = `(status in ('` + StatusSending + `', '` + contract.StatusRetry + `', '` + contract.StatusSent +
	`') or outcome_unknown = 1)`

// count counts, for each cap, the sends within its window before the planned moment of the send to decide.
//
// The invariant: of the moments for which sends were planned, at most Max lie in a window of length Per. The moments at which
// the activities ran would not do: a mail at 09:00 every morning would be within a day of the one before as often as today's
// activity happened to run a little earlier in its second than yesterday's. See docs/decisions/0023.
//
// A send that ran late counts, beyond half a window, from when it ran: after an outage the customer does not get at once all
// that was planned for several windows.
func (q *policyFacts) count(limits []journey.Limit) error {
	if q.contacts == nil {
		q.contacts = map[journey.Limit]int{}
	}
	since := sqldb.Millis(q.now)
	var sums []string
	args := []any{q.p.ID, q.key, int64(0)}
	param := func(v any) string { args = append(args, v); return sqldb.List(len(args), 1) }
	for _, l := range limits {
		late := max(l.Per/2, q.steady)
		planned := q.planned
		if earliest := q.now.Add(-late); planned.Before(earliest) {
			planned = earliest
		}
		start := localtime.WindowStart(planned, l.Per, q.zones...)
		from := sqldb.Millis(start)
		since = min(since, from)
		when := "(planned_at > " + param(from) + " or at > " + param(sqldb.Millis(start.Add(late))) + ")"
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
