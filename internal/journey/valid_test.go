package journey

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestHostileDefinitions gives definitions that Check would never make, as bytes from elsewhere could: each is
// refused, and said why.
func TestHostileDefinitions(t *testing.T) {
	t.Parallel()
	with := func(spec Spec) *Definition {
		return &Definition{Journey: "a", Paths: []Path{{Main, 0}}, Steps: []Step{{ID: "x", Kind: spec.Kind(), Next: End, Spec: spec}}}
	}
	call := func(change func(*Call)) *Definition {
		c := &Call{Method: "GET", URL: "https://example.com", Timeout: time.Second, OnFailure: End}
		change(c)
		return with(c)
	}
	rules := func(change func(*Definition)) *Definition {
		d := with(&Wait{})
		change(d)
		return d
	}
	for want, d := range map[string]*Definition{
		"no time of day":              with(&Wait{At: "25:00"}),
		"no day of the week":          with(&Wait{At: "09:00", Days: []string{"mon", "noday"}}),
		"days without":                with(&Wait{Days: []string{"mon"}, Duration: time.Hour}),
		"beside another moment":       with(&Wait{At: "09:00", Until: "now"}),
		"an event without a name":     with(&Emit{Event: " "}),
		"weights have no sum":         with(&Split{}),
		"the weight -1":               with(&Split{Arms: []SplitArm{{Weight: -1, Then: End}, {Weight: 2, Then: End}}}),
		"the weight NaN":              with(&Split{Arms: []SplitArm{{Weight: math.NaN(), Then: End}}}),
		`the method "TRACE"`:          call(func(c *Call) { c.Method = "TRACE" }),
		"the url is no web address":   call(func(c *Call) { c.URL = "file:///etc/passwd" }),
		"the timeout is 0s":           call(func(c *Call) { c.Timeout = 0 }),
		"the timeout is 1h0m0s":       call(func(c *Call) { c.Timeout = time.Hour }),
		"a body of text and one":      call(func(c *Call) { c.Body, c.JSON = "x", 1.0 }),
		`the header "Host"`:           call(func(c *Call) { c.Headers = map[string]string{"Host": "x"} }),
		`the header "X-A"`:            call(func(c *Call) { c.Headers = map[string]string{"X-A": "x\r\nX-B: y"} }),
		`step "x" leads to step 5`:    call(func(c *Call) { c.OnFailure = 5 }),
		`leads to "nowhere"`:          rules(func(d *Definition) { d.Reroute = []RerouteRule{{GoTo: "nowhere"}} }),
		"by schedule and by event":    rules(func(d *Definition) { d.Entry = Entry{Events: []string{"X"}, Schedule: &Schedule{At: "09:00"}} }),
		`the schedule: "" is no time`: rules(func(d *Definition) { d.Entry.Schedule = &Schedule{} }),
		`the schedule: "x" is no day`: rules(func(d *Definition) { d.Entry.Schedule = &Schedule{At: "09:00", Days: []string{"x"}} }),
		"no spec of kind":             rules(func(d *Definition) { d.Steps[0].Spec = &Exit{} }),
	} {
		p, err := NewProgram(d)
		if err == nil || p != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := NewProgram(call(func(c *Call) { c.URL = "{{ entry.url }}" })); err != nil {
		t.Error(err)
	}
}
