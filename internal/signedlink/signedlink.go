// Package signedlink makes and opens links and tokens for the public: one-click unsubscribe links in mails, and the tokens
// by which an app reads its user's messages. Their content is encrypted and authenticated, so nobody can read a customer's
// id from one.
package signedlink

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// Links makes links that lead to one gateway.
type Links struct {
	PublicURL string  // of the gateway: https://tabi.example.com; a trailing slash does not matter
	Secrets   Secrets // for links
	Users     Secrets // for user tokens; a process that makes none has none
}

// Mail is the content of an unsubscribe link: the mail it is in. Whose mail it is says the ledger's row of Key, which a merge
// moves; Customer is who it was at the time of the send, for a ledger that lost the row.
type Mail struct {
	Customer string
	Journey  string
	Step     string
	Message  string
	Key      string // ledger key
}

// ErrExpired is the error of an expired user token.
var ErrExpired = errors.New("the token has expired")

const (
	unsubscribe = "unsubscribe v1"
	userToken   = "user v1"
)

// Unsubscribe returns the URL that ends marketing to the reader of a mail: a page on GET, one click (RFC 8058) on
// POST. It never expires: it opens for as long as its secret is in the list.
func (l Links) Unsubscribe(m Mail) string {
	return strings.TrimRight(l.PublicURL, "/") + "/u/" + l.Secrets.Seal(unsubscribe, pack(m.Customer, m.Journey, m.Step, m.Message, m.Key))
}

// Mail opens the last part of an Unsubscribe URL. It fails with ErrBadToken if it is not one.
func (l Links) Mail(token string) (Mail, error) {
	plain, err := l.Secrets.Unseal(unsubscribe, token)
	if err != nil {
		return Mail{}, err
	}
	parts, ok := unpack(plain, 5)
	if !ok {
		return Mail{}, ErrBadToken
	}
	return Mail{Customer: parts[0], Journey: parts[1], Step: parts[2], Message: parts[3], Key: parts[4]}, nil
}

// UserToken returns a token by which its bearer may read the app messages of one user until then (wall time, to the
// second).
func (l Links) UserToken(user string, until time.Time) string {
	return l.Users.Seal(userToken, append(binary.AppendVarint(nil, until.Unix()), user...))
}

// CheckUserToken checks that token is this user's and valid at wall time now. It returns nil, ErrBadToken or
// ErrExpired.
func (l Links) CheckUserToken(token, user string, now time.Time) error {
	plain, err := l.Users.Unseal(userToken, token)
	if err != nil {
		return err
	}
	until, n := binary.Varint(plain)
	if n <= 0 || string(plain[n:]) != user {
		return ErrBadToken
	}
	if now.Unix() >= until {
		return ErrExpired
	}
	return nil
}

// pack writes each part after its length.
func pack(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.AppendUvarint(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

func unpack(data []byte, count int) ([]string, bool) {
	parts := make([]string, 0, count)
	for range count {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return nil, false
		}
		parts = append(parts, string(data[n:n+int(size)]))
		data = data[n+int(size):]
	}
	return parts, len(data) == 0
}
