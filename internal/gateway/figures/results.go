package figures

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
)

const (
	resultsTimeout = 2 * time.Minute // of reading them (wall time)
	resultsKept    = 64              // answers that are kept in memory
	maxWindow      = 366 * 24 * time.Hour
)

// resultsKey is a question that was asked. Periods are kept in words: the moment at which they begin moves.
type resultsKey struct {
	message string
	since   time.Duration // before now; 0: all time
	window  time.Duration
}

// results keeps the answer to a question. It is read again after countsAge or, where reading took long, after a multiple of that.
type results struct {
	mu   sync.Mutex
	next time.Time // wall: when it is read again
	last analytics.Results
	ok   bool
}

// resultsShare is the largest share of time that is spent on reading one answer.
const resultsShare = 0.05

// results returns an answer, fresh or kept. Callers who ask while it is being read wait for the same answer.
func (s *Figures) results(ctx context.Context, key resultsKey) (analytics.Results, error) {
	s.resultsMu.Lock()
	if len(s.kept) >= resultsKept {
		s.kept = map[resultsKey]*results{}
	}
	k := s.kept[key]
	if k == nil {
		k = &results{}
		s.kept[key] = k
	}
	s.resultsMu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ok && s.Wall().Before(k.next) {
		begins, err := s.rooms.Analytics.Begins(ctx) // older rows may be deleted meanwhile
		k.last.Begins = begins.Of(retention.Enrollments, retention.Sends).After(k.last.Since)
		return k.last, err
	}
	ctx, cancel := context.WithTimeout(ctx, resultsTimeout)
	defer cancel()
	f := analytics.ResultsFilter{Message: key.message, Window: key.window}
	now := s.Now()
	if key.since > 0 {
		f.Since = now.Add(-key.since)
	}
	began := s.Wall()
	out, err := s.rooms.Analytics.Results(ctx, now, f)
	if err != nil {
		return out, err
	}
	took := s.Wall().Sub(began)
	k.last, k.ok, k.next = out, true, s.Wall().Add(max(countsAge, time.Duration(float64(took)/resultsShare)))
	return out, nil
}

// key reads a question.
func (s *Figures) key(message string, f api.ResultsFilter) (resultsKey, error) {
	k := resultsKey{message: message, window: analytics.DefaultWindow}
	if text := cmp.Or(f.Since, DefaultPeriod); text != "all" {
		d, err := clock.ParseDuration(text)
		if err != nil || d <= 0 {
			return k, web.Bad("since", `must be a duration such as 30d, or "all"`)
		}
		k.since = d
	}
	if f.Window != "" {
		d, err := clock.ParseDuration(f.Window)
		if err != nil || d <= 0 || d > maxWindow {
			return k, web.Bad("window", "must be a duration of at most a year, such as 7d")
		}
		k.window = d
	}
	return k, nil
}

