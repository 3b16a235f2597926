package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
)

// matureEvidence is the number of outcomes that ends the ramp of an action that few customers accept.
const matureEvidence = 2000

// share returns the share of decisions in which an action competes with better-known ones. Pega's outbound model
// maturity grows with acceptances alone, so an action that few accept would stay on the ramp for good; here many
// outcomes without acceptance end the ramp too.
func share(e propensity.Estimate) float64 {
	return max(propensity.Ramp(e.Positives), min(e.Evidence/matureEvidence, 1))
}

// explore makes decisions learn. It does two things to the candidates that the policy permits:
//
// 1. Thompson sampling. P becomes a draw from Beta(p·n, (1−p)·n), where p is the estimated propensity and n the
// evidence it rests on. Well-known actions draw close to their estimate; an action with two outcomes may draw anything,
// and so wins now and then. Each action is chosen about as often as it is the best, given what is known. Without this
// an action that was unlucky in its first offers would never be offered again.
//
// 2. The ramp (outbound only). A new action competes with better-known ones in 2 % of decisions, rising with its
// acceptances to all of them at 200 (propensity.Ramp). A bad new action therefore reaches few customers before it is
// known. It is held back only in favor of better-known actions: if all remaining candidates are new, they compete
// freely, so that the first actions of an installation are offered, and a decision over one action does not end with
// nothing.
//
// Example: A has 1,000 outcomes at 5 %, B is new with a starting belief of 50 %. B would win nearly every draw; the
// ramp lets it compete in 2 of 100 decisions until it has earned more. See docs/decisions/0007 and docs/learning.md.
func (f *funnel) explore(all []Candidate) {
	if !f.q.Explore || f.q.Random == nil {
		return
	}
	ticket, of := 0.0, -1
	for i := range all {
		c := &all[i]
		if !c.alive() {
			continue
		}
		if c.action != of { // one ticket per action: more channels do not mean more chances
			ticket, of = f.q.Random.Float64(), c.action
		}
		e := propensity.Estimate{Propensity: c.Propensity, Evidence: c.Evidence, Positives: c.positives}
		c.HeldBack = f.q.Ramp && ticket >= share(e)
		c.P, c.Explored = e.Sample(f.q.Random), true
		c.Priority = f.priority(c)
	}
}

// onlyHeldBack reports whether every candidate with a priority above 0 is held back.
func (f *funnel) onlyHeldBack(all []Candidate) bool {
	for i := range all {
		if c := &all[i]; c.alive() && c.Priority > 0 && !c.HeldBack {
			return false
		}
	}
	return true
}
