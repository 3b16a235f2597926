package app

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// SetClock sets the store's clock by --time-scale and --time-origin. Without either, the clock of the data stays.
func (c *Config) SetClock(ctx context.Context, st *engine.Engine) error {
	if c.TimeScale == 0 && c.TimeOrigin == "" {
		return nil
	}
	origin, err := parseOrigin(c.TimeOrigin)
	if err != nil {
		return err
	}
	have, err := st.Database.Clock(ctx)
	if err != nil {
		return err
	}
	scale := c.TimeScale
	if scale == 0 {
		scale = max(have.Scale, 1)
	}
	wall := clock.Wall().Truncate(time.Millisecond)
	want := clock.Clock{Origin: origin, Epoch: wall, Scale: scale}
	if origin.IsZero() {
		if max(have.Scale, 1) == scale {
			return nil // as fast as asked for: virtual time continues from where it is
		}
		want.Origin = wall
	} else if have.Scale == scale && have.Origin.Equal(origin) {
		return nil
	}
	err = st.Customers.SetClock(ctx, want)
	if errors.Is(err, sqldb.ErrClockFixed) {
		return Usage(
			"the data in %s runs on another clock (%s), and its events have times of that clock: leave out --time-scale and "+
				"--time-origin, or start with another --data-dir",
			c.Place(),
			DescribeClock(have),
		)
	}
	return err
}

// Place returns where the data is, without credentials.
func (c *Config) Place() string {
	if c.Postgres() {
		return "the PostgreSQL database"
	}
	return c.DatabaseURL()
}

// DescribeClock returns in words how a clock runs.
func DescribeClock(c clock.Clock) string {
	if c.Scale <= 1 && c.Origin.Equal(c.Epoch) {
		return "real time"
	}
	second := time.Duration(max(c.Scale, 1) * float64(time.Second))
	pace := human.Duration(second)
	if second%time.Second != 0 {
		pace = second.String()
	}
	return pace + " in a second, from " + c.Origin.UTC().Format(time.RFC3339)
}

// parseOrigin reads a date or an RFC 3339 time; empty is the zero time.
func parseOrigin(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, Usage("--time-origin is %q: give a date (2016-11-14) or a time (2016-11-14T09:00:00Z)", text)
}
