package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// steps draws a list of valid steps. What is used up: depth of arms, and the numbers that make ids.
func drawSteps(t *rapid.T, indent string, depth int, next *int) string {
	var b strings.Builder
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		*next++
		id := fmt.Sprintf("s%d", *next)
		arm := func() string {
			if depth == 0 {
				return " []\n"
			}
			return "\n" + drawSteps(t, indent+"        ", depth-1, next)
		}
		name := rapid.SampledFrom([]string{"A", "B", "C"})
		hours := rapid.IntRange(1, 9)
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			fmt.Fprintf(&b, "%s- {id: %s, wait: %dh}\n", indent, id, hours.Draw(t, "h"))
		case 1, 2:
			since := ""
			if rapid.Bool().Draw(t, "since") {
				since = indent + "  since: entry\n"
			}
			fmt.Fprintf(&b, "%s- id: %s\n%s  wait_for:\n%s    - event: %s\n%s      then:%s%s  timeout: %dh\n%s", indent, id, indent, indent, name.Draw(t, "name"), indent, arm(), indent, hours.Draw(t, "h"), since)
		case 3:
			fmt.Fprintf(&b, "%s- {id: %s, send: hello, via: email}\n", indent, id)
		case 4:
			fmt.Fprintf(&b, "%s- {id: %s, handoff: care, timeout: %dh}\n", indent, id, hours.Draw(t, "h"))
		case 5:
			fmt.Fprintf(&b, "%s- {id: %s, set: {vars.n: vars.n + 1}}\n", indent, id)
		case 6:
			fmt.Fprintf(&b, "%s- id: %s\n%s  branch:\n%s    - when: vars.n > 1\n%s      then:%s", indent, id, indent, indent, indent, arm())
		case 7:
			fmt.Fprintf(&b, "%s- id: %s\n%s  split:\n%s    - weight: 1\n%s      then:%s%s    - weight: 2\n%s      then: []\n", indent, id, indent, indent, indent, arm(), indent, indent)
		}
	}
	return b.String()
}

// Whatever happens to it, an instance ends with exactly one outcome, and uses each event at most once.
func TestAnyJourneyEndsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		next := 0
		source := journeyOf(drawSteps(rt, "  ", 2, &next), "vars: {n: 0}", rapid.SampledFrom([]string{"", "goal: {event: G}", "goal: {event: G, within: 20h}"}).Draw(rt, "goal"), "exit: [{event: X}]")
		prog, err := compile(source)
		if err != nil {
			rt.Fatal(err)
		}
		p := playOf(t, &world{prog: prog, start: testStart, customer: map[string]any{}}, nil, testStart)
		p.send = func(n int, _ Send) (SendResult, error) {
			return SendResult{Status: []string{StatusSent, StatusRetry, StatusFailed, StatusSuppressed}[n%4]}, nil
		}
		p.in.Holdout = rapid.IntRange(0, 9).Draw(rt, "holdout") == 0
		for i := range rapid.IntRange(0, 12).Draw(rt, "events") {
			at := time.Duration(rapid.IntRange(0, 30*4).Draw(rt, "at")) * 15 * time.Minute
			switch kind := rapid.IntRange(0, 9).Draw(rt, "what"); kind {
			case 0:
				p.order(at, PauseUpdate, Command{})
				p.order(at+time.Duration(rapid.IntRange(0, 9).Draw(rt, "for"))*time.Hour, ResumeUpdate, Command{})
			case 1:
				p.order(at, SkipUpdate, Command{})
			default:
				name := rapid.SampledFrom([]string{"A", "A", "B", "B", "C", "G", "X"}).Draw(rt, "name")
				p.event(at, fmt.Sprintf("e%d", i), name, nil)
			}
		}
		// A pause may outlive its resume, which is refused where another pause is still on.
		p.order(1000*time.Hour, ResumeUpdate, Command{})
		p.env.ExecuteWorkflow(Journey, p.in)
		if err := p.env.GetWorkflowError(); err != nil {
			rt.Fatalf("%v\n%s", err, source)
		}
		if ends := p.ends(); len(ends) != 1 || ends[0] == "" {
			rt.Fatalf("ends %v\n%s", ends, source)
		}
		var result Result
		if err := p.env.GetWorkflowResult(&result); err != nil || result.Outcome != p.ends()[0] {
			rt.Fatalf("result %+v, reported %v, %v", result, p.ends(), err)
		}
		used := map[string]string{}
		for _, s := range p.sends {
			for step, id := range s.StepEvents {
				if other, twice := used[id]; twice && other != step {
					rt.Fatalf("event %s was used by %s and %s\n%s", id, other, step, source)
				}
				used[id] = step
			}
		}
	})
}
