package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// letter is a mail that was delivered.
type letter struct{ from, to, key, id, subject, body string }

// mailSink is an SMTP server that keeps what it accepts. Its response can be set for each address.
type mailSink struct {
	address string
	mu      sync.Mutex
	letters []letter
	answers map[string][]func() error // by address; the last one stays
	tries   map[string]int
	hold    chan struct{} // closed at the end, to release sessions that hang
}

func newMailSink(t testing.TB) *mailSink {
	s := &mailSink{answers: map[string][]func() error{}, tries: map[string]int{}, hold: make(chan struct{})}
	server := smtp.NewServer(s)
	server.Domain = "sink.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		close(s.hold)
		_ = server.Close()
	})
	return s
}

// url returns the URL for tabi.
func (s *mailSink) url() string { return "smtp://" + s.address + "?tls=none" }

// answer sets the responses to an address's mails, one after another; the last stays.
func (s *mailSink) answer(address string, answers ...func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[address] = answers
}

func code(n int, words string) func() error {
	return func() error {
		return &smtp.SMTPError{Code: n, EnhancedCode: smtp.EnhancedCode{n / 100, 1, 1}, Message: words}
	}
}

func taken() error { return nil }

// hang never responds.
func (s *mailSink) hang() error {
	<-s.hold
	return io.EOF
}

// sent returns the mails to an address.
func (s *mailSink) sent(to string) []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []letter
	for _, l := range s.letters {
		if l.to == to {
			out = append(out, l)
		}
	}
	return out
}

// subjects returns the subjects of the mails to an address, in order.
func (s *mailSink) subjects(to string) []string {
	out := []string{}
	for _, l := range s.sent(to) {
		out = append(out, l.subject)
	}
	return out
}

func (s *mailSink) tried(to string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[to]
}

// NewSession implements smtp.Backend.
func (s *mailSink) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{sink: s}, nil }

type mailSession struct {
	sink     *mailSink
	from, to string
}

func (m *mailSession) Reset()        { m.to = "" }
func (m *mailSession) Logout() error { return nil }

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.from = from
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = to
	return nil
}

// Data reads the whole mail before it responds: a failure here may mean that the mail was sent, unless the code says
// otherwise.
func (m *mailSession) Data(r io.Reader) error {
	msg, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(msg.Body)
	if err != nil {
		return err
	}
	s := m.sink
	s.mu.Lock()
	s.tries[m.to]++
	answer := taken
	if list := s.answers[m.to]; len(list) > 0 {
		answer = list[0]
		if len(list) > 1 {
			s.answers[m.to] = list[1:]
		}
	}
	s.mu.Unlock()
	if err := answer(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(
		s.letters,
		letter{
			from: m.from, to: m.to, key: msg.Header.Get("X-Tabi-Key"), id: msg.Header.Get("Message-Id"), subject: msg.Header.Get("Subject"),
			body: string(body),
		},
	)
	return nil
}

// fcm speaks the protocol of Firebase Cloud Messaging: the token exchange, and the HTTP v1 API.
type fcm struct {
	server  *httptest.Server
	file    string // credentials
	mu      sync.Mutex
	pushes  map[string][]string // titles by token
	answers map[string][]http.HandlerFunc
	tries   map[string]int
	tokens  int
}

// rsaKey is the key of the service account.
var rsaKey = sync.OnceValues(func() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
})

func newFCM(t testing.TB) *fcm {
	f := &fcm{pushes: map[string][]string{}, answers: map[string][]http.HandlerFunc{}, tries: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.exchange)
	mux.HandleFunc("POST /v1/projects/shop/messages:send", f.send)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "shop", "private_key": string(key), "private_key_id": "1",
		"client_email": "tabi@shop.example", "token_uri": f.server.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	f.file = filepath.Join(t.TempDir(), "service-account.json")
	if err := os.WriteFile(f.file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fcm) exchange(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" ||
		strings.Count(r.PostFormValue("assertion"), ".") != 2 {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.tokens++
	n := f.tokens
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)
}

func (f *fcm) send(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Message struct {
			Token        string
			Notification struct{ Title string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token-") {
		problem(http.StatusUnauthorized, "UNAUTHENTICATED", "", 0)(w, r)
		return
	}
	token := in.Message.Token
	f.mu.Lock()
	f.tries[token]++
	var answer http.HandlerFunc
	if list := f.answers[token]; len(list) > 0 {
		answer = list[0]
		if len(list) > 1 {
			f.answers[token] = list[1:]
		}
	}
	if answer == nil {
		f.pushes[token] = append(f.pushes[token], in.Message.Notification.Title)
	}
	f.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"name":"projects/shop/messages/1"}`)
}

// problem is an error response of FCM.
func problem(status int, name, detail string, retryAfter int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if retryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(retryAfter))
		}
		w.WriteHeader(status)
		details := "[]"
		if detail != "" {
			details = fmt.Sprintf(`[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}]`, detail)
		}
		fmt.Fprintf(w, `{"error":{"code":%d,"message":"no","status":%q,"details":%s}}`, status, name, details)
	}
}

// answer sets the responses to a device's pushes; nil delivers, the last stays.
func (f *fcm) answer(token string, answers ...http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[token] = answers
}

func (f *fcm) sent(token string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.pushes[token]...)
}

func (f *fcm) tried(token string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tries[token]
}
