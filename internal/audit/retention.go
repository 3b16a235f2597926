package audit

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Prune deletes the oldest entries, at most limit, if they are older than before (wall). What is left still forms a chain: the number
// and the hash of the last one that was deleted are kept.
func (s *Room) Prune(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from (select at from audit_log order by seq limit 1) as oldest where at < $1`,
		sqldb.Millis(before))
	if err != nil || !there {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n = 0
		var last link
		err := tx.QueryRowContext(ctx, `select seq, hash from (select seq, at, hash from audit_log order by seq limit $1) as oldest
			where at < $2 order by seq desc limit 1`, limit, sqldb.Millis(before)).Scan(&last.seq, &last.hash)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if n, err = sqldb.Affected(ctx, tx, `delete from audit_log where seq <= $1`, last.seq); err != nil {
			return err
		}
		return sqldb.SetSetting(ctx, tx, startSetting, last.String())
	})
	return n, err
}

// Forget takes a customer out of at most limit entries about it, in a transaction. ids are all ids of the customer; pseudonym is what the
// entries have in their place, so that they can be counted. The chain holds. With dryRun it only counts.
func Forget(ctx context.Context, tx sqldb.Conn, ids []string, pseudonym string, limit int64, dryRun bool) (n int64, err error) {
	var w sqldb.Where
	set := w.Param(pseudonym)
	var about []string
	for _, id := range ids {
		// What was refused may name a customer only by its object: itself, or the id of an enrollment.
		like := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(url.PathEscape(id))
		about = append(about, `customer = `+w.Param(id), `id = `+w.Param(id), `id like `+w.Param("%/"+like)+` escape '!'`,
			`id like `+w.Param("%/"+like+"/%")+` escape '!'`, `id like `+w.Param("%/"+like+"#%")+` escape '!'`)
	}
	if len(about) == 0 || limit <= 0 {
		return 0, nil
	}
	which := `select seq from audit_log where salt <> '' and (` + strings.Join(about, " or ") + `) order by seq limit ` + w.Param(limit)
	if dryRun {
		err = tx.QueryRowContext(ctx, `select count(*) from (`+which+`) as found where $1 <> ''`, w.Args...).Scan(&n)
		return n, err
	}
	return sqldb.Affected(ctx, tx, `update audit_log set customer = `+set+`, id = '', detail = '', salt = '' where seq in (`+which+`)`,
		w.Args...)
}
