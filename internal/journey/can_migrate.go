package journey

import (
	"encoding/json"
	"fmt"
	"strings"
)

// CanMigrate returns the step id under which an enrollment at a step of p continues in a new revision. renamed maps old
// ids to new ones; other ids keep their names. The empty step (after the end of a path) can always migrate. A step
// without an id of its own is numbered by its place, which an edit may change, so it keeps its id only if its content
// is the same. If the enrollment cannot migrate, refused says why.
func (p *Program) CanMigrate(step string, to *Program, renamed map[string]string) (target, refused string) {
	if p.Journey != to.Journey {
		return "", fmt.Sprintf("revision %s is of journey %q, not of %q", to.Revision(), to.Journey, p.Journey)
	}
	if step == "" {
		return "", ""
	}
	target = step
	name, said := renamed[step]
	if said {
		target = name
	}
	at, known := p.Index(step)
	there, exists := to.Index(target)
	switch {
	case !known:
		return "", fmt.Sprintf("step %q is not in revision %s", step, p.Revision())
	case !exists && target == step:
		return "", fmt.Sprintf("step %q no longer exists: name the step that replaces it with --step %s=<id>", step, step)
	case !exists:
		return "", fmt.Sprintf("there is no step %q in revision %s", target, to.Revision())
	case p.Steps[at].Kind != to.Steps[there].Kind:
		return "", fmt.Sprintf(
			"step %q is a %s, %q would be a %s: an enrollment can only move to a step of the same kind",
			step,
			p.Steps[at].Kind,
			target,
			to.Steps[there].Kind,
		)
	case !said && Unnamed(step) && !sameWords(&p.Steps[at], &to.Steps[there]):
		return "", fmt.Sprintf(
			"step %q has no id, and the step numbered %q is now a different one: name the step that replaces it with "+
				"--step %s=<id>",
			step,
			step,
			step,
		)
	}
	return target, ""
}

// Unnamed reports whether a step has no id of its own, so that its id is derived from its place.
func Unnamed(id string) bool { return strings.Contains(id, ".") }

// sameWords reports whether two steps have the same content, ignoring where their arms lead.
func sameWords(a, b *Step) bool {
	words := func(s *Step) string {
		data, err := json.Marshal(s.Spec)
		if err != nil {
			return s.ID
		}
		kind, _ := KindNamed(s.Kind)
		spec := kind.New()
		if err := json.Unmarshal(data, spec); err != nil {
			return s.ID
		}
		for _, arm := range spec.Describe().Arms {
			if arm.To != nil {
				*arm.To = End
			}
		}
		data, err = json.Marshal(spec)
		if err != nil {
			return s.ID
		}
		return string(s.When) + "\x00" + string(data)
	}
	return words(a) == words(b)
}
