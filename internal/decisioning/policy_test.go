package decisioning

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

type traits = map[string]any

var (
	registry = []channel.Spec{
		{
			Name:    "email",
			Address: "email",
		}, {Name: "push", Address: "push_token"}, {Name: "sms", Address: "phone"}, {Name: "app"}, {Name: "log", Any: true},
	}
	hello = &journey.Message{Name: "hello", Treatments: map[string]journey.Treatment{"email": {}, "push": {}, "app": {}}}
	// evening is 22:30 in Tokyo, 14:30 in Berlin.
	evening = time.Date(2026, 3, 2, 13, 30, 0, 0, time.UTC)
	// whole is a customer who can be reached everywhere and agrees to everything.
	whole = traits{
		"email": "a@example.com", "push_token": "t1", "phone": "+81311112222", "timezone": "Europe/Berlin",
		"consent": traits{"all": true, "marketing": true, "transactional": true, "email": true, "push": true},
	}
)

// standing is a customer's, before a policy.
func standing(t *testing.T, policy *journey.Policy, customer traits, change ...func(*CustomerContext)) CustomerContext {
	t.Helper()
	book, err := journey.NewRulebook(journey.Rules{Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	st := CustomerContext{Traits: customer, Rules: book, Now: evening}
	intent := map[string]float64{"complaint": 0.5}
	for _, f := range change {
		f(&st)
	}
	st.Scope = journey.NewScope(expr.Vars{Customer: customer, Intent: intent, Now: st.Now})
	return st
}

// without is the whole customer but for one consent, which is given another value; nil removes it.
func without(consent string, value any) traits {
	out, given := traits{}, traits{}
	for k, v := range whole {
		out[k] = v
	}
	for k, v := range whole["consent"].(traits) {
		given[k] = v
	}
	if given[consent] = value; value == nil {
		delete(given, consent)
	}
	out["consent"] = given
	return out
}

// contacted answers limits with one number.
func contacted(n int) func(*CustomerContext) {
	return func(st *CustomerContext) { st.Contacted = func(journey.Limit) int { return n } }
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	consent := &journey.Policy{Consent: map[string]expr.Expr{
		"all": "customer.consent.all", "marketing": "customer.consent.marketing", "transactional": "customer.consent.transactional",
		"email": "customer.consent.email",
	}}
	suppress := &journey.Policy{Suppress: []journey.Suppression{
		{When: "intent.complaint > 0.9", Reason: "NEVER"},
		{When: "intent.complaint > 0.4", Topic: "sale", Reason: "UPSET"},
		{When: "intent.complaint > 0.3", Channel: "push"},
		{When: "intent.complaint > 0.3", Channel: "push", Reason: "LATER"},
		{When: "intent.complaint > 0.3", Category: journey.Transactional, Reason: "NOT_EVEN"},
		{When: "customer.nothing", Reason: "UNKNOWN"},
	}}
	quiet := func(onBlocked string) *journey.Policy {
		return &journey.Policy{
			QuietHours: &journey.QuietHours{From: "21:00", To: "08:00", MissingTimezone: "Asia/Tokyo", OnBlocked: onBlocked},
			Limits:     []journey.Limit{{Max: 1, Per: time.Hour}},
		}
	}
	limit := func(limits ...journey.Limit) *journey.Policy { return &journey.Policy{Limits: limits} }
	var (
		byMail   = journey.Send{Via: []string{"email"}}
		byPush   = journey.Send{Via: []string{"push"}}
		both     = journey.Send{Via: []string{"push", "email"}}
		receipt  = journey.Send{Via: []string{"email"}, Category: journey.Transactional}
		tokyo    = func(st *CustomerContext) { st.Traits = traits{"email": "a@example.com", "push_token": "t1"} }
		morning  = time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
		scenario = func(st *CustomerContext) { st.Scenario = true }
		agent    = func(st *CustomerContext) { st.AgentActive = true }
		bounced  = func(st *CustomerContext) {
			st.Addresses = func(channel string, keys []string) map[string]address.State {
				return map[string]address.State{keys[0]: {Dead: channel == "email"}}
			}
		}
		present   = func(st *CustomerContext) { st.Present = true }
		preferred = func(channel string) func(*CustomerContext) {
			return func(st *CustomerContext) {
				st.Reach = func(c string) float64 { return map[string]float64{"email": 0.2, channel: 0.4}[c] }
			}
		}
	)
	for _, c := range []struct {
		name     string
		policy   *journey.Policy
		customer traits
		send     journey.Send
		change   []func(*CustomerContext)
		want     string
	}{
		{"no policy", nil, whole, byMail, nil, "email"},

		{"all consents given", consent, whole, byMail, nil, "email"},
		{"all refused", consent, without("all", false), byMail, nil, "NO_CONSENT"},
		{"all missing", consent, without("all", nil), byMail, nil, "NO_CONSENT"},
		{"all missing, transactional", consent, without("all", nil), receipt, nil, "NO_CONSENT"},
		{"marketing refused", consent, without("marketing", false), byMail, nil, "NO_CONSENT"},
		{"marketing missing", consent, without("marketing", nil), byMail, nil, "NO_CONSENT"},
		{"marketing in words", consent, without("marketing", "yes"), byMail, nil, "email"},
		{"marketing refused in words", consent, without("marketing", "no"), byMail, nil, "NO_CONSENT"},
		{"marketing of another type", consent, without("marketing", "maybe"), byMail, nil, "NO_CONSENT"},
		{"marketing refused in words, with a rule that is true for them",
			&journey.Policy{Consent: map[string]expr.Expr{"marketing": "true"}}, without("marketing", "off"), byMail, nil, "NO_CONSENT"},
		{"marketing missing, transactional", consent, without("marketing", nil), receipt, nil, "email"},
		{"transactional refused", consent, without("transactional", false), receipt, nil, "NO_CONSENT"},
		{"transactional refused, marketing", consent, without("transactional", false), byMail, nil, "email"},
		{"channel refused", consent, without("email", false), byMail, nil, "NO_CONSENT"},
		{"channel missing, another is left", consent, without("email", nil), journey.Send{Via: []string{"email", "push"}}, nil, "push"},
		{"channel refused, transactional", consent, without("email", false), receipt, nil, "email"},
		{"an opt-out counts beside a rule that is true", &journey.Policy{Consent: map[string]expr.Expr{"marketing": "true"}},
			without("marketing", false), byMail, nil, "NO_CONSENT"},
		{"a rule that minds the opt-out decides", &journey.Policy{Consent: map[string]expr.Expr{"email": "customer.consent.email || " +
			"customer.email != ''"}}, without("email", false), byMail, nil, "email"},
		{"a property that is no consent is not given in a scenario",
			&journey.Policy{Consent: map[string]expr.Expr{"email": "customer.consent.email && customer.country == 'PT'"}},
			without("email", nil), byMail, []func(*CustomerContext){scenario}, "NO_CONSENT"},
		{"an opt-out of a channel without a rule", consent, without("push", false), byPush, nil, "NO_CONSENT"},
		{"missing in a scenario", consent, traits{"email": "a@example.com"}, byMail, []func(*CustomerContext){scenario}, "email"},
		{"refused in a scenario", consent, without("marketing", false), byMail, []func(*CustomerContext){scenario}, "NO_CONSENT"},

		{"an agent before consent to marketing", consent, without("marketing", false), byMail, []func(*CustomerContext){agent},
			"AGENT_ACTIVE"},
		{"consent to all before the agent", consent, without("all", false), byMail, []func(*CustomerContext){agent}, "NO_CONSENT"},
		{"an agent, transactional", consent, whole, receipt, []func(*CustomerContext){agent}, "email"},

		{"suppressed by topic", suppress, whole, journey.Send{Via: []string{"email"}, Topic: "sale"}, nil, "UPSET"},
		{"another topic", suppress, whole, journey.Send{Via: []string{"email"}, Topic: "news"}, nil, "email"},
		{"suppressed by channel, the first rule's reason", suppress, whole, byPush, nil, "SUPPRESSED"},
		{"suppressed on one channel", suppress, whole, both, nil, "email"},
		{"suppressed by a rule that fails on what is there", &journey.Policy{Suppress: []journey.Suppression{{When: "customer.age < 18"}}},
			traits{"email": "a@example.com", "age": "sixteen"}, byMail, nil, "SUPPRESSED"},
		{"not suppressed by a rule about what is missing", &journey.Policy{Suppress: []journey.Suppression{{When: "customer.age < 18"}}},
			whole, byMail, nil, "email"},
		{"suppressed before no address", suppress, traits{}, byPush, nil, "SUPPRESSED"},
		{"suppressed, transactional", suppress, whole, journey.Send{Via: []string{"push"}, Category: journey.Transactional,
			Topic: "sale"}, nil, "push"},

		{"bounced", nil, whole, byMail, []func(*CustomerContext){bounced}, "BOUNCED"},
		{"bounced, transactional", nil, whole, receipt, []func(*CustomerContext){bounced}, "BOUNCED"},

		{"quiet in the zone for those without one", quiet(journey.Queue), traits{"email": "a@example.com"}, byMail,
			[]func(*CustomerContext){tokyo},
			"held 2026-03-02T23:00:00Z"},
		{"not quiet in the customer's zone", quiet(journey.Queue), whole, byMail, nil, "email"},
		{"the end is no part of it", quiet(journey.Queue), traits{"email": "a@example.com"}, byMail,
			[]func(*CustomerContext){tokyo, func(st *CustomerContext) { st.Now = morning }}, "email"},
		{"the last moment is", quiet(journey.Queue), traits{"email": "a@example.com"}, byMail,
			[]func(*CustomerContext){tokyo, func(st *CustomerContext) { st.Now = morning.Add(-time.Millisecond) }},
			"held 2026-03-02T23:00:00Z"},
		{"dropped", quiet(journey.Drop), traits{"email": "a@example.com"}, byMail, []func(*CustomerContext){tokyo}, "QUIET_HOURS"},
		{"quiet, transactional", quiet(journey.Drop), traits{"email": "a@example.com"}, receipt, []func(*CustomerContext){tokyo}, "email"},
		{"quiet before the limits", quiet(journey.Queue), traits{"email": "a@example.com"}, byMail,
			[]func(*CustomerContext){tokyo, contacted(9)},
			"held 2026-03-02T23:00:00Z"},
		{"no address before quiet", quiet(journey.Queue), traits{}, byMail, nil, "NO_ADDRESS"},
		{"held though the first channel has no address", quiet(journey.Queue), traits{"email": "a@example.com"}, both, nil,
			"held 2026-03-02T23:00:00Z"},
		{"one who is present is not asleep", quiet(journey.Drop), traits{}, journey.Send{Via: []string{"app"}},
			[]func(*CustomerContext){present}, "app"},
		{"one who is present needs no address", nil, traits{}, byMail, []func(*CustomerContext){present}, "email"},
		{"limits count for one who is present", quiet(journey.Drop), traits{}, journey.Send{Via: []string{"app"}},
			[]func(*CustomerContext){present, contacted(1)}, "CAP_REACHED"},

		{"room below the limit", limit(journey.Limit{Max: 2, Per: time.Hour}), whole, byMail, []func(*CustomerContext){contacted(1)},
			"email"},
		{"limit reached", limit(journey.Limit{Max: 2, Per: time.Hour}), whole, byMail, []func(*CustomerContext){contacted(2)},
			"CAP_REACHED"},
		{"limit reached, transactional", limit(journey.Limit{Max: 2, Per: time.Hour}), whole, receipt,
			[]func(*CustomerContext){contacted(2)}, "email"},
		{"max 0 forbids", limit(journey.Limit{Max: 0, Per: time.Hour}), whole, byMail, nil, "CAP_REACHED"},
		{"another channel's limit", limit(journey.Limit{Channel: "push", Max: 1, Per: time.Hour}), whole, byMail,
			[]func(*CustomerContext){contacted(1)}, "email"},
		{"the channel's limit leaves the other", limit(journey.Limit{Channel: "push", Max: 1, Per: time.Hour}), whole, both,
			[]func(*CustomerContext){contacted(1)}, "email"},
		{"another topic's limit", limit(journey.Limit{Topic: "sale", Max: 1, Per: time.Hour}), whole,
			journey.Send{Via: []string{"email"}, Topic: "news"}, []func(*CustomerContext){contacted(1)}, "email"},
		{"the topic's limit", limit(journey.Limit{Topic: "sale", Max: 1, Per: time.Hour}), whole,
			journey.Send{Via: []string{"email"}, Topic: "sale"}, []func(*CustomerContext){contacted(1)}, "CAP_REACHED"},
		{"no topic under a topic's limit", limit(journey.Limit{Topic: "sale", Max: 1, Per: time.Hour}), whole, byMail,
			[]func(*CustomerContext){contacted(1)}, "email"},
		{"the cap of the channel that has an address", limit(journey.Limit{Max: 1, Per: time.Hour}), traits{"email": "a@example.com"}, both,
			[]func(*CustomerContext){contacted(1)}, "CAP_REACHED"},

		{"best of equals is the registry's first", nil, whole, journey.Send{}, nil, "email"},
		{"best is answered most", nil, whole, journey.Send{}, []func(*CustomerContext){preferred("push")}, "push"},
		{"best without its address", nil, without("all", true), journey.Send{}, []func(*CustomerContext){preferred("sms")}, "email"},
		// the message has no sms
		{"best of those permitted", limit(journey.Limit{Channel: "push", Max: 1, Per: time.Hour}), whole, journey.Send{},
			[]func(*CustomerContext){preferred("push"), contacted(1)}, "email"},
		{"a list is not sorted", nil, whole, journey.Send{Via: []string{"email", "push"}}, []func(*CustomerContext){preferred("push")},
			"email"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := standing(t, c.policy, c.customer, c.change...)
			v := Permit(st, SendRequest{Send: c.send, Message: hello, Channels: registry})
			got := v.Channel
			switch {
			case !v.HeldUntil.IsZero():
				got = "held " + v.HeldUntil.Format(time.RFC3339)
				if v.Reason != QuietHours || v.Channel != "" {
					t.Errorf("held: %+v", v)
				}
			case got == "":
				got = v.Reason
			}
			if got != c.want {
				t.Errorf("got %s, want %s: %+v", got, c.want, v.Channels)
			}
		})
	}
}

func TestCapsCountTheirChannelAndTopic(t *testing.T) {
	t.Parallel()
	day, week := journey.Limit{Channel: "email", Max: 1, Per: 24 * time.Hour}, journey.Limit{Max: 5, Per: 7 * 24 * time.Hour}
	var asked []journey.Limit
	st := standing(
		t,
		&journey.Policy{
			Limits: []journey.Limit{day, week, {Channel: "push", Max: 1, Per: time.Hour}, {Topic: "sale", Max: 1, Per: time.Hour}},
		},
		whole,
		func(st *CustomerContext) {
			st.Contacted = func(l journey.Limit) int { asked = append(asked, l); return 0 }
		},
	)
	if v := Permit(st, SendRequest{Send: journey.Send{Via: []string{"email"}}, Message: hello, Channels: registry}); v.Channel != "email" {
		t.Fatal(v)
	}
	if diff := cmp.Diff([]journey.Limit{day, week}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestTone(t *testing.T) {
	t.Parallel()
	policy := &journey.Policy{Tone: []journey.ToneRule{
		{When: "intent.complaint > 0.9", Use: "contrite"}, {When: "customer.nothing", Use: "lost"},
		{When: "intent.complaint > 0.4", Use: "empathetic"}, {When: "true", Use: "plain"},
	}}
	for want, send := range map[string]journey.Send{
		"empathetic": {Via: []string{"email"}},
		"festive":    {Via: []string{"email"}, Tone: "festive"},
	} {
		if got := Permit(standing(t, policy, whole), SendRequest{Send: send, Message: hello, Channels: registry}).Tone; got != want {
			t.Errorf("tone %q, want %q", got, want)
		}
	}
	if got := Permit(standing(t, policy, whole), SendRequest{Send: journey.Send{Category: journey.Transactional}, Message: hello,
		Channels: registry}).Tone; got != "empathetic" {
		t.Errorf("of a transactional send: %q", got)
	}
	if got := Permit(standing(t, nil, whole), SendRequest{Send: journey.Send{}, Message: hello, Channels: registry}).Tone; got != "" {
		t.Errorf("without a policy: %q", got)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	st := standing(
		t,
		&journey.Policy{Limits: []journey.Limit{{Channel: "email", Max: 0, Per: time.Hour}}},
		traits{"email": "a@example.com"},
	)
	got := Permit(st, SendRequest{Send: journey.Send{}, Message: hello, Channels: registry})
	if diff := cmp.Diff([]ChannelVerdict{{Channel: "email", Reason: CapReached}, {Channel: "push", Reason: NoAddress}, {Channel: "app"}},
		got.Channels); diff != "" {
		t.Error(diff)
	}
}

// Asking for many actions looks at the customer once.
func TestPolicyEvaluatorReadsFactsOnce(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	st := standing(
		t,
		&journey.Policy{Limits: []journey.Limit{{Channel: "email", Max: 1, Per: time.Hour}}},
		whole,
		func(st *CustomerContext) {
			st.Contacted = func(journey.Limit) int { counts["contacted"]++; return 0 }
			st.Addresses = func(channel string, _ []string) map[string]address.State { counts[channel]++; return nil }
		},
	)
	p := NewPolicyEvaluator(st, registry)
	for i := range 50 {
		message := &journey.Message{Name: fmt.Sprint(i), Treatments: hello.Treatments}
		if got := len(p.Permit(SendRequest{Message: message}).Channels); got != 3 {
			t.Fatal(got)
		}
	}
	if diff := cmp.Diff(map[string]int{"contacted": 1, "email": 1, "push": 1}, counts); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkPermitsOfAThousandActions(b *testing.B) {
	book, err := journey.NewRulebook(journey.Rules{Policy: &journey.Policy{
		Limits:     []journey.Limit{{Channel: "email", Max: 1, Per: time.Hour}, {Max: 5, Per: 7 * 24 * time.Hour}},
		QuietHours: &journey.QuietHours{From: "23:00", To: "08:00", OnBlocked: journey.Queue},
		Consent:    map[string]expr.Expr{"marketing": "customer.consent.marketing", "email": "customer.consent.email"},
		Suppress:   []journey.Suppression{{When: "intent.complaint > 0.6"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		st := CustomerContext{Traits: whole, Rules: book, Now: evening, Contacted: func(journey.Limit) int { return 0 },
			Scope: journey.NewScope(expr.Vars{Customer: whole, Intent: map[string]float64{"complaint": 0.5}, Now: evening})}
		p := NewPolicyEvaluator(st, registry)
		for range 1000 {
			p.Permit(SendRequest{Message: hello})
		}
	}
}
