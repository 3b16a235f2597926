package lint_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// TestHostileDefinitions checks that definitions which Check never returns, but other bytes may hold, are refused with
// a reason.
func TestHostileDefinitions(t *testing.T) {
	t.Parallel()
	with := func(spec journey.Spec) *journey.Definition {
		return &journey.Definition{
			Journey: "a",
			Paths:   []journey.Path{{Name: journey.Main, Start: 0}},
			Steps:   []journey.Step{{ID: "x", Kind: spec.Kind(), Next: journey.End, Spec: spec}},
		}
	}
	activity := func(change func(*journey.Activity)) *journey.Definition {
		a := &journey.Activity{Name: "A", TaskQueue: "q", Timeout: time.Second, RetryFor: time.Hour, OnFailure: journey.End}
		change(a)
		return with(a)
	}
	call := func(change func(*journey.Call)) *journey.Definition {
		c := &journey.Call{Method: "GET", URL: "https://example.com", Timeout: time.Second, OnFailure: journey.End}
		change(c)
		return with(c)
	}
	rules := func(change func(*journey.Definition)) *journey.Definition {
		d := with(&journey.Wait{})
		change(d)
		return d
	}
	for want, d := range map[string]*journey.Definition{
		"not a time of day":       with(&journey.Wait{At: "25:00"}),
		"no day of the week":      with(&journey.Wait{At: "09:00", Days: []string{"mon", "noday"}}),
		"days without":            with(&journey.Wait{Days: []string{"mon"}, Duration: time.Hour}),
		"beside another moment":   with(&journey.Wait{At: "09:00", Until: "now"}),
		"an event without a name": with(&journey.Emit{Event: " "}),
		"weights have no sum":     with(&journey.Split{}),
		"the weight -1": with(&journey.Split{Arms: []journey.SplitArm{{Weight: -1, Then: journey.End},
			{Weight: 2, Then: journey.End}}}),
		"the weight NaN":             with(&journey.Split{Arms: []journey.SplitArm{{Weight: math.NaN(), Then: journey.End}}}),
		`the method "TRACE"`:         call(func(c *journey.Call) { c.Method = "TRACE" }),
		"the url is no web address":  call(func(c *journey.Call) { c.URL = "file:///etc/passwd" }),
		"the timeout is 0s":          call(func(c *journey.Call) { c.Timeout = 0 }),
		"the timeout is 1h0m0s":      call(func(c *journey.Call) { c.Timeout = time.Hour }),
		"a body of text and one":     call(func(c *journey.Call) { c.Body, c.JSON = "x", 1.0 }),
		`the header "Host"`:          call(func(c *journey.Call) { c.Headers = map[string]string{"Host": "x"} }),
		`the header "X-A"`:           call(func(c *journey.Call) { c.Headers = map[string]string{"X-A": "x\r\nX-B: y"} }),
		`step "x" leads to step 5`:   call(func(c *journey.Call) { c.OnFailure = 5 }),
		"the name is empty":          activity(func(a *journey.Activity) { a.Name = "" }),
		"the task queue begins with": activity(func(a *journey.Activity) { a.TaskQueue = "/_sys/q/1" }),
		"the timeout is -1s":         activity(func(a *journey.Activity) { a.Timeout = -time.Second }),
		"it is tried for 0s":         activity(func(a *journey.Activity) { a.RetryFor = 0 }),
		`leads to "nowhere"`:         rules(func(d *journey.Definition) { d.Reroute = []journey.RerouteRule{{GoTo: "nowhere"}} }),
		"by schedule and by event": rules(func(d *journey.Definition) {
			d.Entry = journey.Entry{Events: []string{"X"}, Schedule: &journey.Schedule{At: "09:00"}}
		}),
		`the schedule: "" is not a time`: rules(func(d *journey.Definition) { d.Entry.Schedule = &journey.Schedule{} }),
		`the schedule: "x" is no day`: rules(func(d *journey.Definition) {
			d.Entry.Schedule = &journey.Schedule{At: "09:00",
				Days: []string{"x"}}
		}),
		"no spec of kind": rules(func(d *journey.Definition) { d.Steps[0].Spec = &journey.Exit{} }),
	} {
		p, err := journey.NewProgram(d)
		if err == nil || p != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := journey.NewProgram(call(func(c *journey.Call) { c.URL = "{{ entry.url }}" })); err != nil {
		t.Error(err)
	}
}
