package intent_test

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
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// shopIntents returns two intents of a shop.
func shopIntents(change ...func(map[string]*journey.Intent)) map[string]*journey.Intent {
	all := map[string]*journey.Intent{
		"buy-now": {Name: "buy-now", HalfLife: 3 * enginetest.Day, Evidence: []journey.Evidence{
			{Events: []string{"Product Viewed"}, Weight: 0.4}, {Events: []string{"Order Completed"}, Weight: -10}}},
		"complaint": {Name: "complaint", HalfLife: 7 * enginetest.Day, Evidence: []journey.Evidence{
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

// publishIntents publishes intents and journeys.
func (s *suite) publishIntents(intents map[string]*journey.Intent, journeys ...*journey.Definition) {
	s.T.Helper()
	c := enginetest.Content(journeys, enginetest.Reminder())
	c.Intents = intents
	_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c)
	s.Must(err)
}

// strengths returns a customer's strengths by intent, rounded to nine digits.
func (s *suite) strengths(now time.Time, customerID string) map[string]float64 {
	s.T.Helper()
	all, err := s.Intents.Scores(s.Ctx, now, customerID)
	s.Must(err)
	out := map[string]float64{}
	for _, one := range all {
		out[one.Intent] = round9(one.Strength)
		if score := decisioning.Score(one.Strength); score != one.Score {
			s.T.Fatalf("strength %v has score %v", one.Strength, one.Score)
		}
	}
	return out
}

func round9(x float64) float64 { return math.Round(x*1e9) / 1e9 }

func TestScoresAndTheirEvidence(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents())
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"tier": "gold"}))
		s.Equal(s.strengths(enginetest.Noon, "ana"), map[string]float64{"buy-now": 0, "complaint": 0})
		view := s.Track("ana", "Product Viewed", nil)
		s.Ingest(enginetest.Noon, view)
		s.Ingest(enginetest.Noon, view) // an event counts once
		s.Equal(s.strengths(enginetest.Noon.Add(3*enginetest.Day), "ana"), map[string]float64{"buy-now": 0.2, "complaint": 0})
		late := s.Track("ana", "Product Viewed", nil)
		late.Timestamp = enginetest.Noon.Add(-3 * enginetest.Day)
		ended := s.Track("ana", "Call Ended", enginetest.Props{"wait_minutes": 20})
		s.Ingest(enginetest.Noon, late, ended) // both conditions hold at the call: two views, and the score that they have raised
		s.Equal(s.strengths(enginetest.Noon, "ana"), map[string]float64{"buy-now": 0.6, "complaint": 2})
		s.Ingest(
			enginetest.Noon.Add(7*enginetest.Day),
			s.Track("ana", "Call Ended", enginetest.Props{"wait_minutes": 3}),
			s.Track("ana", "Chat Ended", nil),
			s.Track("ana", "Order Completed", nil),
		)
		s.Equal(
			s.strengths(enginetest.Noon.Add(7*enginetest.Day), "ana"),
			map[string]float64{"buy-now": round9(0.6*math.Exp2(-7./3) - 10), "complaint": 1},
		)

		msg := s.Track("ben", "Message Received", nil)
		msg.Classified = &customer.Classification{Intent: "complaint", Confidence: 0.75, Version: 1}
		unclear := s.Track("ben", "Message Received", nil)
		unclear.Classified = &customer.Classification{Confidence: 0.2}
		unknown := s.Track("ben", "Message Received", nil)
		unknown.Classified = &customer.Classification{Intent: "weather", Confidence: 0.9}
		s.Ingest(enginetest.Noon, msg, unclear, unknown)
		all, err := s.Intents.Scores(s.Ctx, enginetest.Noon.Add(7*enginetest.Day), "ben")
		s.Must(err)
		s.Equal(all, []intent.CustomerIntent{{Intent: "buy-now", HalfLife: 3 * enginetest.Day},
			{Intent: "complaint", Score: decisioning.Score(0.75), Strength: 0.75, HalfLife: 7 * enginetest.Day, Evidence: []intent.Evidence{
				{Event: msg.MessageID, Name: "Message Received", At: enginetest.Noon, Weight: 1.5, Left: 0.75, Text: true}}}})

		all, err = s.Intents.Scores(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal(all[0].Evidence[1:], []intent.Evidence{{Event: view.MessageID, Name: "Product Viewed", At: enginetest.Noon, Weight: 0.4,
			Left: 0.4},
			{Event: late.MessageID, Name: "Product Viewed", At: enginetest.Noon.Add(-3 * enginetest.Day), Weight: 0.4, Left: 0.2}})
		for range 30 {
			s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil))
		}
		all, err = s.Intents.Scores(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal([]any{len(all[0].Evidence), all[0].Evidence[0].Name}, []any{20, "Order Completed"})
		_, err = s.Intents.Scores(s.Ctx, enginetest.Noon, "nobody")
		s.WantError(err, sqldb.ErrNotFound)
	})
}

