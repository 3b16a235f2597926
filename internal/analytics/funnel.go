package analytics

import (
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Funnel compares the customers who were treated with those who were held out, by the standards of a randomized trial:
//
//   - The unit is the customer, whom chance put into a group. Each counts once, by the first of the entries looked at. (Entries are not
//     independent: a treated customer whose enrollment has ended may enter again while a held-out one is still watched.)
//   - Everybody who entered counts, whatever became of the enrollment (intention to treat).
//   - Both groups are watched over the same window from entry: the goal's `within`, else the journey's `timeout`, of the revision they
//     are on. Only customers whose window is over count (a matured cohort); the others are maturing.
//   - A goal reached in the window counts, also after the enrollment has ended or an exit rule has ended it. The events in the log are
//     held against the goal's condition. There `entry`, `event`, `event_name`, `now`, the starting `vars` and `intent` have the values of
//     then; `customer`, `count` and `last` have those of today; `steps` has none. Otherwise the control group, watched to the end of the
//     window, would win by default.
//   - Where retention has deleted entries, or events by which goals are found, only customers who entered since count: what is left of the
//     earlier ones is no fair sample.
type Funnel struct {
	Goal       bool // the current release's journey, or the latest entered revision, has one
	Treated    Group
	HeldOut    Group
	Milestones []Milestone // sends, in the order of the file; of the treated
	// Difference of the rates (treated less held-out), and Lift, the difference relative to the held-out's
	// rate. Compared is false where a group is empty, Lifted where the held-out's rate is 0.
	Compared   bool
	Difference stats.Difference
	Lifted     bool
	Lift       float64
}

// Group is one side of the comparison.
type Group struct {
	Maturing  int64 // customers whose window is not over
	Customers int64 // whose window is over: the base of everything below
	Converted int64 // of them, those who reached the goal within their window
	Early     int64 // of Maturing, those who reached the goal already
	Late      int64 // of Converted, those found in the event log, after their enrollment had ended
	Value     float64
	Rate      stats.Proportion
	PerHead   float64 // Value / Customers
}

// Milestone is a send, and to how many of the treated whose window is over it was sent.
type Milestone struct {
	Step, Message string
	Customers     int64
	Maturing      int64 // customers whose window is not over
}

// cohortMember is a customer's first entry.
type cohortMember struct {
	revision  string
	entered   int64
	end       int64 // of the window
	holdout   bool
	closed    bool
	converted bool
	late      bool
	value     float64
	goal      int64 // when the event log had it; 0: the enrollment saw it itself, or nobody did
}

func (c *count) funnel() error {
	f := &c.n.Funnel
	f.Goal = c.programs[c.n.Shown].Goal != nil
	members, err := c.members()
	if err != nil {
		return err
	}
	for id, m := range members { // of earlier ones, some are gone, or what they did is: the rest is no fair sample
		if m.entered < c.complete() {
			delete(members, id)
		}
	}
	for revision, p := range c.programs {
		if p.Goal != nil {
			if err := c.late(revision, p, members, latest, ` and l.id in (select min(id) from latest group by customer)`); err != nil {
				return err
			}
		}
	}
	for _, m := range members {
		g := &f.Treated
		if m.holdout {
			g = &f.HeldOut
		}
		g.count(m, c.n.At)
	}
	for _, g := range []*Group{&f.Treated, &f.HeldOut} {
		g.settle()
	}
	if f.Compared = f.Goal && f.Treated.Customers > 0 && f.HeldOut.Customers > 0; f.Compared {
		f.Difference = stats.Newcombe(f.Treated.Rate, f.HeldOut.Rate)
		if f.Lifted = f.HeldOut.Converted > 0; f.Lifted {
			f.Lift = f.Difference.Share / f.HeldOut.Rate.Share
		}
	}
	if f.Goal {
		if err := c.splits(members); err != nil {
			return err
		}
	}
	return c.milestones(c.programs[c.n.Shown].Definition, members)
}

// count counts a member.
func (g *Group) count(m *cohortMember, now time.Time) {
	if m.end > sqldb.Millis(now) {
		g.Maturing++
		if m.converted {
			g.Early++
		}
		return
	}
	g.Customers++
	if m.converted {
		g.Converted++
		g.Value += m.value
	}
	if m.late {
		g.Late++
	}
}

// settle computes the rate and the value per customer.
func (g *Group) settle() {
	g.Rate = stats.Wilson(g.Converted, g.Customers)
	if g.Customers > 0 {
		g.PerHead = g.Value / float64(g.Customers)
	}
}

// complete returns the time (Unix milliseconds) from which on all entries are there with what their customers did.
func (c *count) complete() int64 {
	from := c.n.Begins[retention.Enrollments]
	if events := c.n.Begins[retention.Events]; c.n.Funnel.Goal && events.After(from) {
		from = events
	}
	return sqldb.Millis(from)
}

// window is how long an entry is watched for the goal.
func window(d *journey.Definition) time.Duration {
	if d.Goal != nil && d.Goal.Within > 0 {
		return d.Goal.Within
	}
	return d.Timeout
}

// members are the customers' first entries, by enrollment.
func (c *count) members() (map[string]*cohortMember, error) {
	out := map[string]*cohortMember{}
	err := c.rows(func(r *sql.Rows) error {
		var m cohortMember
		var id, state, outcome string
		var closed, kept int64
		var holdout int
		var keptValue float64
		if err := r.Scan(&id, &m.revision, &m.entered, &closed, &state, &outcome, &m.value, &holdout, &kept, &keptValue); err != nil {
			return err
		}
		m.holdout, m.closed = holdout != 0, state == unit.StateClosed
		m.end = m.entered + window(c.programs[m.revision].Definition).Milliseconds()
		m.converted = m.closed && outcome == contract.Goal && closed <= m.end
		switch {
		case m.converted:
		case kept != 0 && kept <= m.end: // its event is gone
			m.converted, m.late, m.value = true, m.closed, keptValue
		default:
			m.value = 0
		}
		out[id] = &m
		return nil
	}, latest+`select id, revision, entered_at, closed_at, state, outcome, value, holdout, goal_at, goal_value from latest
	where id in (select min(id) from latest group by customer)`)
	return out, err
}

// late looks in the event log for goals of members whose enrollment did not see them. from begins the query: it names the entries latest;
// and is a further condition of those.
func (c *count) late(revision string, p *catalog.PackedProgram, members map[string]*cohortMember, from, and string) error {
	reads := p.Remote(p.Goal.When) || p.Remote(p.Goal.Value)
	traits, join, filter := `''`, ``, ``
	if reads {
		traits, join = `u.traits`, ` join customer_profiles u on u.id = l.customer`
	}
	args := []any{revision, window(p.Definition).Milliseconds(), sqldb.Millis(c.n.At), customer.MaxDepth}
	if len(p.Goal.Events) > 0 {
		names := sqldb.Sorted(p.Goal.Events)
		filter = ` and e.name in (` + sqldb.List(7, len(names)) + `)`
		for _, name := range names {
			args = append(args, name)
		}
	}
	var later []goalCandidate // what reads the customer waits until the query is through: it may need the connection
	if err := c.rows(func(r *sql.Rows) error {
		var k goalCandidate
		var own, entry, properties string
		if err := r.Scan(&k.enrollment, &k.customer, &k.name, &k.received, &properties, &entry, &own); err != nil {
			return err
		}
		if m := members[k.enrollment]; m == nil || m.converted {
			return nil
		}
		var err error
		if k.properties, err = sqldb.Object(properties); err != nil {
			return err
		}
		if k.entry, err = sqldb.Object(entry); err != nil {
			return err
		}
		if !reads {
			return c.judge(p, members[k.enrollment], k)
		}
		k.traits, err = sqldb.Object(own)
		later = append(later, k)
		return err
	}, from+`select l.id, l.customer, e.name, e.received_at, e.properties, n.properties, `+traits+
		` from latest l join event_log n on n.id = l.entry_event`+join+`
		join event_log e on e.customer = l.customer and e.at <= l.entered_at + cast($4 as bigint)`+filter+`
		where l.revision = $3 and not (l.state = 'closed' and l.outcome = 'goal' and l.closed_at <= l.entered_at + cast($4 as bigint))
		and e.received_at <= l.entered_at + cast($4 as bigint) and e.received_at <= cast($5 as bigint) and e.depth <= $6 and e.name <> ''
		and (e.received_at > l.entered_at or e.received_at = l.entered_at and e.n > n.n) and e.id <> n.id`+and+`
		order by l.id, e.received_at, e.n`, args...); err != nil {
		return err
	}
	for _, k := range later {
		if m := members[k.enrollment]; !m.converted {
			if err := c.judge(p, m, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// goalCandidate is an event that may be the goal of an enrollment.
type goalCandidate struct {
	enrollment, customer, name string
	received                   int64
	properties, entry, traits  map[string]any
}

// judge holds an event against the goal.
func (c *count) judge(p *catalog.PackedProgram, m *cohortMember, k goalCandidate) error {
	vars := expr.Vars{
		Entry:     k.entry,
		Event:     k.properties,
		EventName: k.name,
		Now:       sqldb.Moment(k.received),
		Vars:      p.Vars,
		Intent:    map[string]float64{},
	}
	if k.traits != nil {
		vars.Customer = unit.TraitsOf(k.customer, k.traits)
		vars.History = &customer.History{Ctx: c.ctx, Tx: c.tx, Customer: k.customer, Now: vars.Now}
	}
	if p.ReadsIntent(p.Goal.When) || p.ReadsIntent(p.Goal.Value) {
		rel, err := c.s.db.Current(c.ctx, c.tx)
		if err != nil {
			return err
		}
		if vars.Intent, err = intent.ScoresThen(c.ctx, c.tx, rel.Intents, k.customer, vars.Now); err != nil {
			return err
		}
	}
	if !p.Test(p.Goal.When, vars) {
		return nil
	}
	m.converted, m.late, m.goal = true, m.closed, k.received
	if p.Goal.Value == "" {
		return nil
	}
	if value, err := p.Eval(p.Goal.Value, vars); err == nil {
		m.value, _ = number.Float(value)
	}
	return nil
}

// milestones counts to whom each message of a step was sent, on any revision that has the same step.
func (c *count) milestones(d *journey.Definition, members map[string]*cohortMember) error {
	shown := map[[2]string]string{}
	for _, s := range c.n.Steps {
		shown[[2]string{s.Revision, s.Step}] = s.Shown
	}
	type stage struct{ step, message string }
	reached, early := map[stage]map[string]bool{}, map[stage]map[string]bool{} // → customers' first enrollments
	if err := c.rows(func(r *sql.Rows) error {
		var id, revision, step, message string
		if err := r.Scan(&id, &revision, &step, &message); err != nil {
			return err
		}
		if m := members[id]; m != nil && !m.holdout {
			at, who := stage{shown[[2]string{revision, step}], message}, reached
			if m.end > sqldb.Millis(c.n.At) {
				who = early
			}
			if who[at] == nil {
				who[at] = map[string]bool{}
			}
			who[at][id] = true
		}
		return nil
	}, latest+`select distinct c.enrollment, `+revisionOf("c")+`, c.step, c.message from latest l join send_log c on c.enrollment = l.id
	where c.status = 'sent'`); err != nil {
		return err
	}
	for i := range d.Steps {
		for _, said := range d.Steps[i].Describe().Messages {
			c.n.Funnel.Milestones = append(c.n.Funnel.Milestones, Milestone{Step: d.Steps[i].ID, Message: said.Message,
				Customers: int64(len(reached[stage{d.Steps[i].ID, said.Message}])),
				Maturing:  int64(len(early[stage{d.Steps[i].ID, said.Message}]))})
		}
	}
	return nil
}
