package lint

import (
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// stepTree is a step while it is read: the step of the program, and data that only the check needs.
type stepTree struct {
	journey.Step
	id    string
	kind  string
	named bool       // has an id of its own
	at    source.Pos // the mapping's start
	idAt  source.Pos
	keyAt source.Pos // of the kind
	path  string
	index int
	arms  []*armTree

	targetAt source.Pos // of the value of go_to
}

// armTree is a nested list of steps.
type armTree struct {
	steps []*stepTree
	at    source.Pos
	into  *int // the jump target in the spec

	instead *int // the jump target that an absent arm shares; nil: it continues after the step
}

// stepKeys are the keys of every step.
var stepKeys = []string{"id", "name", "when"}

// steps reads a list of steps. prefix is the id of the list: the path, or a step's id and the arm.
func (j *journeyCheck) steps(n *source.Node, path, prefix string) []*stepTree {
	items, ok := j.List(n, "a path of steps")
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

// step reads one step. It returns nil for a value that is no mapping. A step without a kind keeps its id, so that jumps
// to it are valid.
func (j *journeyCheck) step(n *source.Node, path, id string) *stepTree {
	m := j.Mapping(n, "a step")
	if m == nil {
		return nil
	}
	s := &stepTree{id: id, at: n.Pos, path: path, Step: journey.Step{Path: path}}
	place := id
	if v := m.Get("id"); v != nil {
		if label, _ := j.Label(v, "step"); label != "" { // an ill-formed id is still the id that others use
			s.id, s.named, s.idAt = label, true, v.Pos
		}
	}
	j.OptionalText(m, "name", &s.Step.Name)
	if s.When = j.expr(m.Get("when"), expr.Bool); s.When == "" && m.Near("when") {
		s.When = unreadable
	}

	kind, at := j.kindOf(n)
	if kind == nil {
		return s
	}
	s.kind, s.keyAt = kind.Name, at
	spec := j.parsers[kind.Name](&stepReader{journeyCheck: j, keys: m, step: s, place: place}, m.Get(kind.Name))
	for i, key := range n.Keys {
		if key.Shape == source.Scalar && key.Text != kind.Name && j.kinds.byName(key.Text) != nil && m.Index(key.Text) == i &&
			!slices.Contains(m.Known, key.Text) {
			j.Report(key.Pos, "unknown-key", "", "a step has one kind, %s here: put %s into a step of its own", kind.Name, key.Text)
			m.Known = append(m.Known, key.Text)
		}
	}
	m.Done()
	s.Step.ID, s.Step.Kind, s.Step.Spec = s.id, kind.Name, spec
	return s
}

// kindOf returns the kind of a step, and reports a step without one.
func (j *journeyCheck) kindOf(n *source.Node) (*journey.Kind, source.Pos) {
	var first *journey.Kind
	var at source.Pos
	var stranger, value *source.Node
	for i, key := range n.Keys {
		if key.Shape != source.Scalar {
			continue
		}
		kind := j.kinds.byName(key.Text)
		switch {
		case kind != nil && first == nil, kind != nil && optionOf(kind, first, n):
			first, at = kind, key.Pos
		case kind == nil && stranger == nil && !slices.Contains(stepKeys, key.Text) && !j.kinds.hasOption(key.Text):
			stranger, value = key, n.Values[i]
		}
	}
	if first != nil {
		return first, at
	}
	if stranger != nil {
		j.rerouted = append(j.rerouted, value.Text) // it may be a go_to, or a send
		if message := j.Messages[value.Text]; message != nil {
			message.used.Store(true)
		}
		j.Report(stranger.Pos, "unknown-step-kind", human.Suggest(stranger.Text, j.kinds.names()), "there is no step %q", stranger.Text)
	} else {
		j.Report(n.Pos, "missing-key", "", "the step has no kind: one of %s", human.Join(j.kinds.names()))
	}
	return nil, source.Pos{}
}

// optionOf reports whether the first kind in a step is only an option of another: `send: false` before decide.
func optionOf(kind, first *journey.Kind, n *source.Node) bool {
	i := slices.IndexFunc(n.Keys, func(k *source.Node) bool { return k.Shape == source.Scalar && k.Text == first.Name })
	return slices.Contains(kind.Options, first.Name) && !secondKind(n.Values[i])
}

// stepReader is passed to the parser of a kind.
type stepReader struct {
	*journeyCheck
	keys  *source.Mapping
	step  *stepTree
	place string // the step's id by its place, the prefix of the ids in its arms
}

// get returns the value of a key next to the kind, or nil.
func (r *stepReader) get(key string) *source.Node { return r.keys.Get(key) }

// need is get for a required key.
func (r *stepReader) need(key, why string) *source.Node { return r.keys.Need(key, why) }

// arm reads a nested list of steps. into receives the index of its first step. An absent arm continues after the step.
func (r *stepReader) arm(n *source.Node, token string, into *int) { r.armOr(n, token, into, nil) }

// armOr is arm, except that an absent arm leads where another arm of the step does, which was read before.
func (r *stepReader) armOr(n *source.Node, token string, into, instead *int) {
	*into = journey.End
	a := &armTree{into: into}
	if n == nil {
		a.instead = instead
	}
	if n != nil {
		a.at = n.Pos
		a.steps = r.steps(n, r.step.path, r.place+"."+token)
	}
	r.step.arms = append(r.step.arms, a)
}

// ids reports repeated ids, in the order of the file.
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
		if d := a.step.idAt.Line - b.step.idAt.Line; d != 0 {
			return d
		}
		return a.step.idAt.Col - b.step.idAt.Col
	})
	taken := map[string]bool{}
	for _, c := range named {
		switch {
		case taken[c.step.id]:
			j.Report(c.step.idAt, "duplicate-id", "", "another step is called %q", c.step.id)
		case j.paths[c.step.id] != nil:
			j.Report(c.step.idAt, "duplicate-id", "", "a path is called %q: go_to could not tell them apart", c.step.id)
		}
		taken[c.step.id] = true
	}
}
