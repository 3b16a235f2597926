package engine

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/ingest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// wishes are intents as the tests have them.
func wishes(change ...func(map[string]*journey.Intent)) map[string]*journey.Intent {
	all := map[string]*journey.Intent{
		"buy-now": {Name: "buy-now", HalfLife: 3 * day, Evidence: []journey.Evidence{
			{Events: []string{"Product Viewed"}, Weight: 0.4}, {Events: []string{"Order Completed"}, Weight: -10}}},
		"complaint": {Name: "complaint", HalfLife: 7 * day, Evidence: []journey.Evidence{
			{Events: []string{"Call Ended", "Chat Ended"}, When: "event.wait_minutes > 15.0", Weight: 1.5},
			{
				Events: []string{"Call Ended"},
				When:   `customer.tier == "gold" && intent.buy_now > 0.3 && count("Product Viewed") == 2.0`,
				Weight: 0.5,
			}}},
	}
	for _, f := range change {
		f(all)
	}
	return all
}

// believes publishes intents, and journeys.
func (s *suite) believes(intents map[string]*journey.Intent, journeys ...*journey.Definition) {
	s.T.Helper()
	c := content(journeys, reminder())
	c.Intents = intents
	_, err := s.Catalog.Publish(s.ctx, noon, c)
	s.must(err)
}

// strengths of a customer, rounded to nine digits.
func (s *suite) strengths(now time.Time, customerID string) map[string]float64 {
	s.T.Helper()
	all, err := s.Intents.Scores(s.ctx, now, customerID)
	s.must(err)
	out := map[string]float64{}
	for _, one := range all {
		out[one.Intent] = rounded(one.Strength)
		if score := decisioning.Score(one.Strength); score != one.Score {
			s.T.Fatalf("strength %v has score %v", one.Strength, one.Score)
		}
	}
	return out
}

func rounded(x float64) float64 { return math.Round(x*1e9) / 1e9 }

func TestIntents(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes())
		s.ingest(noon, s.identify("ana", props{"tier": "gold"}))
		s.same(s.strengths(noon, "ana"), map[string]float64{"buy-now": 0, "complaint": 0})
		view := s.track("ana", "Product Viewed", nil)
		s.ingest(noon, view)
		s.ingest(noon, view) // an event counts once
		s.same(s.strengths(noon.Add(3*day), "ana"), map[string]float64{"buy-now": 0.2, "complaint": 0})
		late := s.track("ana", "Product Viewed", nil)
		late.Timestamp = noon.Add(-3 * day)
		ended := s.track("ana", "Call Ended", props{"wait_minutes": 20})
		s.ingest(noon, late, ended) // both lines are true of the call: two views, and a score that they have brought
		s.same(s.strengths(noon, "ana"), map[string]float64{"buy-now": 0.6, "complaint": 2})
		s.ingest(
			noon.Add(7*day),
			s.track("ana", "Call Ended", props{"wait_minutes": 3}),
			s.track("ana", "Chat Ended", nil),
			s.track("ana", "Order Completed", nil),
		)
		s.same(s.strengths(noon.Add(7*day), "ana"), map[string]float64{"buy-now": rounded(0.6*math.Exp2(-7./3) - 10), "complaint": 1})

		msg := s.track("ben", "Message Received", nil)
		msg.Classified = &customer.Classification{Intent: "complaint", Confidence: 0.75, Version: 1}
		unclear := s.track("ben", "Message Received", nil)
		unclear.Classified = &customer.Classification{Confidence: 0.2}
		unknown := s.track("ben", "Message Received", nil)
		unknown.Classified = &customer.Classification{Intent: "weather", Confidence: 0.9}
		s.ingest(noon, msg, unclear, unknown)
		all, err := s.Intents.Scores(s.ctx, noon.Add(7*day), "ben")
		s.must(err)
		s.same(all, []intent.Score{{Intent: "buy-now", HalfLife: 3 * day},
			{Intent: "complaint", Score: decisioning.Score(0.75), Strength: 0.75, HalfLife: 7 * day, Evidence: []intent.Evidence{
				{Event: msg.MessageID, Name: "Message Received", At: noon, Weight: 1.5, Left: 0.75, Text: true}}}})

		all, err = s.Intents.Scores(s.ctx, noon, "ana")
		s.must(err)
		s.same(all[0].Evidence[1:], []intent.Evidence{{Event: view.MessageID, Name: "Product Viewed", At: noon, Weight: 0.4,
			Left: 0.4},
			{Event: late.MessageID, Name: "Product Viewed", At: noon.Add(-3 * day), Weight: 0.4, Left: 0.2}})
		for range 30 {
			s.ingest(noon, s.track("ana", "Product Viewed", nil))
		}
		all, err = s.Intents.Scores(s.ctx, noon, "ana")
		s.must(err)
		s.same([]any{len(all[0].Evidence), all[0].Evidence[0].Name}, []any{20, "Order Completed"})
		_, err = s.Intents.Scores(s.ctx, noon, "nobody")
		s.refused(err, sqldb.ErrNotFound)
	})
}

