// Package mailproviders has servers that speak the HTTP APIs of mail providers as these document them, with their faults, and signs
// webhooks as they do. It knows nothing of package mailapi, so that an error there is not repeated here.
package mailproviders

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Key is what the servers take for a key: the token of Postmark, the API key of the others, and the secret of AWS.
const Key = "a-key-of-the-provider-0123456789"

// Mail is a mail that a server accepted.
type Mail struct {
	Key, ID                          string // the ledger key that came with it; the provider's id
	From, To, ReplyTo, Subject       string
	HTML, Text, Unsubscribe, OneTime string // List-Unsubscribe, List-Unsubscribe-Post
}

// Fault is what a server does in place of its work.
type Fault int

// The faults.
const (
	None       Fault = iota
	BadAddress       // the address is refused, in the provider's words
	TooMany          // 429
	Away             // 503
	Broken           // 500
	Gateway          // 502 of a proxy
	BadKey           // the key is refused
	BadSender        // the sender is not verified
	Odd              // 200 with a body that is not the API's
	Lost             // the mail is accepted, and the connection ends before the answer
	Hanging          // the mail is accepted, and no answer comes
)

// Server is one provider.
type Server struct {
	*httptest.Server
	Hung <-chan struct{} // gets a value when a call hangs

	speak speaker
	mu    sync.Mutex
	fault Fault
	mails map[string][]Mail
	seen  map[string]answer // by Idempotency-Key
	hung  chan struct{}
	done  chan struct{}
}

// answer is a response.
type answer struct {
	status int
	header map[string]string
	body   any
}

// speaker is a provider's protocol.
type speaker struct {
	// take reads a call; a bad one is answered with its answer.
	take func(s *Server, r *http.Request, body []byte) (m Mail, bad *answer)
	// sent is the answer to an accepted mail.
	sent func(m Mail) answer
	// faults are the answers to those of the table that differ by provider.
	faults map[Fault]answer
}

// Start starts the server of a provider: ses, sendgrid, postmark, mailgun or resend. The caller calls End.
func Start(name string) *Server {
	speak, known := speakers[name]
	if !known {
		panic("mailproviders: no provider " + strconv.Quote(name))
	}
	hung := make(chan struct{}, 64)
	s := &Server{
		speak: speak, mails: map[string][]Mail{}, seen: map[string]answer{}, hung: hung, Hung: hung, done: make(chan struct{}),
	}
	s.Server = httptest.NewServer(s)
	return s
}

// End stops the server.
func (s *Server) End() {
	close(s.done)
	s.Close()
}

// Do sets what the server does from now on.
func (s *Server) Do(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Mails returns the mails that were accepted under a ledger key.
func (s *Server) Mails(key string) []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails[key])
}

// RetryAfter is what the servers ask for when they are busy, in seconds.
const RetryAfter = 7

var general = map[Fault]answer{
	TooMany: {
		status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": strconv.Itoa(RetryAfter)}, body: map[string]any{},
	},
	Away:    {status: http.StatusServiceUnavailable, header: map[string]string{"Retry-After": strconv.Itoa(RetryAfter)}},
	Broken:  {status: http.StatusInternalServerError},
	Gateway: {status: http.StatusBadGateway},
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	out, special := s.speak.faults[fault]
	if !special {
		out, special = general[fault]
	}
	if special {
		write(w, out)
		return
	}
	m, bad := s.speak.take(s, r, body)
	if bad != nil {
		write(w, *bad)
		return
	}
	out = s.accept(r.Header.Get("Idempotency-Key"), m)
	switch fault {
	case Lost:
		panic(http.ErrAbortHandler)
	case Hanging:
		s.hung <- struct{}{}
		select {
		case <-s.done:
		case <-r.Context().Done():
		}
	case Odd:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>It works!</html>")
	default:
		write(w, out)
	}
}

// accept stores a mail, once for an idempotency key.
func (s *Server) accept(once string, m Mail) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out, known := s.seen[once]; known && once != "" {
		return out
	}
	out := s.speak.sent(m)
	s.seen[once] = out
	s.mails[m.Key] = append(s.mails[m.Key], m)
	return out
}

func write(w http.ResponseWriter, a answer) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

func refuse(status int, body any) *answer { return &answer{status: status, body: body} }

// ID returns a provider's id for a mail, the same each time.
func ID(key string) string { return "id-of-" + strconv.Itoa(len(key)) + "-" + short(key) }

// skew is how far a signed call may be from now.
const skew = 15 * time.Minute
