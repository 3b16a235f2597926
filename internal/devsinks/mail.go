package devsinks

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Mail is a received mail.
type Mail struct {
	ID        int               `json:"id"` // from 1, rising
	From      string            `json:"from"`
	To        []string          `json:"to"` // of the envelope
	Subject   string            `json:"subject"`
	Text      string            `json:"text"`
	HTML      string            `json:"html"`
	Headers   map[string]string `json:"headers"`    // decoded; the first of each name
	MessageID string            `json:"message_id"` // without angle brackets
	Key       string            `json:"key"`        // the ledger key
	Received  time.Time         `json:"received"`
	Raw       []byte            `json:"-"`
}

// maxMail is the largest mail in bytes.
const maxMail = 10 << 20

// mailServer is an SMTP server that keeps what it receives.
type mailServer struct {
	server   *smtp.Server
	listener *faultyListener
	kept     *box[Mail]
	faults   *faults
	user     string
	password string
	done     chan struct{}
	stopped  sync.WaitGroup
	once     sync.Once
}

func startMail(opts Options) (*mailServer, error) {
	address := opts.SMTPAddress
	if address == "" {
		address = "127.0.0.1:0"
	}
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	m := &mailServer{
		kept:   newBox(func(m Mail) int { return len(m.Raw) + len(m.Text) + len(m.HTML) }),
		faults: newFaults(), user: opts.User, password: opts.Password, done: make(chan struct{}),
	}
	m.listener = &faultyListener{Listener: inner, faults: m.faults}
	m.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if err := m.fail("ehlo", "", c); err != nil {
			return nil, err
		}
		s := &mailSession{server: m, conn: c}
		if m.user != "" {
			return &authSession{mailSession: s}, nil
		}
		return s, nil
	}))
	m.server.Domain = "localhost"
	m.server.MaxMessageBytes = maxMail
	m.server.MaxRecipients = 100
	m.server.AllowInsecureAuth = true
	m.server.EnableSMTPUTF8 = !opts.NoSMTPUTF8
	m.server.ReadTimeout = 10 * headerTimeout
	m.server.WriteTimeout = headerTimeout
	m.server.ErrorLog = log.New(io.Discard, "", 0) // a client that goes away is no news
	m.stopped.Go(func() { _ = m.server.Serve(m.listener) })
	return m, nil
}

func (m *mailServer) close() error {
	var err error
	m.once.Do(func() {
		close(m.done)
		err = m.server.Close()
		m.listener.drop()
		m.stopped.Wait()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// fail carries out the fault of a stage: a reply, silence or a closed connection.
func (m *mailServer) fail(stage, to string, c *smtp.Conn) error {
	fault, found := m.faults.take(stage, to)
	switch {
	case !found:
		return nil
	case fault.Hang:
		<-m.done
		return smtp.ErrServerClosed
	case fault.Drop:
		_ = c.Conn().Close()
		return smtp.ErrServerClosed
	}
	return smtpError(fault)
}

var enhancedCode = regexp.MustCompile(`^(\d)\.(\d{1,3})\.(\d{1,3}) (.*)$`)

// smtpError returns the reply of a fault; its text may begin with an enhanced code.
func smtpError(f Fault) error {
	e := &smtp.SMTPError{Code: f.Code, EnhancedCode: smtp.NoEnhancedCode, Message: f.Text}
	if p := enhancedCode.FindStringSubmatch(f.Text); p != nil {
		for i := range e.EnhancedCode {
			e.EnhancedCode[i], _ = strconv.Atoi(p[i+1])
		}
		e.Message = p[4]
	}
	return e
}

// mailSession is one connection.
type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	from   string
	to     []string
}

// Reset implements smtp.Session.
func (s *mailSession) Reset() { s.from, s.to = "", nil }

// Logout implements smtp.Session.
func (s *mailSession) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.server.fail("mail", from, s.conn); err != nil {
		return err
	}
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.fail("rcpt", to, s.conn); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session.
func (s *mailSession) Data(r io.Reader) error {
	to := ""
	if len(s.to) > 0 {
		to = s.to[0]
	}
	if err := s.server.fail("data", to, s.conn); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	fault, found := s.server.faults.take("end", to)
	if found && !fault.Drop && !fault.Hang {
		return smtpError(fault)
	}
	mail := parseMail(raw)
	mail.From, mail.To, mail.Received = s.from, s.to, clock.Wall()
	s.server.kept.add(func(id int) Mail {
		mail.ID = id
		return mail
	})
	if found && fault.Drop {
		_ = s.conn.Conn().Close()
		return smtp.ErrServerClosed
	}
	if found {
		<-s.server.done
		return smtp.ErrServerClosed
	}
	return nil
}

// authSession is a connection that must log in.
type authSession struct {
	*mailSession
	in bool
}

// AuthMechanisms implements smtp.AuthSession.
func (s *authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.user || password != s.server.password {
			return smtp.ErrAuthFailed
		}
		s.in = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *authSession) Mail(from string, opts *smtp.MailOptions) error {
	if !s.in {
		return smtp.ErrAuthRequired
	}
	return s.mailSession.Mail(from, opts)
}

// faultyListener fails connections as ordered, before SMTP begins.
type faultyListener struct {
	net.Listener
	faults *faults
	mu     sync.Mutex
	held   []net.Conn
	count  int
}

// Accept implements net.Listener.
func (l *faultyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.count++
		l.mu.Unlock()
		fault, found := l.faults.take("connect", "")
		switch {
		case !found:
			return conn, nil
		case fault.Hang:
			l.mu.Lock()
			l.held = append(l.held, conn)
			l.mu.Unlock()
		default:
			if fault.Code != 0 {
				_, _ = io.WriteString(conn, strconv.Itoa(fault.Code)+" "+fault.Text+"\r\n")
			}
			_ = conn.Close()
		}
	}
}

// drop closes the hanging connections.
func (l *faultyListener) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.held {
		_ = c.Close()
	}
	l.held = nil
}

// SMTPAddress returns the mail server's host and port.
func (s *Sink) SMTPAddress() string { return s.mail.listener.Addr().String() }

// EmailURL returns the mail server as TABI_EMAIL_URL takes it, without a user.
func (s *Sink) SMTPURL() string { return "smtp://" + s.SMTPAddress() }

// SMTPConnections returns how many connections to the mail server were opened so far.
func (s *Sink) SMTPConnections() int {
	s.mail.listener.mu.Lock()
	defer s.mail.listener.mu.Unlock()
	return s.mail.listener.count
}

// Mails returns the kept mails, oldest first.
func (s *Sink) Mails() []Mail { return s.mail.kept.all() }

// WaitMail returns the first mail that is wanted, waiting for it until ctx ends.
func (s *Sink) WaitMail(ctx context.Context, wanted func(Mail) bool) (Mail, error) {
	return s.mail.kept.wait(ctx, wanted)
}

// FailMail orders a failure of the mail server.
func (s *Sink) FailMail(f Fault) { s.mail.faults.add(f) }

// Clear removes every ordered fault. What hangs keeps hanging.
func (s *Sink) Clear() {
	s.mail.faults.clear()
	s.push.faults.clear()
	s.chat.faults.clear()
}

// MailHangs gets a value for each request to the mail server that begins to hang.
func (s *Sink) MailHangs() <-chan struct{} { return s.mail.faults.hung }