// Messages returns what came of each message. Those of the current release that were not sent are there too.
func (s *Figures) Messages(ctx context.Context, f api.ResultsFilter) (api.MessageList, error) {
	key, err := s.key("", f)
	if err != nil {
		return api.MessageList{}, err
	}
	r, err := s.results(ctx, key)
	if err != nil {
		return api.MessageList{}, err
	}
	_, content, err := s.rooms.Catalog.Content(ctx)
	if err != nil {
		return api.MessageList{}, err
	}
	out := api.MessageList{ResultPeriod: period(r), Total: viewTally("", r.Total), Messages: viewTallies(r.Messages)}
	sent := map[string]bool{}
	for _, m := range r.Messages {
		sent[m.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(content.Messages)) {
		if !sent[name] {
			out.Messages = append(out.Messages, viewTally(name, analytics.Tally{}))
		}
	}
	return out, nil
}

// Message returns what came of a message; ErrNotFound where the current release has none of this name, and none was sent in the period.
func (s *Figures) Message(ctx context.Context, name string, f api.ResultsFilter) (api.MessageResults, error) {
	key, err := s.key(name, f)
	if err != nil {
		return api.MessageResults{}, err
	}
	r, err := s.results(ctx, key)
	if err != nil {
		return api.MessageResults{}, err
	}
	if len(r.Messages) == 0 {
		_, content, err := s.rooms.Catalog.Content(ctx)
		if err == nil && content.Messages[name] == nil {
			err = sqldb.ErrNotFound
		}
		if err != nil {
			return api.MessageResults{}, err
		}
	}
	out := api.MessageResults{
		ResultPeriod: period(r), Message: name, Total: viewTally("", r.Total), Channels: []api.ResultNumbers{},
		Languages: viewTallies(r.Languages), Tones: viewTallies(r.Tones), Variants: viewTallies(r.Variants),
		Journeys: viewTallies(r.Journeys), Days: viewTallies(r.Days), Controls: []api.ControlComparison{},
	}
	for _, c := range r.Channels {
		out.Channels = append(out.Channels, viewTally(c.Name, c.Tally))
	}
	for _, c := range r.Controls {
		d := Difference(c.Difference)
		out.Controls = append(out.Controls, api.ControlComparison{
			Journey: c.Journey, Delay: int64(c.Delay / time.Second), Sends: c.Sends.N, Rate: proportion(c.Sends), HeldOut: c.HeldOut.N,
			Converted: c.Converted, Control: proportion(c.HeldOut), Difference: d, Verdict: api.Verdict(d),
		})
	}
	return out, nil
}

// Channels returns what came of the sends on each channel.
func (s *Figures) Channels(ctx context.Context, f api.ResultsFilter) (api.ChannelList, error) {
	key, err := s.key("", f)
	if err != nil {
		return api.ChannelList{}, err
	}
	r, err := s.results(ctx, key)
	if err != nil {
		return api.ChannelList{}, err
	}
	out := api.ChannelList{ResultPeriod: period(r), Channels: []api.ChannelNumbers{}}
	for _, c := range r.Channels {
		out.Channels = append(out.Channels, api.ChannelNumbers{ResultNumbers: viewTally(c.Name, c.Tally), Days: viewTallies(c.Days)})
	}
	return out, nil
}

// Splits compares the arms of a journey's splits.
func (s *Figures) Splits(ctx context.Context, name string) (api.SplitResults, error) {
	n, err := s.Numbers(ctx, name)
	if err != nil {
		return api.SplitResults{}, err
	}
	return ViewSplits(n), nil
}

// ViewSplits converts the comparison of a journey's splits to the form of the admin API.
func ViewSplits(n analytics.Numbers) api.SplitResults {
	out := api.SplitResults{At: n.At, Journey: n.Journey, Goal: n.Funnel.Goal, HeldOut: viewGroup(n.Funnel.HeldOut),
		Splits: []api.SplitNumbers{}, CompleteSince: api.CompleteSince(n.Begins)}
	for _, s := range n.Splits {
		one := api.SplitNumbers{Step: s.Step, Reached: s.Reached, Of: s.Of, Arms: []api.ArmNumbers{}, Pairs: []api.ArmComparison{}}
		for _, a := range s.Arms {
			arm := api.ArmNumbers{Arm: a.Arm, GroupNumbers: viewGroup(a.Group)}
			if a.Compared {
				d := Difference(a.Control)
				arm.Control, arm.Verdict = &d, api.Verdict(d)
			}
			one.Arms = append(one.Arms, arm)
		}
		for _, p := range s.Pairs {
			d := Difference(p.Difference)
			one.Pairs = append(one.Pairs, api.ArmComparison{Arm: p.Arm, Other: p.Other, Difference: d, Verdict: api.Verdict(d),
				Needed: p.Needed})
		}
		out.Splits = append(out.Splits, one)
	}
	return out
}

// WriteCSV writes a table as CSV.
func WriteCSV(w io.Writer, t api.Table) error {
	out := csv.NewWriter(w)
	return out.WriteAll(t.Table())
}

func period(r analytics.Results) api.ResultPeriod {
	return api.ResultPeriod{At: r.At, Since: r.Since, Window: int64(r.Window / time.Second), CompleteSince: api.CompleteSince(r.Begins)}
}

// Difference returns a difference in the form of the admin API.
func Difference(d stats.Difference) api.Interval {
	return api.Interval{Estimate: d.Share, Low: d.Low, High: d.High}
}

func proportion(p stats.Proportion) api.Interval {
	return api.Interval{Estimate: p.Share, Low: p.Low, High: p.High}
}

func viewTallies(list []analytics.NamedTally) []api.ResultNumbers {
	out := []api.ResultNumbers{}
	for _, one := range list {
		out = append(out, viewTally(one.Name, one.Tally))
	}
	return out
}

func viewTally(name string, t analytics.Tally) api.ResultNumbers {
	reaction := func(k int64) api.ReactionNumbers {
		return api.ReactionNumbers{Count: k, Rate: proportion(stats.Wilson(k, t.Sent))}
	}
	return api.ResultNumbers{
		Name: name, Sent: t.Sent, Delivered: reaction(t.Delivered), Opened: reaction(t.Opened), Clicked: reaction(t.Clicked),
		Replied: reaction(t.Replied), Bounced: reaction(t.Bounced), Complained: reaction(t.Complained), OptedOut: reaction(t.OptedOut),
		Converted: api.ConversionNumbers{Count: t.Converted, Rate: proportion(stats.Wilson(t.Converted, t.Mature)), Sends: t.Mature,
			Maturing: t.Maturing, Value: t.Value},
		Unknown: t.Unknown, Suppressed: t.Suppressed, Failed: t.Failed,
	}
}
