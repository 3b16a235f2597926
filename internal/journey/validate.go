package journey

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
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
func validClock(at localtime.Time, days []string) error {
	if _, _, _, err := at.Parse(); err != nil {
		return err
	}
	for _, day := range days {
		if !slices.Contains(localtime.Weekdays, day) {
			return fmt.Errorf("%q is no day of the week", day)
		}
	}
	return nil
}
