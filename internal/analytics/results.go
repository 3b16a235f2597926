package analytics

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// Tally counts sends and what came of them. Each send counts once for each kind of reaction, however often and by whomever it was
// reported. What machines did, and sends of tests, do not count.
type Tally struct {
	Sent                                int64
	Delivered, Opened, Clicked, Replied int64 // of Sent
	Bounced, Complained, OptedOut       int64 // of Sent
	Unknown                             int64 // of Sent, those of which nobody knows whether they went out
	Suppressed, Failed                  int64 // not sent
	Mature, Maturing                    int64 // of Sent, by journeys with a goal: those whose window is over, and the others
	Converted                           int64 // of Mature: the customer reached the enrollment's goal in the window, also after it ended
	Value                               float64
	delay                               float64 // sum of the times from entry to send, of Mature
}

func (t *Tally) add(o Tally) {
	t.Sent, t.Unknown, t.Suppressed, t.Failed = t.Sent+o.Sent, t.Unknown+o.Unknown, t.Suppressed+o.Suppressed, t.Failed+o.Failed
	t.Delivered, t.Opened, t.Clicked, t.Replied = t.Delivered+o.Delivered, t.Opened+o.Opened, t.Clicked+o.Clicked, t.Replied+o.Replied
	t.Bounced, t.Complained, t.OptedOut = t.Bounced+o.Bounced, t.Complained+o.Complained, t.OptedOut+o.OptedOut
	t.Mature, t.Maturing, t.Converted = t.Mature+o.Mature, t.Maturing+o.Maturing, t.Converted+o.Converted
	t.Value, t.delay = t.Value+o.Value, t.delay+o.delay
}

// NamedTally is a part of the sends. Day is the UTC day at Name 2026-03-02.
type NamedTally struct {
	Name string
	Tally
}

// DefaultWindow is how long after a send a goal counts as a conversion, unless a caller asks for another window.
const DefaultWindow = 7 * 24 * time.Hour

// ResultsFilter selects sends. Empty fields do not filter.
type ResultsFilter struct {
	Message string
	Since   time.Time     // virtual; zero: all time
	Window  time.Duration // of conversions
}

// Results say what came of the sends of a message, or of all messages: each list has a part of the same sends.
type Results struct {
	At, Since time.Time // virtual
	Window    time.Duration
	Total     Tally
	Messages  []NamedTally // most sent first, as all lists except days
	Channels  []ChannelTally
	Languages []NamedTally // the key of the treatment's language; '' is the message's own
	Tones     []NamedTally // '' is the plain one
	Journeys  []NamedTally // '' is what channels showed by POST /v1/decide
	Days      []NamedTally // by time
	Variants  []NamedTally // with a message: "step: arm" of the splits that the customers had passed; with more journeys, of each
	Controls  []ControlTally
	Begins    retention.Begins // of what is counted: where older rows were deleted
}

// ChannelTally is the part of a channel, with its days.
type ChannelTally struct {
	NamedTally
	Days []NamedTally
}

// ControlTally compares the sends of a message in a journey with the journey's control group, over the same window: the time from the mean
// delay between entry and send on. Of the control group, those count who were still in the journey at that moment. So a message late in a
// journey is not compared with goals that came before it.
type ControlTally struct {
	Journey    string
	Delay      time.Duration
	Sends      stats.Proportion
	HeldOut    stats.Proportion // of enrollments
	Converted  int64            // of HeldOut
	Difference stats.Difference // of the rates, sends less held-out
}

// ofResults is what results are made of, by kind of data.
var ofResults = []string{retention.Enrollments, retention.Sends}

// tallies are the columns of a Tally. $1 is the end of the sends whose window is over, $2 the window in milliseconds.
const tallies = ` sum(case when c.status = 'sent' then 1 else 0 end), sum(case when c.delivered_at > 0 then 1 else 0 end),
	sum(case when c.opened_at > 0 then 1 else 0 end), sum(case when c.clicked_at > 0 then 1 else 0 end),
	sum(case when c.replied_at > 0 then 1 else 0 end), sum(case when c.bounced_at > 0 then 1 else 0 end),
	sum(case when c.complained_at > 0 then 1 else 0 end), sum(case when c.opted_out_at > 0 then 1 else 0 end),
	sum(case when c.status = 'sent' then c.outcome_unknown else 0 end), sum(case when c.status = 'suppressed' then 1 else 0 end),
	sum(case when c.status = 'failed' then 1 else 0 end),
	sum(case when ` + mature + ` then 1 else 0 end),
	sum(case when c.status = 'sent' and c.at > cast($1 as bigint) and e.id is not null then 1 else 0 end),
	sum(case when ` + mature + ` and (` + goalSeen + ` or ` + goalKept + `) then 1 else 0 end),
	sum(case when not (` + mature + `) then 0 when ` + goalSeen + ` then e.value when ` + goalKept + ` then e.goal_value else 0 end),
	sum(case when ` + mature + ` then cast(c.at - e.entered_at as double precision) else 0 end)`

