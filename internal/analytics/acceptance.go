package analytics

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// Acceptance holds the results of the offers since a time: by action and channel, by journey, and by control group.
type Acceptance struct {
	At, Since time.Time // virtual
	Actions   []ActionAcceptance
	Journeys  []JourneyAcceptance
	Controls  []ControlAcceptance // the customers of full arbitration first (Control empty); none where no offer was made
	Begins    retention.Begins    // of the offers: where older ones were deleted
}

// Offers are counts of offers. An open offer, neither accepted nor expired, does not count for the rate.
type Offers struct {
	Made, Accepted, Ignored, Open int64
	Rate                          stats.Proportion // accepted of those that are resolved
	Worth                         float64          // what the accepted are worth, as it was when they were offered
	Cost                          float64          // of all that were made: the contact costs whether or not it is accepted
	Net                           float64          // Worth − Cost
}

// ActionAcceptance are the offers of an action on a channel, and what the model has learned of it in all its time.
type ActionAcceptance struct {
	Action, Channel string
	Offers
	Evidence, Positives float64 // of the model: outcomes it is based on, and those of them that were accepted
}

// JourneyAcceptance are the offers of a journey; Journey is empty for those that a channel asked for (POST /v1/decide).
type JourneyAcceptance struct {
	Journey string
	Offers
}

// ControlAcceptance are the offers made to a control group. Value is the mean of an offer's worth, if accepted,
// less its cost, with a 95 % interval: the wider one of the normal approximation and of the rate's interval
// times the mean worth, since a few equal outcomes say nothing about their spread. Against is full arbitration
// compared with this group.
type ControlAcceptance struct {
	Control string
	Offers
	Value   Mean
	Against Comparison
}

// Mean is a mean with its interval of 95 %.
type Mean struct{ Mean, Low, High float64 }

// Comparison is full arbitration less a control group.
type Comparison struct {
	Compared bool
	Rate     stats.Difference // by Newcombe's method
	RateLift float64          // relative to the control group's rate
	RateZ    float64          // z of the two proportions, pooled; beyond ±1.96 the difference is significant at 5 %
	Value    stats.Difference // of the means
	Lifted   bool             // the control group's rate is not 0
}

const acceptanceColumns = `count(*), sum(case when o.outcome = 'accepted' then 1 else 0 end),
	sum(case when o.outcome = 'ignored' then 1 else 0 end),
	sum(case when o.outcome = 'accepted' then o.worth else 0 end), sum(o.cost)`

// Acceptance counts the offers since a virtual time (zero: all). It reads them by index and locks nothing.
func (s *Room) Acceptance(ctx context.Context, now, since time.Time) (Acceptance, error) {
	out := Acceptance{At: now, Since: since}
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		begins, err := retention.ReadBegins(ctx, tx)
		if err != nil {
			return err
		}
		out.Begins = begins.Of(ofAcceptance...)
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var a ActionAcceptance
			o, err := scanOffers(r, &a.Action, &a.Channel, &a.Evidence, &a.Positives)
			a.Offers = o
			out.Actions = append(out.Actions, a)
			return err
		}, `select o.action, o.channel, coalesce(max(m.evidence), 0), coalesce(max(m.positives), 0), `+acceptanceColumns+`
			from offer_log o left join model_evidence m on m.action = o.action and m.channel = o.channel
			where o.offered_at > 0 and o.offered_at >= $1 group by o.action, o.channel order by o.action, o.channel`,
			sqldb.Millis(since)); err != nil {
			return err
		}
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var j JourneyAcceptance
			o, err := scanOffers(r, &j.Journey)
			j.Offers = o
			out.Journeys = append(out.Journeys, j)
			return err
		}, `select o.journey, `+acceptanceColumns+` from offer_log o
			where o.offered_at > 0 and o.offered_at >= $1 group by o.journey order by 1`, sqldb.Millis(since)); err != nil {
			return err
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var c ControlAcceptance
			var sum, squares, worth, cost float64
			o, err := scanOffers(r, &c.Control, &sum, &squares, &worth, &cost)
			c.Offers = o
			c.Value = MeanOf(sum, squares, o.Accepted+o.Ignored).Widened(o.Rate, worth, cost)
			out.Controls = append(out.Controls, c)
			return err
		}, `select o.control, sum(case when o.outcome = '' then 0 else `+offerValue+` end), sum(case when o.outcome = '' then 0 else `+
			offerValue+` * `+offerValue+` end),
				sum(case when o.outcome = '' then 0 else o.worth end), sum(case when o.outcome = '' then 0 else o.cost end), `+
			acceptanceColumns+`
			from offer_log o where o.offered_at > 0 and o.offered_at >= $1 group by o.control order by o.control`, sqldb.Millis(since))
	})
	if err != nil {
		return Acceptance{}, err
	}
	out.compare()
	return out, nil
}

