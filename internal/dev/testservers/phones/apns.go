package phones

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Settings of the server for Apple's push service.
const (
	APNsKeyID = "ABC123DEFG"
	APNsTeam  = "DEF123GHIJ"
	APNsTopic = "com.example.shop"
)

var (
	hexadecimal = regexp.MustCompile(`^(?:[0-9a-fA-F]{2}){32,}$`)
	bearer      = regexp.MustCompile(`^bearer (\S+)$`)
)

// An APNsServer speaks as Apple's push service does, over HTTP/2.
type APNsServer struct {
	*Server
	Key string // the signing key, as TABI_APNS_KEY takes it

	tokens map[string]bool // that it has seen
	stale  map[string]bool // that it calls expired
}

// APNs starts a server that takes pushes as Apple's push service does.
func APNs(t testing.TB) *APNsServer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := &APNsServer{
		Key:    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		tokens: map[string]bool{}, stale: map[string]bool{},
	}
	s.Server = start(t, true, func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, reason string) { answer(w, status, map[string]string{"reason": reason}) }
		token := strings.TrimPrefix(r.URL.Path, "/3/device/")
		body, _ := io.ReadAll(r.Body)
		var payload struct {
			APS struct{ Alert struct{ Title, Body string } }
		}
		bad := json.Unmarshal(body, &payload) != nil
		_, noUUID := uuid.Parse(r.Header.Get("Apns-Id"))
		switch expired, ok := s.permits(r, &key.PublicKey); {
		case r.ProtoMajor != 2:
			refuse(http.StatusHTTPVersionNotSupported, "HTTP/2 is required")
		case r.Method != http.MethodPost || token == r.URL.Path:
			refuse(404, "BadPath")
		case expired:
			refuse(403, "ExpiredProviderToken")
		case !ok:
			refuse(403, "InvalidProviderToken")
		case !hexadecimal.MatchString(token):
			refuse(400, "BadDeviceToken")
		case r.Header.Get("Apns-Topic") != APNsTopic:
			refuse(400, "DeviceTokenNotForTopic")
		case noUUID != nil:
			refuse(400, "BadMessageId")
		case len(r.Header.Get("Apns-Collapse-Id")) > 64:
			refuse(400, "BadCollapseId")
		case r.Header.Get("Apns-Push-Type") != "alert":
			refuse(400, "InvalidPushType")
		case bad:
			refuse(400, "PayloadEmpty")
		case len(body) > 4096:
			refuse(413, "PayloadTooLarge")
		default:
			w.Header().Set("Apns-Id", r.Header.Get("Apns-Id"))
			s.accept(w, r, Message{To: token, Text: payload.APS.Alert.Body, Header: r.Header, Body: body})
		}
	})
	return s
}

// permits checks the token of a request.
func (s *APNsServer) permits(r *http.Request, key *ecdsa.PublicKey) (expired, ok bool) {
	m := bearer.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return false, false
	}
	var claims jwt.RegisteredClaims
	token, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"})).ParseWithClaims(m[1], &claims,
		func(*jwt.Token) (any, error) { return key, nil })
	if err != nil || token.Header["kid"] != APNsKeyID || claims.Issuer != APNsTeam || claims.IssuedAt == nil ||
		clock.Wall().Sub(claims.IssuedAt.Time) > time.Hour {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[m[1]] = true
	return s.stale[m[1]], true
}

// Expire makes the server call all tokens expired that it has seen. It returns how many.
func (s *APNsServer) Expire() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.tokens {
		s.stale[token] = true
	}
	return len(s.tokens)
}
