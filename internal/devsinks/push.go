package devsinks

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// Push is a received push message, of an app or of a browser.
type Push struct {
	ID       int               `json:"id"`      // from 1, rising
	Channel  string            `json:"channel"` // push or web_push
	To       string            `json:"to"`      // the device's registration token, or the endpoint of the browser
	Title    string            `json:"title"`
	Body     string            `json:"body"`
	Link     string            `json:"link,omitempty"`
	Key      string            `json:"key"` // the ledger key
	Data     map[string]string `json:"data,omitempty"`
	Received time.Time         `json:"received"`
	Raw      json.RawMessage   `json:"raw"` // the message as received, decrypted
}

const (
	project      = "tabi-dev"
	accountEmail = "tabi@tabi-dev.iam.gserviceaccount.com"
	scope        = "https://www.googleapis.com/auth/firebase.messaging"
	tokenLife    = time.Hour
	maxTokens    = 1000
	maxPush      = 1 << 20 // bytes of a request
)

// pushServer implements FCM's HTTP v1 API, with the OAuth token exchange, and a push service of browsers.
type pushServer struct {
	server   *http.Server
	listener net.Listener
	key      *rsa.PrivateKey
	kept     *box[Push]
	faults   *faults
	done     chan struct{}
	stopped  sync.WaitGroup
	once     sync.Once
	browser  *webpush.Browser // decrypts what goes to browsers

	mu      sync.Mutex
	tokens  map[string]time.Time // access token → its expiry
	granted int
	webKey  string          // the public key that browsers subscribe with
	topics  map[string]bool // of messages to browsers
}

func startPush(opts Options) (*pushServer, error) {
	address := opts.FCMAddress
	if address == "" {
		address = "127.0.0.1:0"
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	browser, err := webpush.NewBrowser()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	p := &pushServer{
		listener: listener, key: key, kept: newBox(func(p Push) int { return len(p.Raw) }), faults: newFaults(),
		done: make(chan struct{}), tokens: map[string]time.Time{}, browser: browser, topics: map[string]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", p.send)
	mux.HandleFunc("POST /web-push", p.webPush)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	p.stopped.Go(func() { _ = p.server.Serve(listener) })
	return p, nil
}

func (p *pushServer) close() error {
	var err error
	p.once.Do(func() {
		close(p.done)
		err = p.server.Close()
		p.stopped.Wait()
	})
	return err
}

func (p *pushServer) url() string { return "http://" + p.listener.Addr().String() }

// fail carries out the fault of a stage, and reports whether there was one.
func (p *pushServer) fail(w http.ResponseWriter, r *http.Request, stage, to string) bool {
	fault, found := p.faults.take(stage, to)
	if !found {
		return false
	}
	if fault.Hang {
		select {
		case <-p.done:
		case <-r.Context().Done():
		}
	}
	if fault.Hang || fault.Drop {
		panic(http.ErrAbortHandler)
	}
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	if stage == "token" {
		writeJSON(w, fault.Code, map[string]string{"error": fault.Text})
		return true
	}
	fcmRefuse(w, fault.Code, fault.Text, cmp.Or(fault.Message, "a fault that the test set"))
	return true
}

// token exchanges a signed assertion for an access token.
func (p *pushServer) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxPush)
	if p.fail(w, r, "token", "") {
		return
	}
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	if err := p.verify(r.PostFormValue("assertion")); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	var random [24]byte
	_, _ = rand.Read(random[:])
	token, now := "sink."+hex.EncodeToString(random[:]), clock.Wall()
	p.mu.Lock()
	for t, end := range p.tokens {
		if !end.After(now) || len(p.tokens) >= maxTokens {
			delete(p.tokens, t)
		}
	}
	p.tokens[token] = now.Add(tokenLife)
	p.granted++
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second)})
}