// What is kept is the sum over the events, however they come, and what a full look at the events gives.
func TestIntentsAreTheSum(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes())
		n := 0
		rapid.Check(s.T, func(t *rapid.T) {
			n++
			who := fmt.Sprintf("c%d", n)
			now, sums := noon, map[string]float64{}
			type seen struct {
				intent string
				weight float64
				at     time.Time
			}
			var all []seen
			for range rapid.IntRange(1, 4).Draw(t, "batches") {
				now = now.Add(time.Duration(rapid.IntRange(0, 20*24).Draw(t, "hours")) * time.Hour)
				var calls []customer.SegmentCall
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					c := s.track(
						who,
						rapid.SampledFrom([]string{"Product Viewed", "Order Completed", "Chat Ended", "Page"}).Draw(t, "event"),
						props{"wait_minutes": 16},
					)
					c.Timestamp = now.Add(-time.Duration(rapid.IntRange(0, 60*24).Draw(t, "late")) * time.Hour)
					if rapid.Bool().Draw(t, "text") {
						c.Classified = &customer.Classification{Intent: "complaint", Confidence: 0.5}
						all = append(all, seen{"complaint", 1, c.Timestamp})
					}
					if rapid.Bool().Draw(t, "anonymous") {
						c.UserID, c.AnonymousID = "", who
					}
					switch c.Event {
					case "Product Viewed":
						all = append(all, seen{"buy-now", 0.4, c.Timestamp})
					case "Order Completed":
						all = append(all, seen{"buy-now", -10, c.Timestamp})
					case "Chat Ended":
						all = append(all, seen{"complaint", 1.5, c.Timestamp})
					}
					calls = append(calls, c)
				}
				s.ingest(now, calls...)
			}
			s.ingest(now, customer.SegmentCall{Type: "alias", MessageID: "join " + who, UserID: who, AnonymousID: who})
			for _, e := range all {
				sums[e.intent] += decisioning.Decay(e.weight, now.Sub(e.at), wishes()[e.intent].HalfLife)
			}
			s.must(s.Database.Read(s.ctx, func(tx sqldb.Conn) error {
				rel, err := s.Catalog.Current(s.ctx, tx)
				s.must(err)
				found, stale, err := intent.ReadLeanings(s.ctx, tx, rel.Intents, []string{who})
				s.must(err)
				anew, _, err := intent.Resummed(s.ctx, tx, rel.Intents, who, nil, nil)
				s.must(err)
				then, err := intent.ScoresThen(s.ctx, tx, rel.Intents, who, now)
				for name, sum := range sums {
					kept, again := found[who].Strength(name).ValueAt(now), anew[name].ValueAt(now)
					if len(stale) > 0 || math.Abs(kept-sum) > 1e-9 || math.Abs(again-sum) > 1e-9 ||
						math.Abs(then[name]-decisioning.Score(sum)) > 1e-9 {
						t.Fatalf(
							"%s: kept %v, anew %v, by its evidence %v, the sum is %v (stale: %v)",
							name,
							kept,
							again,
							then[name],
							sum,
							stale,
						)
					}
				}
				return err
			}))
		})
	})
}

func TestIntentsOfMergedCustomers(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes())
		s.ingest(noon, s.track("ana", "Product Viewed", nil), s.track("old", "Call Ended", props{"wait_minutes": 20}))
		viewed := s.track("old", "Product Viewed", nil)
		s.ingest(noon.Add(3*day), viewed)
		s.ingest(noon.Add(3*day), customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"})
		s.ingest(noon.Add(3*day), viewed)
		want := map[string]float64{"buy-now": 0.6, "complaint": rounded(1.5 * math.Exp2(-3./7))}
		s.same(s.strengths(noon.Add(3*day), "ana"), want)
		s.same(s.strengths(noon.Add(3*day), "old"), want) // it is another name of hers
		all, err := s.Intents.Scores(s.ctx, noon.Add(3*day), "ana")
		s.must(err)
		s.same([]int{len(all[0].Evidence), len(all[1].Evidence)}, []int{2, 1})
		left, err := sqldb.Exists(
			s.ctx,
			s.Database.Reader,
			`select 1 from intents where customer = 'old' union all select 1 from intent_evidence where customer = 'old'`,
		)
		s.must(err)
		s.same(left, false)

		// An anonymous one that the same transaction made.
		anon := s.track("", "Product Viewed", nil)
		anon.AnonymousID = "a1"
		s.ingest(
			noon,
			anon,
			customer.SegmentCall{Type: "identify", MessageID: "j2", UserID: "ben", AnonymousID: "a1"},
			s.track("ben", "Product Viewed", nil),
		)
		s.same(s.strengths(noon, "ben"), map[string]float64{"buy-now": 0.8, "complaint": 0})
	})
}