const (
	mature   = `c.status = 'sent' and c.at <= cast($1 as bigint) and e.id is not null`
	goalSeen = `e.state = 'closed' and e.outcome = 'goal' and e.closed_at between c.at and c.at + cast($2 as bigint)`
	goalKept = `e.goal_at between c.at and c.at + cast($2 as bigint)`
)

func (t *Tally) columns() []any {
	return []any{&t.Sent, &t.Delivered, &t.Opened, &t.Clicked, &t.Replied, &t.Bounced, &t.Complained, &t.OptedOut, &t.Unknown,
		&t.Suppressed, &t.Failed, &t.Mature, &t.Maturing, &t.Converted, &t.Value, &t.delay}
}

// inResults are the sends that results count: $3 is since when, $4 the message.
func inResults(f ResultsFilter) (string, []any) {
	where := ` where c.at >= $3 and c.status in ('sent', 'suppressed', 'failed') and c.category <> 'test'`
	if f.Message == "" {
		return where, nil
	}
	return where + ` and c.message = $4`, []any{f.Message}
}

// Results counts the sends since a time with what came of them, by index, and locks nothing: some seconds for a million sends.
func (s *Room) Results(ctx context.Context, now time.Time, f ResultsFilter) (Results, error) {
	f.Window = cmp.Or(f.Window, DefaultWindow)
	out := Results{At: now, Since: f.Since, Window: f.Window}
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		begins, err := retention.ReadBegins(ctx, tx)
		if err != nil {
			return err
		}
		out.Begins = begins.Of(ofResults...).After(f.Since)
		r := resultsCount{ctx: ctx, tx: tx, s: s, out: &out, filter: f, goals: map[string]bool{}, parts: map[string]map[string]*Tally{},
			lateOf: map[string]map[string]lateGoal{}}
		if err := r.count(); err != nil {
			return err
		}
		if f.Message == "" {
			return nil
		}
		if err := r.variants(); err != nil {
			return err
		}
		return r.controls()
	})
	return out, err
}

// resultsCount is one run of Results.
type resultsCount struct {
	ctx    context.Context
	tx     sqldb.Conn
	s      *Room
	out    *Results
	filter ResultsFilter
	goals  map[string]bool              // by journey: it has one
	parts  map[string]map[string]*Tally // by list and name

	lateOf    map[string]map[string]lateGoal // by journey and enrollment
	lateSends []lateSend
}

// resultRow is a group of sends.
type resultRow struct {
	message, channel, language, tone, journey, revision string
	day                                                 int64
	Tally
}

func (r *resultsCount) part(list, name string, t Tally) {
	if r.parts[list] == nil {
		r.parts[list] = map[string]*Tally{}
	}
	if r.parts[list][name] == nil {
		r.parts[list][name] = &Tally{}
	}
	r.parts[list][name].add(t)
}

func (r *resultsCount) args() []any {
	return []any{sqldb.Millis(r.out.At.Add(-r.filter.Window)), r.filter.Window.Milliseconds(), sqldb.Millis(r.filter.Since)}
}

func (r *resultsCount) count() error {
	where, more := inResults(r.filter)
	var all []resultRow
	if err := sqldb.Rows(r.ctx, r.tx, func(rows *sql.Rows) error {
		var one resultRow
		err := rows.Scan(append([]any{&one.message, &one.channel, &one.language, &one.tone, &one.journey, &one.day, &one.revision},
			one.columns()...)...)
		all = append(all, one)
		return err
	}, `select c.message, c.channel, c.language, c.tone, c.journey, c.at / 86400000, coalesce(max(e.revision), ''),`+tallies+
		` from send_log c left join enrollment_states e on e.id = c.enrollment`+where+` group by 1, 2, 3, 4, 5, 6`,
		append(r.args(), more...)...); err != nil {
		return err
	}
	for i := range all {
		one := &all[i]
		if one.Mature+one.Maturing > 0 {
			if err := r.goal(one.journey, one.revision); err != nil {
				return err
			}
		}
		if !r.goals[one.journey] {
			one.Mature, one.Maturing, one.delay = 0, 0, 0
		}
		r.fold(one)
	}
	if err := r.late(); err != nil {
		return err
	}
	r.out.Messages, r.out.Languages, r.out.Tones, r.out.Journeys = r.list("message"), r.list("language"), r.list("tone"), r.list("journey")
	r.out.Days = r.days("day")
	for _, one := range r.list("channel") {
		r.out.Channels = append(r.out.Channels, ChannelTally{one, r.days("day/" + one.Name)})
	}
	return nil
}

