package lint_test

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

func TestEmitsOwnEntry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entry, steps string
		want         int
	}{
		"twice":         {"{event: Ping, reentry: always}", "  - emit: Ping\n  - emit: Ping\n", 1},
		"by key":        {"{event: Ping, key: event.id}", "  - emit: Ping\n  - wait: 1h\n  - emit: Ping\n", 1},
		"in a cycle":    {"{event: Ping, reentry: always}", "  - {id: a, emit: Ping}\n  - wait: 1h\n  - go_to: a\n", 1},
		"once":          {"{event: Ping, reentry: always}", "  - emit: Ping\n  - emit: Pong\n", 0},
		"never again":   {"{event: Ping, reentry: never}", "  - emit: Ping\n  - emit: Ping\n", 0},
		"one at a time": {"{event: Ping}", "  - emit: Ping\n  - emit: Ping\n", 0},
		"one of two arms": {"{event: Ping, reentry: always}", "  - branch:\n      - {when: 'true', then: [{emit: Ping}]}\n" +
			"      - {when: 'false', then: [{emit: Ping}]}\n", 0},
	} {
		text := "journey: a\nentry: " + c.entry + "\ngoal: {event: Y}\nsteps:\n" + c.steps
		_, got := lint.Check([]lint.File{{Name: "a.yaml", Data: []byte(text)}}, lint.Options{})
		n := 0
		for _, d := range got {
			if d.Code == "emits-own-entry" && !strings.Contains(d.Message, "more than once") {
				t.Error(d.Message)
			}
			if d.Code == "emits-own-entry" {
				n++
			} else {
				t.Errorf("%s: %s: %s", name, d.Code, d.Message)
			}
		}
		if n != c.want {
			t.Errorf("%s: %d warnings, want %d", name, n, c.want)
		}
	}
}
