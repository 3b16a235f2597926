package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Setting returns a value, or "" if there is none.
func Setting(ctx context.Context, tx Conn, key string) (string, error) {
	var value string
	err := tx.QueryRowContext(ctx, `select value from settings where key = $1`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func ClockOf(ctx context.Context, tx Conn) (clock.Clock, error) {
	var c clock.Clock
	raw, err := Setting(ctx, tx, "clock")
	if err == nil && raw != "" {
		err = json.Unmarshal([]byte(raw), &c)
	}
	return c, err
}

// Clock is the one virtual clock of this installation; the zero clock until SetClock.
func (s *Database) Clock(ctx context.Context) (clock.Clock, error) {
	c, err := ClockOf(ctx, s.Reader)
	return c, DatabaseError(err)
}

// SetClock sets the clock. It returns ErrClockFixed if the clock differs and fixed reports true.
func (s *Database) SetClock(ctx context.Context, c clock.Clock, fixed func(tx Conn) (bool, error)) error {
	return s.Write(ctx, func(tx Conn) error {
		have, err := ClockOf(ctx, tx)
		if err != nil {
			return err
		}
		if have.Origin.Equal(c.Origin) && have.Epoch.Equal(c.Epoch) && have.Scale == c.Scale {
			return nil
		}
		events, err := fixed(tx)
		if err != nil {
			return err
		}
		if events {
			return ErrClockFixed
		}
		raw, err := JsonText(c)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`insert into settings (key, value) values ('clock', $1) on conflict (key) do update set value = excluded.value`,
			raw,
		)
		return err
	})
}

// ErrClockFixed is returned where the clock would change though there are events.
var ErrClockFixed error = Refusal("the clock cannot change once there are events")
