package journey

import (
	"math"
)

// DefaultSuppression is the reason of a rule that gives none.
const DefaultSuppression = "SUPPRESSED"

// policyFile checks policy.yaml, and keeps what it says.
func (f *fileCheck) policyFile() {
	if f.root == nil {
		return
	}
	m := f.fields(f.root, "a contact policy")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	p := &Policy{}
	if n := m.get("limits"); n != nil {
		items, _ := r.list(n, "limits")
		for _, item := range items {
			p.Limits = append(p.Limits, r.limit(item))
		}
	}
	if n := m.get("quiet_hours"); n != nil {
		p.QuietHours = r.quietHours(n)
	}
	if n := m.get("consent"); n != nil {
		p.Consent = r.consent(n)
	}
	if n := m.get("suppress"); n != nil {
		items, _ := r.list(n, "suppress")
		for _, item := range items {
			p.Suppress = append(p.Suppress, r.suppression(item))
		}
	}
	if n := m.get("tone"); n != nil {
		items, _ := r.list(n, "tone")
		for _, item := range items {
			p.Tone = append(p.Tone, r.toneRule(item))
		}
	}
	if n := m.get("control_groups"); n != nil {
		p.ControlGroups = r.controlGroups(n)
	}
	m.done()
	if f.errors == 0 {
		f.content.Policy = p
	}
}

func (r *ruleCheck) limit(n *node) (out Limit) {
	m := r.fields(n, "a limit")
	if m == nil {
		return out
	}
	if v := m.get("channel"); v != nil {
		out.Channel = r.channelIn(v)
	}
	if v := m.get("topic"); v != nil {
		out.Topic, _ = r.word(v, "topic")
	}
	if v := m.need("max", "how many contacts at most"); v != nil {
		out.Max = r.most(v)
	}
	if v := m.need("per", "the length of the window, which rolls along"); v != nil {
		out.Per = r.above0(v, "per")
	}
	m.done()
	return out
}

// most reads a number of contacts.
func (r *ruleCheck) most(n *node) int {
	v, ok := r.number(n, "max", 0, math.Inf(1))
	if ok && v != math.Trunc(v) {
		r.report(n.pos, "bad-value", "", "max is a whole number from 0")
	}
	return int(min(v, math.MaxInt32))
}

func (r *ruleCheck) quietHours(n *node) *QuietHours {
	out := &QuietHours{OnBlocked: Queue}
	m := r.fields(n, "quiet_hours")
	if m == nil {
		return out
	}
	var from, to bool
	if v := m.need("from", "the time of day at which quiet begins"); v != nil {
		out.From, from = r.localTime(v, "from")
	}
	if v := m.need("to", "the time of day at which quiet ends"); v != nil {
		if out.To, to = r.localTime(v, "to"); from && to && out.From.same(out.To) {
			r.report(v.pos, "bad-value", "", "quiet hours that begin and end at %s have no length", out.To)
		}
	}
	if v := m.get("timezone"); v != nil {
		out.Timezone = r.zone(v)
	}
	if v := m.get("missing_timezone"); v != nil {
		zone, ok := r.word(v, "missing_timezone")
		if _, known := Zone(zone); ok && !known {
			r.report(v.pos, "bad-value", "", "%q is no time zone: write an IANA name such as Asia/Tokyo", zone)
		}
		out.MissingTimezone = zone
	}
	if v := m.get("on_blocked"); v != nil {
		out.OnBlocked, _ = r.oneOf(v, "on_blocked", Queue, Drop)
	}
	m.done()
	return out
}

// same reports whether two times of day are one.
func (l LocalTime) same(other LocalTime) bool {
	h, m, s, _ := l.parse()
	h2, m2, s2, _ := other.parse()
	return h == h2 && m == m2 && s == s2
}

// ConsentAll is the consent without which nothing at all is sent.
const ConsentAll = "all"

// consent reads the conditions under which a customer may be contacted.
func (r *ruleCheck) consent(n *node) map[string]Expr {
	m := r.fields(n, "consent")
	if m == nil {
		return nil
	}
	out := map[string]Expr{}
	for _, key := range append([]string{ConsentAll, Marketing, Transactional}, r.channelNames()...) {
		if v := m.get(key); v != nil {
			out[key] = r.cel(v, wantBool, seesCustomer)
		}
	}
	m.done()
	return out
}

func (r *ruleCheck) suppression(n *node) Suppression {
	out := Suppression{Reason: DefaultSuppression}
	m := r.fields(n, "a rule of suppress")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "while it is true, nothing is sent", wantBool, seesAll)
	if v := m.get("category"); v != nil {
		out.Category, _ = r.oneOf(v, "category", Marketing, Transactional)
	}
	if v := m.get("channel"); v != nil {
		out.Channel = r.channelIn(v)
	}
	if v := m.get("topic"); v != nil {
		out.Topic, _ = r.word(v, "topic")
	}
	if v := m.get("reason"); v != nil {
		out.Reason, _ = r.word(v, "reason")
	}
	m.done()
	return out
}

func (r *ruleCheck) toneRule(n *node) (out ToneRule) {
	m := r.fields(n, "a rule of tone")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "while it is true, messages have the tone", wantBool, seesAll)
	if v := m.need("use", "the tone of the messages"); v != nil {
		out.Use, _ = r.word(v, "use")
	}
	m.done()
	return out
}

// controlGroups reads the shares of the standing control tests.
func (r *ruleCheck) controlGroups(n *node) map[string]float64 {
	m := r.fields(n, "control_groups")
	if m == nil {
		return nil
	}
	out, sum := map[string]float64{}, 0.0
	for _, name := range Controls {
		if v := m.get(name); v != nil {
			out[name], _ = r.number(v, name+" (percent)", 0, 100)
			sum += out[name]
		}
	}
	if sum > 100 {
		r.report(n.pos, "bad-value", "", "the control groups are %s percent together: 100 at most", digits(sum))
	}
	m.done()
	return out
}
