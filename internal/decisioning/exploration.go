package decisioning

import (
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
)

// matureEvidence is how many outcomes end the ramp of an action that few accept.
const matureEvidence = 2000

// share is the share of decisions in which an action takes part while better known ones are there. Pega's
// outbound model maturity grows with the positives alone; an action that few accept would then never be let
// out, so many outcomes without acceptance end the ramp too.
func share(e propensity.Estimate) float64 {
	return max(propensity.Ramp(e.Positives), min(e.Evidence/matureEvidence, 1))
}

// explore draws each propensity from what is known of it (Thompson sampling). On the ramp a young action is
// kept back in all but 2 % of the decisions, growing to all of them as it becomes known. It is kept back only
// from better known ones: where all that are left are young, they compete as they are, so that the first
// actions of an installation are not starved, and a single action is never "nothing".
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
		if c.action != of { // one ticket per action: more channels are not more chances
			ticket, of = f.q.Random.Float64(), c.action
		}
		e := propensity.Estimate{Propensity: c.Propensity, Evidence: c.Evidence, Positives: c.positives}
		c.HeldBack = f.q.Ramp && ticket >= share(e)
		c.P, c.Explored = e.Sample(f.q.Random), true
		c.Priority = f.priority(c)
	}
}

// onlyHeldBack reports whether those kept back are all there is: no candidate that is worth anything was let out.
func (f *funnel) onlyHeldBack(all []Candidate) bool {
	for i := range all {
		if c := &all[i]; c.alive() && c.Priority > 0 && !c.HeldBack {
			return false
		}
	}
	return true
}
