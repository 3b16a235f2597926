package lint

import (
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// stepTree is a step while it is read: the step of the program, and data that only the check needs.
type stepTree struct {
	journey.Step
	id    string
	kind  string
	named bool // has an id of its own
	node  *source.Node
	at    source.Pos // the mapping's start
	idAt  source.Pos
	keyAt source.Pos // of the kind
	path  string
	index int
	arms  []*armTree

	jump *jump // of a kind that leads to a path or step by name
}

// jump is a target by name.
type jump struct {
	at   source.Pos
	name string
	to   *int
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
	s := &stepTree{id: id, node: n, at: n.Pos, path: path, Step: journey.Step{Path: path}}
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
	spec, other := kind.New(), j.otherKinds(n, kind)
	state := &syntax.Step{Keys: m, Named: s.named, Other: other}
	reader := &syntax.Reader{Document: j.Document, Folder: &stepReader{journeyCheck: j, step: s, place: place}, Keys: m, Step: state}
	reader.Read(spec)
	for i, key := range n.Keys {
		if key.Shape == source.Scalar && key.Text != kind.Name && j.kinds.byName(key.Text) != nil && m.Index(key.Text) == i &&
			!slices.Contains(m.Known, key.Text) {
			j.Report(key.Pos, "unknown-key", "", "a step has one kind, and this one has %s: move %s to another step", kind.Name, key.Text)
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
		case kind != nil && first == nil, kind != nil && j.optionOf(kind, first, n):
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
		if hint := j.kinds.suggest(stranger.Text, j.ChannelNames()); hint != "" {
			j.Report(stranger.Pos, "unknown-step-kind", hint, "there is no step %q", stranger.Text)
		} else {
			j.Report(stranger.Pos, "unknown-step-kind", "", "there is no step %q: a step is one of %s", stranger.Text,
				human.Join(j.kinds.names()))
		}
	} else {
		j.Report(n.Pos, "missing-key", "", "the step has no kind: it needs one of %s", human.Join(j.kinds.names()))
	}
	return nil, source.Pos{}
}

// optionOf reports whether the first kind in a step is only an option of another: `send: false` before decide.
func (j *journeyCheck) optionOf(kind, first *journey.Kind, n *source.Node) bool {
	return slices.Contains(j.kinds.options[kind.Name], first.Name) && !secondKind(n.Child(first.Name))
}

// otherKinds returns the options of a kind that are a second kind in this step.
func (j *journeyCheck) otherKinds(n *source.Node, kind *journey.Kind) []string {
	var out []string
	for _, key := range j.kinds.options[kind.Name] {
		if value := n.Child(key); value != nil && j.kinds.byName(key) != nil && secondKind(value) {
			out = append(out, key)
		}
	}
	return out
}

// secondKind reports whether the value of a key that is an option and a kind is that of the kind: `send` beside decide is
// an option if it is true or false, and a second kind if it is a message.
func secondKind(n *source.Node) bool { return n.IsText() && n.Text != "true" && n.Text != "false" }

// stepReader answers what the fields of a step ask about the rest of the folder.
type stepReader struct {
	*journeyCheck
	step  *stepTree
	place string // the step's id by its place, the prefix of the ids in its arms
}

// Expr reads an expression.
func (r *stepReader) Expr(n *source.Node, want expr.Want) expr.Expr { return r.expr(n, want) }

// Template checks a Liquid template.
func (r *stepReader) Template(n *source.Node) { _ = r.template(n, false, r.step.kind == "call") }

// Intent reads the name of an intent, and reports one that does not exist.
func (r *stepReader) Intent(n *source.Node) string { return r.intentName(n) }

// Variable notes a variable that the step sets.
func (r *stepReader) Variable(name string) { r.varNames[name] = true }

// Trait notes a trait that the step sets. Each is a place of its own.
func (r *stepReader) Trait(at source.Pos, name string) { r.trait(nil, at, name) }

// Steps reads a nested list of steps. into receives the index of its first step. An absent arm continues after the step
// or, with instead, where another arm of the step does, which was read before.
func (r *stepReader) Steps(n *source.Node, token string, into, instead *int) {
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

// Jump reads a target by name. to receives its index.
func (r *stepReader) Jump(n *source.Node, what string, name *string, to *int) {
	*to = journey.End
	*name, _ = r.Word(n, what)
	r.step.jump = &jump{n.Pos, *name, to}
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
