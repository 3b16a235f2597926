package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// setting has the time, in Unix milliseconds, before which rows of each kind were deleted.
const setting = "retention"

// noteEvery is how much later a time must be to be written: reports say the day.
const noteEvery = 12 * time.Hour

// Note remembers that rows of a kind from before a time were deleted. When it does, for the first time and then once in a while, it also
// calls did in the same transaction; did may be nil.
func Note(ctx context.Context, db *sqldb.Database, kind string, before time.Time,
	did func(ctx context.Context, tx sqldb.Conn) error) error {
	have, err := Begins(ctx, db)
	if err != nil || before.Sub(have[kind]) < noteEvery {
		return err
	}
	return db.Write(ctx, func(tx sqldb.Conn) error {
		raw, err := sqldb.Setting(ctx, tx, setting)
		if err != nil {
			return err
		}
		all, err := decode(raw)
		if err != nil {
			return err
		}
		all[kind] = max(all[kind], sqldb.Millis(before))
		text, err := sqldb.JSONText(all)
		if err != nil {
			return err
		}
		if err := sqldb.SetSetting(ctx, tx, setting, text); err != nil || did == nil {
			return err
		}
		return did(ctx, tx)
	})
}

// Begins returns from when on all rows of each kind are there; a kind that is not in it is complete.
func Begins(ctx context.Context, db *sqldb.Database) (map[string]time.Time, error) {
	raw, err := db.Setting(ctx, setting)
	if err != nil {
		return nil, err
	}
	all, err := decode(raw)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for kind, ms := range maps.All(all) {
		out[kind] = sqldb.Moment(ms)
	}
	return out, nil
}

func decode(raw string) (map[string]int64, error) {
	all := map[string]int64{}
	if raw == "" {
		return all, nil
	}
	if err := json.Unmarshal([]byte(raw), &all); err != nil {
		return nil, fmt.Errorf("the setting %q cannot be read: %w", setting, err)
	}
	return all, nil
}
