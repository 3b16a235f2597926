package diff

import (
	"reflect"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// RuleDiff is the difference between two versions of a rule: an intent, an action, the policy or a topic.
type RuleDiff struct {
	Kind    string   `json:"kind"` // intent, action, policy or topic
	Name    string   `json:"name,omitempty"`
	Added   bool     `json:"added,omitempty"`
	Removed bool     `json:"removed,omitempty"`
	Changes []Change `json:"changes,omitempty"` // half_life, value, accept.within, limits 2, quiet_hours.to
}

// CompareRules compares intents, actions, policy and topics, in this order.
func CompareRules(old, new journey.Rules) []RuleDiff {
	out := []RuleDiff{}
	add := func(kind, name string, before, after any) {
		a, b := reflect.ValueOf(before), reflect.ValueOf(after)
		d := RuleDiff{Kind: kind, Name: name, Added: a.IsNil() && !b.IsNil(), Removed: !a.IsNil() && b.IsNil()}
		if !a.IsNil() && !b.IsNil() {
			d.Changes = partChanges(ruleParts(before), ruleParts(after))
		}
		if d.Added || d.Removed || len(d.Changes) > 0 {
			out = append(out, d)
		}
	}
	for _, name := range bothKeys(old.Intents, new.Intents) {
		add("intent", name, old.Intents[name], new.Intents[name])
	}
	for _, name := range bothKeys(old.Actions, new.Actions) {
		add("action", name, old.Actions[name], new.Actions[name])
	}
	add("policy", "", old.Policy, new.Policy)
	for _, name := range bothKeys(old.Topics, new.Topics) {
		add("topic", name, old.Topics[name], new.Topics[name])
	}
	return out
}

// ruleParts returns the parts of a rule, under the names of its file.
func ruleParts(rule any) *parts {
	p := &parts{}
	switch r := rule.(type) {
	case *journey.Intent:
		bare := *r
		bare.Name = ""
		bare.Examples = nil
		p.read("", reflect.ValueOf(bare))
		items := make([]partItem, len(r.Examples))
		for i, text := range r.Examples {
			items[i] = partItem{text, text}
		}
		p.lists = append(p.lists, partList{name: "examples", items: items})
	case *journey.Action:
		bare := *r
		bare.Name = ""
		p.read("", reflect.ValueOf(bare))
	case *journey.Topic:
		p.read("", reflect.ValueOf(*r))
	case *journey.Policy:
		p.read("", reflect.ValueOf(*r))
	}
	return p
}

// title returns the name of a rule for a sentence.
func (d RuleDiff) title() string { return strings.TrimSpace(d.Kind + " " + d.Name) }
