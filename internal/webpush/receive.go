package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A Browser is the receiving end of web push, for sinks and tests: it has the keys of a subscription.
type Browser struct {
	private *ecdh.PrivateKey
	auth    []byte
}

// NewBrowser makes the keys of a subscription.
func NewBrowser() (*Browser, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	b := &Browser{private: private, auth: make([]byte, 16)}
	_, _ = rand.Read(b.auth)
	return b, nil
}

// P256dh returns the public key of the subscription, as its JSON has it.
func (b *Browser) P256dh() string {
	return base64.RawURLEncoding.EncodeToString(b.private.PublicKey().Bytes())
}

// Auth returns the authentication secret of the subscription, as its JSON has it.
func (b *Browser) Auth() string { return base64.RawURLEncoding.EncodeToString(b.auth) }

// Open decrypts a body of aes128gcm (RFC 8188) with the keys of the subscription (RFC 8291).
func (b *Browser) Open(body []byte) ([]byte, error) {
	const head = 16 + 4 + 1
	if len(body) < head+65 || body[20] != 65 {
		return nil, errors.New("no header")
	}
	salt, size, sender := body[:16], binary.BigEndian.Uint32(body[16:20]), body[head:head+65]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil || size < 18 {
		return nil, errors.New("no key of the sender")
	}
	shared, err := b.private.ECDH(public)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.private.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, nonce, body[head+65:], nil)
	if err != nil {
		return nil, err
	}
	text = []byte(strings.TrimRight(string(text), "\x00"))
	if len(text) == 0 || text[len(text)-1] != 2 {
		return nil, errors.New("no delimiter of the last record")
	}
	return text[:len(text)-1], nil
}

var vapidHeader = regexp.MustCompile(`^vapid t=([^,]+), ?k=(\S+)$`)

// Signed reports whether the header Authorization of a request to a push service is signed as RFC 8292 says, by the key whose public
// part is publicKey, for the service's origin. now is wall time.
func Signed(authorization, publicKey, origin string, now time.Time) bool {
	m := vapidHeader.FindStringSubmatch(authorization)
	if m == nil || m[2] != publicKey {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(m[2])
	if err != nil {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return false
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithAudience(origin)).
		ParseWithClaims(m[1], &claims, func(*jwt.Token) (any, error) { return key, nil })
	return err == nil && claims.ExpiresAt.Sub(now) <= 24*time.Hour &&
		(strings.HasPrefix(claims.Subject, "mailto:") && !strings.HasPrefix(claims.Subject, "mailto:mailto:") ||
			strings.HasPrefix(claims.Subject, "https://"))
}
