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

// Setting returns a value outside a transaction, or "" if there is none.
func (s *Database) Setting(ctx context.Context, key string) (string, error) {
	value, err := Setting(ctx, s.Reader, key)
	return value, DatabaseError(err)
}

// SettingQuery returns a query for the value of a setting, to be used inside a statement of a room. It has no row if the
// setting does not exist.
func SettingQuery(key string) string { return `select value from settings where key = '` + key + `'` }

// SetSetting stores a value.
func SetSetting(ctx context.Context, tx Conn, key, value string) error {
	_, err := tx.ExecContext(
		ctx,
		`insert into settings (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value`,
		key,
		value,
	)
	return err
}

// AddSetting stores a value, unless there is one.
func AddSetting(ctx context.Context, tx Conn, key, value string) error {
	_, err := tx.ExecContext(ctx, `insert into settings (key, value) values ($1, $2) on conflict (key) do nothing`, key, value)
	return err
}

// LockSetting locks a setting until the transaction ends, so that concurrent callers wait for each other. It returns false
// if there is no such setting.
func LockSetting(ctx context.Context, tx Conn, key string) (bool, error) {
	n, err := Affected(ctx, tx, `update settings set value = value where key = $1`, key)
	return n > 0, err
}

// DropSetting deletes a setting, if it exists.
func DropSetting(ctx context.Context, tx Conn, key string) error {
	_, err := tx.ExecContext(ctx, `delete from settings where key = $1`, key)
	return err
}

// ClockOf returns the virtual clock of the installation in a transaction; the zero clock until SetClock.
func ClockOf(ctx context.Context, tx Conn) (clock.Clock, error) {
	var c clock.Clock
	raw, err := Setting(ctx, tx, "clock")
	if err == nil && raw != "" {
		err = json.Unmarshal([]byte(raw), &c)
	}
	return c, err
}

// Clock returns the one virtual clock of this installation; the zero clock until SetClock.
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
		raw, err := JSONText(c)
		if err != nil {
			return err
		}
		return SetSetting(ctx, tx, "clock", raw)
	})
}

// ErrClockFixed is returned where the clock would change though there are events.
var ErrClockFixed error = Refusal("the clock cannot change once there are events")

// TakeSetting is LockSetting that returns the value. It returns "" if there is no such setting.
func TakeSetting(ctx context.Context, tx Conn, key string) (string, error) {
	var value string
	err := tx.QueryRowContext(ctx, `update settings set value = value where key = $1 returning value`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}
