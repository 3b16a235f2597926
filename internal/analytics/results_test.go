package analytics_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// greeting is a split at the beginning of the journey.
func greeting(d *journey.Definition) {
	d.Steps = append(d.Steps, journey.Step{ID: "greeting", Kind: "split", Path: journey.Main, Next: 0, Spec: &journey.Split{
		Arms: []journey.SplitArm{{Weight: 50, Name: "short", Then: 0}, {Weight: 50, Then: 0}}}})
	d.Paths[0].Start = len(d.Steps) - 1
}

// takes reports that an enrollment has taken an arm of the split.
func (s *suite) takes(at time.Time, e unit.Enrollment, arm string) {
	s.T.Helper()
	s.report(at, e, 1, nil, contract.StepVisit{Step: "greeting", Kind: "split", Visit: 1, Arm: arm})
}

// mails sends the reminder at a time.
func (s *suite) mails(at time.Time, e unit.Enrollment, key, status string) {
	s.T.Helper()
	r := s.Reserve(e, key, enginetest.Wall, enginetest.ByEmail)
	s.Must(s.Messages.Settle(s.Ctx, at, r, message.Settlement{Status: status}))
}

func (s *suite) resultsOf(now time.Time, f analytics.ResultsFilter) analytics.Results {
	s.T.Helper()
	out, err := s.Analytics.Results(s.Ctx, now, f)
	s.Must(err)
	return out
}

