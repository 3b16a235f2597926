package audit

import (
	"context"
	"database/sql"
	"strconv"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Log writes one line at info for each entry that no process has logged yet, at most limit, and reports whether there may be more.
// So entries of commands, which have no log, are in the log of a process that stays. After a crash an entry may be logged twice; its number
// says so. Lines have neither an id of a customer nor the name of a person, who is there by the subject: their number leads to the entry.
func (s *Room) Log(ctx context.Context, log *zap.Logger, limit int) (more bool, err error) {
	logged, err := s.db.Setting(ctx, loggedSetting)
	if err != nil {
		return false, err
	}
	raw, err := s.db.Setting(ctx, headSetting)
	if err != nil {
		return false, err
	}
	if head, err := parseLink(raw); err != nil || logged == strconv.FormatInt(head.seq, 10) {
		return false, err
	}
	err = s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		logged, err := sqldb.TakeSetting(ctx, tx, loggedSetting) // other processes wait here
		if err != nil {
			return err
		}
		last, err := strconv.ParseInt(logged, 10, 64)
		if err != nil {
			return err
		}
		n := 0
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			one, err := scan(r)
			if err == nil {
				log.Info("audit", one.fields()...)
				n, last = n+1, one.Seq
			}
			return err
		}, `select `+columns+` from audit_log where seq > $1 order by seq limit $2`, last, limit); err != nil {
			return err
		}
		more = n == limit
		return sqldb.SetSetting(ctx, tx, loggedSetting, strconv.FormatInt(last, 10))
	})
	return more, err
}

// fields are an entry's as a log line has them. The ids of customers, and objects whose ids may contain one, stay in the database.
func (e Entry) fields() []zap.Field {
	out := []zap.Field{zap.Int64("seq", e.Seq), zap.Time("at", e.At), zap.String("what", e.What),
		zap.String("result", e.Result), zap.String("door", e.Door)}
	if e.Door == Automatic {
		out = append(out, zap.String("who", Self))
	}
	for _, f := range []struct{ name, text string }{
		{"subject", e.Subject}, {"role", e.Role}, {"peer", e.Peer}, {"kind", e.Kind}, {"journey", e.Journey}, {"reason", e.Reason},
	} {
		if f.text != "" {
			out = append(out, zap.String(f.name, f.text))
		}
	}
	return append(out, zap.String("hash", e.Hash))
}
