package analytics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// revisionOf returns the revision that has the step of a visit or send: the enrollment may be on another one by now.
func revisionOf(row string) string {
	return `case when ` + row + `.revision = '' then l.revision else ` + row + `.revision end`
}

// load loads the programs of all revisions, and finds for every step the one that has its numbers in the revision shown.
func (c *count) load() error {
	c.n.Shown = c.n.Current
	if c.n.Shown == "" {
		c.n.Shown = c.n.Revisions[0].Revision
	}
	c.programs = map[string]*catalog.PackedProgram{}
	for _, revision := range append(slices.Sorted(maps.Keys(c.revisions)), c.n.Shown) {
		if c.programs[revision] != nil {
			continue
		}
		p, err := c.s.db.Load(c.ctx, c.tx, revision)
		if err != nil {
			return err
		}
		c.programs[revision] = p
	}
	same := map[string]map[string]diff.Same{}
	for i := range c.n.Steps {
		s := &c.n.Steps[i]
		if s.Revision == c.n.Shown {
			s.Shown = s.Step
			continue
		}
		if same[s.Revision] == nil {
			same[s.Revision] = diff.SameSteps(c.programs[s.Revision].Definition, c.programs[c.n.Shown].Definition)
		}
		one := same[s.Revision][s.Step]
		s.Shown, s.SameArms = one.Step, one.Arms
	}
	return nil
}

// ArmEarlier is the arm of visits on other revisions that left by an arm which the revision shown does not have.
const ArmEarlier = "another arm on other revisions"

// Of returns the numbers of the steps of a revision by id. With an empty revision it returns those of the revision shown, to
// which the numbers of the same steps of other revisions are added, and apart the steps of other revisions that it does not
// have.
func (n *Numbers) Of(revision string) (steps map[string]StepNumbers, elsewhere []StepNumbers) {
	steps = map[string]StepNumbers{}
	for _, s := range n.Steps {
		id := s.Shown
		switch {
		case revision == "" && id == "":
			elsewhere = append(elsewhere, s)
			continue
		case revision == "":
		case s.Revision != revision:
			continue
		default:
			id, s.SameArms = s.Step, nil
		}
		sum, met := steps[id]
		if !met {
			sum = StepNumbers{Revision: revision, Step: id, Shown: s.Shown, Kind: s.Kind, Arms: map[string]int64{}}
		}
		sum.add(s)
		steps[id] = sum
	}
	return steps, elsewhere
}

// add adds the numbers of the same step of another revision.
func (s *StepNumbers) add(other StepNumbers) {
	s.Here, s.Passed, s.Enrollments, s.Skipped = s.Here+other.Here, s.Passed+other.Passed, s.Enrollments+other.Enrollments,
		s.Skipped+other.Skipped
	for arm, k := range other.Arms {
		if to, counted := other.SameArms[arm]; counted {
			arm = cmp.Or(to, ArmEarlier)
		}
		s.Arms[arm] += k
	}
	for _, more := range other.Sends {
		i := slices.IndexFunc(s.Sends, func(o SendNumbers) bool {
			return o.Message == more.Message && o.Channel == more.Channel && o.Status == more.Status && o.Reason == more.Reason
		})
		if i < 0 {
			s.Sends = append(s.Sends, more)
			continue
		}
		s.Sends[i].Count, s.Sends[i].InDoubt = s.Sends[i].Count+more.Count, s.Sends[i].InDoubt+more.InDoubt
	}
}
