package lint

import (
	"math"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// DefaultSuppression is the reason of a suppression rule without one.
const DefaultSuppression = "SUPPRESSED"

// policyFile checks policy.yaml and keeps the policy.
func (f *fileCheck) policyFile() {
	if f.Root == nil {
		return
	}
	m := f.Mapping(f.Root, "a contact policy")
	if m == nil {
		return
	}
	r := &ruleCheck{exprCheck{fileCheck: f}}
	p := &journey.Policy{}
	if n := m.Get("limits"); n != nil {
		items, _ := r.List(n, "limits")
		for _, item := range items {
			p.Limits = append(p.Limits, r.limit(item))
		}
	}
	if n := m.Get("quiet_hours"); n != nil {
		p.QuietHours = r.quietHours(n)
	}
	if n := m.Get("consent"); n != nil {
		p.Consent = r.consent(n)
	}
	if n := m.Get("suppress"); n != nil {
		items, _ := r.List(n, "suppress")
		for _, item := range items {
			p.Suppress = append(p.Suppress, r.suppression(item))
		}
	}
	if n := m.Get("tone"); n != nil {
		items, _ := r.List(n, "tone")
		for _, item := range items {
			p.Tone = append(p.Tone, r.toneRule(item))
		}
	}
	if n := m.Get("control_groups"); n != nil {
		p.ControlGroups = r.controlGroups(n)
	}
	m.Done()
	if f.Errors == 0 {
		f.Content.Policy = p
	}
}

func (r *ruleCheck) limit(n *source.Node) (out journey.Limit) {
	m := r.Mapping(n, "a limit")
	if m == nil {
		return out
	}
	if v := m.Get("channel"); v != nil {
		out.Channel = r.channelIn(v)
	}
	if v := m.Get("topic"); v != nil {
		out.Topic = r.topicIn(v)
	}
	if v := m.Need("max", "the highest number of sends"); v != nil {
		out.Max = r.most(v)
	}
	if v := m.Need("per", "the length of the rolling window"); v != nil {
		out.Per = r.above0(v, "per")
	}
	m.Done()
	return out
}

// most reads a maximum number of contacts.
func (r *ruleCheck) most(n *source.Node) int {
	v, ok := r.Number(n, "max", 0, math.Inf(1))
	if ok && v != math.Trunc(v) {
		r.Report(n.Pos, "bad-value", "", "max is a whole number from 0")
	}
	return int(min(v, math.MaxInt32))
}

func (r *ruleCheck) quietHours(n *source.Node) *journey.QuietHours {
	out := &journey.QuietHours{OnBlocked: journey.Queue}
	m := r.Mapping(n, "quiet_hours")
	if m == nil {
		return out
	}
	if v := m.Need("from", "the time of day at which quiet begins"); v != nil {
		out.From = syntax.ReadLocalTime(r.Document, v, "from")
	}
	if v := m.Need("to", "the time of day at which quiet ends"); v != nil {
		if out.To = syntax.ReadLocalTime(r.Document, v, "to"); out.From != "" && out.To != "" && sameTime(out.From, out.To) {
			r.Report(v.Pos, "bad-value", "", "quiet hours that begin and end at %s have no length", out.To)
		}
	}
	if v := m.Get("timezone"); v != nil {
		out.Timezone = syntax.ReadZone(r.Document, v)
	}
	if v := m.Get("missing_timezone"); v != nil {
		zone, ok := r.Word(v, "missing_timezone")
		if ok {
			syntax.KnownZone(r.Document, v, zone, "write an IANA name such as Asia/Tokyo")
		}
		out.MissingTimezone = zone
	}
	if v := m.Get("on_blocked"); v != nil {
		out.OnBlocked, _ = r.OneOf(v, "on_blocked", journey.Queue, journey.Drop)
	}
	m.Done()
	return out
}

// sameTime reports whether two times of day are equal.
func sameTime(a, b localtime.Time) bool {
	h, m, s, _ := a.Parse()
	h2, m2, s2, _ := b.Parse()
	return h == h2 && m == m2 && s == s2
}

// ConsentAll is the consent without which nothing is sent.
const ConsentAll = "all"

// consent reads the conditions under which a customer may be contacted.
func (r *ruleCheck) consent(n *source.Node) map[string]expr.Expr {
	m := r.Mapping(n, "consent")
	if m == nil {
		return nil
	}
	out := map[string]expr.Expr{}
	for _, key := range append([]string{ConsentAll, journey.Marketing, journey.Transactional}, r.ChannelNames()...) {
		if v := m.Get(key); v != nil {
			out[key] = r.cel(v, expr.Bool, seesCustomer)
		}
	}
	m.Done()
	return out
}

func (r *ruleCheck) suppression(n *source.Node) journey.Suppression {
	out := journey.Suppression{Reason: DefaultSuppression}
	m := r.Mapping(n, "a rule of suppress")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "the condition under which nothing is sent", expr.Bool, seesAll)
	if v := m.Get("category"); v != nil {
		out.Category, _ = r.OneOf(v, "category", journey.Marketing, journey.Transactional)
	}
	if v := m.Get("channel"); v != nil {
		out.Channel = r.channelIn(v)
	}
	if v := m.Get("topic"); v != nil {
		out.Topic = r.topicIn(v)
	}
	if v := m.Get("reason"); v != nil {
		out.Reason, _ = r.Word(v, "reason")
	}
	m.Done()
	return out
}

func (r *ruleCheck) toneRule(n *source.Node) (out journey.ToneRule) {
	m := r.Mapping(n, "a rule of tone")
	if m == nil {
		return out
	}
	out.When = r.needCel(m, "when", "the condition under which messages have the tone", expr.Bool, seesAll)
	if v := m.Need("use", "the tone of the messages"); v != nil {
		out.Use, _ = r.Word(v, "use")
	}
	m.Done()
	return out
}

// controlGroups reads the shares of the control tests.
func (r *ruleCheck) controlGroups(n *source.Node) map[string]float64 {
	m := r.Mapping(n, "control_groups")
	if m == nil {
		return nil
	}
	out, sum := map[string]float64{}, 0.0
	for _, name := range journey.Controls {
		if v := m.Get(name); v != nil {
			out[name], _ = r.Number(v, name+" (percent)", 0, 100)
			sum += out[name]
		}
	}
	if sum > 100 {
		r.Report(n.Pos, "bad-value", "", "the control groups are %s percent together: 100 at most", source.Digits(sum))
	}
	m.Done()
	return out
}
