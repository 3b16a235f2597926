package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// SeenEvery is how often it is stored that a session is in use, in wall time: a page more within it writes nothing.
const SeenEvery = time.Minute

// Ways to sign in.
const (
	ByToken = "token" // a token of the configuration
	ByKey   = "key"   // a token of the store
	ByOIDC  = "oidc"  // an OpenID Connect provider
)

// A Session is a signed-in browser. All times are of the wall clock.
type Session struct {
	ID      string   // digest of what the browser's cookie holds, so that who reads the database cannot use it
	Way     string   // ByToken or ByOIDC
	Subject string   // token:<name>, key:<id>, or oidc:<the provider's id of the person>
	Name    string   // shown with actions
	Groups  []string // of the person at the provider, as far as the configuration names them
	Token   string   // digest of the token, of ByToken; id of the key, of ByKey
	Peer    string   // network address from which the person signed in
	Browser string   // the browser's and its system's name, as in "Firefox on Linux"; empty: unknown
	// Provider is the provider's id of its own session, and Hint what it calls the person: of ByOIDC, if it says them.
	Provider, Hint string
	Checked        time.Time // when the provider last confirmed it, of ByOIDC; at first Created
	Created        time.Time
	Seen           time.Time // last use, at most SeenEvery old
	Ends           time.Time // absolute limit
}

// SessionID returns the id of the session whose cookie has this value.
func SessionID(value string) string {
	sum := sha256.Sum256([]byte("tabi session\x00" + value))
	return hex.EncodeToString(sum[:])
}

// AddSession stores a new session.
func (s *Room) AddSession(ctx context.Context, one Session) error {
	groups, err := json.Marshal(one.Groups)
	if err != nil {
		return err
	}
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, `insert into sessions (`+sessionColumns+`)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, one.ID, one.Way, sqldb.Clean(one.Subject),
			sqldb.Clean(one.Name), sqldb.Clean(string(groups)), one.Token, one.Peer, sqldb.Clean(one.Browser), sqldb.Clean(one.Provider),
			sqldb.Clean(one.Hint), sqldb.Millis(one.Checked), sqldb.Millis(one.Created), sqldb.Millis(one.Seen), sqldb.Millis(one.Ends))
		return err
	})
}

const sessionColumns = "id, way, subject, name, member_of, token, peer, browser, provider, hint, checked_at, created_at, seen_at, ends_at"

func scanSession(r *sql.Rows) (one Session, err error) {
	var groups string
	var checked, created, seen, ends int64
	err = r.Scan(&one.ID, &one.Way, &one.Subject, &one.Name, &groups, &one.Token, &one.Peer, &one.Browser, &one.Provider, &one.Hint,
		&checked, &created, &seen, &ends)
	if err != nil {
		return one, err
	}
	one.Checked = sqldb.Moment(checked)
	one.Created, one.Seen, one.Ends = sqldb.Moment(created), sqldb.Moment(seen), sqldb.Moment(ends)
	if err := json.Unmarshal([]byte(groups), &one.Groups); err != nil {
		return one, fmt.Errorf("the groups of a session: %w", err)
	}
	return one, nil
}

// Session returns the session with an id, also one whose limits have passed; sqldb.ErrNotFound: there is none.
func (s *Room) Session(ctx context.Context, id string) (one Session, err error) {
	found := false
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		found = true
		one, err = scanSession(r)
		return err
	}, "select "+sessionColumns+" from sessions where id = $1", id)
	if err == nil && !found {
		err = sqldb.ErrNotFound
	}
	return one, err
}

// SessionSeen stores that a session is in use.
func (s *Room) SessionSeen(ctx context.Context, id string, wall time.Time) error {
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, "update sessions set seen_at = $1 where id = $2 and seen_at < $1", sqldb.Millis(wall), id)
		return err
	})
}

// ConfirmSession stores what the provider says of a session's person now, and when it said so; sqldb.ErrNotFound: the session has ended.
func (s *Room) ConfirmSession(ctx context.Context, one Session) error {
	groups, err := json.Marshal(one.Groups)
	if err != nil {
		return err
	}
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		n, err := sqldb.Affected(ctx, tx, `update sessions set name = $1, member_of = $2, provider = $3, hint = $4, checked_at = $5
			where id = $6`, sqldb.Clean(one.Name), sqldb.Clean(string(groups)), sqldb.Clean(one.Provider), sqldb.Clean(one.Hint),
			sqldb.Millis(one.Checked), one.ID)
		if err == nil && n == 0 {
			err = sqldb.ErrNotFound
		}
		return err
	})
}

// EndProvidersSessions deletes the sessions that began by the provider, until a moment, of a subject or in a session of the provider, or
// of both if both are given, and returns their number. With neither it deletes none.
func (s *Room) EndProvidersSessions(ctx context.Context, subject, provider string, until time.Time) (n int64, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n, err = sqldb.Affected(ctx, tx, `delete from sessions where way = $1 and ($2 = '' or subject = $2) and ($3 = '' or provider = $3)
			and $2 || $3 <> '' and created_at <= $4`, ByOIDC, sqldb.Clean(subject), sqldb.Clean(provider), sqldb.Millis(until))
		return err
	})
	return n, err
}

// EndSession deletes a session. One that does not exist is no error.
func (s *Room) EndSession(ctx context.Context, id string) error {
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, "delete from sessions where id = $1", id)
		return err
	})
}

// EndSessions deletes all sessions of a person, or of everybody if subject is empty, and returns their number.
func (s *Room) EndSessions(ctx context.Context, subject string) (n int64, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n, err = sqldb.Affected(ctx, tx, "delete from sessions where subject = $1 or $1 = ''", subject)
		return err
	})
	return n, err
}

// Sessions returns up to limit sessions whose absolute limit has not passed, the latest used first.
func (s *Room) Sessions(ctx context.Context, wall time.Time, limit int) (out []Session, err error) {
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		one, err := scanSession(r)
		out = append(out, one)
		return err
	}, "select "+sessionColumns+" from sessions where ends_at > $1 order by seen_at desc, id limit $2", sqldb.Millis(wall), limit)
	return out, err
}

// SessionsOf returns up to limit sessions of a subject whose absolute limit has not passed, the latest used first.
func (s *Room) SessionsOf(ctx context.Context, subject string, wall time.Time, limit int) (out []Session, err error) {
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		one, err := scanSession(r)
		out = append(out, one)
		return err
	}, "select "+sessionColumns+" from sessions where subject = $1 and ends_at > $2 order by seen_at desc, id limit $3", subject,
		sqldb.Millis(wall), limit)
	return out, err
}

// PruneSessions deletes sessions whose absolute limit has passed.
func (s *Room) PruneSessions(ctx context.Context, wall time.Time) (n int64, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n, err = sqldb.Affected(ctx, tx, "delete from sessions where ends_at <= $1", sqldb.Millis(wall))
		return err
	})
	return n, err
}
