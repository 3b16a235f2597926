package channels_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
)

// secureServer is a mail server that speaks TLS and asks for a password.
type secureServer struct {
	mu        sync.Mutex
	encrypted []bool // a mail each: whether its connection was
}

func (s *secureServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &secureSession{server: s, conn: c}, nil
}

type secureSession struct {
	server *secureServer
	conn   *smtp.Conn
	known  bool
}

func (s *secureSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *secureSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.known = user == "shop" && password == "open sesame"; !s.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (s *secureSession) Reset()        {}
func (s *secureSession) Logout() error { return nil }
func (s *secureSession) Mail(string, *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	return nil
}
func (s *secureSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *secureSession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	_, encrypted := s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.encrypted = append(s.server.encrypted, encrypted)
	return err
}

// certificate is one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// The password and the mail go over an encrypted connection, by STARTTLS and by smtps; a certificate that
// nobody vouches for is not trusted.
func TestMailOverTLS(t *testing.T) {
	t.Parallel()
	cert, trusted := certificate(t)
	for name, c := range map[string]struct {
		scheme, query string
		implicit      bool
		roots         *x509.CertPool
		want          channel.Outcome
		reason        string
	}{
		"STARTTLS as offered": {scheme: "smtp", roots: trusted, want: channel.Sent},
		"STARTTLS required":   {scheme: "smtp", query: "?tls=required", roots: trusted, want: channel.Sent},
		"smtps":               {scheme: "smtps", implicit: true, roots: trusted, want: channel.Sent},
		"STARTTLS, unknown certificate": {scheme: "smtp", query: "?tls=required", roots: x509.NewCertPool(), want: channel.NotSent,
			reason: "certificate"},
		"smtps, unknown certificate": {scheme: "smtps", implicit: true, roots: x509.NewCertPool(), want: channel.NotSent,
			reason: "certificate"},
		"smtps to a server without TLS": {scheme: "smtps", roots: trusted, want: channel.NotSent, reason: "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := &secureServer{}
			server := smtp.NewServer(backend)
			server.Domain = "127.0.0.1"
			server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
			server.ErrorLog = quiet{}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			if c.implicit {
				listener = tls.NewListener(listener, server.TLSConfig)
			}
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(listener) }()
			t.Cleanup(func() {
				_ = server.Close()
				<-ended
			})
			ch := open(
				t,
				"email",
				channels.Config{
					EmailURL: c.scheme + "://shop:open%20sesame@" + address + c.query,
					MailFrom: "Shop <shop@example.com>",
					RootCAs:  c.roots,
				},
			)
			got := ch.Send(context.Background(), mailTo("ana@example.com"))
			if got.Outcome != c.want || !strings.Contains(got.Reason, c.reason) || strings.Contains(got.Reason, "sesame") {
				t.Fatalf("%+v, want %s because of %q", got, c.want, c.reason)
			}
			backend.mu.Lock()
			defer backend.mu.Unlock()
			if sent := c.want == channel.Sent; sent != (len(backend.encrypted) == 1) || sent && !backend.encrypted[0] {
				t.Errorf("mails that came, and whether encrypted: %v", backend.encrypted)
			}
		})
	}
}

// quiet drops what a server has to say about clients that turn away.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
