package channels

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/tabi-journeys/tabi/internal/clock"
)

const (
	maxIdle       = time.Minute            // a connection that was idle for longer is not used again
	maxMails      = 100                    // mails over one connection: many servers close it after that
	probeTimeout  = 2 * time.Second        // for the RSET before an idle connection is used again
	farewellAfter = 500 * time.Millisecond // for the QUIT
)

var errPoolClosed = errors.New("the channel is closed")

// session is one connection to the mail server, past EHLO, STARTTLS and AUTH.
type session struct {
	conn  net.Conn
	smtp  *smtp.Client
	mails int
	freed time.Time
}

// bind ends all I/O on conn when ctx ends. The function it returns undoes that, and reports whether the connection is
// still usable.
func bind(ctx context.Context, conn net.Conn) (release func() bool) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() bool {
		if !stop() {
			return false
		}
		return conn.SetDeadline(time.Time{}) == nil
	}
}

// quit ends the session politely, within farewellAfter, and closes the connection.
func (s *session) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellAfter)
	defer cancel()
	bind(ctx, s.conn)
	_ = s.smtp.Quit()
	_ = s.conn.Close()
}

// pool keeps connections to one mail server.
//
// The pool exists because the outcome of a send depends on the stage at which SMTP failed, and no library reports
// that. The rules:
//
//   - A send takes a slot (at most SMTPConnections), then an idle connection or a new one.
//   - An idle connection is probed by RSET before it is used, so that a mail is not begun on a
//     connection that the server has closed. If MAIL FROM fails on it nevertheless, another one is tried.
//   - Until the end of the message (the dot after DATA) nothing has gone out: NotSent.
//   - A connection lost after that point, before the server replied, is Unknown.
//   - A connection is returned only if the server replied on it (an error reply too) and its context was
//     alive; otherwise it is closed. A reply of 421 closes it too.
//
// If a send did not wait for its slot at most half of its time, its mail would begin late and be cut off at the end
// stage, which turns a harmless NotSent into an Unknown.
type pool struct {
	server *server
	helo   string
	slots  chan struct{} // one token per connection that may be open in use

	mu     sync.Mutex
	idle   []*session // the last is the one used last
	closed bool
}

func newPool(s *server, size int) *pool {
	helo, err := os.Hostname()
	if err != nil || helo == "" || strings.ContainsAny(helo, " \r\n\t") ||
		strings.ContainsFunc(helo, func(r rune) bool { return r >= 0x80 }) {
		helo = "localhost"
	}
	return &pool{server: s, helo: helo, slots: make(chan struct{}, size)}
}

// get returns a connection that is ready for MAIL FROM, and whether it was used before. Return it with put or drop.
func (p *pool) get(ctx context.Context) (s *session, reused bool, err error) {
	if err := p.slot(ctx); err != nil {
		return nil, false, err
	}
	for {
		s, err := p.pop()
		if err != nil {
			<-p.slots
			return nil, false, err
		}
		if s == nil {
			break
		}
		if s.alive(ctx) {
			return s, true, nil
		}
		s.quit()
	}
	if s, err = p.dial(ctx); err != nil {
		<-p.slots
		return nil, false, err
	}
	return s, false, nil
}

// slot waits until a connection may be opened or used, for at most half of the remaining time. A mail that begins
// when its time is nearly over would be cut off where nobody knows whether it went out; one that does not begin is
// certainly not sent.
func (p *pool) slot(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, deadline.Sub(clock.Wall())/2)
		defer cancel()
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("all connections to the mail server are busy: %w", ctx.Err())
	}
}

// pop takes the idle connection that was used last; nil if there is none.
func (p *pool) pop() (*session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errPoolClosed
	}
	if len(p.idle) == 0 {
		return nil, nil
	}
	s := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return s, nil
}

