package lint

import (
	"math"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// groupInfo holds what the checks need to know about a file of actions.
type groupInfo struct {
	check   *fileCheck
	broken  bool          // part of the file could not be read
	actions []*actionInfo // in the order of the file
}

// actionInfo holds what the checks need to know about an action.
type actionInfo struct {
	check   *fileCheck
	name    string
	at      source.Pos // of its mapping
	message string
	via     []string
	read    bool            // it could be read
	silent  bool            // it has no message
	sent    atomic.Bool     // a decide may send it
	chosen  atomic.Bool     // a decide only chooses it
	action  *journey.Action // what compiled
}

// channels returns the channels that can offer an action. known is false if a file could not be read and they are
// uncertain.
func (a *actionInfo) channels() (channels []string, known bool) {
	if !a.read || len(a.via) > 0 {
		return a.via, a.read
	}
	message := a.check.Messages[a.message]
	if message == nil || message.Broken {
		return nil, false
	}
	return message.Channels, true
}

// claimActions registers a group and its actions.
func (f *fileCheck) claimActions() {
	group := &groupInfo{check: f, broken: f.unsure}
	base := source.BaseName(f.File)
	if other := f.groups[base]; other != nil {
		at := source.Pos{Line: 1, Col: 1}
		if f.Root != nil {
			at = f.Root.Pos
		}
		f.Report(at, "duplicate-id", "", "the group %q is also in %s", base, other.check.File)
	} else {
		f.groups[base] = group
	}
	f.group = group
	all := actionsOf(f.Root)
	if all == nil {
		group.broken, f.lostActions = true, true
		return
	}
	f.lostActions = f.lostActions || f.unsure
	for i, key := range all.Keys {
		info := &actionInfo{check: f, name: key.Text, at: all.Values[i].Pos}
		group.actions = append(group.actions, info)
		if key.Shape != source.Scalar || key.Text == "" {
			continue
		}
		if other := f.actions[key.Text]; other == nil {
			f.actions[key.Text] = info
		} else if other.check != f { // in one file it is a duplicate key
			f.Report(key.Pos, "duplicate-id", "", "the action %q is also in %s", key.Text, other.check.File)
		}
	}
}

// actionsOf returns the mapping of actions, or nil if it could not be read.
func actionsOf(root *source.Node) *source.Node {
	if root == nil || root.Shape != source.Map {
		return nil
	}
	for i, key := range root.Keys {
		if key.Shape == source.Scalar && key.Text == "actions" && root.Values[i].Shape == source.Map {
			return root.Values[i]
		}
	}
	return nil
}

func (f *fileCheck) actionsFile() {
	if f.Root == nil {
		return
	}
	m := f.Mapping(f.Root, "a group of actions")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	f.Name(m.Need("group", "a group needs its name"), "group")
	if n := m.Need("actions", "the actions, by name"); n != nil {
		if all := f.Mapping(n, "actions"); all != nil {
			if len(n.Keys) == 0 {
				f.Report(n.Pos, "bad-value", "", "there is no action in actions")
			}
			for i, key := range n.Keys {
				if name, _ := f.Label(key, "action"); i < len(f.group.actions) {
					r.action(n.Values[i], name, f.group.actions[i])
				}
			}
		}
	}
	m.Done()
}

// action checks one action.
func (r *ruleCheck) action(n *source.Node, name string, info *actionInfo) {
	m := r.Mapping(n, "an action")
	if m == nil {
		return
	}
	a := &journey.Action{Name: name, Group: source.BaseName(r.File), Propensity: journey.DefaultPropensity}
	r.offer(m, a)
	a.Value = r.needCel(m, "value", "what an acceptance is worth, a number or an expression", expr.Number, seesAll)
	a.Cost = r.cel(m.Get("cost"), expr.Number, seesAll)
	a.Lever = r.cel(m.Get("lever"), expr.Number, seesAll)
	a.Eligible = r.cel(m.Get("eligible"), expr.Bool, seesAll)
	a.Applicable = r.cel(m.Get("applicable"), expr.Bool, seesAll)
	a.Suitable = r.cel(m.Get("suitable"), expr.Bool, seesAll)
	if v := m.Get("context"); v != nil {
		items, _ := r.List(v, "context")
		for _, item := range items {
			a.Context = append(a.Context, r.contextWeight(item))
		}
	}
	if v := m.Get("propensity"); v != nil {
		p, ok := r.Number(v, "propensity", 0, 1)
		if ok && (p == 0 || p == 1) {
			r.Report(v.Pos, "bad-value", "", "propensity is above 0 and below 1: nothing is certain before it is tried")
		}
		a.Propensity = p
	}
	if v := m.Get("accept"); v != nil {
		a.Accept = r.accept(v)
	}
	m.Done()
	info.message, info.via, info.action = a.Message, a.Via, a
	info.silent = m.Index("message") < 0 && !m.Near("message")
	info.read = !m.Near("via")
}

// offer reads the message of an action and its channels.
func (r *ruleCheck) offer(m *source.Mapping, a *journey.Action) {
	var message *messageFile
	if v := m.Get("message"); v != nil {
		if name, ok := r.Word(v, "the message of an action"); ok {
			a.Message = name
			message = r.messageNamed(v, name)
		}
	}
	if v := m.Get("via"); v != nil {
		var places []*source.Node
		a.Via, places = syntax.Channels(r.Document, v)
		for i, channel := range a.Via {
			r.channel(channel, places[i].Pos, a.Message, message)
		}
	}
}

func (r *ruleCheck) contextWeight(n *source.Node) (out journey.ContextWeight) {
	m := r.Mapping(n, "a weight of context")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "the condition under which the weight counts", expr.Bool, seesAll)
	if v := m.Need("weight", "the factor that counts if the condition is true"); v != nil {
		out.Weight, _ = r.Number(v, "weight", 0, math.Inf(1))
	}
	m.Done()
	return out
}

func (r *ruleCheck) accept(n *source.Node) *journey.Accept {
	out := &journey.Accept{Within: journey.DefaultAcceptWindow}
	m := r.Mapping(n, "accept")
	if m == nil {
		return out
	}
	if v := m.Need("event", "the event by which the customer accepts"); v != nil {
		out.Events, _ = r.Words(v, "event")
	}
	out.When = r.cel(m.Get("when"), expr.Bool, seesEvent)
	if v := m.Get("within"); v != nil {
		out.Within = r.above0(v, "within")
	}
	m.Done()
	return out
}

// keepActions adds a group without errors to the content. An action needs a message unless journeys only choose it.
func (f *fileCheck) keepActions() {
	if f.group == nil {
		return
	}
	for _, a := range f.group.actions {
		switch {
		case !a.silent:
		case a.sent.Load():
			f.Report(
				a.at,
				"missing-key",
				"",
				"%q is missing: a journey decides and sends what it chooses, which may be %q; give it a message, or write send: false "+
					"beside that decide",
				"message",
				a.name,
			)
		case !a.chosen.Load() && !f.vague:
			f.Report(
				a.at,
				"missing-key",
				"",
				"%q is missing: %q needs a message, unless every decide that can choose it has send: false",
				"message",
				a.name,
			)
		}
	}
	if f.Errors > 0 || f.Root == nil {
		return
	}
	group := source.BaseName(f.File)
	if f.Content.Groups == nil {
		f.Content.Groups, f.Content.Actions = map[string][]string{}, map[string]*journey.Action{}
	}
	for _, a := range f.group.actions {
		f.Content.Groups[group] = append(f.Content.Groups[group], a.name)
		f.Content.Actions[a.name] = a.action
	}
}
