package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Settings: beginsSetting has, in Unix milliseconds, the times before which rows of each kind were deleted, deletedSetting how many.
const (
	beginsSetting  = "retention"
	deletedSetting = "retention_deleted"
)

// noteAhead is how much later than what is deleted the noted time is, so that it need not be noted with every page.
const noteAhead = 12 * time.Hour

// OfCustomers are the kinds that a copy of what is known of a customer, or a page about one, is made of.
var OfCustomers = []string{Events, Enrollments, Sends, Handoffs, Decisions, Evidence, DeadLetters, Audit}

// Begins says, for each kind of which rows were deleted, from when on all are there. What counts rows of a kind that is not in it counts
// all that ever were.
type Begins map[string]time.Time

// ReadBegins reads what was noted.
func ReadBegins(ctx context.Context, tx sqldb.Conn) (Begins, error) {
	all, err := readSetting[map[string]int64](ctx, tx, beginsSetting)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	out := Begins{}
	for kind, ms := range all {
		out[kind] = sqldb.Moment(ms).UTC()
	}
	return out, nil
}

// Of returns the part that is about some kinds; nil: nothing of them was deleted.
func (b Begins) Of(kinds ...string) Begins {
	var out Begins
	for _, kind := range kinds {
		if at, begins := b[kind]; begins {
			if out == nil {
				out = Begins{}
			}
			out[kind] = at
		}
	}
	return out
}

// After returns the part that begins after a time: what was counted since then lacks rows of these kinds.
func (b Begins) After(t time.Time) Begins {
	var late []string
	for kind, at := range b {
		if at.After(t) {
			late = append(late, kind)
		}
	}
	return b.Of(late...)
}

// String returns it in words: events since 2026-08-01 09:00 UTC, sends since 2026-07-01 00:00 UTC.
func (b Begins) String() string {
	var parts []string
	for _, k := range Kinds {
		if at, begins := b[k.Name]; begins {
			parts = append(parts, strings.ReplaceAll(k.Name, "_", " ")+" since "+at.UTC().Format("2006-01-02 15:04")+" UTC")
		}
	}
	return strings.Join(parts, ", ")
}

// Noting returns a context whose transactions also note that rows of a kind from before a time are deleted: in the transaction that
// deletes, so that no crash leaves figures that begin later and do not say so. When a transaction notes, for the first time and then
// twice a day, it also calls did, which may be nil, with the time that is noted.
func Noting(ctx context.Context, kind string, before time.Time, did func(context.Context, sqldb.Conn, time.Time) error) context.Context {
	return sqldb.WithLast(ctx, &note{sqldb.LastOf(ctx), kind, before, did})
}

type note struct {
	then   sqldb.Last
	kind   string
	before time.Time
	did    func(context.Context, sqldb.Conn, time.Time) error
}

// Write implements sqldb.Last.
func (n *note) Write(ctx context.Context, tx sqldb.Conn) error {
	have, err := ReadBegins(ctx, tx)
	if err != nil {
		return err
	}
	if have[n.kind].Before(n.before) {
		from := n.before.Add(noteAhead).UTC()
		if err := changeSetting(ctx, tx, beginsSetting, func(all *map[string]int64) {
			if *all == nil {
				*all = map[string]int64{}
			}
			(*all)[n.kind] = max((*all)[n.kind], sqldb.Millis(from))
		}); err != nil {
			return err
		}
		if n.did != nil {
			if err := n.did(ctx, tx, from); err != nil {
				return err
			}
		}
	}
	return n.then.Write(ctx, tx)
}

// Committed implements sqldb.Last.
func (n *note) Committed() { n.then.Committed() }

// Deleted counts rows that are gone, by what totals count them: so totals are over all time, and counters of metrics never fall.
type Deleted struct {
	Events   int64                       `json:"events"`
	Sends    map[string]int64            `json:"sends"`    // by channel/status
	Outcomes map[string]map[string]int64 `json:"outcomes"` // by journey
}

// ReadDeleted reads the counts.
func ReadDeleted(ctx context.Context, tx sqldb.Conn) (Deleted, error) {
	return readSetting[Deleted](ctx, tx, deletedSetting)
}

// Send counts a send.
func (d *Deleted) Send(channel, status string) {
	if d.Sends == nil {
		d.Sends = map[string]int64{}
	}
	d.Sends[channel+"/"+status]++
}

// Outcome counts n closed enrollments.
func (d *Deleted) Outcome(journey, outcome string, n int64) {
	if d.Outcomes == nil {
		d.Outcomes = map[string]map[string]int64{}
	}
	if d.Outcomes[journey] == nil {
		d.Outcomes[journey] = map[string]int64{}
	}
	d.Outcomes[journey][outcome] += n
}

// AddDeleted adds counts, in the transaction that deletes.
func AddDeleted(ctx context.Context, tx sqldb.Conn, more Deleted) error {
	if more.Events == 0 && len(more.Sends)+len(more.Outcomes) == 0 {
		return nil
	}
	return changeSetting(ctx, tx, deletedSetting, func(all *Deleted) {
		all.Events += more.Events
		for kind, n := range more.Sends {
			if all.Sends == nil {
				all.Sends = map[string]int64{}
			}
			all.Sends[kind] += n
		}
		for journey, outcomes := range more.Outcomes {
			for outcome, n := range outcomes {
				all.Outcome(journey, outcome, n)
			}
		}
	})
}

func readSetting[T any](ctx context.Context, tx sqldb.Conn, name string) (out T, err error) {
	raw, err := sqldb.Setting(ctx, tx, name)
	if err != nil {
		return out, err
	}
	return decode[T](name, raw)
}

func decode[T any](name, raw string) (out T, err error) {
	if raw == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		return out, fmt.Errorf("the setting %q cannot be read: %w", name, err)
	}
	return out, nil
}

// changeSetting changes a setting that holds JSON, while no other transaction does.
func changeSetting[T any](ctx context.Context, tx sqldb.Conn, name string, change func(*T)) error {
	raw, err := sqldb.TakeSetting(ctx, tx, name)
	if err == nil && raw == "" {
		if err = sqldb.AddSetting(ctx, tx, name, "null"); err == nil {
			raw, err = sqldb.TakeSetting(ctx, tx, name)
		}
	}
	if err != nil {
		return err
	}
	value, err := decode[T](name, raw)
	if err != nil {
		return err
	}
	change(&value)
	text, err := sqldb.JSONText(value)
	if err != nil {
		return err
	}
	return sqldb.SetSetting(ctx, tx, name, text)
}
