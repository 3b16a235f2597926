package journey

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// subject is what a scenario may name of the journeys that run in it.
type subject struct {
	name string
	def  *Definition   // of the journey under test; nil where it did not compile: then nothing is said of its names
	with []*Definition // of the others
	sure bool          // the others are all known, too
}

// journeyKnown reports whether the folder has a file for the journey, sound or not.
func (c *checker) journeyKnown(name string) bool {
	return c.journeyFiles[name] || c.content.Journeys[name] != nil
}

func (c *checker) journeyNames() []string { return slices.Sorted(maps.Keys(c.journeyFiles)) }

func (c *checker) newSubject(name string) *subject {
	return &subject{name: name, def: c.content.Journeys[name]}
}

// beside gives the subject of a scenario in which others run too.
func (c *checker) beside(s *subject, with []string) *subject {
	out := &subject{name: s.name, def: s.def, sure: s.def != nil}
	for _, name := range with {
		def := c.content.Journeys[name]
		out.sure = out.sure && def != nil
		if def != nil {
			out.with = append(out.with, def)
		}
	}
	return out
}

// tested is the journey under test, if it compiled.
func (s *subject) tested() []*Definition {
	if s.def == nil {
		return nil
	}
	return []*Definition{s.def}
}

// all are the journeys that run, the one under test first.
func (s *subject) all() []*Definition { return append(s.tested(), s.with...) }

// step finds a step of a journey.
func (d *Definition) step(id string) *Step {
	for i := range d.Steps {
		if d.Steps[i].ID == id {
			return &d.Steps[i]
		}
	}
	return nil
}

// namedSteps are the ids that a designer gave to steps of a kind (empty: any); counted ones have a point.
func namedSteps(defs []*Definition, kind string) []string {
	var ids []string
	for _, d := range defs {
		for i := range d.Steps {
			if s := &d.Steps[i]; (kind == "" || s.Kind == kind) && !strings.Contains(s.ID, ".") {
				ids = append(ids, s.ID)
			}
		}
	}
	return ids
}

// queues are those of the hand-offs of journeys.
func queues(defs []*Definition) []string {
	var out []string
	for _, d := range defs {
		for i := range d.Steps {
			if spec, ok := d.Steps[i].Spec.(*Handoff); ok && !slices.Contains(out, spec.Queue) {
				out = append(out, spec.Queue)
			}
		}
	}
	slices.Sort(out)
	return out
}

// OutcomesOf are the outcomes an instance can end with, sorted.
func OutcomesOf(d *Definition) []string {
	out := []string{"completed", "timeout", "cancelled", "failed"}
	if d.Goal != nil {
		out = append(out, "goal")
	}
	for _, rule := range d.Exit {
		out = append(out, rule.Outcome)
	}
	for i := range d.Steps {
		if spec, ok := d.Steps[i].Spec.(*Exit); ok {
			out = append(out, spec.Outcome)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// varsOf are the variables that a journey declares or sets.
func varsOf(d *Definition) []string {
	out := slices.Collect(maps.Keys(d.Vars))
	for i := range d.Steps {
		if spec, ok := d.Steps[i].Spec.(*Set); ok {
			for _, a := range spec.Assign {
				if name, _, _ := strings.Cut(a.Name, "."); a.Target == "vars" {
					out = append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// armNames are the names of a split's arms; one without a name has its number, from 1.
func armNames(s *Split) []string {
	names := make([]string, len(s.Arms))
	for i, arm := range s.Arms {
		if names[i] = arm.Name; arm.Name == "" {
			names[i] = strconv.Itoa(i + 1)
		}
	}
	return names
}

// without drops a word of a list.
func without(words []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == word })
}
