package signedlink

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// ErrBadToken is the error of a token that was not made with this secret, or was altered.
var ErrBadToken = errors.New("the link or token is not valid")

// Seal encrypts and authenticates plain under a key derived from secret and purpose, as URL-safe text. The same input
// returns the same text, so that a repeated send carries the same link.
func Seal(secret []byte, purpose string, plain []byte) string {
	aead, mac := keys(secret, purpose)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:aead.NonceSize()] // derived from the content, so it differs whenever the content does
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(purpose)))
}

// Unseal is the inverse of Seal. It fails with ErrBadToken for anything else.
func Unseal(secret []byte, purpose, token string) ([]byte, error) {
	aead, _ := keys(secret, purpose)
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) < aead.NonceSize() {
		return nil, ErrBadToken
	}
	nonce, body := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, body, []byte(purpose))
	if err != nil {
		return nil, ErrBadToken
	}
	return plain, nil
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
