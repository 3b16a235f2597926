// Package webpush has the key pair by which push services know who sends to a browser (VAPID, RFC 8292), and the receiving end for sinks
// and tests.
package webpush

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/mail"
	"net/url"
	"strings"
)

// Variables of the settings.
const (
	KeyVariable     = "TABI_WEB_PUSH_KEY"
	ContactVariable = "TABI_WEB_PUSH_CONTACT"
	URLVariable     = "TABI_WEB_PUSH_URL"
)

// A Key is a key pair. A browser subscribes with the public key, and then takes messages only from who has the private one.
type Key struct {
	Private, Public string // base64url without padding: 32 and 65 bytes
}

// NewKey makes a key pair.
func NewKey() (Key, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	return keyOf(private), nil
}

// ParseKey reads a private key as NewKey and other tools for VAPID write it: 32 bytes in base64url. The error does not contain it.
func ParseKey(text string) (Key, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil || len(raw) != 32 {
		return Key{}, errors.New("must be the private key of a VAPID pair, 32 bytes in base64url; make one with: tabi keys web-push")
	}
	private, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return Key{}, errors.New("is no key of the curve P-256; make one with: tabi keys web-push")
	}
	return keyOf(private), nil
}

func keyOf(private *ecdh.PrivateKey) Key {
	return Key{
		Private: base64.RawURLEncoding.EncodeToString(private.Bytes()),
		Public:  base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()),
	}
}

// ParseContact reads whom push services may write to about the sender: an https address, or a mail address with or without mailto:.
func ParseContact(text string) (string, error) {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Scheme == "https" && u.Host != "" {
		return text, nil
	}
	a, err := mail.ParseAddress(strings.TrimPrefix(text, "mailto:"))
	if err != nil || a.Name != "" {
		return "", errors.New("must be a mail address or an https address, by which push services reach you")
	}
	return a.Address, nil
}
