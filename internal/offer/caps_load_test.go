package offer_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	loadCustomers = 1000
	loadDeciders  = 64
	loadDecisions = 3000 // if TABI_LOAD is not set
)

// Concurrent sends, decisions of journeys and decisions for customers who are present never
// contact a customer more often than the cap allows. TABI_LOAD=1m sets the duration; -v shows the rate.
func TestCapsUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	each(t, func(s *suite) {
		s.Units.Channels, s.Offers.Certain = enginetest.EmailAndApp, true
		c := enginetest.OfferContent(func(c *journey.Content) {
			c.Journeys["other"] = enginetest.Cart(enginetest.Named("other"))
			c.Policy = &journey.Policy{Limits: []journey.Limit{{Max: 1, Per: enginetest.Day}}}
		})
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
		s.Must(err)
		ids := s.enterAll()
		var span time.Duration
		span, err = time.ParseDuration(cmp.Or(os.Getenv("TABI_LOAD"), "0s"))
		s.Must(err)
		ctx, cancel := context.WithCancel(s.Ctx)
		if span > 0 {
			ctx, cancel = context.WithTimeout(s.Ctx, span)
		}
		defer cancel()

		// A day passes while there are about four decisions for each customer.
		var n, sent atomic.Int64
		now := func() time.Time {
			return enginetest.Noon.Add(time.Duration(n.Add(1)) * enginetest.Day / (4 * loadCustomers))
		}
		taken := make([][]time.Duration, loadDeciders)
		var wg sync.WaitGroup
		began := time.Now()
		for d := range loadDeciders {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(d)))
				for i := 0; ctx.Err() == nil && (span > 0 || n.Load() < loadDecisions); i++ {
					at := now()
					e, key := ids[random.IntN(len(ids))], fmt.Sprintf("%d/%d", d, i)
					start := time.Now()
					r, shown, err := s.decideOrSend(i, e, key, at)
					taken[d] = append(taken[d], time.Since(start))
					if err != nil {
						s.T.Error(err)
						return
					}
					if sent.Add(shown); r == nil {
						continue
					}
					status := contract.StatusSent
					if random.IntN(10) == 0 {
						status = contract.StatusFailed
					} else {
						sent.Add(1)
					}
					if err := s.Messages.Settle(s.Ctx, at, *r, message.Settlement{Status: status}); err != nil {
						s.T.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		lasted := time.Since(began)
		s.checkCaps(sent.Load())
		all := slices.Sorted(slices.Values(slices.Concat(taken...)))
		s.T.Logf(
			"deciders  customers  decisions  contacts  seconds  decisions/s     p50     p99\n"+
				"%8d %10d %10d %9d %8.1f %12.0f %7.1fms %5.1fms",
			loadDeciders,
			loadCustomers,
			len(all),
			sent.Load(),
			lasted.Seconds(),
			float64(len(all))/lasted.Seconds(),
			millis(all[len(all)/2]),
			millis(all[len(all)*99/100]),
		)
	})
}

// decideOrSend tries to contact a customer in one of three ways: by a send, by a decision of a journey, or by a decision for a
// customer who is present, which counts at once.
func (s *suite) decideOrSend(way int, e unit.Enrollment, key string, at time.Time) (r *message.Reservation, shown int64, err error) {
	switch way % 3 {
	case 0:
		sent, err := s.Messages.Reserve(s.Ctx, at, enginetest.Wall, s.NewSend(e, key), time.Minute)
		if err != nil || sent.Done != nil {
			return nil, 0, err
		}
		return &sent, 0, nil
	case 1:
		d, err := s.Engine.Offers.Decide(s.Ctx, at, enginetest.Wall, s.NewDecide(e, key), time.Minute)
		return d.Reservation, 0, err
	}
	d, err := s.Offers.DecideInbound(s.Ctx, at, offer.Inbound{UserID: e.Customer, Group: "offers", RequestID: key})
	return nil, int64(len(d.Slots)), err
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// enterAll enters each customer into two journeys.
func (s *suite) enterAll() []unit.Enrollment {
	s.T.Helper()
	var calls []customer.SegmentCall
	for i := range loadCustomers {
		id := fmt.Sprintf("c%03d", i)
		calls = append(calls, s.Identify(id, enginetest.Props{"email": id + "@example.com"}), s.Track(id, "Cart Updated", nil))
	}
	for part := range slices.Chunk(calls, 200) {
		s.Ingest(enginetest.Noon, part...)
	}
	var out []unit.Enrollment
	for after := ""; ; after = out[len(out)-1].ID {
		page, err := s.Enrollments.List(s.Ctx, enrollment.Filter{After: after, Limit: 1000})
		s.Must(err)
		if len(page) == 0 {
			break
		}
		out = append(out, page...)
	}
	s.Equal(len(out), 2*loadCustomers)
	return out
}

// checkCaps fails the test if two sends to a customer are less than a day apart, or if a send was lost.
func (s *suite) checkCaps(sent int64) {
	s.T.Helper()
	last := map[string]int64{}
	found := int64(0)
	s.Must(sqldb.Rows(s.Ctx, s.Database.Reader, func(r *sql.Rows) error {
		var customerID string
		var at int64
		err := r.Scan(&customerID, &at)
		if before, known := last[customerID]; known && at-before < enginetest.Day.Milliseconds() {
			s.T.Errorf("%s was contacted twice within %s", customerID, time.Duration(at-before)*time.Millisecond)
		}
		last[customerID] = at
		found++
		return err
	}, `select customer, at from sends where status = 'sent' order by customer, at`))
	s.Equal(found, sent)
	if found < loadCustomers/4 {
		s.T.Errorf("only %d sends: the cap was not tested", found)
	}
}
