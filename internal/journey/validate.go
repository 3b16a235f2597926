package journey

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// validRules checks what a definition holds besides its steps.
func (d *Definition) validRules() error {
	if s := d.Entry.Schedule; s != nil {
		if len(d.Entry.Events) > 0 {
			return errors.New("the entry is by schedule and by event")
		}
		if err := validClock(s.At, s.Days); err != nil {
			return fmt.Errorf("the schedule: %w", err)
		}
	}
	for i, rule := range d.Reroute {
		if rule.Level != nil {
			if err := rule.Level.valid(); err != nil {
				return fmt.Errorf("reroute %d: %w", i+1, err)
			}
		}
		if !slices.ContainsFunc(d.Paths, func(p Path) bool { return p.Name == rule.GoTo }) {
			return fmt.Errorf("reroute %d leads to %q, which is no path", i+1, rule.GoTo)
		}
	}
	return nil
}

// validClock checks a time of day and its days.
func validClock(at LocalTime, days []string) error {
	if _, _, _, err := at.Parse(); err != nil {
		return err
	}
	for _, day := range days {
		if !slices.Contains(Weekdays, day) {
			return fmt.Errorf("%q is no day of the week", day)
		}
	}
	return nil
}

// validSpec checks everything in a spec except its jumps.
func validSpec(spec Spec) error {
	switch s := spec.(type) {
	case *Wait:
		switch {
		case s.At == "" && len(s.Days) > 0:
			return errors.New("days without a time of day")
		case s.At != "" && (s.Until != "" || s.Duration != 0 || s.Offset != 0):
			return errors.New("a time of day beside another moment")
		case s.At != "":
			return validClock(s.At, s.Days)
		}
	case *WaitFor:
		for i, arm := range s.Arms {
			if arm.Level == nil {
				continue
			}
			if err := arm.Level.valid(); err != nil {
				return fmt.Errorf("arm %d: %w", i+1, err)
			}
			if len(arm.Events) > 0 || arm.When != "" {
				return fmt.Errorf("arm %d waits for an intent and for an event", i+1)
			}
		}
	case *Decide:
		if (s.Group == "") == (len(s.Actions) == 0) {
			return errors.New("it decides among a group, or among actions")
		}
	case *Ask:
		return s.valid()
	case *Split:
		sum := 0.0
		for _, arm := range s.Arms {
			if !(arm.Weight >= 0) {
				return fmt.Errorf("the weight %v", arm.Weight)
			}
			sum += arm.Weight
		}
		if !(sum > 0) || math.IsInf(sum, 0) {
			return errors.New("the weights have no sum above 0")
		}
	case *Emit:
		if strings.TrimSpace(s.Event) == "" {
			return errors.New("an event without a name")
		}
	case *Call:
		return s.valid()
	}
	return nil
}

// valid checks a threshold.
func (l *Level) valid() error {
	threshold := l.Above
	if threshold == nil {
		threshold = l.Below
	}
	switch {
	case l.Intent == "":
		return errors.New("a level without an intent")
	case (l.Above == nil) == (l.Below == nil):
		return errors.New("a level is above or below a score")
	case !(*threshold >= 0 && *threshold <= 1):
		return fmt.Errorf("the level %v", *threshold)
	}
	return nil
}

// valid checks the arms of a question.
func (a *Ask) valid() error {
	switch {
	case a.Question.Message == "":
		return errors.New("a question without a message")
	case a.Timeout <= 0:
		return fmt.Errorf("the timeout is %s", a.Timeout)
	case len(a.Replies) == 0:
		return errors.New("a question without an arm for replies")
	}
	for i, arm := range a.Replies {
		said := 0
		for _, given := range []bool{arm.Intent != "", arm.Matches != "", arm.Any} {
			if given {
				said++
			}
		}
		if said != 1 {
			return fmt.Errorf("arm %d has not one condition", i+1)
		}
		if _, err := regexp.Compile(arm.Matches); err != nil {
			return fmt.Errorf("arm %d: %w", i+1, err)
		}
	}
	return nil
}

// valid checks the fixed parts of a call. Templates are checked when they are rendered.
func (c *Call) valid() error {
	switch {
	case !slices.Contains(CallMethods, c.Method):
		return fmt.Errorf("the method %q", c.Method)
	case !WebAddress.MatchString(c.URL) && !LiquidStart.MatchString(c.URL):
		return errors.New("the url is no web address")
	case c.Timeout <= 0 || c.Timeout > MaxCallTimeout:
		return fmt.Errorf("the timeout is %s", c.Timeout)
	case c.Body != "" && c.JSON != nil:
		return errors.New("a body of text and one of JSON")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !HeaderName.MatchString(name) || slices.Contains(OwnHeaders, strings.ToLower(name)) ||
			strings.ContainsAny(c.Headers[name], "\r\n\x00") {
			return fmt.Errorf("the header %q", name)
		}
	}
	return nil
}
