package signedlink

import (
	"encoding/base32"
	"strings"
)

// local is the alphabet of Message-IDs: lower case, since some mail systems change the case of what they report.
var local = base32.HexEncoding.WithPadding(base32.NoPadding)

// MessageID returns the Message-ID (RFC 5322), without angle brackets, of the mail with this ledger key from a sender
// at domain. Providers report bounces and complaints by it.
func MessageID(key, domain string) string {
	return strings.ToLower(local.EncodeToString([]byte(key))) + "@" + domain
}

// MessageKey returns the ledger key in a Message-ID, with or without angle brackets and signature; false if MessageID did not make
// it. It does not look at the signature: see Secrets.SignedKey.
func MessageKey(id string) (key string, ok bool) {
	name, _, ok := strings.Cut(strings.Trim(id, "<> "), "@")
	if !ok {
		return "", false
	}
	name, _, _ = strings.Cut(name, ".")
	plain, err := local.DecodeString(strings.ToUpper(name))
	return string(plain), err == nil && len(plain) > 0
}
