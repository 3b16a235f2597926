package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// Browsers come by https alone, for a year; other hosts of the domain are left alone.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ public, want string }{
		{"https://tabi.example.com", "max-age=31536000; includeSubDomains"},
		{"https://TABI.example.co.uk:8443", "max-age=31536000; includeSubDomains"},
		{"https://example.com", "max-age=31536000"},
		{"https://example.co.uk", "max-age=31536000"},
		{"https://localhost", "max-age=31536000"},
		{"https://10.0.0.1:8443", "max-age=31536000"},
		{"http://tabi.example.com", ""},
	} {
		h := newHouse(t, func(c *Config) { c.PublicURL = one.public })
		for _, path := range []string{"/login", "/healthz", "/v1/openapi.yaml", "/v1/track", "/nothing"} {
			if got := h.do("GET", path, "").header.Get("Strict-Transport-Security"); got != one.want {
				t.Errorf("%s%s: %q, want %q", one.public, path, got, one.want)
			}
		}
	}
}

// A browser forgets the pages at a sign-out, and keeps the cookies of other hosts.
func TestSignOutClearsTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	got := h.post(h.signedIn("Mia"), "/logout", url.Values{})
	if clear := got.header.Get("Clear-Site-Data"); clear != `"cache", "storage"` {
		t.Errorf("%d, Clear-Site-Data: %s", got.status, clear)
	}
}

func TestTraceIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, r := range h.g.routes() {
		path := strings.NewReplacer("{$}", "", "{", "", "}", "").Replace(r.Path)
		got := h.do(http.MethodTrace, path, "", "Authorization: Bearer "+adminToken)
		if got.status != http.StatusMethodNotAllowed || strings.Contains(got.body, adminToken) {
			t.Errorf("TRACE %s: %d", path, got.status)
		}
	}
}

// The log says who was refused where, without what was sent, and a stranger cannot fill it.
func TestRefusedCallersAreLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	h := newHouse(t, func(c *Config) { c.Logger = zap.New(core) })
	lines := func() []observer.LoggedEntry { return logs.FilterMessage("a caller was refused").All() }
	h.do("GET", "/v1/admin/audit", "", "Authorization: Bearer "+agentToken)
	if all := lines(); len(all) != 1 {
		t.Fatalf("%d lines", len(all))
	}
	fields := lines()[0].ContextMap()
	if fields["route"] != "/v1/admin/audit" || fields["role"] != "agent" || fields["status"] != int64(403) ||
		fields["peer"] != "127.0.0.1" {
		t.Errorf("%v", fields)
	}
	for range 3 * refusedLines {
		h.do("POST", "/v1/mail/events", "[]", "Authorization: Bearer guess-of-a-server-key")
	}
	all := lines()
	if len(all) != refusedLines {
		t.Errorf("%d lines", len(all))
	}
	for _, line := range all {
		for _, value := range line.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, "guess-of") {
				t.Errorf("the log has the key: %v", line.ContextMap())
			}
		}
	}
}

// A connection that fails before its request leaves a line in the log of the process, not beside it.
func TestFailedHandshakesAreLogged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM, keyPEM := selfSigned(t, "tabi.example.com")
	if err := errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	cert, err := LoadCertificate(certFile, keyFile, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10)
	core, _ := observer.New(zapcore.InfoLevel)
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error { lines <- e.Message; return nil }))
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, Server(http.NotFoundHandler(), log), cert.Listener(plain)) }()
	conn, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("this is no TLS\n")); err != nil {
		t.Error(err)
	}
	if line := <-lines; !strings.Contains(line, "TLS handshake error") {
		t.Errorf("the log has %q", line)
	}
	_ = conn.Close()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
