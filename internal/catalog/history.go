package catalog

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// ReleaseInfo says when a release was published, and from what.
type ReleaseInfo struct {
	Number int
	At     time.Time // virtual
	Origin
}

// Releases returns the latest releases, newest first. limit: default 100, max 1000.
func (s *Catalog) Releases(ctx context.Context, limit int) ([]ReleaseInfo, error) {
	var out []ReleaseInfo
	err := sqldb.Rows(ctx, s.Reader, func(r *sql.Rows) error {
		var one ReleaseInfo
		var at int64
		err := r.Scan(&one.Number, &at, &one.By, &one.Release)
		one.At = sqldb.Moment(at)
		out = append(out, one)
		return err
	}, `select number, at, by_whom, origin from releases order by number desc limit $1`, sqldb.Bounded(limit))
	return out, sqldb.DatabaseError(err)
}

// ContentOf returns the content of a release; ErrNotFound if there is none of this number.
func (s *Catalog) ContentOf(ctx context.Context, number int) (*journey.Content, error) {
	r, err := s.loadRelease(ctx, s.Reader, number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqldb.ErrNotFound
	}
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	return r.Content, nil
}

// CheckPublish returns the *DroppedError that Publish would return for c.
func (s *Catalog) CheckPublish(ctx context.Context, c *journey.Content) error {
	current, err := s.Current(ctx, s.Reader)
	if err != nil {
		return sqldb.DatabaseError(err)
	}
	return s.checkDropped(ctx, s.Reader, current.Content, c)
}
