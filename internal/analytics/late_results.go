package analytics

import (
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// LateLimit is how many of a journey's latest ended enrollments Results holds against the event log.
const LateLimit = 100_000

// lateGoal is a goal that a customer reached after the enrollment had ended otherwise. Times are Unix milliseconds.
type lateGoal struct {
	at, entered, closed int64
	holdout             bool
	value               float64
}

// lateSend is a send that converted by a late goal.
type lateSend struct {
	resultRow
	enrollment string
	at         int64
}

// late adds the goals that customers reached within the window after a send when the enrollment had ended already, by an exit for
// instance. It finds them as the Funnel does. Without them the control group, which no exit after a step ends, would win by default.
func (r *resultsCount) late() error {
	for _, name := range slices.Sorted(maps.Keys(r.goals)) {
		of := r.parts["journey"][name]
		if !r.goals[name] || of == nil || of.Mature == 0 {
			continue
		}
		goals, err := r.lateGoals(name, sqldb.Millis(r.filter.Since.Add(-of.meanDelay())))
		if err != nil {
			return err
		}
		r.lateOf[name] = goals
		if err := r.convert(name, goals); err != nil {
			return err
		}
	}
	return nil
}

// meanDelay is the mean time from entry to send.
func (t *Tally) meanDelay() time.Duration {
	return time.Duration(t.delay/float64(max(t.Mature, 1))) * time.Millisecond
}

// lateGoals returns the late goals of a journey's enrollments that ended from a time on, by enrollment.
func (r *resultsCount) lateGoals(name string, from int64) (map[string]lateGoal, error) {
	ended := `with latest as (select id, customer, revision, entered_at, closed_at, state, outcome, value, holdout, entry_event
		from enrollment_states where journey = $1 and state = 'closed' and outcome <> 'goal' and goal_at = 0
		and closed_at >= ` + strconv.FormatInt(from, 10) + ` order by id desc limit $2) `
	c := count{ctx: r.ctx, tx: r.tx, s: r.s, n: &Numbers{Journey: name, At: r.out.At}, limit: LateLimit,
		programs: map[string]*catalog.PackedProgram{}}
	members, found, revisions := map[string]*cohortMember{}, map[string]lateGoal{}, map[string]bool{}
	if err := c.rows(func(rows *sql.Rows) error {
		var id string
		var g lateGoal
		m := cohortMember{closed: true}
		var holdout int
		if err := rows.Scan(&id, &m.revision, &g.entered, &g.closed, &holdout); err != nil {
			return err
		}
		g.holdout = holdout != 0
		members[id], found[id], revisions[m.revision] = &m, g, true
		return nil
	}, ended+`select id, revision, entered_at, closed_at, holdout from latest`); err != nil {
		return nil, err
	}
	for _, revision := range slices.Sorted(maps.Keys(revisions)) {
		p, err := r.s.db.Load(r.ctx, r.tx, revision)
		if errors.Is(err, sql.ErrNoRows) || err == nil && p.Goal == nil { // a definition that is gone has no goal
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := c.late(revision, p, members, ended, ``); err != nil {
			return nil, err
		}
	}
	for id, g := range found {
		if m := members[id]; m.goal >= g.closed && m.goal > 0 {
			g.at, g.value = m.goal, m.value
			found[id] = g
		} else {
			delete(found, id)
		}
	}
	return found, nil
}

// convert counts the sends before late goals as converted.
func (r *resultsCount) convert(name string, goals map[string]lateGoal) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(goals)), 500) {
		args := []any{sqldb.Millis(r.filter.Since), sqldb.Millis(r.out.At.Add(-r.filter.Window))}
		for _, id := range ids {
			args = append(args, id)
		}
		if err := sqldb.Rows(r.ctx, r.tx, func(rows *sql.Rows) error {
			s := lateSend{resultRow: resultRow{journey: name}}
			if err := rows.Scan(&s.enrollment, &s.at, &s.message, &s.channel, &s.language, &s.tone); err != nil {
				return err
			}
			g := goals[s.enrollment]
			if r.filter.Message != "" && s.message != r.filter.Message || g.at < s.at ||
				g.at > s.at+r.filter.Window.Milliseconds() {
				return nil
			}
			s.day, s.Converted, s.Value = s.at/86_400_000, 1, g.value
			r.fold(&s.resultRow)
			r.lateSends = append(r.lateSends, s)
			return nil
		}, `select c.enrollment, c.at, c.message, c.channel, c.language, c.tone from send_log c where c.status = 'sent'
			and c.category <> 'test' and c.at >= $1 and c.at <= $2 and c.enrollment in (`+sqldb.List(3, len(ids))+`)`,
			args...); err != nil {
			return err
		}
	}
	return nil
}

// lateVariants counts the sends that converted by late goals by the arms that their enrollments had passed.
func (r *resultsCount) lateVariants(label func(name, step, arm string) string) error {
	for sends := range slices.Chunk(r.lateSends, 500) {
		of, args := map[string][]lateSend{}, []any{}
		for _, s := range sends {
			of[s.enrollment] = append(of[s.enrollment], s)
			args = append(args, s.enrollment)
		}
		if err := sqldb.Rows(r.ctx, r.tx, func(rows *sql.Rows) error {
			var id, step, arm string
			var at int64
			if err := rows.Scan(&id, &step, &arm, &at); err != nil {
				return err
			}
			for _, s := range of[id] {
				if at <= s.at {
					r.part("variant", label(s.journey, step, arm), Tally{Converted: 1, Value: s.Value})
				}
			}
			return nil
		}, `select enrollment, step, arm, at from visit_log where kind = 'split' and skipped_at = 0 and visit = 1
			and enrollment in (`+sqldb.List(1, len(args))+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

// lateControls returns how many of the control group reached the goal late, in the window that begins so long after entry.
func (r *resultsCount) lateControls(name string, delay, window time.Duration) (n int64) {
	d, w := delay.Milliseconds(), window.Milliseconds()
	for _, g := range r.lateOf[name] {
		if g.holdout && g.entered >= sqldb.Millis(r.filter.Since.Add(-delay)) && g.entered <= sqldb.Millis(r.out.At.Add(-delay-window)) &&
			g.closed >= g.entered+d && g.at <= g.entered+d+w {
			n++
		}
	}
	return n
}

// variantLabel names an arm; with several journeys also its journey.
func variantLabel(several bool) func(name, step, arm string) string {
	return func(name, step, arm string) string {
		label := step + ": " + journey.ArmLabel(arm)
		if several {
			label = name + " " + label
		}
		return label
	}
}
