package message

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// CategoryTest is the category of sends to testers. They are of no customer and no journey: they count for no cap, no report, no model, and
// what providers report of them is passed over.
const CategoryTest = "test"

// A Trial is a rendered message for the address of a tester.
type Trial struct {
	Key     string // of the ledger: the same key is one test
	Message string
	Channel string
	Address string
	Tone    string
	// Language is the key of the treatment; empty: the message's own.
	Language string
	Fields   map[string]string // rendered; kept until the test is settled
	Token    int64             // of a lease
	Status   string
	Reason   string
}

// AddTrials writes the rows of tests, unless they are there: a request that is repeated sends nothing twice. Dead addresses are settled as
// failed at once.
func (s *Room) AddTrials(ctx context.Context, now time.Time, release int, trials []Trial) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		for _, t := range trials {
			fields, err := sqldb.JSONText(t.Fields)
			if err != nil {
				return err
			}
			status, reason := contract.StatusRetry, ""
			if t.Reason != "" {
				status, reason, fields = contract.StatusFailed, t.Reason, ""
			}
			if _, err := tx.ExecContext(ctx, `insert into sends (key, enrollment, journey, step, message, customer, channel, address,
			category, topic, status, reason, release, at, planned_at, token, lease_until, route, tone, language, rendered)
				values ($1, '', '', '', $2, '', $3, $4, '`+CategoryTest+`', '', $5, $6, $7, $8, $8, 0, 0, $9, $10, $11, $12)
				on conflict (key) do nothing`,
				t.Key, t.Message, t.Channel, sqldb.Clean(address.Fold(s.db.AddressTrait(t.Channel), t.Address)), status, reason, release,
				sqldb.Millis(now), sqldb.Clean(t.Address), t.Tone, t.Language, fields); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeTrial leases a test for an attempt, for ttl of wall time. It returns ErrBusy while another attempt has it; a test that is settled
// comes back with its Status.
func (s *Room) TakeTrial(ctx context.Context, wall time.Time, key string, ttl time.Duration) (t Trial, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		var lease int64
		var fields string
		t = Trial{Key: key}
		err := tx.QueryRowContext(ctx, `select message, channel, route, tone, language, rendered, status, reason, lease_until, token
			from sends where key = $1 and category = '`+CategoryTest+`'`, key).
			Scan(&t.Message, &t.Channel, &t.Address, &t.Tone, &t.Language, &fields, &t.Status, &t.Reason, &lease, &t.Token)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return sqldb.ErrNotFound
		case err != nil:
			return err
		case t.Status != contract.StatusRetry && t.Status != StatusSending:
			return nil
		case t.Status == StatusSending && lease > sqldb.Millis(wall):
			return ErrBusy
		}
		if err := json.Unmarshal([]byte(fields), &t.Fields); err != nil {
			return err
		}
		t.Token++
		done, err := tx.ExecContext(ctx, `update sends set status = '`+StatusSending+`', token = $2, lease_until = $3,
			outcome_unknown = case when status = '`+StatusSending+`' then 1 else outcome_unknown end where key = $1 and token = $2 - 1`,
			key, t.Token, sqldb.Millis(wall.Add(ttl)))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrBusy)
		}
		return nil
	})
	return t, err
}

// SettleTrial records what came of an attempt: StatusRetry keeps what is to be sent, every other status drops it, and the address as it
// was written.
func (s *Room) SettleTrial(ctx context.Context, now time.Time, t Trial, o Settlement) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, `update sends set status = $3, reason = $4, provider_id = $5, outcome_unknown = $6, at = $7,
			attempts = attempts + 1, lease_until = 0, rendered = case when $3 = '`+contract.StatusRetry+`' then rendered else '' end,
			route = case when $3 = '`+contract.StatusRetry+`' then route else '' end where key = $1 and token = $2`,
			t.Key, t.Token, o.Status, sqldb.Clean(o.Reason), journey.Shorten(sqldb.Clean(o.ProviderID), journey.MaxStoredID),
			sqldb.Flag(o.Unknown), sqldb.Millis(now))
		return err
	})
}

// Trials returns how the tests of a request are, in the order of their keys.
func (s *Room) Trials(ctx context.Context, keys []string) (out []Trial, err error) {
	err = sqldb.Within(ctx, s.db.Reader, `select key, message, channel, address, status, reason from sends where key in (%s) and category =
		'`+CategoryTest+`' order by key`, keys, func(r *sql.Rows) error {
		var t Trial
		err := r.Scan(&t.Key, &t.Message, &t.Channel, &t.Address, &t.Status, &t.Reason)
		out = append(out, t)
		return err
	})
	return out, sqldb.DatabaseError(err)
}

// TrialKey returns the ledger key of a request's test for an address, which it does not show: ids of workflows and mails have it.
func TrialKey(request, channel, text string) string {
	sum := sha256.Sum256([]byte(channel + "\n" + strings.ToLower(strings.TrimSpace(text))))
	return "test/" + request + "/" + hex.EncodeToString(sum[:6])
}
