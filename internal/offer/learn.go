package offer

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// resolved is an offer with an outcome to learn.
type resolved struct {
	modelKey
	key, features string
	accepted      bool
	at            int64 // time of the acceptance, or the end of the window
}

// unsaidFor is how long an offer is kept if its message has not gone out and nothing will send it (virtual time).
const unsaidFor = 7 * 24 * time.Hour

// Learn updates the models with the outcomes of at most limit offers (default 500): accepted offers, and offers whose
// window has ended, which count as ignored. It returns how many it learned; fewer than limit means that there are no more
// for now. Outcomes and models change in one transaction whose first statement makes concurrent learners wait, so each
// outcome is learned exactly once, even after a crash.
func (s *Room) Learn(ctx context.Context, now time.Time, limit int) (n int, err error) {
	limit = cmp.Or(max(limit, 0), 500)
	waiting, err := s.unlearned(ctx, s.db.Reader, now)
	if err != nil || !waiting {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n = 0
		if _, err := sqldb.LockSetting(ctx, tx, "models"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from offers where offered_at = 0 and decided_at < $1
			and not exists (select 1 from send_log c where c.key = offers.key and c.status in ('sending', 'retry', 'held'))`,
			sqldb.Millis(now.Add(-unsaidFor))); err != nil {
			return err
		}
		// This update takes the row's lock and checks the outcome again, so an acceptance that commits now wins.
		if _, err := tx.ExecContext(ctx, `update offers set outcome = '`+OfferIgnored+
			`', resolved_at = expires_at where outcome = '' and offered_at > 0 and expires_at < $1
			and key in (select key from offers where outcome = '' and offered_at > 0 and expires_at < $1 order by expires_at, key limit
			$2)`, sqldb.Millis(now), limit); err != nil {
			return err
		}
		all, err := resolvedOffers(ctx, tx, limit)
		if err != nil || len(all) == 0 {
			return err
		}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		if err := teach(ctx, tx, rel.Rules, all); err != nil {
			return err
		}
		n = len(all)
		return nil
	})
	return n, err
}

// unlearned reports, without a lock, whether there is an outcome to learn.
func (s *Room) unlearned(ctx context.Context, tx sqldb.Conn, now time.Time) (bool, error) {
	return sqldb.Exists(ctx, tx, `select 1 from (select key from offers where outcome <> '' and learned = 0 limit 1) as resolved
		union all select 1 from (select key from offers where outcome = '' and offered_at > 0 and expires_at < $1 limit 1) as over`,
		sqldb.Millis(now))
}

// resolvedOffers returns the outcomes to learn, oldest first.
func resolvedOffers(ctx context.Context, tx sqldb.Conn, limit int) ([]resolved, error) {
	var out []resolved
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var l resolved
		var outcome string
		err := r.Scan(&l.key, &l.action, &l.channel, &l.features, &outcome, &l.at)
		l.accepted = outcome == OfferAccepted
		out = append(out, l)
		return err
	}, `select key, action, channel, features, outcome, resolved_at from offers where outcome <> '' and learned = 0 order by resolved_at,
	key limit $1`, limit)
	return out, err
}

// teach updates the models with outcomes and marks these as learned. The transaction must hold the learners' lock.
func teach(ctx context.Context, tx sqldb.Conn, rules *journey.Rulebook, all []resolved) error {
	value, err := sqldb.Setting(ctx, tx, "models")
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return err
	}
	version++
	known, counts := map[modelKey]*propensity.Model{}, map[modelKey]*[2]float64{}
	var order []modelKey
	var done [][]any
	for _, l := range all {
		m := known[l.modelKey]
		if m == nil {
			if m, err = modelOf(ctx, tx, rules, l.modelKey); err != nil {
				return err
			}
			known[l.modelKey], counts[l.modelKey] = m, &[2]float64{}
			order = append(order, l.modelKey)
		}
		p, err := readPredictors(l.features)
		if err != nil {
			return err
		}
		m.Learn(p.Features(), l.accepted)
		counts[l.modelKey][0]++
		outcome := OfferIgnored
		if l.accepted {
			outcome = OfferAccepted
			counts[l.modelKey][1]++
		}
		done = append(done, []any{l.key, outcome, l.at})
	}
	for _, k := range order {
		raw, err := known[k].MarshalBinary()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into models (action, channel, version, evidence, positives, state) values ($1, $2, $3,
		$4, $5, $6)
			on conflict (action, channel) do update set version = excluded.version, evidence = models.evidence + excluded.evidence,
				positives = models.positives + excluded.positives, state = excluded.state`,
			k.action, k.channel, version, counts[k][0], counts[k][1], base64.StdEncoding.EncodeToString(raw)); err != nil {
			return err
		}
	}
	// The snapshots are no longer needed, and are personal data: delete them.
	if err := sqldb.Update(ctx, tx, "offers", "key", "outcome = v.column2, resolved_at = v.column3, learned = 1, features = ''",
		[]string{"text", "text", "bigint"}, done); err != nil {
		return err
	}
	return sqldb.SetSetting(ctx, tx, "models", strconv.FormatInt(version, 10))
}

// modelOf returns the stored model, or a new one with the action's configured propensity.
func modelOf(ctx context.Context, tx sqldb.Conn, rules *journey.Rulebook, k modelKey) (*propensity.Model, error) {
	var found *propensity.Model
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		_, m, err := scanModel(r)
		found = m
		return err
	}, `select action, channel, state from models where action = $1 and channel = $2`, k.action, k.channel)
	if err != nil || found != nil {
		return found, err
	}
	start := propensity.Start{}
	if a := rules.Actions[k.action]; a != nil {
		start.Propensity = a.Propensity
	}
	return propensity.New(start), nil
}
