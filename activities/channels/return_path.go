package channels

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// maxLocal is the longest local part of an address, in bytes (RFC 5321).
const maxLocal = 64

// returnPath makes the addresses that mails are returned to: each has a signed token for its mail, so that a bounce says which
// mail it is about, and proves it (VERP).
type returnPath struct {
	before, after string // of the token
	plain         string // the address for a mail without a token
	proofs        signedlink.Secrets
}

// parseReturnPath reads an address such as bounces@example.com, whose token comes after a + (bounces+TOKEN@example.com), or one that
// has * where the token goes (bounces-*@example.com).
func parseReturnPath(text string, proofs signedlink.Secrets) (*returnPath, error) {
	text = strings.TrimSpace(text)
	local, host, ok := strings.Cut(text, "@")
	if !ok {
		return nil, errors.New("must be a mail address such as bounces@example.com")
	}
	before, after, star := strings.Cut(local, "*")
	plain := before
	if !star {
		before += "+"
	} else if plain = strings.TrimRight(before, "+-=_."); plain == "" {
		return nil, errors.New("has nothing before the *: write bounces-*@example.com")
	}
	if after != "" {
		return nil, errors.New("has something between the * and the @: write bounces-*@example.com")
	}
	made, err := address.ParseMail(plain + "@" + host)
	switch {
	case err != nil:
		return nil, err
	case !made.ASCII() || made.Plain() != made.String():
		return nil, errors.New("must be plain ASCII before the @")
	case len(before)+signedlink.ReturnTokenSize > maxLocal:
		return nil, fmt.Errorf("has %d characters before the token, at most %d leave room for it", len(before),
			maxLocal-signedlink.ReturnTokenSize)
	}
	return &returnPath{before: before, after: "@" + made.Host, plain: made.String(), proofs: proofs}, nil
}

// of returns the address that the mail with this ledger key is returned to.
func (r *returnPath) of(key string) string {
	token, ok := r.proofs.ReturnToken(key)
	if !ok {
		return r.plain
	}
	return r.before + token + r.after
}
