package signedlink

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrBadToken is the error of a token that was not made with this secret, or was altered.
var ErrBadToken = errors.New("the link or token is not valid")

// MinSecret is the shortest secret, in bytes.
const MinSecret = 16

// idSize is the length of the id of a secret in a token, in bytes.
const idSize = 4

// Secrets are the secrets of one use: the first seals, all open. A token carries the id of the secret that sealed it, which says
// nothing about the secret. So a secret is replaced without breaking what it has sealed: the new one goes first, the old one stays
// in the list for as long as its tokens shall open.
//
// The zero Secrets open nothing, and must not seal.
type Secrets struct{ list []secret }

type secret struct {
	id    [idSize]byte
	value []byte
}

// NewSecrets returns the secrets of a list. It fails for an empty list, and for a secret that is short or listed twice. Errors do not
// contain a secret.
func NewSecrets(values ...[]byte) (Secrets, error) {
	var s Secrets
	if len(values) == 0 {
		return s, errors.New("there is no secret")
	}
	for n, value := range values {
		if len(value) < MinSecret {
			return Secrets{}, fmt.Errorf("secret %d of %d has %d bytes: give at least %d (openssl rand -hex 32)",
				n+1, len(values), len(value), MinSecret)
		}
		material, err := hkdf.Key(sha256.New, value, nil, "tabi id of a secret", idSize)
		if err != nil {
			return Secrets{}, err
		}
		one := secret{id: [idSize]byte(material), value: bytes.Clone(value)}
		for m, other := range s.list {
			if other.id == one.id {
				return Secrets{}, fmt.Errorf("secrets %d and %d are the same: remove one", m+1, n+1)
			}
		}
		s.list = append(s.list, one)
	}
	return s, nil
}

// MustSecrets is NewSecrets for constants of tests and of the workshop. It panics where NewSecrets fails.
func MustSecrets(values ...string) Secrets {
	list := make([][]byte, len(values))
	for i, v := range values {
		list[i] = []byte(v)
	}
	s, err := NewSecrets(list...)
	if err != nil {
		panic(err)
	}
	return s
}

// Empty reports whether there is no secret.
func (s Secrets) Empty() bool { return len(s.list) == 0 }

// Each calls do with each secret, the one that seals first.
func (s Secrets) Each(do func(value []byte)) {
	for _, one := range s.list {
		do(one.value)
	}
}

// First returns the secret that seals; nil if there is none.
func (s Secrets) First() []byte {
	if s.Empty() {
		return nil
	}
	return s.list[0].value
}

// Seal encrypts and authenticates plain under a key derived from the first secret and purpose, as URL-safe text. The same input
// returns the same text, so that a repeated send carries the same link.
func (s Secrets) Seal(purpose string, plain []byte) string {
	by := s.list[0]
	aead, mac := keys(by.value, purpose)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:aead.NonceSize()] // derived from the content, so it differs whenever the content does
	return base64.RawURLEncoding.EncodeToString(aead.Seal(append(by.id[:], nonce...), nonce, plain, []byte(purpose)))
}

// Unseal is the inverse of Seal, by whichever secret of the list. It fails with ErrBadToken for anything else.
func (s Secrets) Unseal(purpose, token string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < idSize {
		return nil, ErrBadToken
	}
	for _, by := range s.list {
		if by.id != [idSize]byte(sealed[:idSize]) {
			continue
		}
		aead, _ := keys(by.value, purpose)
		if len(sealed) < idSize+aead.NonceSize() {
			return nil, ErrBadToken
		}
		nonce, body := sealed[idSize:idSize+aead.NonceSize()], sealed[idSize+aead.NonceSize():]
		plain, err := aead.Open(nil, nonce, body, []byte(purpose))
		if err != nil {
			return nil, ErrBadToken
		}
		return plain, nil
	}
	return nil, ErrBadToken
}

// keys derives the cipher and the nonce's MAC.
func keys(secret []byte, purpose string) (cipher.AEAD, interface {
	Write([]byte) (int, error)
	Sum([]byte) []byte
}) {
	material, err := hkdf.Key(sha256.New, secret, nil, "tabi "+purpose, 64)
	if err != nil {
		panic(err) // only for other lengths
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		panic(err) // 32 bytes are a valid key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES blocks fit GCM
	}
	return aead, hmac.New(sha256.New, material[32:])
}