// The stored score is the sum over the events, in any order of arrival, and equals a recomputation from all events.
func TestScoreIsTheSumOfEvidence(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents())
		n := 0
		rapid.Check(s.T, func(t *rapid.T) {
			n++
			who := fmt.Sprintf("c%d", n)
			now, sums := enginetest.Noon, map[string]float64{}
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
					c := s.Track(
						who,
						rapid.SampledFrom([]string{"Product Viewed", "Order Completed", "Chat Ended", "Page"}).Draw(t, "event"),
						enginetest.Props{"wait_minutes": 16},
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
				s.Ingest(now, calls...)
			}
			s.Ingest(now, customer.SegmentCall{Type: "alias", MessageID: "join " + who, UserID: who, AnonymousID: who})
			for _, e := range all {
				sums[e.intent] += decisioning.Decay(e.weight, now.Sub(e.at), shopIntents()[e.intent].HalfLife)
			}
			s.Must(s.Database.Read(s.Ctx, func(tx sqldb.Conn) error {
				rel, err := s.Catalog.Current(s.Ctx, tx)
				s.Must(err)
				found, stale, err := intent.ReadCustomerScores(s.Ctx, tx, rel.Intents, []string{who})
				s.Must(err)
				anew, _, err := intent.RecomputeScores(s.Ctx, tx, rel.Intents, who, nil, nil)
				s.Must(err)
				then, err := intent.ScoresThen(s.Ctx, tx, rel.Intents, who, now)
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
		s.publishIntents(shopIntents())
		s.Ingest(enginetest.Noon, s.Track("ana", "Product Viewed", nil), s.Track("old", "Call Ended", enginetest.Props{"wait_minutes": 20}))
		viewed := s.Track("old", "Product Viewed", nil)
		s.Ingest(enginetest.Noon.Add(3*enginetest.Day), viewed)
		s.Ingest(
			enginetest.Noon.Add(3*enginetest.Day),
			customer.SegmentCall{Type: "alias", MessageID: "join", UserID: "ana", PreviousID: "old"},
		)
		s.Ingest(enginetest.Noon.Add(3*enginetest.Day), viewed)
		want := map[string]float64{"buy-now": 0.6, "complaint": round9(1.5 * math.Exp2(-3./7))}
		s.Equal(s.strengths(enginetest.Noon.Add(3*enginetest.Day), "ana"), want)
		s.Equal(s.strengths(enginetest.Noon.Add(3*enginetest.Day), "old"), want) // "old" is another id of hers
		all, err := s.Intents.Scores(s.Ctx, enginetest.Noon.Add(3*enginetest.Day), "ana")
		s.Must(err)
		s.Equal([]int{len(all[0].Evidence), len(all[1].Evidence)}, []int{2, 1})
		left, err := sqldb.Exists(
			s.Ctx,
			s.Database.Reader,
			`select 1 from intents where customer = 'old' union all select 1 from intent_evidence where customer = 'old'`,
		)
		s.Must(err)
		s.Equal(left, false)

		// An anonymous visitor whom the same transaction created.
		anon := s.Track("", "Product Viewed", nil)
		anon.AnonymousID = "a1"
		s.Ingest(
			enginetest.Noon,
			anon,
			customer.SegmentCall{Type: "identify", MessageID: "j2", UserID: "ben", AnonymousID: "a1"},
			s.Track("ben", "Product Viewed", nil),
		)
		s.Equal(s.strengths(enginetest.Noon, "ben"), map[string]float64{"buy-now": 0.8, "complaint": 0})
	})
}

// statementCounter counts the statements of a transaction.
type statementCounter struct {
	sqldb.Conn
	n int
}

func (c *statementCounter) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	c.n++
	return c.Conn.ExecContext(ctx, query, args...)
}

func (c *statementCounter) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.n++
	return c.Conn.QueryContext(ctx, query, args...)
}

