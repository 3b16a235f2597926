// Package mailbox reads the mailbox that mails are returned to: over IMAP, or a Maildir of this machine. A mail is deleted after
// what it says is stored, and not before; a mail that cannot be used is kept and flagged, where people find it.
package mailbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Accept stores what a mail says. refused is the reason, for people, why the mail is of no use, now or later. An error means that the
// mail must come again.
type Accept func(ctx context.Context, raw []byte) (refused string, err error)

const (
	// page is how many mails are read before the job looks whether the process ends.
	page = 50
	// pageTimeout bounds one page (wall time).
	pageTimeout = 2 * time.Minute
	// leaseFor is how long one process has the mailbox for itself (wall time), unless it releases it before.
	leaseFor = 2 * pageTimeout
	// releaseTimeout bounds the release of the lease (wall time).
	releaseTimeout = 2 * time.Second
	// leaseSetting is the setting of the database that says which process reads the mailbox, and until when.
	leaseSetting = "bounce_mailbox_lease"
)

// A source is where mails are.
type source interface {
	// read reads at most page mails that are not flagged, deletes those that were accepted, and flags those that were refused.
	read(ctx context.Context, accept Accept, log *zap.Logger) (more bool, err error)
	// try reports how many mails are there, and changes nothing.
	try(ctx context.Context) (mails int, err error)
}

// Address is where the mailbox is.
type Address struct {
	source source
	words  string
}

// String returns the address without a password.
func (a *Address) String() string { return a.words }

// Parse reads imaps://user@host/INBOX, imap://user@host/INBOX (by STARTTLS, unless the server is on this machine), or maildir:/path.
// Errors are for people and hold neither user nor password.
func Parse(text, password string) (*Address, error) {
	text = strings.TrimSpace(text)
	if path, ok := strings.CutPrefix(text, "maildir:"); ok {
		if !filepath.IsAbs(path) {
			return nil, errors.New("a Maildir is named by its whole path: maildir:/var/mail/bounces")
		}
		return &Address{source: maildir(filepath.Clean(path)), words: text}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "imaps" && u.Scheme != "imap" || u.Hostname() == "" {
		return nil, errors.New("give imaps://user@host/INBOX, imap://user@host/INBOX or maildir:/path (an @ in the user is %40)")
	}
	if _, inside := u.User.Password(); inside {
		return nil, errors.New("has a password in it: put that into TABI_BOUNCE_MAILBOX_PASSWORD")
	}
	switch {
	case u.User.Username() == "":
		return nil, errors.New("has no user: imaps://user@host/INBOX")
	case password == "":
		return nil, errors.New("needs TABI_BOUNCE_MAILBOX_PASSWORD")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has something after the folder")
	}
	s := &imapSource{
		host: u.Hostname(), port: u.Port(), user: u.User.Username(), password: password, folder: strings.TrimPrefix(u.Path, "/"),
		implicit: u.Scheme == "imaps",
	}
	if s.port == "" {
		s.port = map[bool]string{true: "993", false: "143"}[s.implicit]
	}
	if s.folder == "" {
		s.folder = "INBOX"
	}
	return &Address{source: s, words: u.Scheme + "://" + net.JoinHostPort(s.host, s.port) + "/" + s.folder}, nil
}

// Try looks at the mailbox and returns how many mails are in it. It changes nothing.
func (a *Address) Try(ctx context.Context) (mails int, err error) { return a.source.try(ctx) }

// Mailbox reads mails, in one process at a time.
type Mailbox struct {
	address *Address
	accept  Accept
	db      *sqldb.Database // nil: nobody else reads it
	log     *zap.Logger
	holder  string
}

// New returns a mailbox. db has the lease by which one process at a time reads it.
func New(a *Address, accept Accept, db *sqldb.Database, log *zap.Logger) *Mailbox {
	return &Mailbox{address: a, accept: accept, db: db, log: log, holder: rand.Text()}
}

// Page reads some mails. more asks for the next page at once.
func (m *Mailbox) Page(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	if mine, err := m.lease(ctx); err != nil || !mine {
		return false, err
	}
	defer func() { err = errors.Join(err, m.release(ctx)) }()
	more, err = m.address.source.read(ctx, m.accept, m.log)
	if err != nil {
		return false, fmt.Errorf("the bounce mailbox %s: %w", m.address, err)
	}
	return more, nil
}

// lease takes the lease for a page. That of a process that was killed runs out.
func (m *Mailbox) lease(ctx context.Context) (mine bool, err error) {
	if m.db == nil {
		return true, nil
	}
	wall := clock.Wall()
	err = m.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		held, err := sqldb.Setting(ctx, tx, leaseSetting)
		if err != nil {
			return err
		}
		until, holder, _ := strings.Cut(held, " ")
		end, _ := strconv.ParseInt(until, 10, 64)
		if mine = holder == m.holder || end <= wall.UnixMilli(); !mine {
			return nil
		}
		return sqldb.SetSetting(ctx, tx, leaseSetting, strconv.FormatInt(wall.Add(leaseFor).UnixMilli(), 10)+" "+m.holder)
	})
	return mine && err == nil, err
}

// release ends the lease, so that a process that takes over need not wait for its end.
func (m *Mailbox) release(ctx context.Context) error {
	if m.db == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(sqldb.WithoutLast(context.WithoutCancel(ctx)), releaseTimeout)
	defer cancel()
	return m.db.Write(ctx, func(tx sqldb.Conn) error {
		held, err := sqldb.Setting(ctx, tx, leaseSetting)
		if _, holder, _ := strings.Cut(held, " "); err != nil || holder != m.holder {
			return err
		}
		return sqldb.SetSetting(ctx, tx, leaseSetting, "0 ")
	})
}
