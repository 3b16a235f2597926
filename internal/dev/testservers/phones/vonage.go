package phones

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Credentials of the server for Vonage.
const (
	VonageKey         = "abcd1234"
	VonageSecret      = "vonage-api-secret-01234567"
	VonageApplication = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
)

// Vonage starts a server that takes text messages as Vonage's Messages API does, with basic authentication or as an application. private
// is the private key of the application.
func Vonage(t testing.TB) (s *Server, private string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, false, func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, kind, title, detail string) {
			answer(w, status, map[string]any{"type": "https://developer.vonage.com/api-errors" + kind, "title": title, "detail": detail,
				"instance": id()})
		}
		body, _ := io.ReadAll(r.Body)
		var m map[string]any
		readable := json.Unmarshal(body, &m) == nil
		fields := map[string]string{}
		for name, value := range m {
			fields[name], _ = value.(string)
		}
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/v1/messages":
			refuse(404, "#not-found", "Not Found", "There is nothing here.")
		case !vonagePermits(r, &key.PublicKey):
			refuse(401, "#unauthorized", "Unauthorized", "You did not provide correct credentials.")
		case !readable || fields["message_type"] != "text" || fields["channel"] != "sms" || fields["text"] == "" || fields["from"] == "":
			refuse(422, "/messages#1020", "Invalid params", "The value of one or more parameters is invalid.")
		case strings.HasPrefix(fields["to"], "+") || len(fields["to"]) < 7:
			answer(w, 422, map[string]any{"type": "https://developer.vonage.com/api-errors/messages#1020", "title": "Invalid params",
				"detail": "The value of one or more parameters is invalid.", "instance": id(),
				"invalid_parameters": []map[string]string{{"name": "to", "reason": "Invalid MSISDN"}}})
		case len(fields["client_ref"]) > 100:
			refuse(422, "/messages#1020", "Invalid params", "client_ref is too long.")
		case s.accept(w, r, Message{To: fields["to"], Text: fields["text"], Fields: fields, Header: r.Header, Body: body}):
			answer(w, http.StatusAccepted, map[string]string{"message_uuid": id()})
		}
	})
	return s, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func vonagePermits(r *http.Request, key *rsa.PublicKey) bool {
	if user, password, ok := r.BasicAuth(); ok {
		return user == VonageKey && password == VonageSecret
	}
	var claims struct {
		jwt.RegisteredClaims
		Application string `json:"application_id"`
	}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt()).ParseWithClaims(
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims, func(*jwt.Token) (any, error) { return key, nil })
	return err == nil && claims.Application == VonageApplication && claims.ID != ""
}

// VonageToken returns the token by which Vonage signs a webhook with the signature secret of the account.
func VonageToken(t testing.TB, secret string, at time.Time, body []byte) string {
	sum := sha256.Sum256(body)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "Vonage", "iat": at.Unix(), "jti": id(), "api_key": VonageKey, "payload_hash": hex.EncodeToString(sum[:]),
		"application_id": VonageApplication,
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