func (c *statementCounter) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	c.n++
	return c.Conn.QueryRowContext(ctx, query, args...)
}

// countStatements returns the number of statements that ingesting calls takes.
func (s *suite) countStatements(calls ...customer.SegmentCall) int {
	s.T.Helper()
	n := 0
	s.Must(s.Database.Write(s.Ctx, func(tx sqldb.Conn) error {
		c := &statementCounter{Conn: tx}
		b := s.Units.Begin(c, enginetest.Noon)
		names, err := customer.Identify(s.Ctx, b, calls)
		s.Must(err)
		for i := range calls {
			_, err := s.Intake.ApplyEvent(s.Ctx, b, b.Customers[names[calls[i].Subject()]], &calls[i], nil)
			s.Must(err)
		}
		err = b.Flush(s.Ctx)
		n = c.n
		return err
	}))
	return n
}

func TestReleaseWithoutIntentsCostsNoStatements(t *testing.T) {
	each(t, func(s *suite) {
		calls := func(event string) []customer.SegmentCall {
			var out []customer.SegmentCall
			for i := range 8 {
				out = append(out, s.Track(fmt.Sprintf("c%d", i), event, nil))
			}
			return out
		}
		plain := []*journey.Definition{enginetest.Cart()}
		s.publishIntents(nil, plain...)
		s.countStatements(calls("Page")...) // creates the customers
		s.countStatements(calls("Cart Updated")...)
		without := s.countStatements(calls("Product Viewed")...)
		heard := s.countStatements(calls("Order Completed")...)
		s.publishIntents(shopIntents(), plain...)
		_, err := s.Intents.Recompute(s.Ctx, enginetest.Noon, 100)
		s.Must(err)
		s.countStatements(calls("Page")...) // reads the release
		s.Equal(s.countStatements(calls("Page")...), without)
		s.Equal(
			s.countStatements(calls("Product Viewed")...),
			without+3,
		) // for all calls together one read, and one write each of strengths and evidence
		s.Equal(s.countStatements(calls("Order Completed")...), heard+3)
	})
}

func (s *suite) levels(now time.Time, e unit.Enrollment, levels ...journey.Level) contract.LevelsResult {
	s.T.Helper()
	r, err := s.Intents.Levels(s.Ctx, now, contract.Levels{Ref: enginetest.Ref(e), Levels: levels})
	s.Must(err)
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
		s.publishIntents(shopIntents(), enginetest.Cart())
		e := s.Enter("ana", nil)
		s.Equal(
			s.levels(enginetest.Noon, e, above("buy-now", 0.5), below("buy-now", 0.3), below("weather", 0.1)),
			contract.LevelsResult{Hold: []bool{false, true, true}},
		)
		s.Equal(s.Enrollment(e.ID).Chain, enginetest.Ref(e).Chain)
		s.Ingest(
			enginetest.Noon,
			s.Track("ana", "Product Viewed", nil),
			s.Track("ana", "Product Viewed", nil),
			s.Track("ana", "Call Ended", enginetest.Props{"wait_minutes": 20}),
		)
		r := s.levels(enginetest.Noon, e, above("buy-now", 0.5), below("buy-now", 0.3), below("complaint", 0.7), below("buy-now", 0))
		s.Equal(r.Hold, []bool{true, false, false, false})
		// 7 d · log2(1.5 / −ln 0.3), which comes before 3 d · log2(0.8 / −ln 0.7)
		exact := 7 * 24 * 3600_000 * math.Log2(1.5/-math.Log(0.3))
		s.Equal(r.Fade, enginetest.Noon.Add(time.Duration(math.Ceil(exact))*time.Millisecond))
		s.Equal(s.levels(r.Fade, e, below("complaint", 0.7)).Hold, []bool{true})
		s.Equal(
			s.levels(r.Fade.Add(-time.Millisecond), e, below("complaint", 0.7)),
			contract.LevelsResult{Hold: []bool{false}, Fade: r.Fade},
		)
		s.Equal(s.levels(enginetest.Noon, e), contract.LevelsResult{Hold: []bool{}})
		_, err := s.Intents.Levels(s.Ctx, enginetest.Noon, contract.Levels{Ref: contract.Ref{Enrollment: e.ID, Chain: "another"}})
		s.WantError(err, unit.ErrSuperseded)
	})
}
