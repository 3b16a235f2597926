package message

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracking"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A Hit is a request for a tracked link or a pixel.
type Hit struct {
	tracking.Hit
	Send string // ledger key
	URL  string // of the link as it was in the message
	Of   int    // how many links the message has
	Due  time.Time
}

// hitID returns the same id for what one reader does with one link within a second of virtual time, so that a request that is
// repeated is stored once. A machine's has another one, so that it cannot hide a person's.
func (h Hit) hitID() string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s\x00%s\x00%d\x00%s\x00%d", h.Send, h.Kind, h.Link, h.Machine, h.At.Unix())))
	return hex.EncodeToString(sum[:16])
}

// storing is a hit with what came of storing it.
type storing struct {
	hit Hit
	err error
}

// hitTimeout bounds a shared transaction, which continues even if its callers have left.
const hitTimeout = 10 * time.Second

// StoreHit stores a hit, once. When it returns nil, the hit is committed. After ctx has ended it may be stored or not. Hits share
// transactions: the row of one is independent of all others, so a shared one fails only where the database does.
func (s *Room) StoreHit(ctx context.Context, h Hit) error {
	own := &storing{hit: h}
	left := s.hits.Do(ctx, own, 1, func() {
		own.err = s.writeHits(ctx, []Hit{h})
	}, func(group []*storing, done func(int)) {
		ctx, cancel := context.WithTimeout(context.Background(), hitTimeout)
		defer cancel()
		hits := make([]Hit, len(group))
		for i, one := range group {
			hits[i] = one.hit
		}
		err := s.writeHits(ctx, hits)
		for i, one := range group {
			one.err = err
			done(i)
		}
	})
	if left != nil {
		return left
	}
	return own.err
}

func (s *Room) writeHits(ctx context.Context, hits []Hit) error {
	seen := map[string]bool{}
	var rows [][]any
	for _, h := range hits {
		if id := h.hitID(); !seen[id] {
			seen[id] = true
			due := sqldb.Millis(h.Due)
			if h.Machine != "" {
				due = 0
			}
			rows = append(rows, []any{id, sqldb.Clean(h.Send), string(h.Kind), h.Link, h.Of, sqldb.Clean(h.URL), sqldb.Millis(h.At), due,
				h.Machine})
		}
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := sqldb.Insert(ctx, tx, "tracking_hits (id, send, kind, link, links, url, at, due, machine)", rows,
			"on conflict (id) do nothing")
		return err
	})
}

const hitColumns = `id, send, kind, link, links, url, at, due, machine`

func scanHit(r sqldb.Scanner) (h Hit, err error) {
	var at, due int64
	err = r.Scan(&h.ID, &h.Send, &h.Kind, &h.Link, &h.Of, &h.URL, &at, &due, &h.Machine)
	h.At, h.Due, h.Judged = sqldb.Moment(at), sqldb.Moment(due), due == 0
	return h, err
}

// DueHits returns hits that can be judged by now, the oldest first.
func (s *Room) DueHits(ctx context.Context, now time.Time, limit int) (out []Hit, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		out = nil
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			h, err := scanHit(r)
			out = append(out, h)
			return err
		}, `select `+hitColumns+` from tracking_hits where due > 0 and due <= $1 order by due, id limit $2`, sqldb.Millis(now), limit)
	})
	return out, err
}

// HitsOf returns the hits of sends from a time to another one, by send, and the sends. A send that the ledger has no more is absent.
func (s *Room) HitsOf(ctx context.Context, keys []string, from, to time.Time) (hits map[string][]Hit, sends map[string]Send, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		hits, sends = map[string][]Hit{}, map[string]Send{}
		if err := sqldb.Within(ctx, tx, `select `+hitColumns+` from tracking_hits where at >= $1 and at <= $2 and send in (%s)`, keys,
			func(r *sql.Rows) error {
				h, err := scanHit(r)
				hits[h.Send] = append(hits[h.Send], h)
				return err
			}, sqldb.Millis(from), sqldb.Millis(to)); err != nil {
			return err
		}
		return sqldb.Within(ctx, tx, `select `+sendColumns+` from sends where key in (%s)`, keys, func(r *sql.Rows) error {
			c, err := scanSend(r)
			sends[c.Key] = c
			return err
		})
	})
	return hits, sends, err
}

