// Package phones has servers that speak as the providers of text messages and pushes do, with faults that a test orders.
package phones

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A Fault makes a server fail. Set one of Status, Hang and Drop.
type Fault struct {
	Status int
	Body   string            // of the answer, as the provider writes it
	Header map[string]string // of the answer
	Hang   bool              // the message is accepted, and no answer comes
	Drop   bool              // the message is accepted, and the connection is closed
	To     string            // fail for this recipient only; empty: all
	Times  int               // how often; 0: until Clear
}

// A Message is one that a server has accepted.
type Message struct {
	To     string
	Text   string
	Fields map[string]string // of the request, as it came
	Header http.Header
	Body   []byte
}

// Server is what the servers share: what came, and how they fail.
type Server struct {
	*httptest.Server
	// Hung gets a value when a request begins to hang.
	Hung chan struct{}

	mu     sync.Mutex
	got    []Message
	faults []Fault
	done   chan struct{}
}

// start starts a server until the test ends.
func start(t testing.TB, http2 bool, handle http.HandlerFunc) *Server {
	t.Helper()
	s := &Server{Hung: make(chan struct{}, 64), done: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(handle)
	if http2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		close(s.done)
		s.Close()
	})
	return s
}

// Fail orders a failure.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// Clear ends all failures.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Messages returns what was accepted, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message{}, s.got...)
}

// accept keeps a message, and carries out the fault for it. It reports whether the server should answer as usual.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, m Message) bool {
	s.mu.Lock()
	var fault *Fault
	for i := range s.faults {
		if f := s.faults[i]; f.To == "" || f.To == m.To {
			fault = &f
			if f.Times > 0 {
				s.faults[i].Times--
			}
			if f.Times == 1 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
			break
		}
	}
	if fault == nil || fault.Hang || fault.Drop {
		s.got = append(s.got, m)
	}
	s.mu.Unlock()
	switch {
	case fault == nil:
		return true
	case fault.Hang:
		s.Hung <- struct{}{}
		select {
		case <-s.done:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case fault.Drop:
		panic(http.ErrAbortHandler)
	}
	for name, value := range fault.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(fault.Status)
	_, _ = w.Write([]byte(fault.Body))
	return false
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// id returns 32 random hexadecimal digits.
func id() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}
