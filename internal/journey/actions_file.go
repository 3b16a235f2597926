package journey

import (
	"math"
	"sync/atomic"
)

// groupInfo is what the check knows of a file of actions.
type groupInfo struct {
	check   *fileCheck
	broken  bool          // it could not be read, or in part
	actions []*actionInfo // in the order of the file
}

// actionInfo is what the check knows of an action.
type actionInfo struct {
	check   *fileCheck
	name    string
	at      pos // of its mapping
	message string
	via     []string
	read    bool        // it could be read
	silent  bool        // it has no message
	sent    atomic.Bool // a decide may send it
	chosen  atomic.Bool // a decide only chooses it
	action  *Action     // what compiled
}

// channels are those that an action can be offered by; known is false where that cannot be told.
func (a *actionInfo) channels() (channels []string, known bool) {
	if !a.read || len(a.via) > 0 {
		return a.via, a.read
	}
	message := a.check.messages[a.message]
	if message == nil || message.broken {
		return nil, false
	}
	return message.channels, true
}

// claimActions makes a group and its actions known.
func (f *fileCheck) claimActions() {
	group := &groupInfo{check: f, broken: f.unsure}
	base := baseName(f.file)
	if other := f.groups[base]; other != nil {
		at := pos{1, 1}
		if f.root != nil {
			at = f.root.pos
		}
		f.report(at, "duplicate-id", "", "the group %q is also in %s", base, other.check.file)
	} else {
		f.groups[base] = group
	}
	f.group = group
	all := actionsOf(f.root)
	if all == nil {
		group.broken, f.lostActions = true, true
		return
	}
	f.lostActions = f.lostActions || f.unsure
	for i, key := range all.keys {
		info := &actionInfo{check: f, name: key.text, at: all.values[i].pos}
		group.actions = append(group.actions, info)
		if key.shape != scalar || key.text == "" {
			continue
		}
		if other := f.actions[key.text]; other == nil {
			f.actions[key.text] = info
		} else if other.check != f { // in one file it is a duplicate key
			f.report(key.pos, "duplicate-id", "", "the action %q is also in %s", key.text, other.check.file)
		}
	}
}

// actionsOf finds the mapping of actions; nil where it cannot be read.
func actionsOf(root *node) *node {
	if root == nil || root.shape != mapping {
		return nil
	}
	for i, key := range root.keys {
		if key.shape == scalar && key.text == "actions" && root.values[i].shape == mapping {
			return root.values[i]
		}
	}
	return nil
}

// actionsFile checks a file of actions.
func (f *fileCheck) actionsFile() {
	if f.root == nil {
		return
	}
	m := f.fields(f.root, "a group of actions")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	f.name(m.need("group", "a group says its name"), "group")
	if n := m.need("actions", "the actions, by name"); n != nil {
		if all := f.fields(n, "actions"); all != nil {
			if len(n.keys) == 0 {
				f.report(n.pos, "bad-value", "", "there is no action in actions")
			}
			for i, key := range n.keys {
				if name, _ := f.label(key, "action"); i < len(f.group.actions) {
					r.action(n.values[i], name, f.group.actions[i])
				}
			}
		}
	}
	m.done()
}

// action checks one action.
func (r *ruleCheck) action(n *node, name string, info *actionInfo) {
	m := r.fields(n, "an action")
	if m == nil {
		return
	}
	a := &Action{Name: name, Group: baseName(r.file), Propensity: DefaultPropensity}
	r.offer(m, a)
	a.Value = r.needCel(m, "value", "what an acceptance is worth, a number or an expression", wantNumber, seesAll)
	a.Cost = r.cel(m.get("cost"), wantNumber, seesAll)
	a.Lever = r.cel(m.get("lever"), wantNumber, seesAll)
	a.Eligible = r.cel(m.get("eligible"), wantBool, seesAll)
	a.Applicable = r.cel(m.get("applicable"), wantBool, seesAll)
	a.Suitable = r.cel(m.get("suitable"), wantBool, seesAll)
	if v := m.get("context"); v != nil {
		items, _ := r.list(v, "context")
		for _, item := range items {
			a.Context = append(a.Context, r.contextWeight(item))
		}
	}
	if v := m.get("propensity"); v != nil {
		p, ok := r.number(v, "propensity", 0, 1)
		if ok && (p == 0 || p == 1) {
			r.report(v.pos, "bad-value", "", "propensity is above 0 and below 1: nothing is certain before it was tried")
		}
		a.Propensity = p
	}
	if v := m.get("accept"); v != nil {
		a.Accept = r.accept(v)
	}
	m.done()
	info.message, info.via, info.action = a.Message, a.Via, a
	info.silent = m.index("message") < 0 && !m.near("message")
	info.read = !m.near("via")
}

// offer reads what is said, and by which channels.
func (r *ruleCheck) offer(m *fields, a *Action) {
	var message *messageFile
	if v := m.get("message"); v != nil {
		if name, ok := r.word(v, "the message of an action"); ok {
			a.Message = name
			message = r.messageNamed(v, name)
		}
	}
	if v := m.get("via"); v != nil {
		var places []*node
		a.Via, places = r.channels(v)
		for i, channel := range a.Via {
			r.channel(channel, places[i].pos, a.Message, message)
		}
	}
}

func (r *ruleCheck) contextWeight(n *node) (out ContextWeight) {
	m := r.fields(n, "a weight of context")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "where the weight counts", wantBool, seesAll)
	if v := m.need("weight", "the factor that counts where the condition is true"); v != nil {
		out.Weight, _ = r.number(v, "weight", 0, math.Inf(1))
	}
	m.done()
	return out
}

func (r *ruleCheck) accept(n *node) *Accept {
	out := &Accept{Within: DefaultAcceptWindow}
	m := r.fields(n, "accept")
	if m == nil {
		return out
	}
	if v := m.need("event", "the event by which the customer accepts"); v != nil {
		out.Events, _ = r.words(v, "event")
	}
	out.When = r.cel(m.get("when"), wantBool, seesEvent)
	if v := m.get("within"); v != nil {
		out.Within = r.above0(v, "within")
	}
	m.done()
	return out
}

// keepActions puts a group that compiled into the content. An action has a message, unless journeys only choose it.
func (f *fileCheck) keepActions() {
	if f.group == nil {
		return
	}
	for _, a := range f.group.actions {
		switch {
		case !a.silent:
		case a.sent.Load():
			f.report(
				a.at,
				"missing-key",
				"",
				"%q is missing: a journey decides and sends what it chooses, which may be %q; give it a message, or write send: false beside that decide",
				"message",
				a.name,
			)
		case !a.chosen.Load() && !f.vague:
			f.report(
				a.at,
				"missing-key",
				"",
				"%q is missing: what is said where %q is chosen; only what every decide merely chooses (send: false) needs none",
				"message",
				a.name,
			)
		}
	}
	if f.errors > 0 || f.root == nil {
		return
	}
	group := baseName(f.file)
	if f.content.Groups == nil {
		f.content.Groups, f.content.Actions = map[string][]string{}, map[string]*Action{}
	}
	for _, a := range f.group.actions {
		f.content.Groups[group] = append(f.content.Groups[group], a.name)
		f.content.Actions[a.name] = a.action
	}
}
