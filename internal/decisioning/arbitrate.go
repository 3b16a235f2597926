package decisioning

import (
	"math"
	"slices"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Stages of a decision, in the order in which a candidate passes them (Pega's engagement policies, then constraints,
// then arbitration).
const (
	StageEligible    = "eligible"    // may they have it
	StageApplicable  = "applicable"  // is it relevant now
	StageSuitable    = "suitable"    // is it good for them
	StagePolicy      = "policy"      // the contact policy
	StageArbitration = "arbitration" // P × C × V × L
	StageChosen      = "chosen"
)

// stages orders the stages, to compare how far two candidates came.
var stages = []string{StageEligible, StageApplicable, StageSuitable, StagePolicy, StageArbitration, StageChosen}

// Reasons for dropping a candidate, in addition to those of the contact policy.
const (
	NotEligible   = "NOT_ELIGIBLE"
	NotApplicable = "NOT_APPLICABLE"
	NotSuitable   = "NOT_SUITABLE"
	LowerPriority = "LOWER_PRIORITY"
	NoValue       = "NO_VALUE"  // its priority is 0: its cost is not below its value, or a weight or its lever is 0
	NoAction      = "NO_ACTION" // the current release has none of the actions asked for
)

// Candidate is an action on a channel, and how far it came. An action dropped before the contact policy is one
// candidate without a channel.
type Candidate struct {
	Action  string `json:"action"`
	Channel string `json:"channel,omitempty"`
	Stage   string `json:"stage"`            // where it was dropped, or StageChosen
	Reason  string `json:"reason,omitempty"` // empty where it was chosen

	P float64 `json:"p"` // the propensity used: the estimate, or with exploration a draw from its posterior
	C float64 `json:"c"` // product of the matching context weights
	V float64 `json:"v"` // value − cost, not below 0
	L float64 `json:"l"` // lever

	Priority   float64 `json:"priority"`
	Propensity float64 `json:"propensity"` // the estimate, 0…1
	Evidence   float64 `json:"evidence"`   // outcomes that the estimate rests on
	Explored   bool    `json:"explored,omitempty"`
	HeldBack   bool    `json:"held,omitempty"` // on the ramp, and held back this time in favor of better-known actions

	Worth float64 `json:"worth"` // value before the cost
	Cost  float64 `json:"cost"`

	action    int // index in the question
	positives float64
	verdict   *Verdict
}

// Question is the decision to make.
type Question struct {
	Actions  []*journey.Action // in the order of their file, or of the step's list
	Via      []string          // narrows the channels; empty: each action's own
	Channels []channel.Spec    // of this build, in the registry's order
	// Choose: nothing is sent, so actions without a message take part.
	Choose bool
	Slots  int // how many different actions at most; 0 is 1
	// Estimate returns the learned estimate of an action on a channel; nil: every action has its starting belief.
	Estimate func(a *journey.Action, channel string) propensity.Estimate
	// Random is this decision's own randomness. Required with Explore and with the control group ControlRandom.
	Random  propensity.Random
	Explore bool
	// Ramp limits new actions to a share of the decisions (outbound only).
	Ramp bool
	// Control is the control group that the decision is made for; empty: none.
	Control string
}

// Decision is the answer. Chosen are indices into Candidates, best first.
type Decision struct {
	Candidates []Candidate
	Chosen     []int
	Control    string
	Reason     string // if nothing was chosen: that of the candidate that came furthest; of several, of the first
}

// Verdict returns the contact policy's verdict on a chosen candidate.
func (d *Decision) Verdict(at int) Verdict { return *d.Candidates[at].verdict }

// Arbitrate decides which actions a customer gets: eligible → applicable → suitable → contact policy → arbitration,
// the order of docs/decisions/0007.
//
// Every action passes the stages separately on each channel it may use; a failure is kept in the trace with its stage
// and reason. What remains is ranked by priority P × C × V × L: propensity, the product of the matching context
// weights, value minus cost (at least 0), and the lever. Of equal priorities the action listed first wins, then the
// channel that the action lists first, then the registry's order. Nothing is chosen if the best priority is 0.
//
// With several slots, each choice counts against the frequency caps before the next one: of two offers by mail under
// a cap of one mail a day, the second is dropped with CAP_REACHED (see reapplyPolicy). One action takes one slot at
// most.
//
// Exploration (see explore) replaces P with a random draw, so the same question may be answered differently. The draw
// comes from Question.Random, which the caller seeds by the decision's key: a repeat of the decision, after a lost
// response, gives the same answer. Everything else is deterministic.
//
// Control groups change one factor, so that its worth can be measured: ControlPropensityOnly ranks by P,
// ControlNoLevers without L, ControlRandom draws among the permitted, ControlEligibilityOnly skips relevance and
// suitability.
func Arbitrate(st CustomerContext, q Question) Decision {
	f := newFunnel(st, q)
	d := Decision{Control: q.Control}
	d.Candidates = make([]Candidate, 0, len(q.Actions))
	for i, a := range q.Actions {
		d.Candidates = f.consider(d.Candidates, i, a)
	}
	f.explore(d.Candidates)
	for range max(q.Slots, 1) {
		if len(d.Chosen) > 0 {
			f.reapplyPolicy(d.Candidates)
		}
		best := f.best(d.Candidates)
		if best < 0 {
			break
		}
		c := &d.Candidates[best]
		c.Stage, c.Reason = StageChosen, ""
		d.Chosen = append(d.Chosen, best)
		f.usedChannels = append(f.usedChannels, c.Channel)
		for i := range d.Candidates { // its other channels are no longer candidates
			if o := &d.Candidates[i]; o.action == c.action && i != best && o.alive() {
				o.Reason = LowerPriority
			}
		}
	}
	for i := range d.Candidates {
		if o := &d.Candidates[i]; o.alive() {
			if o.Reason = LowerPriority; o.Priority <= 0 {
				o.Reason = NoValue
			}
		}
	}
	if len(d.Chosen) == 0 {
		d.Reason = furthest(d.Candidates)
	}
	return d
}

// alive reports whether a candidate may still be chosen.
func (c *Candidate) alive() bool { return c.Stage == StageArbitration && c.Reason == "" }

// furthest returns the reason of the candidate that came furthest. Within the contact policy, quiet hours and then
// caps are the furthest, since they are checked last.
func furthest(all []Candidate) string {
	reason, far := NoAction, -1
	for i := range all {
		at := 3 * slices.Index(stages, all[i].Stage)
		switch all[i].Reason {
		case QuietHours:
			at++
		case CapReached:
			at += 2
		}
		if at > far {
			reason, far = all[i].Reason, at
		}
	}
	return reason
}

// funnel is the state of one decision.
type funnel struct {
	st           CustomerContext
	q            Question
	rules        *journey.Rulebook
	scope        *journey.Scope
	specs        []channel.Spec // of this build, and those that only the question names
	policy       *PolicyEvaluator
	verdicts     map[string]*Verdict // of the contact policy, by channel; the same for all actions that have a treatment
	usedChannels []string            // channels of the chosen candidates
}

func newFunnel(st CustomerContext, q Question) *funnel {
	f := &funnel{st: st, q: q, rules: st.Rules, scope: st.Scope, specs: slices.Clone(q.Channels), verdicts: map[string]*Verdict{}}
	for _, name := range q.Via { // a present customer may be reached by a channel unknown to this build: an agent's desk, a kiosk
		if spec := f.spec(name); st.Present &&
			!slices.ContainsFunc(q.Channels, func(s channel.Spec) bool { return s.Name == name }) {
			f.specs = append(f.specs, spec)
		}
	}
	f.specs = append(f.specs, channel.Spec{Any: true}) // for actions that are only chosen, without a channel
	f.policy = NewPolicyEvaluator(st, f.specs)
	return f
}

// consider takes one action through the stages, up to its priority on every channel.
func (f *funnel) consider(out []Candidate, i int, a *journey.Action) []Candidate {
	c := Candidate{Action: a.Name, action: i, C: 1, L: 1}
	drop := func(stage, reason string) []Candidate {
		c.Stage, c.Reason = stage, reason
		return append(out, c)
	}
	relevant := f.q.Control != journey.ControlEligibilityOnly
	switch {
	case !f.rules.Test(a.Eligible, f.scope):
		return drop(StageEligible, NotEligible)
	case relevant && !f.rules.Test(a.Applicable, f.scope):
		return drop(StageApplicable, NotApplicable)
	case relevant && !f.rules.Test(a.Suitable, f.scope):
		return drop(StageSuitable, NotSuitable)
	}
	channels := f.channels(a)
	if len(channels) == 0 {
		return drop(StagePolicy, NoTreatment)
	}
	weighed := false
	for _, channel := range channels {
		v := f.permit(a, channel)
		if v.Reason != "" {
			out = append(out, Candidate{Action: a.Name, Channel: channel, Stage: StagePolicy, Reason: v.Reason, C: 1, L: 1, action: i})
			continue
		}
		if !weighed {
			f.weigh(a, &c)
			weighed = true
		}
		c.Channel, c.Stage, c.verdict = channel, StageArbitration, v
		e := propensity.Estimate{Propensity: a.Propensity}
		if f.q.Estimate != nil {
			e = f.q.Estimate(a, channel)
		}
		c.Propensity, c.Evidence, c.positives = finite(e.Propensity), e.Evidence, e.Positives
		c.P = c.Propensity
		c.Priority = f.priority(&c)
		out = append(out, c)
	}
	return out
}

// weigh evaluates the factors that are the same on every channel.
func (f *funnel) weigh(a *journey.Action, c *Candidate) {
	c.Worth, c.Cost = bounded(f.rules.Number(a.Value, f.scope, 0)), bounded(f.rules.Number(a.Cost, f.scope, 0))
	c.V = max(0, c.Worth-c.Cost)
	c.L = max(0, bounded(f.rules.Number(a.Lever, f.scope, 1)))
	c.C = 1
	for _, w := range a.Context {
		if f.rules.Test(w.When, f.scope) {
			c.C = bounded(c.C * w.Weight)
		}
	}
}

// priority returns P × C × V × L, at least 0.
func (f *funnel) priority(c *Candidate) float64 { return max(0, finite(c.P*c.C*c.V*c.L)) }

// rank returns what candidates are ranked by: the priority, or what a control group uses instead.
func (f *funnel) rank(c *Candidate) float64 {
	switch f.q.Control {
	case journey.ControlPropensityOnly:
		return c.P
	case journey.ControlNoLevers:
		return finite(c.P * c.C * c.V)
	}
	return c.Priority
}

// best returns the index of the candidate to choose; −1 if there is none. Control groups do not choose a priority of
// 0 either.
func (f *funnel) best(all []Candidate) int {
	best := -1
	held := f.onlyHeldBack(all)
	var urn []int
	for i := range all {
		c := &all[i]
		if !c.alive() || c.Priority <= 0 || c.HeldBack && !held {
			continue
		}
		urn = append(urn, i)
		if best < 0 || f.rank(c) > f.rank(&all[best]) {
			best = i
		}
	}
	if f.q.Control == journey.ControlRandom && f.q.Random != nil && len(urn) > 0 {
		return urn[min(int(f.q.Random.Float64()*float64(len(urn))), len(urn)-1)]
	}
	return best
}

// channels returns the channels of an action that the question allows, in the order of the action's own via, else of
// the registry. A present customer is reached by the channels of the question, since the caller shows the action. A
// channel with an address shows a message, so there the action needs a treatment for it.
func (f *funnel) channels(a *journey.Action) []string {
	message, wanted := f.st.Content.Messages[a.Message], func(name string) bool { return slices.Contains(f.q.Via, name) }
	var out []string
	switch {
	case a.Message == "" && !f.q.Choose && !f.st.Present:
	case len(a.Via) > 0 && len(f.q.Via) == 0:
		return a.Via
	case len(a.Via) > 0:
		for _, name := range a.Via {
			if wanted(name) {
				out = append(out, name)
			}
		}
	case f.st.Present:
		for _, name := range f.q.Via {
			if f.spec(name).Address == "" || message != nil && message.Treatments[name] != nil {
				out = append(out, name)
			}
		}
	case a.Message == "" && len(f.q.Via) == 0:
		return nowhere
	default:
		for i := range f.q.Channels {
			name := f.q.Channels[i].Name
			treated := message != nil && message.Treatments[name] != nil
			if len(f.q.Via) == 0 && treated || wanted(name) && (treated || f.q.Channels[i].Any || a.Message == "") {
				out = append(out, name)
			}
		}
	}
	return out
}

// nowhere is the channel of an action that is only chosen.
var nowhere = []string{""}

// permit asks the contact policy about an action on a channel. Quiet hours drop the candidate; a decision is never
// held.
func (f *funnel) permit(a *journey.Action, channel string) *Verdict {
	message := f.st.Content.Messages[a.Message]
	if !f.st.Present && a.Message != "" && (message == nil || message.Treatments[channel] == nil && !f.spec(channel).Any) {
		return &Verdict{Reason: NoTreatment}
	}
	if v, known := f.verdicts[channel]; known {
		return v
	}
	v := f.policy.Permit(SendRequest{Send: journey.Send{Message: a.Message, Via: []string{channel}, Category: journey.Marketing}})
	f.verdicts[channel] = &v
	return &v
}

// reapplyPolicy asks the contact policy again for the remaining candidates, with the chosen ones counted as sent.
func (f *funnel) reapplyPolicy(all []Candidate) {
	clear(f.verdicts)
	st, taken := f.st, f.usedChannels
	if before := f.st.Contacted; before != nil {
		st.Contacted = func(l journey.Limit) int {
			n := before(l)
			for _, channel := range taken {
				if l.Topic == "" && (l.Channel == "" || l.Channel == channel) {
					n++
				}
			}
			return n
		}
	}
	f.policy = NewPolicyEvaluator(st, f.specs)
	for i := range all {
		c := &all[i]
		if !c.alive() {
			continue
		}
		v := f.permit(f.q.Actions[c.action], c.Channel)
		if c.verdict = v; v.Reason != "" {
			c.Stage, c.Reason = StagePolicy, v.Reason
		}
	}
}

// spec returns the channel of this name: of this build, or one that only the caller knows.
func (f *funnel) spec(name string) channel.Spec {
	for _, spec := range f.specs {
		if spec.Name == name {
			return spec
		}
	}
	return channel.Spec{Name: name, Any: true}
}

// finite returns n, or 0 if n is NaN or infinite.
func finite(n float64) float64 {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return n
}

// mostFactor bounds values, costs and context weights, so that sums and products in reports and traces do not
// overflow.
const mostFactor = 1e12

// bounded returns n within ±mostFactor; 0 if n is NaN or infinite.
func bounded(n float64) float64 { return max(-mostFactor, min(finite(n), mostFactor)) }
