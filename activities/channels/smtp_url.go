package channels

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/internal/address"
)

// How an SMTP connection is encrypted.
const (
	tlsOffered  = ""         // STARTTLS where the server offers it: the default for a server on this machine
	tlsRequired = "required" // STARTTLS or no connection: the default for all others
	tlsNone     = "none"
	tlsImplicit = "implicit" // smtps
)

// server is the mail server that TABI_EMAIL_URL names.
type server struct {
	host, port     string
	user, password string
	encrypt        string // one of the tls constants
	config         *tls.Config
	current        func() string // see Config.EmailCurrent
}

// parseSMTPURL reads smtp://user:password@host:port?tls=none. Its errors never hold the URL, which has the
// password.
func parseSMTPURL(raw string, roots *x509.CertPool) (*server, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, errors.New("not a URL like smtp://user:password@host:587 (special characters of the password must be percent-encoded)")
	}
	s := &server{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "smtp":
		if s.port == "" {
			s.port = "587"
		}
	case "smtps":
		s.encrypt = tlsImplicit
		if s.port == "" {
			s.port = "465"
		}
	default:
		return nil, errors.New("must begin with smtp://, smtps:// or the name of a provider: " + strings.Join(mailapi.Names(), ", "))
	}
	if s.host == "" {
		return nil, errors.New("has no host: smtp://user:password@host:587")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errors.New("has a path, which SMTP does not know (special characters of the password must be percent-encoded)")
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
		if s.user == "" || s.password == "" {
			return nil, errors.New("needs both user and password, or neither")
		}
	}
	if s.encrypt == tlsOffered && !s.local() {
		s.encrypt = tlsRequired // a machine between them can remove STARTTLS from the server's answer
	}
	for key, values := range u.Query() {
		value := values[len(values)-1]
		switch {
		case key != "tls":
			return nil, errors.New("knows the parameter tls only")
		case value != tlsRequired && value != tlsNone:
			return nil, errors.New("knows tls=required and tls=none")
		case s.encrypt == tlsImplicit && value == tlsNone:
			return nil, errors.New("smtps:// and tls=none contradict each other")
		case s.encrypt != tlsImplicit:
			s.encrypt = value
		}
	}
	s.config = &tls.Config{ServerName: s.host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	return s, nil
}

// login returns user and password of now. What cannot be read changes nothing: a new URL is checked at the next start.
func (s *server) login() (user, password string) {
	if s.current != nil {
		if now, err := parseSMTPURL(s.current(), nil); err == nil {
			return now.user, now.password
		}
	}
	return s.user, s.password
}

// local reports whether the server is on this machine, where a password may go unencrypted.
func (s *server) local() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseFrom reads the sender.
func parseFrom(raw string) (*mail.Address, error) {
	from, err := mail.ParseAddress(raw)
	if err != nil {
		return nil, errors.New(`must be a mail address, as in "Shop <shop@example.com>"`)
	}
	sender, err := address.ParseMail(from.Address)
	if err != nil || !sender.ASCII() {
		return nil, errors.New("the address must be plain ASCII before the @ and a host name after it")
	}
	from.Address = sender.Plain()
	return from, nil
}
