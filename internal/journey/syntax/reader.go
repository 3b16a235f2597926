package syntax

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Reader reads the fields of one mapping.
type Reader struct {
	*source.Document
	Folder
	Keys *source.Mapping // the mapping
	Step *Step           // the step that the mapping is, or is in

	token string // the name in ids of the arm that the mapping is; empty: it is the step
}

// Folder answers what a reader asks about the rest of the folder. Package lint implements it. Every method that takes a
// node reports at the node what is wrong with it.
type Folder interface {
	// Expr reads an expression, and returns "" if n is nil.
	Expr(n *source.Node, want expr.Want) expr.Expr
	// Template checks a text as Liquid.
	Template(n *source.Node)

	// Intent reads the name of an intent.
	Intent(n *source.Node) string
	// Message checks the name of a message that the step sends.
	Message(n *source.Node, name string)
	// Channel checks a channel, and that the message has a treatment for it, if there is such a message.
	Channel(n *source.Node, channel, message string)

	// Topic checks the name of a topic of messages.
	Topic(n *source.Node, name string)

	// Action checks the name of an action, and reports whether it exists.
	Action(n *source.Node, name string) (known bool)
	// Group checks the name of a group of actions, and reports whether it exists.
	Group(n *source.Node, name string) (known bool)
	// Decides notes what the step chooses among, a group or actions, and whether it sends its choice.
	Decides(group string, actions []string, sends bool)
	// Narrows checks a channel to which a choice is restricted. Without a group and actions the choice is not known.
	Narrows(n *source.Node, channel, group string, actions []string)

	// Variable notes the name of a variable that the step sets.
	Variable(name string)
	// Trait notes a trait of the customer that the step sets.
	Trait(at source.Pos, name string)

	// Steps reads the steps of an arm, and sets into to the index of the first. If n is nil, the arm leads past the step
	// or, with instead, to the same target as another arm of the step, which was read before.
	Steps(n *source.Node, token string, into, instead *int)
	// Jump reads the name of a path or a step into name, and sets to to its index once all indexes are known.
	Jump(n *source.Node, what string, name *string, to *int)
}

// Step is the state of reading a step.
type Step struct {
	Keys  *source.Mapping
	Named bool     // it has an id of its own
	Other []string // keys of the mapping that are a second kind, not fields of this one

	misplaced []string // keys that were written inside the value of the kind instead of beside it
}

// Read reads the fields of a part from the reader's mapping. It does not report unknown keys; Mapping.Done does.
func (r *Reader) Read(p Part) {
	if own, ok := p.(OwnReader); ok {
		own.Read(r)
	} else {
		r.Fields(p.Fields()...)
	}
	if c, ok := p.(Checker); ok {
		c.Check(r)
	}
}

// Fields reads fields from the reader's mapping.
func (r *Reader) Fields(fields ...Field) {
	for i := range fields {
		f := &fields[i]
		var n *source.Node
		switch {
		case r.Keys == r.Step.Keys && slices.Contains(r.Step.Other, f.Key):
		case f.Need != "" && !(r.Keys == r.Step.Keys && slices.Contains(r.Step.misplaced, f.Key)):
			n = r.Keys.Need(f.Key, f.Need)
		default:
			n = r.Keys.Get(f.Key)
		}
		if n != nil {
			f.Value.Read(r, f, n)
		} else if a, ok := f.Value.(whenAbsent); ok {
			a.Absent(r, f)
		}
	}
}

// inside returns a reader for a mapping in this one.
func (r *Reader) inside(token string) *Reader {
	inner := *r
	inner.token = token
	return &inner
}

// Part reads a node that must be a mapping with the fields of a part.
func (r *Reader) Part(n *source.Node, what string, p Part) {
	inner := r.inside(r.token)
	if inner.Keys = r.Mapping(n, what); inner.Keys == nil {
		inner.absent(p)
		return
	}
	inner.Read(p)
	inner.Keys.Done()
}

// absent treats every field of a part as absent.
func (r *Reader) absent(p Part) {
	for _, f := range p.Fields() {
		if a, ok := f.Value.(whenAbsent); ok {
			a.Absent(r, &f)
		}
	}
}

// arm returns the name of an arm in ids: the token of the mapping or, for an arm beside a kind, its key.
func (r *Reader) arm(f *Field) string {
	if r.token != "" {
		return r.token
	}
	return f.Key
}

// Beside reports keys of the mapping that belong beside a kind, not inside its value.
func (r *Reader) Beside(kind string, keys ...string) {
	for _, key := range keys {
		if r.Keys.Get(key) == nil {
			continue
		}
		r.Report(r.Keys.Key(key), "unknown-key", "", "%s belongs next to %s, not inside it: indent it like %s",
			key, kind, kind)
		r.Step.misplaced = append(r.Step.misplaced, key)
	}
}

// Node returns the value of a key of the mapping, or nil if the key is absent. It does not count as reading the key.
func (r *Reader) Node(key string) *source.Node {
	if i := r.Keys.Index(key); i >= 0 {
		return r.Keys.Node.Values[i]
	}
	return nil
}
