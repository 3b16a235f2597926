package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/mail"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// mailProvider accepts every mail, also twice: SMTP has no keys.
type mailProvider struct {
	*providers
	server  *smtp.Server
	address string
}

func startMailProvider(p *providers) *mailProvider {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("no port on 127.0.0.1: " + err.Error())
	}
	m := &mailProvider{providers: p, address: listener.Addr().String()}
	m.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{server: m, conn: c}, nil }))
	m.server.Domain = "localhost"
	m.server.MaxMessageBytes = 1 << 20
	m.server.MaxRecipients = 10
	m.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = m.server.Serve(listener) }()
	return m
}

func (m *mailProvider) close() { _ = m.server.Close() }

// mailSession is one connection.
type mailSession struct {
	server *mailProvider
	conn   *smtp.Conn
}

// Reset implements smtp.Session.
func (s *mailSession) Reset() {}

// Logout implements smtp.Session.
func (s *mailSession) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (s *mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data implements smtp.Session: the mail has arrived, and the provider's present behavior decides what happens to it.
func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "that is no mail"}
	}
	key, ok := signedlink.MessageKey(message.Header.Get("Message-Id"))
	if !ok {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "its Message-ID is not of a ledger key"}
	}
	m := s.server.nextBehavior("email", key)
	switch m {
	case hangs:
		time.Sleep(2 * sendTimeout)
		return s.hangUp()
	case dropsBefore:
		return s.hangUp()
	case refuses:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "try again later"}
	case rejects:
		s.server.reject(key)
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not this one"}
	}
	s.server.take(key, message.Header.Get("Subject"))
	s.server.mu.Lock()
	onMail := s.server.onMail
	s.server.mu.Unlock()
	if onMail != nil {
		onMail(key, raw)
	}
	switch m {
	case answersLate: // nobody reads the response
		time.Sleep(2 * sendTimeout)
	case dropsAfter:
		return s.hangUp()
	}
	return nil
}

func (s *mailSession) hangUp() error {
	_ = s.conn.Conn().Close()
	return smtp.ErrServerClosed
}
