package journey

import (
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/human"
)

// stepTree is a step while it is read: what the program holds, and what only the check needs.
type stepTree struct {
	Step
	id    string
	kind  string
	named bool // has an id of its own
	at    pos  // the mapping's start
	idAt  pos
	keyAt pos // of the kind
	path  string
	index int
	arms  []*armTree

	targetAt pos             // of go_to's value
	outcomes map[string]*int // of a handoff, until the program is linked
}

// armTree is a nested list of steps.
type armTree struct {
	steps []*stepTree
	at    pos
	into  *int // the jump target in the spec

	instead *int // the jump target that an absent arm shares; nil: it goes on behind the step
}

// stepKeys are those of every step.
var stepKeys = []string{"id", "name", "when"}

// steps reads a list of steps; prefix is the id of the list: the path, or a step's id and the arm.
func (j *journeyCheck) steps(n *node, path, prefix string) []*stepTree {
	items, ok := j.list(n, "a path of steps")
	if !ok {
		j.unsure = true // it may send messages
		return nil
	}
	var out []*stepTree
	for i, item := range items {
		if step := j.step(item, path, prefix+"."+strconv.Itoa(i+1)); step != nil {
			out = append(out, step)
		}
	}
	return out
}

// step reads one step. Nil where it is no mapping; without a kind it keeps its id, and jumps to it hold.
func (j *journeyCheck) step(n *node, path, id string) *stepTree {
	m := j.fields(n, "a step")
	if m == nil {
		return nil
	}
	s := &stepTree{id: id, at: n.pos, path: path, Step: Step{Path: path}}
	place := id
	if v := m.get("id"); v != nil {
		if label, _ := j.label(v, "step"); label != "" { // one that is ill-formed is still what others call it
			s.id, s.named, s.idAt = label, true, v.pos
		}
	}
	j.optionalText(m, "name", &s.Step.Name)
	if s.When = j.expr(m.get("when"), wantBool); s.When == "" && m.near("when") {
		s.When = unreadable
	}

	kind, at := j.kindOf(n)
	if kind == nil {
		return s
	}
	s.kind, s.keyAt = kind.Name, at
	spec := kind.parse(&stepReader{journeyCheck: j, keys: m, step: s, place: place}, m.get(kind.Name))
	for i, key := range n.keys {
		if key.shape == scalar && key.text != kind.Name && j.kinds.byName(key.text) != nil && m.index(key.text) == i &&
			!slices.Contains(m.known, key.text) {
			j.report(key.pos, "unknown-key", "", "a step has one kind, %s here: put %s into a step of its own", kind.Name, key.text)
			m.known = append(m.known, key.text)
		}
	}
	m.done()
	s.Step.ID, s.Step.Kind, s.Step.Spec = s.id, kind.Name, spec
	return s
}

// kindOf finds the kind of a step, and reports where there is none.
func (j *journeyCheck) kindOf(n *node) (*Kind, pos) {
	var first *Kind
	var at pos
	var stranger, value *node
	for i, key := range n.keys {
		if key.shape != scalar {
			continue
		}
		kind := j.kinds.byName(key.text)
		switch {
		case kind != nil && first == nil, kind != nil && optionOf(kind, first, n):
			first, at = kind, key.pos
		case kind == nil && stranger == nil && !slices.Contains(stepKeys, key.text) && !j.kinds.hasOption(key.text):
			stranger, value = key, n.values[i]
		}
	}
	if first != nil {
		return first, at
	}
	if stranger != nil {
		j.rerouted = append(j.rerouted, value.text) // it may be a go_to, or a send
		if message := j.messages[value.text]; message != nil {
			message.used.Store(true)
		}
		j.report(stranger.pos, "unknown-step-kind", human.Suggest(stranger.text, j.kinds.names()), "there is no step %q", stranger.text)
	} else {
		j.report(n.pos, "missing-key", "", "the step has no kind: one of %s", joinWords(j.kinds.names()))
	}
	return nil, pos{}
}

// optionOf reports whether the kind that stands first in a step is only an option of another: `send: false`
// before decide.
func optionOf(kind, first *Kind, n *node) bool {
	i := slices.IndexFunc(n.keys, func(k *node) bool { return k.shape == scalar && k.text == first.Name })
	return slices.Contains(kind.Options, first.Name) && !secondKind(n.values[i])
}

// stepReader is what a kind's parse works with.
type stepReader struct {
	*journeyCheck
	keys  *fields
	step  *stepTree
	place string // the step's counted id: the ids of its arms begin with it
}

// get gives the value of a key beside the kind, or nil.
func (r *stepReader) get(key string) *node { return r.keys.get(key) }

// need gives it and reports its absence.
func (r *stepReader) need(key, why string) *node { return r.keys.need(key, why) }

// arm reads a nested list of steps; into receives its first step. An absent arm goes on behind the step.
func (r *stepReader) arm(n *node, token string, into *int) { r.armOr(n, token, into, nil) }

// armOr is arm; where it is absent, it leads where another arm of the step does that was read before.
func (r *stepReader) armOr(n *node, token string, into, instead *int) {
	*into = End
	a := &armTree{into: into}
	if n == nil {
		a.instead = instead
	}
	if n != nil {
		a.at = n.pos
		a.steps = r.steps(n, r.step.path, r.place+"."+token)
	}
	r.step.arms = append(r.step.arms, a)
}

// ids reports ids that are taken, in the order of the file.
func (j *journeyCheck) ids() {
	type claim struct {
		step *stepTree
	}
	var named []claim
	var walk func(list []*stepTree)
	walk = func(list []*stepTree) {
		for _, s := range list {
			if s.named {
				named = append(named, claim{s})
			}
			for _, a := range s.arms {
				walk(a.steps)
			}
		}
	}
	for _, p := range j.order {
		walk(p.steps)
	}
	slices.SortStableFunc(named, func(a, b claim) int {
		if d := a.step.idAt.line - b.step.idAt.line; d != 0 {
			return d
		}
		return a.step.idAt.col - b.step.idAt.col
	})
	taken := map[string]bool{}
	for _, c := range named {
		switch {
		case taken[c.step.id]:
			j.report(c.step.idAt, "duplicate-id", "", "another step is called %q", c.step.id)
		case j.paths[c.step.id] != nil:
			j.report(c.step.idAt, "duplicate-id", "", "a path is called %q: go_to could not tell them apart", c.step.id)
		}
		taken[c.step.id] = true
	}
}