// offerValue is the SQL for the worth of an offer, if accepted, less its cost.
const offerValue = `(case when o.outcome = 'accepted' then o.worth else 0 end - o.cost)`

// scanOffers reads first, then acceptanceColumns.
func scanOffers(r *sql.Rows, first ...any) (Offers, error) {
	var o Offers
	err := r.Scan(append(first, &o.Made, &o.Accepted, &o.Ignored, &o.Worth, &o.Cost)...)
	o.Open = o.Made - o.Accepted - o.Ignored
	o.Rate = stats.Wilson(o.Accepted, o.Accepted+o.Ignored)
	o.Net = o.Worth - o.Cost
	return o, err
}

// MeanOf returns the mean of n values from their sum and the sum of their squares.
func MeanOf(sum, squares float64, n int64) Mean {
	if n == 0 {
		return Mean{}
	}
	mean := sum / float64(n)
	half := 0.0
	if n > 1 {
		half = stats.Z95 * math.Sqrt(max(0, squares/float64(n)-mean*mean)/float64(n-1))
	}
	return Mean{Mean: mean, Low: mean - half, High: mean + half}
}

// Widened returns m with its interval widened to the interval of the rate times the offers' mean worth, less
// their cost.
func (m Mean) Widened(r stats.Proportion, worth, cost float64) Mean {
	if r.N == 0 {
		return m
	}
	n := float64(r.N)
	m.Low = min(m.Low, (r.Low*worth-cost)/n)
	m.High = max(m.High, (r.High*worth-cost)/n)
	return m
}

// compare compares full arbitration with each control group.
func (a *Acceptance) compare() {
	if len(a.Controls) == 0 || a.Controls[0].Control != "" {
		return
	}
	full := &a.Controls[0]
	for i := 1; i < len(a.Controls); i++ {
		c := &a.Controls[i]
		n, m := float64(full.Rate.N), float64(c.Rate.N)
		if c.Against.Compared = n > 0 && m > 0; !c.Against.Compared {
			continue
		}
		c.Against.Rate = stats.Newcombe(full.Rate, c.Rate)
		if c.Against.Lifted = c.Accepted > 0; c.Against.Lifted {
			c.Against.RateLift = c.Against.Rate.Share / c.Rate.Share
		}
		pooled := float64(full.Accepted+c.Accepted) / (n + m)
		if spread := math.Sqrt(pooled * (1 - pooled) * (1/n + 1/m)); spread > 0 {
			c.Against.RateZ = c.Against.Rate.Share / spread
		}
		d := full.Value.Mean - c.Value.Mean
		c.Against.Value = stats.Difference{
			Share: d,
			Low:   d - math.Hypot(full.Value.Mean-full.Value.Low, c.Value.High-c.Value.Mean),
			High:  d + math.Hypot(full.Value.High-full.Value.Mean, c.Value.Mean-c.Value.Low),
		}
	}
}
