package phones

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
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// A PushService is a browser with its push service: it checks who sends (RFC 8292) and decrypts what comes (RFC 8291).
type PushService struct {
	*Server
	private *ecdh.PrivateKey
	auth    []byte
	key     string // with which the browser subscribed
}

// WebPush starts a push service with one subscription, made with a public key of VAPID.
func WebPush(t testing.TB, publicKey string) *PushService {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &PushService{private: private, auth: make([]byte, 16), key: publicKey}
	_, _ = rand.Read(p.auth)
	p.Server = start(t, true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch text, err := p.open(body); {
		case r.Method != http.MethodPost || r.URL.Path != "/push/1":
			w.WriteHeader(http.StatusNotFound)
		case !p.permits(r):
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("TTL") == "" || len(r.Header.Get("Topic")) > 32 || r.Header.Get("Content-Encoding") != "aes128gcm" || err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case len(body) > 4096:
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case p.accept(w, r, Message{To: r.URL.Path, Text: string(text), Header: r.Header, Body: text}):
			w.Header().Set("Location", p.URL+"/message/1")
			w.WriteHeader(http.StatusCreated)
		}
	})
	return p
}

// Subscription returns the browser's subscription, as its JSON.
func (p *PushService) Subscription() string {
	text, err := json.Marshal(map[string]any{
		"endpoint": p.URL + "/push/1", "expirationTime": nil,
		"keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(p.private.PublicKey().Bytes()),
			"auth":   base64.RawURLEncoding.EncodeToString(p.auth),
		},
	})
	if err != nil {
		return ""
	}
	return string(text)
}

var vapidHeader = regexp.MustCompile(`^vapid t=([^,]+), ?k=(\S+)$`)

// permits checks the signature of the sender.
func (p *PushService) permits(r *http.Request) bool {
	m := vapidHeader.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || m[2] != p.key {
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
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithAudience(p.URL)).
		ParseWithClaims(m[1], &claims, func(*jwt.Token) (any, error) { return key, nil })
	return err == nil && claims.ExpiresAt.Sub(clock.Wall()).Hours() <= 24 &&
		(strings.HasPrefix(claims.Subject, "mailto:") && !strings.HasPrefix(claims.Subject, "mailto:mailto:") ||
			strings.HasPrefix(claims.Subject, "https://"))
}

// open decrypts a body of aes128gcm (RFC 8188) with the keys of the subscription.
func (p *PushService) open(body []byte) ([]byte, error) {
	const head = 16 + 4 + 1
	if len(body) < head+65 || body[20] != 65 {
		return nil, errors.New("no header")
	}
	salt, size, sender := body[:16], binary.BigEndian.Uint32(body[16:20]), body[head:head+65]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil || size < 18 {
		return nil, errors.New("no key of the sender")
	}
	shared, err := p.private.ECDH(public)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(p.private.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, p.auth, info, 32)
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
