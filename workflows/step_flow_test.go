package workflows

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestBranch(t *testing.T) {
	t.Parallel()
	const steps = `  - id: b
    branch:
      - {when: customer.tier == "gold", then: [{id: gold, exit: gold}]}
      - {when: entry.total > %s, then: [{id: big, exit: big}]}
      - {when: entry.nothing == 1, then: [{id: never, exit: never}]}
    else: [{id: other, exit: other}]
`
	tests := map[string]struct {
		tier, limit, outcome string
		arm                  string
	}{
		"the first":            {tier: "gold", limit: "100", outcome: "gold", arm: "arm 1"},
		"the second":           {tier: "tin", limit: "100", outcome: "big", arm: "arm 2"},
		"none; missing is not": {tier: "tin", limit: "200", outcome: "other", arm: "else"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(fmt.Sprintf(steps, test.limit)))
			p.customer["tier"] = test.tier
			p.expect(test.outcome, p.run(), "b@0s: "+test.arm, fmt.Sprintf("%s@0s: %s", test.outcome, test.outcome))
			if p.evals != 1 {
				t.Errorf("the customer was asked %d times for one branch", p.evals)
			}
		})
	}
}

func TestBranchResultIsANumber(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: b, branch: [{when: false, then: []}]}\n  - {id: x, exit: lost, when: steps.b.arm == -1}\n"))
	if got := p.run().Outcome; got != "lost" {
		t.Errorf("outcome %q", got)
	}
}

func TestSplitIsStickyAndFair(t *testing.T) {
	t.Parallel()
	prog, err := compile(
		journeyOf(
			"  - {id: ab, split: [{weight: 30, name: a, then: [{id: xa, exit: a}]}, {weight: 10, name: b, then: [{id: xb, exit: b}]}, " +
				"{weight: 0, name: c, then: [{id: xc, exit: c}]}]}\n",
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for i := range 60 {
		customer := fmt.Sprintf("c%d", i)
		want := "b"
		if journey.Bucket("j", "ab", customer)*40 < 30 {
			want = "a"
		}
		counts[want]++
		p := playOf(t, &world{prog: prog, start: testStart}, nil, testStart)
		p.in.Draw = customer
		p.expect(want, p.run(), "ab@0s: "+want, "x"+want+"@0s: "+want)
	}
	if counts["a"] < 35 || counts["b"] < 5 {
		t.Errorf("went %v", counts)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	const steps = `  - id: x
    set:
      vars.tries: vars.tries + 1
      vars.twice: vars.tries * 2
      vars.deep.inner: "'a'"
      vars.gone: entry.nothing
      customer.stage: "'new'"
      customer.level: vars.tries
      vars.copy: customer.stage
      customer.last: "'z'"
  - {id: stay, wait: 1h}
`
	prog, err := compile(journeyOf(steps, "vars: {tries: 1, gone: kept, deep: {outer: 1}}"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second enrollment begins with the same starting values: nothing is shared
		p := playOf(t, &world{prog: prog, start: testStart, customer: map[string]any{}}, nil, testStart)
		p.at(time.Minute, func() {
			got := fmt.Sprint(p.view().Vars)
			if want := "map[copy:new deep:map[inner:a outer:1] gone:kept tries:2 twice:4]"; got != want {
				t.Errorf("vars %s, want %s", got, want)
			}
		})
		p.expect(contract.Completed, p.run(), "x@0s: not set, for want of a value: vars.gone (nothing is missing)", "stay@1h")
		p.same(
			"account",
			[]string{"assign customer.stage=new (x/1/stage)", "assign customer.level=2 (x/1/stage)", "assign customer.last=z (x/1/last)"},
			p.account,
		)
	}
	if fmt.Sprint(prog.Vars) != "map[deep:map[outer:1] gone:kept tries:1]" {
		t.Errorf("the shared definition was changed: %v", prog.Vars)
	}
}

func TestGoTo(t *testing.T) {
	t.Parallel()
	const steps = `  - {id: w, wait: 1h}
  - {id: count, set: {vars.n: vars.n + 1}}
  - {id: back, go_to: w, when: vars.n < 3}
  - {id: away, go_to: other}
paths:
  other:
    - {id: o, exit: over-there}
`
	p := newPlay(t, journeyOf(steps, "vars: {n: 0}"))
	p.expect(
		"over-there",
		p.run(),
		"w@1h",
		"count@1h",
		"back@1h: w",
		"w@2h",
		"count@2h",
		"back@2h: w",
		"w@3h",
		"count@3h",
		"back@3h: skipped",
		"away@3h: other",
		"o@3h: over-there",
	)
}

func TestThousandStepsWithoutAWaitFail(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: {until: entry.nothing}}\n  - {id: back, go_to: w}\n"))
	result := p.run()
	if result.Outcome != contract.Failed || result.Steps != maxStepsWithoutWait {
		t.Errorf("%+v", result)
	}
	p.same("ends", []string{contract.Failed}, p.ends())
}

func TestMoreThanAThousandStepsWithWaitsDoNotFail(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - {id: w, wait: 1m}\n  - {id: n, set: {vars.n: vars.n + 1}}\n  - {id: back, go_to: w, when: vars.n < 600}\n",
			"vars: {n: 0}",
		),
	)
	if result := p.run(); result.Outcome != contract.Completed || result.Steps != 600*3-1 {
		t.Errorf("%+v", result)
	}
}