// The wanted numbers are counted by hand.
func TestResults(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured, greeting)}, enginetest.Reminder())
		at := func(d time.Duration) time.Time { return enginetest.Noon.Add(d) }
		react := func(d time.Duration, customer, name, key string) {
			s.Ingest(at(d), s.Track(customer, name, enginetest.Props{"key": key, "channel": "email", "type": "soft"}))
		}
		day := enginetest.Day

		a1 := s.enterAt(at(0), "a1") // opens twice, clicks, converts on the second day after the send
		s.takes(at(0), a1, "short")
		s.mails(at(day), a1, "k1", contract.StatusSent)
		react(day+time.Hour, "a1", event.EmailOpened, "k1")
		react(day+2*time.Hour, "a1", event.EmailOpened, "k1")
		react(day+2*time.Hour, "a1", event.EmailLinkClicked, "k1")
		s.end(at(3*day), a1, contract.Goal, 100)

		a2 := s.enterAt(at(0), "a2") // converts after the window
		s.takes(at(0), a2, "2")
		s.mails(at(day), a2, "k2", contract.StatusSent)
		react(2*day, "a2", event.EmailDelivered, "k2")
		s.end(at(6*day), a2, contract.Goal, 50)

		a3 := s.enterAt(at(0), "a3") // bounces
		s.takes(at(0), a3, "short")
		s.mails(at(2*day), a3, "k3", contract.StatusSent)
		react(2*day, "a3", event.EmailBounced, "k3")

		a4 := s.enterAt(at(0), "a4") // not sent
		s.mails(at(2*day), a4, "k4", contract.StatusFailed)

		a5 := s.enterAt(at(9*day), "a5") // maturing
		s.mails(at(9*day), a5, "k5", contract.StatusSent)

		h1 := s.enterAt(at(0), "h1") // held out: converts before the moment at which the others get the message
		s.end(at(time.Hour), h1, contract.Goal, 30)
		h2 := s.enterAt(at(0), "h2") // in the window
		s.end(at(3*day), h2, contract.Goal, 30)
		s.enterAt(at(0), "h3") // never
		h4 := s.enterAt(at(0), "h4")
		s.end(at(8*day), h4, contract.Goal, 30) // too late
		s.enterAt(at(9*day), "h5")              // its window is not over

		ignore := cmpopts.IgnoreUnexported(analytics.Tally{})
		check := func(what string, got, want any) {
			t.Helper()
			if diff := cmp.Diff(want, got, ignore); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		r := s.resultsOf(at(10*day), analytics.ResultsFilter{Message: "reminder", Since: at(-day), Window: 3 * day})
		total := analytics.Tally{Sent: 4, Failed: 1, Opened: 1, Clicked: 1, Delivered: 1, Bounced: 1, Mature: 3, Maturing: 1,
			Converted: 1, Value: 100}
		check("total", r.Total, total)
		check("messages", r.Messages, []analytics.NamedTally{{Name: "reminder", Tally: total}})
		check("journeys", r.Journeys, []analytics.NamedTally{{Name: "cart", Tally: total}})
		check("languages", r.Languages, []analytics.NamedTally{{Tally: total}})
		first := analytics.NamedTally{Name: "2026-03-03", Tally: analytics.Tally{Sent: 2, Opened: 1, Clicked: 1, Delivered: 1, Mature: 2,
			Converted: 1, Value: 100}}
		check("first day", r.Days[0], first)
		check("days", len(r.Days), 3)
		check("channels", r.Channels, []analytics.ChannelTally{
			{NamedTally: analytics.NamedTally{Name: "email", Tally: total}, Days: r.Days},
		})
		check("variants", r.Variants, []analytics.NamedTally{
			{Name: "greeting: arm 2", Tally: analytics.Tally{Sent: 1, Delivered: 1, Mature: 1}},
			{Name: "greeting: short", Tally: analytics.Tally{Sent: 2, Opened: 1, Clicked: 1, Bounced: 1, Mature: 2, Converted: 1,
				Value: 100}},
		})
		// The mean delay is a day and a third: h2 converts in the three days from then on, h3 and h4 do not.
		check("controls", r.Controls, []analytics.ControlTally{{Journey: "cart", Delay: 4 * day / 3, Sends: stats.Wilson(1, 3),
			HeldOut: stats.Wilson(1, 3), Converted: 1, Difference: stats.Newcombe(stats.Wilson(1, 3), stats.Wilson(1, 3))}})

		check("all messages", s.resultsOf(at(10*day), analytics.ResultsFilter{Window: 3 * day}).Total, total)
		check("another message", s.resultsOf(at(10*day), analytics.ResultsFilter{Message: "none"}).Total, analytics.Tally{})
		check("since", s.resultsOf(at(10*day), analytics.ResultsFilter{Since: at(5 * day)}).Total, analytics.Tally{Sent: 1, Maturing: 1})
		check("a longer window", s.resultsOf(at(10*day), analytics.ResultsFilter{Window: 5 * day}).Total.Converted, int64(2))
	})
}

// A goal that a customer reaches when an exit has ended the enrollment counts within the window, on both sides of the comparison: the
// control group would win by default otherwise.
func TestResultsCountLateGoals(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured, greeting)}, enginetest.Reminder())
		at := func(days int) time.Time { return enginetest.Noon.Add(time.Duration(days) * enginetest.Day) }
		enter := func(id string, ended, ordered int) {
			e := s.enterAt(at(0), id)
			if id[0] != 'h' {
				s.takes(at(0), e, "short")
				s.mails(at(1), e, "k"+id, contract.StatusSent)
			}
			s.end(at(ended), e, contract.Completed, 0)
			if ordered > 0 {
				s.orders(at(ordered), id, "of "+id, 40)
			}
		}
		enter("a1", 2, 3) // in the window
		enter("a2", 2, 9) // after it
		enter("a3", 2, 0)
		enter("h1", 2, 3)
		enter("h2", 2, 9)
		other := s.enterAt(at(0), "a4") // another cart is not the goal
		s.mails(at(1), other, "ka4", contract.StatusSent)
		s.end(at(2), other, contract.Completed, 0)
		s.orders(at(3), "a4", "another", 40)

		r := s.resultsOf(at(20), analytics.ResultsFilter{Message: "reminder", Window: 3 * enginetest.Day})
		s.Equal([]any{r.Total.Sent, r.Total.Mature, r.Total.Converted, r.Total.Value}, []any{int64(4), int64(4), int64(1), 40.0})
		s.Equal([]any{r.Channels[0].Converted, r.Days[0].Converted, r.Variants[0].Mature, r.Variants[0].Converted},
			[]any{int64(1), int64(1), int64(3), int64(1)})
		s.Equal(len(r.Controls), 1)
		s.Equal([]any{r.Controls[0].Sends, r.Controls[0].HeldOut}, []any{stats.Wilson(1, 4), stats.Wilson(1, 2)})
		s.Equal(s.resultsOf(at(20), analytics.ResultsFilter{Window: 9 * enginetest.Day}).Total.Converted, int64(2))
		s.Equal(s.resultsOf(at(20), analytics.ResultsFilter{Message: "none"}).Total.Converted, int64(0))
	})
}

