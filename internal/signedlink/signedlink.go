// Package signedlink makes and opens links and tokens for the public: links in mails that unsubscribe, choose and confirm,
// tracked links and pixels, and tokens by which an app reads its user's messages. Their content is encrypted and
// authenticated, so nobody can read a customer's id from one.
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
	TrackURL  string  // before tracked links and pixels, such as https://click.example.com; empty: PublicURL
	Secrets   Secrets // for links
	Users     Secrets // for user tokens; a process that makes none has none
}

// Mail is the content of a link to unsubscribe or to choose: the mail it is in. Whose mail it is says the ledger's row of Key, which a
// merge moves; Customer is who it was at the time of the send, for a ledger that lost the row.
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
	preferences = "preferences v1"
	confirm     = "confirm v1"
	userToken   = "user v1"
)

// Unsubscribe returns the URL that ends marketing to the reader of a mail: a page on GET, one click (RFC 8058) on
// POST. It never expires: it opens for as long as its secret is in the list.
func (l Links) Unsubscribe(m Mail) string {
	return strings.TrimRight(l.PublicURL, "/") + "/u/" + l.Secrets.Seal(unsubscribe, pack(m.Customer, m.Journey, m.Step, m.Message, m.Key))
}

// Preferences returns the URL of the page where the reader of a mail chooses what they get. It never expires, as that of Unsubscribe.
func (l Links) Preferences(m Mail) string {
	return strings.TrimRight(l.PublicURL, "/") + "/p/" + l.Secrets.Seal(preferences, pack(m.Customer, m.Journey, m.Step, m.Message, m.Key))
}

// ConfirmWithin is how long a link that confirms works (virtual time).
const ConfirmWithin = 7 * 24 * time.Hour

// Confirmation is the content of a link by which the reader of a mail confirms that they want a topic.
type Confirmation struct {
	Mail
	Topic, Channel string
	Until          time.Time // virtual, to the second
}

// Confirm returns the URL of a page with the button that confirms.
func (l Links) Confirm(c Confirmation) string {
	plain := append(binary.AppendVarint(nil, c.Until.Unix()), pack(c.Customer, c.Journey, c.Step, c.Message, c.Key, c.Topic, c.Channel)...)
	return strings.TrimRight(l.PublicURL, "/") + "/confirm/" + l.Secrets.Seal(confirm, plain)
}

// Confirmation opens the last part of a Confirm URL. It fails with ErrBadToken if it is not one; whether it has expired is for the caller
// to say.
func (l Links) Confirmation(token string) (Confirmation, error) {
	plain, err := l.Secrets.Unseal(confirm, token)
	if err != nil {
		return Confirmation{}, err
	}
	until, n := binary.Varint(plain)
	if n <= 0 {
		return Confirmation{}, ErrBadToken
	}
	parts, ok := unpack(plain[n:], 7)
	if !ok {
		return Confirmation{}, ErrBadToken
	}
	return Confirmation{
		Mail:  Mail{Customer: parts[0], Journey: parts[1], Step: parts[2], Message: parts[3], Key: parts[4]},
		Topic: parts[5], Channel: parts[6], Until: time.Unix(until, 0),
	}, nil
}

// Mail opens the last part of an Unsubscribe URL. It fails with ErrBadToken if it is not one.
func (l Links) Mail(token string) (Mail, error) { return l.mail(unsubscribe, token) }

// PreferencesOf opens the last part of a Preferences URL. It fails with ErrBadToken if it is not one.
func (l Links) PreferencesOf(token string) (Mail, error) { return l.mail(preferences, token) }

func (l Links) mail(purpose, token string) (Mail, error) {
	plain, err := l.Secrets.Unseal(purpose, token)
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