// verify checks an assertion as Google does: signature, issuer, audience, scope and times.
func (p *pushServer) verify(assertion string) error {
	if strings.Count(assertion, ".") != 2 {
		return errors.New("the assertion is not a JWT")
	}
	var claims struct {
		jwt.RegisteredClaims
		Scope string `json:"scope"`
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return &p.key.PublicKey, nil })
	now := clock.Wall()
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return errors.New("the signature is not by the service account's key")
	case err != nil || claims.ExpiresAt == nil || claims.IssuedAt == nil:
		return errors.New("the claims cannot be read")
	case claims.Issuer != accountEmail:
		return errors.New("iss is not the service account")
	case len(claims.Audience) != 1 || claims.Audience[0] != p.url()+"/token":
		return errors.New("aud is not the token server")
	case !strings.Contains(" "+claims.Scope+" ", " "+scope+" "):
		return errors.New("scope lacks " + scope)
	case !claims.ExpiresAt.After(now),
		claims.IssuedAt.After(now.Add(time.Minute)),
		claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 3700*time.Second:
		return errors.New("iat and exp do not fit the time")
	}
	return nil
}

// send accepts a message.
func (p *pushServer) send(w http.ResponseWriter, r *http.Request) {
	if !p.permitted(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		fcmRefuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		return
	}
	if r.PathValue("project") != project {
		fcmRefuse(w, http.StatusForbidden, "PERMISSION_DENIED", "The account may not send for this project.")
		return
	}
	var body struct {
		Message json.RawMessage `json:"message"`
	}
	var message struct {
		Token        string            `json:"token"`
		Notification map[string]string `json:"notification"`
		Data         map[string]string `json:"data"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPush))
	if err := decoder.Decode(&body); err != nil || json.Unmarshal(body.Message, &message) != nil || message.Token == "" {
		fcmRefuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "The request is not a message with a token, and data of strings.")
		return
	}
	if p.fail(w, r, "send", message.Token) {
		return
	}
	var name string
	p.kept.add(func(id int) Push {
		name = fmt.Sprintf("projects/%s/messages/%d", project, id)
		return Push{
			ID: id, Channel: "push", To: message.Token, Title: message.Notification["title"],
			Body: message.Notification["body"], Link: message.Data["link"], Key: message.Data["tabi_key"], Data: message.Data,
			Received: clock.Wall(), Raw: body.Message,
		}
	})
	writeJSON(w, http.StatusOK, map[string]string{"name": name})
}

// permitted reports whether an access token is valid.
func (p *pushServer) permitted(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	end, known := p.tokens[token]
	return known && end.After(clock.Wall())
}

// fcmRefuse writes an error in FCM's form.
func fcmRefuse(w http.ResponseWriter, status int, code, message string) {
	general := map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}[status]
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": message, "status": general,
		"details": []map[string]string{{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}},
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// FCMURL returns the push service as TABI_FCM_URL takes it.
func (s *Sink) FCMURL() string { return s.push.url() }

// ServiceAccount returns the credentials JSON of the push service, as TABI_FCM_CREDENTIALS takes it. Each Start makes
// its own key.
func (s *Sink) ServiceAccount() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.push.key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{
		"type": "service_account", "project_id": project, "private_key_id": "sink", "client_email": accountEmail, "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": s.push.url() + "/token",
	})
}

// Pushes returns the kept pushes, oldest first.
func (s *Sink) Pushes() []Push { return s.push.kept.all() }

// WaitPush returns the first push that is wanted, waiting for it until ctx ends.
func (s *Sink) WaitPush(ctx context.Context, wanted func(Push) bool) (Push, error) {
	return s.push.kept.wait(ctx, wanted)
}

// FailPush orders a failure of the push service.
func (s *Sink) FailPush(f Fault) { s.push.faults.add(f) }

// Unregister makes a device's token dead.
func (s *Sink) Unregister(token string) {
	s.FailPush(Fault{Stage: "send", To: token, Code: http.StatusNotFound, Text: "UNREGISTERED"})
}

// RevokeTokens revokes every access token, and returns how many were granted so far.
func (s *Sink) RevokeTokens() int {
	s.push.mu.Lock()
	defer s.push.mu.Unlock()
	clear(s.push.tokens)
	return s.push.granted
}

// PushHangs gets a value for each request to the push service that begins to hang.
func (s *Sink) PushHangs() <-chan struct{} { return s.push.faults.hung }
