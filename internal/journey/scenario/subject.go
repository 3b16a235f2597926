package scenario

import (
	"maps"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// subject holds the names of the running journeys that a scenario may use.
type subject struct {
	name string
	def  *journey.Definition   // of the journey under test; nil if it did not compile: its names are then not checked
	with []*journey.Definition // of the others
	sure bool                  // all the others are known too
}

func newSubject(c *lint.Folder, name string) *subject {
	return &subject{name: name, def: c.Content.Journeys[name]}
}

// beside returns the subject of a scenario in which other journeys run too.
func beside(c *lint.Folder, s *subject, with []string) *subject {
	out := &subject{name: s.name, def: s.def, sure: s.def != nil}
	for _, name := range with {
		def := c.Content.Journeys[name]
		out.sure = out.sure && def != nil
		if def != nil {
			out.with = append(out.with, def)
		}
	}
	return out
}

// tested returns the journey under test, if it compiled.
func (s *subject) tested() []*journey.Definition {
	if s.def == nil {
		return nil
	}
	return []*journey.Definition{s.def}
}

// all returns the journeys that run, the one under test first.
func (s *subject) all() []*journey.Definition { return append(s.tested(), s.with...) }

// namedSteps returns the ids that designers gave to steps of a kind (empty: any). Ids derived from a place contain a
// dot.
func namedSteps(defs []*journey.Definition, kind string) []string {
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

// queues returns the handoff queues of the journeys.
func queues(defs []*journey.Definition) []string {
	var out []string
	for _, d := range defs {
		for i := range d.Steps {
			if queue := d.Steps[i].Describe().Queue; queue != "" && !slices.Contains(out, queue) {
				out = append(out, queue)
			}
		}
	}
	slices.Sort(out)
	return out
}

// NoOutcome is the outcome that a scenario expects where nobody enters.
const NoOutcome = "none"

// OutcomesOf returns the outcomes an enrollment can end with, sorted.
func OutcomesOf(d *journey.Definition) []string {
	out := []string{"completed", "timeout", "cancelled", "failed"}
	if d.Goal != nil {
		out = append(out, "goal")
	}
	for _, rule := range d.Exit {
		out = append(out, rule.Outcome)
	}
	for i := range d.Steps {
		if outcome := d.Steps[i].Describe().Outcome; outcome != "" {
			out = append(out, outcome)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// varsOf returns the variables that a journey declares or sets.
func varsOf(d *journey.Definition) []string {
	out := slices.Collect(maps.Keys(d.Vars))
	for i := range d.Steps {
		for _, target := range d.Steps[i].Describe().Sets {
			if name, ok := strings.CutPrefix(target, "vars."); ok {
				name, _, _ = strings.Cut(name, ".")
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// armNames returns the keys of a step's arms: names, or numbers from 1.
func armNames(s *journey.Step) []string {
	var names []string
	for _, arm := range s.Describe().Arms {
		names = append(names, arm.Key)
	}
	return names
}

// without returns the list without a word.
func without(words []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == word })
}
