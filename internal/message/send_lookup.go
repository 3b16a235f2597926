package message

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Send returns the send with a key, or ErrNotFound.
func (s *Room) Send(ctx context.Context, key string) (Send, error) {
	return s.oneSend(ctx, `key = $1`, key)
}

// SendByProvider returns the latest send on a channel with a provider's id, or ErrNotFound.
func (s *Room) SendByProvider(ctx context.Context, channel, id string) (Send, error) {
	if id == "" {
		return Send{}, sqldb.ErrNotFound
	}
	return s.oneSend(ctx, `provider_id = $1 and provider_id <> '' and channel = $2 order by at desc, key desc limit 1`,
		journey.Shorten(sqldb.Clean(id), journey.MaxStoredID), channel)
}

// SendTo returns the latest send on a channel to an address, however it is written, or ErrNotFound. It is for channels on which
// customers write back without naming what they answer; those of sends_replies.
func (s *Room) SendTo(ctx context.Context, channel, text string) (Send, error) {
	trait := s.db.AddressTrait(channel)
	if trait == "" || text == "" {
		return Send{}, sqldb.ErrNotFound
	}
	return s.oneSend(ctx, `channel = $1 and address = $2 and address <> '' and channel not in ('email', 'push', 'web_push', 'app')
		order by at desc, key desc limit 1`, channel, address.Fold(trait, text))
}

// maxSends bounds the sends of an enrollment that are looked through.
const maxSends = 10_000

// SendOf returns the latest send of an enrollment whose key is the wanted one, or ErrNotFound.
func (s *Room) SendOf(ctx context.Context, enrollment string, wanted func(key string) bool) (Send, error) {
	found := ""
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var key string
		if err := r.Scan(&key); err != nil {
			return err
		}
		if found == "" && wanted(key) {
			found = key
		}
		return nil
	}, `select key from sends where enrollment = $1 order by at desc limit $2`, sqldb.Clean(enrollment), maxSends)
	switch {
	case err != nil:
		return Send{}, sqldb.DatabaseError(err)
	case found == "":
		return Send{}, sqldb.ErrNotFound
	}
	return s.Send(ctx, found)
}

func (s *Room) oneSend(ctx context.Context, condition string, args ...any) (Send, error) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = sqldb.Clean(text)
		}
	}
	c, err := scanSend(s.db.Reader.QueryRowContext(ctx,
		`select `+sendColumns+` from sends where category <> 'test' and `+condition, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = sqldb.ErrNotFound
	}
	return c, sqldb.DatabaseError(err)
}

// IsInput reports whether err is caused by the caller's input and not by the database, so that a retry does not help.
func IsInput(err error) bool {
	var input sqldb.InputError
	return errors.As(err, &input)
}
