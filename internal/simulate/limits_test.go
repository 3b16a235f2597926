package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder compiles a journey, its scenarios and a message given as text.
func folder(t testing.TB, name, definition, scenarios string) Job {
	t.Helper()
	content := compile(t, []lint.File{
		{Name: name + ".yaml", Data: []byte("journey: " + name + "\n" + definition)},
		{Name: name + ".test.yaml", Data: []byte("test: " + name + "\nstart: 2026-03-02T10:00:00Z\n" + scenarios)},
		{Name: "messages/note.yaml", Data: []byte("message: note\napp: {title: Note, body: hello}\n")},
	})
	return Job{Content: content.Content, Test: content.tests[name]}
}

const napping = `
entry: {event: Go, reentry: always}
goal: {event: Done}
steps:
  - {id: nap, wait: 1h}
`

const going = `
scenarios:
  - name: it goes
    timeline: [{at: 0m, event: Go}]
    expect: {outcome: completed}
`

// TestStuckScenarioFails checks that a scenario that cannot continue fails with the reason. TestMain checks that no
// goroutine is left.
func TestStuckScenarioFails(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("somebody pressed Ctrl-C"))
	for _, c := range []struct {
		name       string
		ctx        context.Context
		definition string
		scenarios  string
		opts       Options
		want       string
	}{
		{name: "interpreter panics", opts: Options{tamper: func(in *contract.Input) { in.Interpreter = 99 }}, want: "interpreter 99"},
		{name: "broken definition", opts: Options{tamper: func(in *contract.Input) {
			in.Definition, in.Revision = []byte("?"),
				"none"
		}}, want: "cannot be loaded"},
		{name: "an activity panics", opts: Options{before: func(name string) {
			if name == contract.ReportActivity {
				panic("no more paper")
			}
		}}, want: "activity report: panic: no more paper"},
		{name: "an activity that is repeated panics", opts: Options{before: func(name string) {
			if name == contract.CallActivity {
				panic("no line")
			}
		}}, definition: strings.Replace(napping, "wait: 1h", `call: {url: "https://shop.example/"}`, 1),
			want: "activity call: panic: no line"},
		{name: "too much work", opts: Options{Work: 1}, want: "more than 1 activity calls"},
		{name: "too many enrollments", opts: Options{Enrollments: -1}, want: "more than -1 enrollments"},
		{name: "out of real time", opts: Options{Wall: time.Nanosecond}, want: "did not end within 1ns of real time"},
		{name: "out of real time midway", opts: Options{Wall: 300 * time.Millisecond}, definition: `
entry: {event: Go}
goal: {event: Done}
steps:
  - {id: nap, wait: 1m}
  - {go_to: nap}
`, want: "1 enrollments had made"},
		{name: "interrupted", ctx: cancelled, want: "somebody pressed Ctrl-C"},
		{name: "a wait beyond the horizon", definition: strings.Replace(napping, "1h", "5000w", 1) + "timeout: 5200w\n", scenarios: `
scenarios:
  - name: a hundred years, and a hundred more
    timeline: [{at: 1h, event: Go}, {at: 5200w, event: Go}]
    expect: {outcome: completed}
`, want: "too long to simulate"},
		{name: "an endless loop", opts: Options{Work: 1000}, definition: `
entry: {event: Go}
goal: {event: Done}
steps:
  - {id: nap, wait: 1m}
  - {go_to: nap}
`, want: "is there an endless loop?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.definition == "" {
				c.definition = napping
			}
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			j := folder(t, "nap", c.definition, cmp.Or(c.scenarios, going))
			r := Run(c.ctx, j.Content, j.Test, 0, c.opts)
			if r.Passed || len(r.Failures) == 0 || !strings.Contains(r.Failures[0].Words(), c.want) {
				t.Errorf("failures %+v, want %q", r.Failures, c.want)
			}
		})
	}
}

// A journey that fails by itself ends as failed; the scenario may expect that.
func TestJourneyThatFails(t *testing.T) {
	t.Parallel()
	j := folder(t, "spin", `
entry: {event: Go}
goal: {event: Done}
vars: {n: 0}
steps:
  - {id: again, wait: 0s}
  - {id: up, set: {vars.n: vars.n + 1}}
  - {go_to: again}
`, `
scenarios:
  - name: a thousand steps
    timeline: [{at: 0m, event: Go}, {at: 0m, expect: {outcome: failed}}]
    expect: {outcome: failed}
`)
	if r := Run(t.Context(), j.Content, j.Test, 0, Options{}); !r.Passed {
		t.Error(printed(t, r))
	}
}

// RunAll prints results in order, and leaves out what it was interrupted in.
func TestRunAll(t *testing.T) {
	t.Parallel()
	j := folder(t, "nap", napping, going)
	jobs := make([]Job, 20)
	for n := range jobs {
		jobs[n] = j
	}
	told := 0
	for n, r := range RunAll(t.Context(), jobs, 4, Options{}, func(n int, r Result) {
		if n != told || !r.Passed {
			t.Errorf("told of %d (%v) behind %d", n, r.Failures, told)
		}
		told++
	}) {
		if r == nil {
			t.Errorf("no result %d", n)
		}
	}
	if told != len(jobs) {
		t.Errorf("told of %d results", told)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var begun atomic.Int32
	results := RunAll(ctx, jobs, 2, Options{before: func(string) {
		if begun.Add(1) == 10 {
			cancel()
		}
	}}, nil)
	missing := 0
	for _, r := range results {
		if r == nil {
			missing++
		} else if !r.Passed {
			t.Errorf("an interrupted scenario counts as failed: %v", r.Failures)
		}
	}
	if missing == 0 {
		t.Error("nothing was left out")
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0m", time.Minute: "1m", 61 * time.Minute: "1h1m", 25 * time.Hour: "1d1h", 90 * time.Second: "1m30s",
		400 * 24 * time.Hour:    "400d",
		1500 * time.Millisecond: "1s500ms", -time.Hour: "-1h",
	} {
		if got := Offset(d); got != want {
			t.Errorf("%v: %s, want %s", fmt.Sprint(d), got, want)
		}
	}
}