// Sends of a journey without a goal have no conversions, and lower no rate.
func TestResultsWithoutGoal(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) { d.Goal = nil })}, enginetest.Reminder())
		s.mails(enginetest.Noon, s.enterAt(enginetest.Noon, "ana"), "k", contract.StatusSent)
		r := s.resultsOf(enginetest.Noon.Add(30*enginetest.Day), analytics.ResultsFilter{Message: "reminder"})
		s.Equal([]int64{r.Total.Sent, r.Total.Mature, r.Total.Maturing}, []int64{1, 0, 0})
	})
}

func TestSplitsAreCompared(t *testing.T) {
	each(t, func(s *suite) {
		s.holdOutH()
		s.Publish([]*journey.Definition{enginetest.Cart(measured, greeting)}, enginetest.Reminder())
		enter := func(id, arm string, goal bool) {
			e := s.enterAt(enginetest.Noon, id)
			if arm != "" {
				s.takes(enginetest.Noon, e, arm)
			}
			if goal {
				s.end(enginetest.Noon.Add(enginetest.Day), e, contract.Goal, 10)
			}
		}
		enter("a1", "short", true)
		enter("a2", "short", true)
		enter("a3", "short", false)
		enter("a4", "2", true)
		enter("a5", "2", false)
		enter("a6", "", false) // ended before the split
		enter("h1", "", false)
		enter("h2", "", true)
		s.takes(enginetest.Noon, s.enterAt(enginetest.Noon.Add(5*enginetest.Day), "a7"), "2") // maturing

		n := s.numbersOf(enginetest.Noon.Add(12*enginetest.Day), "cart")
		if len(n.Splits) != 1 || len(n.Splits[0].Arms) != 2 || len(n.Splits[0].Pairs) != 1 {
			t.Fatalf("splits: %+v", n.Splits)
		}
		got := n.Splits[0]
		s.Equal([]any{got.Step, got.Reached, got.Of}, []any{"greeting", int64(5), int64(6)})
		short, other := got.Arms[0], got.Arms[1]
		s.Equal([]any{short.Arm, short.Rate, other.Arm, other.Rate, other.Maturing},
			[]any{"short", stats.Wilson(2, 3), "2", stats.Wilson(1, 2), int64(1)})
		s.Equal([]any{short.Compared, short.Control}, []any{true, stats.Newcombe(stats.Wilson(2, 3), stats.Wilson(1, 2))})
		pair := got.Pairs[0]
		s.Equal([]any{pair.Arm, pair.Other, math.Round(1000 * pair.Difference.Share)}, []any{"2", "short", -167.0})
		s.Equal(pair.Needed, stats.Needed(0.5, 2.0/3))

		// On the first day no window is over, and nothing is compared.
		n = s.numbersOf(enginetest.Noon.Add(enginetest.Day), "cart")
		s.Equal([]any{n.Splits[0].Reached, len(n.Splits[0].Pairs), n.Splits[0].Arms[0].Compared}, []any{int64(0), 0, false})
	})
}