// alive probes an idle connection with RSET. It returns false if the connection is too old or does not answer.
func (s *session) alive(ctx context.Context) bool {
	if clock.Wall().Sub(s.freed) > maxIdle || s.mails >= maxMails {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	release := bind(ctx, s.conn)
	err := s.smtp.Reset()
	return release() && err == nil
}

// put returns a connection to the pool.
func (p *pool) put(s *session) {
	s.freed = clock.Wall()
	p.mu.Lock()
	keep := !p.closed
	if keep {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		s.quit()
	}
	<-p.slots
}

// drop closes a connection that cannot be used again, and frees its slot.
func (p *pool) drop(s *session) {
	_ = s.conn.Close()
	<-p.slots
}

// close closes idle connections. Those in use are closed when they are returned.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range idle {
		wg.Go(s.quit)
	}
	wg.Wait()
}

// dial opens a connection, up to and including AUTH.
func (p *pool) dial(ctx context.Context) (_ *session, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(p.server.host, p.server.port))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	release := bind(ctx, conn)
	defer func() {
		if !release() && err == nil {
			err = fmt.Errorf("connecting: %w", context.Cause(ctx))
		}
		if err != nil {
			_ = conn.Close()
		}
	}()
	wire := conn
	if p.server.encrypt == tlsImplicit {
		encrypted := tls.Client(conn, p.server.config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("encrypting: %w", err)
		}
		wire = encrypted
	}
	c, err := smtp.NewClient(wire, p.server.host)
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	if err := c.Hello(p.helo); err != nil {
		return nil, fmt.Errorf("EHLO: %w", err)
	}
	if err := p.encrypt(c); err != nil {
		return nil, err
	}
	if err := p.authenticate(c); err != nil {
		return nil, err
	}
	// Where the server has DSN (RFC 3461): reports of failures only, with the header of the mail, which proves what they are about.
	c.SetDSNMailReturnOption("HDRS")
	c.SetDSNRcptNotifyOption("FAILURE")
	return &session{conn: conn, smtp: c}, nil
}

// encrypt runs STARTTLS as the URL asks.
func (p *pool) encrypt(c *smtp.Client) error {
	if p.server.encrypt == tlsImplicit || p.server.encrypt == tlsNone {
		return nil
	}
	offered, _ := c.Extension("STARTTLS")
	if !offered {
		if p.server.encrypt == tlsRequired {
			return errors.New(
				"STARTTLS: the server does not offer it, and without it nothing is sent to another machine; use smtps://, or " +
					"?tls=none in " +
					"TABI_EMAIL_URL where the network is trusted",
			)
		}
		return nil
	}
	if err := c.StartTLS(p.server.config); err != nil {
		return fmt.Errorf("STARTTLS: %w", err)
	}
	return nil
}

// authenticate logs in if the URL has a user.
func (p *pool) authenticate(c *smtp.Client) error {
	s := p.server
	user, password := s.login()
	if user == "" {
		return nil
	}
	_, encrypted := c.TLSConnectionState()
	if !encrypted && !s.local() {
		return errors.New("AUTH: the connection is not encrypted, so the password is not sent; use smtps:// or a server with STARTTLS")
	}
	_, offered := c.Extension("AUTH")
	mechanisms := " " + strings.ToUpper(offered) + " "
	var auth smtp.Auth
	switch {
	case strings.Contains(mechanisms, " PLAIN "):
		auth = smtp.PlainAuth("", user, password, s.host, true)
	case strings.Contains(mechanisms, " LOGIN "):
		auth = smtp.LoginAuth(user, password, s.host, true)
	case strings.Contains(mechanisms, " SCRAM-SHA-256 "):
		auth = smtp.ScramSHA256Auth(user, password)
	case strings.Contains(mechanisms, " CRAM-MD5 "):
		auth = smtp.CRAMMD5Auth(user, password)
	default:
		return errors.New("AUTH: the server offers none of PLAIN, LOGIN, SCRAM-SHA-256 and CRAM-MD5, but TABI_EMAIL_URL has a user")
	}
	if err := c.Auth(auth); err != nil {
		return fmt.Errorf("AUTH: %w", err)
	}
	return nil
}

// hungUp reports whether err means that the connection cannot be used again: it broke, or the server said 421.
func hungUp(err error) bool {
	var said *textproto.Error
	return !errors.As(err, &said) || said.Code == 421
}