// fold adds sends to all lists.
func (r *resultsCount) fold(one *resultRow) {
	r.out.Total.add(one.Tally)
	r.part("message", one.message, one.Tally)
	r.part("journey", one.journey, one.Tally)
	if one.channel == "" { // suppressed before a channel was chosen
		return
	}
	day := time.UnixMilli(one.day * 86_400_000).UTC().Format(time.DateOnly)
	for list, name := range map[string]string{"channel": one.channel, "language": one.language, "tone": one.tone, "day": day,
		"day/" + one.channel: day} {
		r.part(list, name, one.Tally)
	}
}

// list returns a list, most sent first.
func (r *resultsCount) list(name string) []NamedTally {
	out := r.days(name)
	slices.SortStableFunc(out, func(a, b NamedTally) int { return cmp.Compare(b.Sent, a.Sent) })
	return out
}

// days returns a list by name.
func (r *resultsCount) days(name string) []NamedTally {
	var out []NamedTally
	for _, key := range slices.Sorted(maps.Keys(r.parts[name])) {
		out = append(out, NamedTally{key, *r.parts[name][key]})
	}
	return out
}

// goal finds whether a journey has a goal: in the current release or, where that lacks the journey, in a revision of its enrollments.
func (r *resultsCount) goal(name, revision string) error {
	if _, known := r.goals[name]; known {
		return nil
	}
	rel, err := r.s.db.Current(r.ctx, r.tx)
	if err != nil {
		return err
	}
	if p := rel.Programs[name]; p != nil {
		r.goals[name] = p.Goal != nil
		return nil
	}
	p, err := r.s.db.Load(r.ctx, r.tx, revision)
	if errors.Is(err, sql.ErrNoRows) {
		r.goals[name] = false
		return nil
	}
	if err == nil {
		r.goals[name] = p.Goal != nil
	}
	return err
}

// variants counts the sends by the arms of the splits that their enrollments had passed.
func (r *resultsCount) variants() error {
	where, more := inResults(r.filter)
	label := variantLabel(len(r.out.Journeys) > 1)
	if err := sqldb.Rows(r.ctx, r.tx, func(rows *sql.Rows) error {
		var name, step, arm string
		var t Tally
		if err := rows.Scan(append([]any{&name, &step, &arm}, t.columns()...)...); err != nil {
			return err
		}
		if !r.goals[name] {
			t.Mature, t.Maturing, t.delay = 0, 0, 0
		}
		r.part("variant", label(name, step, arm), t)
		return nil
	}, `select c.journey, p.step, p.arm,`+tallies+` from send_log c join visit_log p on p.enrollment = c.enrollment and p.kind = 'split'
		and p.skipped_at = 0 and p.visit = 1 and p.at <= c.at left join enrollment_states e on e.id = c.enrollment`+where+
		` group by 1, 2, 3`, append(r.args(), more...)...); err != nil {
		return err
	}
	if err := r.lateVariants(label); err != nil {
		return err
	}
	r.out.Variants = r.days("variant")
	return nil
}

// controls compares the sends with the control groups of their journeys.
func (r *resultsCount) controls() error {
	for _, j := range r.out.Journeys {
		if j.Name == "" || !r.goals[j.Name] || j.Mature == 0 {
			continue
		}
		c := ControlTally{Journey: j.Name, Sends: stats.Wilson(j.Converted, j.Mature),
			Delay: j.meanDelay()}
		var n int64
		d, w := c.Delay, r.filter.Window
		if err := r.tx.QueryRowContext(r.ctx, `select count(*), coalesce(sum(case when e.outcome = 'goal' and e.state = 'closed' and
			e.closed_at <= e.entered_at + $3 or e.goal_at between e.entered_at + $2 and e.entered_at + $3 then 1 else 0 end), 0)
			from enrollment_states e where e.journey = $1 and e.holdout = 1 and e.entered_at >= $4 and e.entered_at <= $5
			and (e.closed_at = 0 or e.closed_at >= e.entered_at + $2) and not (e.goal_at > 0 and e.goal_at < e.entered_at + $2)`,
			j.Name, d.Milliseconds(), (d+w).Milliseconds(), sqldb.Millis(r.filter.Since.Add(-d)), sqldb.Millis(r.out.At.Add(-d-w))).
			Scan(&n, &c.Converted); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		c.Converted += r.lateControls(j.Name, d, w)
		c.HeldOut = stats.Wilson(c.Converted, n)
		c.Difference = stats.Newcombe(c.Sends, c.HeldOut)
		r.out.Controls = append(r.out.Controls, c)
	}
	slices.SortFunc(r.out.Controls, func(a, b ControlTally) int { return strings.Compare(a.Journey, b.Journey) })
	return nil
}