// tally counts the statements of a transaction.
type tally struct {
	sqldb.Conn
	n int
}

func (c *tally) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	c.n++
	return c.Conn.ExecContext(ctx, query, args...)
}

func (c *tally) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.n++
	return c.Conn.QueryContext(ctx, query, args...)
}

func (c *tally) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	c.n++
	return c.Conn.QueryRowContext(ctx, query, args...)
}

// statements is what taking calls costs.
func (s *suite) statements(calls ...customer.SegmentCall) int {
	s.T.Helper()
	n := 0
	s.must(s.Database.Write(s.ctx, func(tx sqldb.Conn) error {
		c := &tally{Conn: tx}
		b := s.Units.Begin(c, noon)
		names, err := customer.Identify(s.ctx, b, calls)
		s.must(err)
		for i := range calls {
			_, err := ingest.ApplyEvent(s.ctx, b, b.Customers[names[calls[i].Subject()]], &calls[i], nil)
			s.must(err)
		}
		err = b.Flush(s.ctx)
		n = c.n
		return err
	}))
	return n
}

func TestIntentsCostNothingWhereThereAreNone(t *testing.T) {
	each(t, func(s *suite) {
		calls := func(event string) []customer.SegmentCall {
			var out []customer.SegmentCall
			for i := range 8 {
				out = append(out, s.track(fmt.Sprintf("c%d", i), event, nil))
			}
			return out
		}
		plain := []*journey.Definition{cart()}
		s.believes(nil, plain...)
		s.statements(calls("Page")...) // makes the customers
		s.statements(calls("Cart Updated")...)
		without := s.statements(calls("Product Viewed")...)
		heard := s.statements(calls("Order Completed")...)
		s.believes(wishes(), plain...)
		_, err := s.Intents.Recompute(s.ctx, noon, 100)
		s.must(err)
		s.statements(calls("Page")...) // reads the release
		s.same(s.statements(calls("Page")...), without)
		s.same(
			s.statements(calls("Product Viewed")...),
			without+3,
		) // one read, and one write each of strengths and evidence, for all of them together
		s.same(s.statements(calls("Order Completed")...), heard+3)
	})
}

func (s *suite) levels(now time.Time, e unit.Enrollment, levels ...journey.Level) contract.LevelsResult {
	s.T.Helper()
	r, err := s.Intents.Levels(s.ctx, now, contract.Levels{Ref: ref(e), Levels: levels})
	s.must(err)
	return r
}

func above(intentName string, x float64) journey.Level {
	return journey.Level{Intent: intentName, Above: &x}
}
func below(intentName string, x float64) journey.Level {
	return journey.Level{Intent: intentName, Below: &x}
}

func TestLevels(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(), cart())
		e := s.enters("ana", nil)
		s.same(
			s.levels(noon, e, above("buy-now", 0.5), below("buy-now", 0.3), below("weather", 0.1)),
			contract.LevelsResult{Hold: []bool{false, true, true}},
		)
		s.same(s.byID(e.ID).Chain, ref(e).Chain)
		s.ingest(
			noon,
			s.track("ana", "Product Viewed", nil),
			s.track("ana", "Product Viewed", nil),
			s.track("ana", "Call Ended", props{"wait_minutes": 20}),
		)
		r := s.levels(noon, e, above("buy-now", 0.5), below("buy-now", 0.3), below("complaint", 0.7), below("buy-now", 0))
		s.same(r.Hold, []bool{true, false, false, false})
		// 7 d · log2(1.5 / −ln 0.3), which comes before 3 d · log2(0.8 / −ln 0.7)
		exact := 7 * 24 * 3600_000 * math.Log2(1.5/-math.Log(0.3))
		s.same(r.Fade, noon.Add(time.Duration(math.Ceil(exact))*time.Millisecond))
		s.same(s.levels(r.Fade, e, below("complaint", 0.7)).Hold, []bool{true})
		s.same(
			s.levels(r.Fade.Add(-time.Millisecond), e, below("complaint", 0.7)),
			contract.LevelsResult{Hold: []bool{false}, Fade: r.Fade},
		)
		s.same(s.levels(noon, e), contract.LevelsResult{Hold: []bool{}})
		_, err := s.Intents.Levels(s.ctx, noon, contract.Levels{Ref: contract.Ref{Enrollment: e.ID, Chain: "another"}})
		s.refused(err, unit.ErrSuperseded)
	})
}
