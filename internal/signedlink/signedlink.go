// Package signedlink makes and opens the links that leave the house: one-click unsubscribe links in mails, and
// the tokens by which an app reads its user's messages. What they carry is encrypted and authenticated; nobody
// can read a customer's id from one.
package signedlink

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// Links makes links that lead to one gateway.
type Links struct {
	PublicURL string // of the gateway: https://tabi.example.com; a trailing slash does not matter
	Secret    []byte // the gateway's; at least 16 bytes
}

// Mail is what an unsubscribe link knows of the mail it stands in.
type Mail struct {
	Customer string
	Journey  string
	Step     string
	Message  string
	Key      string // ledger key
}

// ErrExpired is a user token past its time.
var ErrExpired = errors.New("the token has expired")

const (
	unsubscribe = "unsubscribe v1"
	userToken   = "user v1"
)

// Unsubscribe is the URL by which the reader of a mail ends marketing to them: a page on GET, one click (RFC
// 8058) on POST. It never expires.
func (l Links) Unsubscribe(m Mail) string {
	return strings.TrimRight(l.PublicURL, "/") + "/u/" + Seal(l.Secret, unsubscribe, pack(m.Customer, m.Journey, m.Step, m.Message, m.Key))
}

// Mail opens the last part of an Unsubscribe URL; ErrBadToken if it is not one.
func (l Links) Mail(token string) (Mail, error) {
	plain, err := Unseal(l.Secret, unsubscribe, token)
	if err != nil {
		return Mail{}, err
	}
	parts, ok := unpack(plain, 5)
	if !ok {
		return Mail{}, ErrBadToken
	}
	return Mail{Customer: parts[0], Journey: parts[1], Step: parts[2], Message: parts[3], Key: parts[4]}, nil
}

// UserToken lets its bearer read the app messages of one user until then (wall time, to the second).
func (l Links) UserToken(user string, until time.Time) string {
	return Seal(l.Secret, userToken, append(binary.AppendVarint(nil, until.Unix()), user...))
}

// CheckUserToken reports whether token is this user's at wall time now: nil, ErrBadToken or ErrExpired.
func (l Links) CheckUserToken(token, user string, now time.Time) error {
	plain, err := Unseal(l.Secret, userToken, token)
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

// pack writes each part behind its length.
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
