package journey

import (
	"fmt"
	"math"
	"path"
	"slices"
)

// intentSet is what the check knows of the folder's intents.
type intentSet struct {
	known  bool     // there is an intents.yaml
	broken bool     // it could not be read: nothing is said about names
	names  []string // as the file writes them, sorted
	keys   []string // as expressions write them, sorted
}

// has reports whether there is an intent of this name, or may be.
func (s *intentSet) has(name string) bool { return s.broken || slices.Contains(s.names, name) }

// hasKey is has for a name as expressions write it.
func (s *intentSet) hasKey(key string) bool { return s.broken || slices.Contains(s.keys, key) }

// unknown says that there is no such intent.
func (s *intentSet) unknown(name string) string {
	if !s.known {
		return fmt.Sprintf("there is no intent %q: the folder has no intents.yaml", name)
	}
	return fmt.Sprintf("there is no intent %q in intents.yaml", name)
}

// rootFile tells of several files of one kind, as intents.yaml, which counts: the one in the folder's root. The
// others are reported.
func rootFile(files []*fileCheck) *fileCheck {
	var chosen *fileCheck
	for _, f := range files {
		at := pos{1, 1}
		if f.root != nil {
			at = f.root.pos
		}
		root := path.Clean(f.folder)
		switch {
		case path.Dir(path.Clean(f.file)) != root:
			if root == "." {
				root = "the journeys folder"
			}
			f.report(at, "bad-value", "", "%s counts only in %s itself, for all journeys: move it there", path.Base(f.file), root)
		case chosen != nil:
			f.report(at, "duplicate-id", "", "there is %s already", chosen.file)
		default:
			chosen = f
		}
	}
	return chosen
}

// claimIntents makes the names of the intents known.
func (f *fileCheck) claimIntents() {
	f.intents.known = true
	var all *node
	if f.root != nil && f.root.shape == mapping {
		for i, key := range f.root.keys {
			if key.shape == scalar && key.text == "intents" {
				all = f.root.values[i]
			}
		}
	}
	if all == nil || all.shape != mapping || f.unread(all.pos) {
		f.intents.broken = true
		return
	}
	for _, key := range all.keys {
		if key.shape == scalar && key.text != "" {
			f.intents.names = append(f.intents.names, key.text)
			f.intents.keys = append(f.intents.keys, stepKey(key.text))
		}
	}
	slices.Sort(f.intents.names)
	slices.Sort(f.intents.keys)
}

// intentsFile checks intents.yaml, and keeps what it says.
func (f *fileCheck) intentsFile() {
	if f.root == nil {
		return
	}
	m := f.fields(f.root, "a file of intents")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	out := map[string]*Intent{}
	if n := m.need("intents", "the intents, by name"); n != nil {
		if all := f.fields(n, "intents"); all != nil {
			for i, key := range n.keys {
				name, _ := f.label(key, "intent")
				if intent := r.intent(n.values[i], name); intent != nil {
					out[name] = intent
				}
			}
		}
	}
	m.done()
	if f.errors == 0 {
		f.content.Intents = out
	}
}

func (r *ruleCheck) intent(n *node, name string) *Intent {
	m := r.fields(n, "an intent")
	if m == nil {
		return nil
	}
	out := &Intent{Name: name}
	if v := m.need("half_life", "the time after which evidence counts half"); v != nil {
		out.HalfLife = r.above0(v, "half_life")
	}
	if v := m.get("evidence"); v != nil {
		items, _ := r.list(v, "evidence")
		for _, item := range items {
			out.Evidence = append(out.Evidence, r.evidence(item))
		}
	}
	if v := m.get("examples"); v != nil {
		items, _ := r.list(v, "examples")
		for _, item := range items {
			if text, ok := r.example(item); ok {
				out.Examples = append(out.Examples, text)
			}
		}
	}
	m.done()
	return out
}

func (r *ruleCheck) evidence(n *node) (out Evidence) {
	m := r.fields(n, "evidence")
	if m == nil {
		return out
	}
	if v := m.need("event", "the event that speaks for the intent, or against it"); v != nil {
		out.Events, _ = r.words(v, "event")
	}
	out.When = r.cel(m.get("when"), wantBool, seesEvent)
	if v := m.need("weight", "how much the event counts; below 0 against the intent"); v != nil {
		out.Weight, _ = r.number(v, "weight", math.Inf(-1), math.Inf(1))
	}
	m.done()
	return out
}

// example reads what people write; a number is its digits.
func (r *ruleCheck) example(n *node) (string, bool) {
	if n.shape == scalar && !n.tagged && (n.tag == "int" || n.tag == "float") {
		return n.text, true
	}
	return r.word(n, "an example")
}
