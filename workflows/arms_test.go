package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Reports name the arm by which each step was left.
func TestArms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps string
		play  func(p *play)
		arms  []string
	}{
		"branch": {
			steps: "  - {id: a, branch: [{when: false, then: []}, {when: true, then: []}]}\n  - {id: b, branch: [{when: false, then: " +
				"[]}]}\n",
			arms: []string{"a 2", "b else"},
		},
		"split": {
			steps: "  - {id: a, split: [{weight: 0, then: []}, {weight: 1, then: []}]}\n  - {id: b, split: [{weight: 1, name: short, " +
				"then: []}, {weight: 0, name: long, then: []}]}\n",
			arms: []string{"a 2", "b short"},
		},
		"split, forced": {
			steps: "  - {id: a, split: [{weight: 0, then: []}, {weight: 1, then: []}]}\n  - {id: b, split: [{weight: 1, name: short, " +
				"then: []}, {weight: 0, name: long, then: []}]}\n  - {id: c, split: [{weight: 0, name: x, then: []}, {weight: 1, " +
				"name: y, then: []}]}\n",
			play: func(p *play) { p.in.Arms = map[string]string{"a": "1", "b": "long", "c": "1", "d": "x"} },
			arms: []string{"a 1", "b long", "c y"},
		},
		"wait_for": {
			steps: twoArms, play: func(p *play) { p.event(time.Hour, "e1", "Viewed", map[string]any{"n": 1.0}) },
			arms: []string{"w 2", "two", "end"},
		},
		"wait_for, timed out": {steps: twoArms, arms: []string{"w on_timeout", "late", "end"}},
		"without arms": {
			steps: "  - {id: w, wait_for: {event: A}, timeout: 1h}\n  - {id: h, handoff: care, timeout: 1h}\n",
			arms:  []string{"w on_timeout", "h on_timeout"},
		},
		"hand-off": {
			steps: oneHandoff,
			play:  func(p *play) { p.resolve(time.Hour, "r1", "h/1", "laughed") },
			arms:  []string{"h laughed", "done"},
		},
		"hand-off, timed out": {steps: oneHandoff, arms: []string{"h on_timeout", "late"}},
		"sent":                {steps: oneSend, arms: []string{"s", "done"}},
		"send blocked": {
			steps: oneSend,
			play:  func(p *play) { p.send = answer(contract.StatusSuppressed, "X") },
			arms:  []string{"s on_blocked", "blocked"},
		},
		"send failed": {
			steps: oneSend,
			play:  func(p *play) { p.send = answer(contract.StatusFailed, "X") },
			arms:  []string{"s on_failure", "failed"},
		},
		"call failed":         {steps: oneCall, play: func(p *play) { p.call = refused(404, "") }, arms: []string{"c on_failure", "sorry"}},
		"called, and skipped": {steps: oneCall, arms: []string{"c", "risky skipped", "done"}},
		"wait, set, go to": {
			steps: "  - {id: w, wait: 1h}\n  - {id: s, set: {vars.x: 1}}\n  - {id: g, go_to: z}\n  - {id: z, emit: Done}\n",
			arms:  []string{"w", "s", "g", "z"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(test.steps))
			if test.play != nil {
				test.play(p)
			}
			p.run()
			p.same("arms", test.arms, p.arms())
			for _, r := range p.reports {
				for _, passed := range r.Passed {
					if skipped := passed.Arm == journey.ArmSkipped; skipped != (passed.Visit == 0) ||
						skipped != (passed.Outcome == journey.ArmSkipped) {
						t.Errorf("passed %+v", passed)
					}
				}
			}
		})
	}
}

// Arms within arms are left by go_to at once, and a skipped step counts as no visit.
func TestNestedArmsAreLeftByGoTo(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(`  - id: outer
    wait_for: {event: A, then: [{id: inner, branch: [{when: vars.n == 0, then: [{id: n, set: {vars.n: vars.n + 1}}, {id: w, wait: 1h},
{id: back, go_to: outer}, {id: dead, exit: never}]}], else: [{id: out, go_to: tail}]}]}
    timeout: 9h
    on_timeout: [{id: late, go_to: outer, when: vars.n < 2}]
  - {id: skipped, exit: skipped, when: vars.n == 1}
paths:
  tail:
    - {id: tail-1, wait: 1h}
    - {id: tail-2, go_to: skipped, when: vars.n > 5}
`, "vars: {n: 0}"))
	p.event(time.Hour, "e1", "A", nil)
	p.event(4*time.Hour, "e2", "A", nil)
	p.expect(
		contract.Completed,
		p.run(),
		"outer@1h: A",
		"inner@1h: arm 1",
		"n@1h",
		"w@2h",
		"back@2h: outer",
		"outer@4h: A",
		"inner@4h: else",
		"out@4h: tail",
		"tail-1@5h",
		"tail-2@5h: skipped",
	)
}