// JudgedHits is what was found about hits, by their ids.
type JudgedHits struct {
	Done     []string            // what they report is an event, or part of one
	Machines map[string][]string // by reason
	Dropped  []string            // they report nothing that may be kept
	Later    []string            // to be judged again at Again
	Again    time.Time
}

// SettleHits records what was found about hits.
func (s *Room) SettleHits(ctx context.Context, j JudgedHits) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		change := func(query string, ids []string, first ...any) error {
			return changeWithin(ctx, tx, query, ids, first...)
		}
		if err := change(`update tracking_hits set due = 0 where id in (%s) returning id`, j.Done); err != nil {
			return err
		}
		for reason, ids := range j.Machines {
			if err := change(`update tracking_hits set due = 0, machine = $1 where id in (%s) returning id`, ids, reason); err != nil {
				return err
			}
		}
		if err := change(`delete from tracking_hits where id in (%s) returning id`, j.Dropped); err != nil {
			return err
		}
		return change(`update tracking_hits set due = $1 where id in (%s) returning id`, j.Later, sqldb.Millis(j.Again))
	})
}

// PruneHits deletes up to limit hits from before a time that are events by now.
func (s *Room) PruneHits(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	const old = `select id from tracking_hits where due = 0 and machine = '' and at < $1 limit $2`
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from (`+old+`) as old`, sqldb.Millis(before), 1)
	if err != nil || !there {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.Affected(ctx, tx, `delete from tracking_hits where id in (`+old+`)`, sqldb.Millis(before), limit)
		return err
	})
	return n, err
}

// StoreLinks stores the links of a send that have a code; a repeat changes nothing.
func (s *Room) StoreLinks(ctx context.Context, now time.Time, links []tracking.Stored) error {
	var rows [][]any
	for _, l := range links {
		rows = append(rows, []any{l.Code, sqldb.Clean(l.Key), l.Link, l.Of, l.UTM, sqldb.Clean(l.URL), sqldb.Millis(now)})
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := sqldb.Insert(ctx, tx, "short_links (code, send, link, links, utm, url, at)", rows, "on conflict (code) do nothing")
		return err
	})
}

// Link returns the link with a code, or ErrNotFound.
func (s *Room) Link(ctx context.Context, code string) (l tracking.Stored, err error) {
	l.Code = code
	err = s.db.Reader.QueryRowContext(ctx, `select send, link, links, utm, url from short_links where code = $1`, sqldb.Clean(code)).
		Scan(&l.Key, &l.Link, &l.Of, &l.UTM, &l.URL)
	if errors.Is(err, sql.ErrNoRows) {
		err = sqldb.ErrNotFound
	}
	return l, sqldb.DatabaseError(err)
}

// dropTracking deletes what belongs to sends that are deleted.
func dropTracking(ctx context.Context, tx sqldb.Conn, keys []string) error {
	if err := changeWithin(ctx, tx, `delete from tracking_hits where send in (%s) returning id`, keys); err != nil {
		return err
	}
	return changeWithin(ctx, tx, `delete from short_links where send in (%s) returning code`, keys)
}

// changeWithin runs a statement that changes rows, and returns a text of each, for a list of ids.
func changeWithin(ctx context.Context, tx sqldb.Conn, query string, ids []string, first ...any) error {
	if len(ids) == 0 {
		return nil
	}
	return sqldb.Within(ctx, tx, query, ids, func(*sql.Rows) error { return nil }, first...)
}

// forgetTracking erases what a customer, or a machine, did with the links of messages, and the links, which may say who it was.
func forgetTracking(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	const theirs = `send in (select key from sends where customer = $1)`
	if err := f.Erase(ctx, b, "tracking_hits", "id", theirs, "what was done with links of messages", f.Customer); err != nil {
		return err
	}
	return f.Erase(ctx, b, "short_links", "code", theirs, "links of messages", f.Customer)
}
