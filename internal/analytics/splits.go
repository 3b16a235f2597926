package analytics

import (
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// SplitNumbers compare the arms of a split by the goal, by the rules of the Funnel: each customer counts once, by the first entry, with the
// arm of its first visit. Chance alone decides on the arm, so the arms are comparable with each other whatever comes before the split.
type SplitNumbers struct {
	Step string
	// Reached are the treated customers whose window is over and who came to the split, of Of. The control group never comes to a split:
	// where Reached is less than Of, the comparison of an arm with it also has the difference between those who came and those who did not.
	Reached, Of int64
	Arms        []ArmNumbers
	Pairs       []ArmPair
}

// ArmNumbers are the customers of an arm.
type ArmNumbers struct {
	Arm string // key of the arm
	Group
	Compared bool // with the control group
	Control  stats.Difference
}

// ArmPair compares two arms that both have customers whose window is over.
type ArmPair struct {
	Arm, Other string
	Difference stats.Difference // of the rates, Arm less Other
	Needed     int64            // customers in each, to tell a difference as large as the one seen; 0: there is none
}

// splits counts the arms of each split of the revision that is shown, also of the same splits of other revisions.
func (c *count) splits(members map[string]*cohortMember) error {
	type place struct{ revision, step string }
	shown := map[place]*StepNumbers{}
	for i := range c.n.Steps {
		shown[place{c.n.Steps[i].Revision, c.n.Steps[i].Step}] = &c.n.Steps[i]
	}
	arms := map[string]map[string]*Group{} // by step and arm
	if err := c.rows(func(r *sql.Rows) error {
		var id, revision, step, arm string
		if err := r.Scan(&id, &revision, &step, &arm); err != nil {
			return err
		}
		m, at := members[id], shown[place{revision, step}]
		if m == nil || m.holdout || at == nil || at.Shown == "" {
			return nil
		}
		if to, counted := at.SameArms[arm]; counted {
			if to == "" {
				return nil // an arm that the revision shown does not have
			}
			arm = to
		}
		if arms[at.Shown] == nil {
			arms[at.Shown] = map[string]*Group{}
		}
		if arms[at.Shown][arm] == nil {
			arms[at.Shown][arm] = &Group{}
		}
		arms[at.Shown][arm].count(m, c.n.At)
		return nil
	}, latest+`select l.id, `+revisionOf("p")+`, p.step, p.arm from latest l join visit_log p on p.enrollment = l.id
	where p.kind = 'split' and p.skipped_at = 0 and p.visit = 1 and l.id in (select min(id) from latest group by customer)`); err != nil {
		return err
	}
	d := c.programs[c.n.Shown].Definition
	for i := range d.Steps {
		spec, is := d.Steps[i].Spec.(*journey.Split)
		if !is {
			continue
		}
		s := SplitNumbers{Step: d.Steps[i].ID, Of: c.n.Funnel.Treated.Customers}
		for k, arm := range spec.Arms {
			one := ArmNumbers{Arm: arm.Key(k)}
			if g := arms[s.Step][one.Arm]; g != nil {
				one.Group = *g
			}
			one.Group.settle()
			s.Reached += one.Customers
			if one.Compared = one.Customers > 0 && c.n.Funnel.HeldOut.Customers > 0; one.Compared {
				one.Control = stats.Newcombe(one.Rate, c.n.Funnel.HeldOut.Rate)
			}
			s.Arms = append(s.Arms, one)
		}
		s.pair()
		c.n.Splits = append(c.n.Splits, s)
	}
	return nil
}

// pair compares each two arms.
func (s *SplitNumbers) pair() {
	for i := range s.Arms {
		for k := range i {
			a, b := &s.Arms[i], &s.Arms[k]
			if a.Customers == 0 || b.Customers == 0 {
				continue
			}
			s.Pairs = append(s.Pairs, ArmPair{Arm: a.Arm, Other: b.Arm, Difference: stats.Newcombe(a.Rate, b.Rate),
				Needed: stats.Needed(a.Rate.Share, b.Rate.Share)})
		}
	}
}
