package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// setting reads a value; empty where there is none.
func setting(ctx context.Context, tx conn, key string) (string, error) {
	var value string
	err := tx.QueryRowContext(ctx, `select value from settings where key = $1`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func clockOf(ctx context.Context, tx conn) (clock.Clock, error) {
	var c clock.Clock
	raw, err := setting(ctx, tx, "clock")
	if err == nil && raw != "" {
		err = json.Unmarshal([]byte(raw), &c)
	}
	return c, err
}

// Clock is the one virtual clock of this installation; the zero clock until SetClock.
func (s *database) Clock(ctx context.Context) (clock.Clock, error) {
	c, err := clockOf(ctx, s.reader)
	return c, databaseError(err)
}

// setClock sets it. It returns ErrClockFixed where the clock differs and fixed reports true.
func (s *database) setClock(ctx context.Context, c clock.Clock, fixed func(tx conn) (bool, error)) error {
	return s.write(ctx, func(tx conn) error {
		have, err := clockOf(ctx, tx)
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
		raw, err := jsonText(c)
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
