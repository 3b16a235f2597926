package lint

import (
	"fmt"
	"math"
	"path"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// intentSet holds what the checks need to know about the folder's intents.
type intentSet struct {
	known  bool     // there is an intents.yaml
	broken bool     // it could not be read: names are not checked
	Names  []string // as the file writes them, sorted
	keys   []string // as expressions write them, sorted
}

// Has reports whether an intent of this name exists, or may exist.
func (s *intentSet) Has(name string) bool { return s.broken || slices.Contains(s.Names, name) }

// hasKey is Has for a name as expressions write it.
func (s *intentSet) hasKey(key string) bool { return s.broken || slices.Contains(s.keys, key) }

// Unknown returns the message about an unknown intent.
func (s *intentSet) Unknown(name string) string {
	if !s.known {
		return fmt.Sprintf("there is no intent %q: the folder has no intents.yaml", name)
	}
	return fmt.Sprintf("there is no intent %q in intents.yaml", name)
}

// rootFile returns the file that counts among several of one kind, such as intents.yaml: the one in the folder's root.
// It reports the others.
func rootFile(files []*fileCheck) *fileCheck {
	var chosen *fileCheck
	for _, f := range files {
		at := source.Pos{Line: 1, Col: 1}
		if f.Root != nil {
			at = f.Root.Pos
		}
		root := path.Clean(f.folder)
		switch {
		case path.Dir(path.Clean(f.File)) != root:
			if root == "." {
				root = "the journeys folder"
			}
			f.Report(at, "bad-value", "", "%s has an effect only in %s itself, for all journeys: move it there", path.Base(f.File), root)
		case chosen != nil:
			f.Report(at, "duplicate-id", "", "%s already exists", chosen.File)
		default:
			chosen = f
		}
	}
	return chosen
}

// claimIntents registers the names of the intents.
func (f *fileCheck) claimIntents() {
	f.Intents.known = true
	var all *source.Node
	if f.Root != nil && f.Root.Shape == source.Map {
		for i, key := range f.Root.Keys {
			if key.Shape == source.Scalar && key.Text == "intents" {
				all = f.Root.Values[i]
			}
		}
	}
	if all == nil || all.Shape != source.Map || f.Unread(all.Pos) {
		f.Intents.broken = true
		return
	}
	for _, key := range all.Keys {
		if key.Shape == source.Scalar && key.Text != "" {
			f.Intents.Names = append(f.Intents.Names, key.Text)
			f.Intents.keys = append(f.Intents.keys, expr.Key(key.Text))
		}
	}
	slices.Sort(f.Intents.Names)
	slices.Sort(f.Intents.keys)
}

// intentsFile checks intents.yaml and keeps the intents.
func (f *fileCheck) intentsFile() {
	if f.Root == nil {
		return
	}
	m := f.Mapping(f.Root, "a file of intents")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	out := map[string]*journey.Intent{}
	if n := m.Need("intents", "the intents, by name"); n != nil {
		if all := f.Mapping(n, "intents"); all != nil {
			for i, key := range n.Keys {
				name, _ := f.Label(key, "intent")
				if intent := r.intent(n.Values[i], name); intent != nil {
					out[name] = intent
				}
			}
		}
	}
	m.Done()
	if f.Errors == 0 {
		f.Content.Intents = out
	}
}

func (r *ruleCheck) intent(n *source.Node, name string) *journey.Intent {
	m := r.Mapping(n, "an intent")
	if m == nil {
		return nil
	}
	out := &journey.Intent{Name: name}
	if v := m.Need("half_life", "the time after which evidence counts half"); v != nil {
		out.HalfLife = r.above0(v, "half_life")
	}
	if v := m.Get("evidence"); v != nil {
		items, _ := r.List(v, "evidence")
		for _, item := range items {
			out.Evidence = append(out.Evidence, r.evidence(item))
		}
	}
	if v := m.Get("examples"); v != nil {
		items, _ := r.List(v, "examples")
		for _, item := range items {
			if text, ok := r.example(item); ok {
				out.Examples = append(out.Examples, text)
			}
		}
	}
	m.Done()
	return out
}

func (r *ruleCheck) evidence(n *source.Node) (out journey.Evidence) {
	m := r.Mapping(n, "evidence")
	if m == nil {
		return out
	}
	if v := m.Need("event", "an event that counts for the intent or against it"); v != nil {
		out.Events, _ = r.Words(v, "event")
	}
	out.When = r.cel(m.Get("when"), expr.Bool, seesEvent)
	if v := m.Need("weight", "how much the event counts; below 0 against the intent"); v != nil {
		out.Weight, _ = r.Number(v, "weight", math.Inf(-1), math.Inf(1))
	}
	m.Done()
	return out
}

// example reads a sample message. A number counts as its digits.
func (r *ruleCheck) example(n *source.Node) (string, bool) {
	if n.Shape == source.Scalar && !n.Tagged && (n.Tag == "int" || n.Tag == "float") {
		return n.Text, true
	}
	return r.Word(n, "an example")
}
