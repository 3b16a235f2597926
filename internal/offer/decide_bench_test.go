package offer_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

const (
	benchActions    = 1000
	benchPredictors = 100
	benchCustomers  = 1000
)

// BenchmarkDecide decides among 1,000 actions, each with a model of 100 predictors, for 1,000 customers, by 1,
// 8 and 64 deciders at once.
func BenchmarkDecide(b *testing.B) {
	enginetest.BenchEach(b, func(b *testing.B, url string) {
		s := openForDeciding(b, url)
		for _, deciders := range []int{1, 8, 64} {
			b.Run(strconv.Itoa(deciders), func(b *testing.B) { benchmarkDeciders(b, s, deciders) })
		}
	})
}

var benchRun atomic.Int64

func benchmarkDeciders(b *testing.B, s *engine.Engine, deciders int) {
	run := benchRun.Add(1)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range deciders {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				began := time.Now()
				d, err := s.Offers.DecideInbound(
					b.Context(),
					enginetest.Noon,
					offer.Inbound{
						UserID:    "c" + strconv.Itoa(i%benchCustomers),
						Group:     "all",
						Context:   enginetest.Props{"page": "account"},
						RequestID: fmt.Sprint(run, "/", i),
					},
				)
				took[i] = time.Since(began)
				if err != nil || len(d.Slots) != 1 || len(d.Candidates) != benchActions {
					b.Errorf("%d chosen of %d (%s): %v", len(d.Slots), len(d.Candidates), d.Reason, err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// openForDeciding opens an engine with everything that the benchmark's decisions read.
func openForDeciding(b *testing.B, url string) *engine.Engine {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	s, err := engine.Open(b.Context(), engine.Options{URL: url, Channels: enginetest.EmailAndApp})
	must(err)
	b.Cleanup(func() { must(s.Close()) })
	c := enginetest.Content(nil)
	c.Intents = map[string]*journey.Intent{
		"churn": {Name: "churn", HalfLife: 72 * time.Hour, Evidence: []journey.Evidence{{Events: []string{"Page 1"}, Weight: 0.4}}},
	}
	c.Groups, c.Actions = map[string][]string{}, map[string]*journey.Action{}
	c.Policy = &journey.Policy{
		Limits:  []journey.Limit{{Max: 1_000_000, Per: 24 * time.Hour}},
		Consent: map[string]expr.Expr{"marketing": "customer.trait0 >= 0.0"},
	}
	for i := range benchActions {
		name := "a" + strconv.Itoa(i)
		c.Groups["all"] = append(c.Groups["all"], name)
		c.Actions[name] = &journey.Action{Name: name, Group: "all", Propensity: 0.05, Cost: "0.05",
			Value:      expr.Expr(fmt.Sprintf("customer.trait%d * %d.5 + 1.0", i%60, i)),
			Eligible:   expr.Expr(fmt.Sprintf("customer.trait%d >= 0.0", i%40)),
			Applicable: expr.Expr(fmt.Sprintf("intent.churn < 0.9%d || customer.trait1 > 0.5", i%10)),
			Suitable:   expr.Expr(fmt.Sprintf("customer.trait%d < 2.0", i%60)),
			Context:    []journey.ContextWeight{{When: "intent.churn > 0.2", Weight: 2}},
			Accept: &journey.Accept{
				Events: []string{"Accepted"},
				When:   expr.Expr(`event.action == "` + name + `"`),
				Within: time.Hour,
			}}
	}
	_, err = s.Catalog.Publish(b.Context(), enginetest.Noon, c)
	must(err)
	r := rand.New(rand.NewPCG(1, 2))
	traits := func() enginetest.Props {
		out := enginetest.Props{}
		for i := range 60 {
			out["trait"+strconv.Itoa(i)] = r.Float64()
		}
		return out
	}
	var calls []customer.SegmentCall
	for i := range benchCustomers {
		id := "c" + strconv.Itoa(i)
		calls = append(
			calls,
			customer.SegmentCall{Type: "identify", MessageID: "i" + id, UserID: id, Traits: traits(),
				Timestamp: enginetest.Noon.Add(-40 * 24 * time.Hour)},
		)
		for j := range 12 {
			calls = append(
				calls,
				customer.SegmentCall{
					Type:      "track",
					MessageID: fmt.Sprint("e", id, "/", j),
					UserID:    id,
					Event:     "Page " + strconv.Itoa(j%10),
					Timestamp: enginetest.Noon.Add(-time.Duration(j) * 20 * time.Hour),
				},
			)
		}
		if len(calls) > 500 || i == benchCustomers-1 {
			_, err := s.Intake.Ingest(b.Context(), enginetest.Noon, calls)
			must(err)
			calls = nil
		}
	}
	must(s.Database.Write(b.Context(), func(tx sqldb.Conn) error { return trainModels(b, s, tx, r) }))
	return s
}

// trainModels writes a model of 100 predictors for each action: all predictors that customers have, and some more.
func trainModels(b *testing.B, s *engine.Engine, tx sqldb.Conn, r *rand.Rand) error {
	var states []string
	for range 8 {
		m := propensity.New(propensity.Start{Propensity: 0.05})
		for n := range 3000 {
			p, err := offer.Predict(
				b.Context(),
				tx,
				"c"+strconv.Itoa(n%50),
				expr.Vars{
					Customer: customerOf(b, tx, n%50),
					Event:    enginetest.Props{"page": "account"},
					Intent:   map[string]float64{"churn": r.Float64()},
				},
				enginetest.Noon,
			)
			if err != nil {
				return err
			}
			for i := len(p); i < benchPredictors; i++ {
				p["more"+strconv.Itoa(i)] = r.Float64()
			}
			m.Learn(p.Features(), r.Float64() < 0.1)
		}
		raw, err := m.MarshalBinary()
		if err != nil {
			return err
		}
		states = append(states, base64.StdEncoding.EncodeToString(raw))
	}
	var rows [][]any
	for i := range benchActions {
		rows = append(rows, []any{"a" + strconv.Itoa(i), "app", 1, 3000.0, 300.0, states[i%len(states)]})
	}
	if _, err := sqldb.Insert(b.Context(), tx, "models (action, channel, version, evidence, positives, state)", rows, ""); err != nil {
		return err
	}
	_, err := tx.ExecContext(b.Context(), `update settings set value = '1' where key = 'models'`)
	return err
}

func customerOf(b *testing.B, tx sqldb.Conn, n int) enginetest.Props {
	p, err := offer.Look(b.Context(), tx, "c"+strconv.Itoa(n))
	if err != nil {
		b.Fatal(err)
	}
	return p.Vars()
}
