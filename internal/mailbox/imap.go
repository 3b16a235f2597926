package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/bounce"
)

// imapSource is a folder of an IMAP server. A new connection is made for each page: the next one comes a minute later, and servers
// close what is idle.
type imapSource struct {
	host, port, user, password, folder string
	implicit                           bool // TLS from the first byte
}

// local reports whether the server is on this machine, where a password may go unencrypted.
func (s *imapSource) local() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || ip != nil && ip.IsLoopback()
}

// open signs in and selects the folder. The caller calls done.
func (s *imapSource) open(ctx context.Context, readOnly bool) (c *imapclient.Client, selected *imap.SelectData, done func(), err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("connecting: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // what waits for the server ends
	options := &imapclient.Options{TLSConfig: &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}}
	switch {
	case s.implicit:
		c = imapclient.New(tls.Client(conn, options.TLSConfig), options)
	case s.local():
		c = imapclient.New(conn, options)
	default:
		if c, err = imapclient.NewStartTLS(conn, options); err != nil {
			stop()
			_ = conn.Close()
			return nil, nil, nil, fmt.Errorf("STARTTLS: %w", why(ctx, err))
		}
	}
	done = func() {
		stop()
		_ = c.Close()
	}
	if err := c.Login(s.user, s.password).Wait(); err != nil {
		done()
		return nil, nil, nil, fmt.Errorf("signing in: %w", why(ctx, err))
	}
	if selected, err = c.Select(s.folder, &imap.SelectOptions{ReadOnly: readOnly}).Wait(); err != nil {
		done()
		return nil, nil, nil, fmt.Errorf("opening the folder: %w", why(ctx, err))
	}
	return c, selected, done, nil
}

// why returns the cause of an error: the end of the time, where that closed the connection.
func why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

func (s *imapSource) try(ctx context.Context) (int, error) {
	_, selected, done, err := s.open(ctx, true)
	if err != nil {
		return 0, err
	}
	defer done()
	return int(selected.NumMessages), nil
}

func (s *imapSource) read(ctx context.Context, accept Accept, log *zap.Logger) (more bool, err error) {
	c, selected, done, err := s.open(ctx, false)
	if err != nil {
		return false, err
	}
	defer done()
	if selected.NumMessages == 0 {
		return false, nil
	}
	// One that is marked as deleted is read too: the connection may have broken before it was gone, and a repeat counts once.
	found, err := c.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagFlagged}}, nil).Wait()
	if err != nil {
		return false, fmt.Errorf("searching: %w", why(ctx, err))
	}
	all := found.AllUIDs()
	some := all[:min(len(all), page)]
	var gone imap.UIDSet
	for _, uid := range some {
		raw, err := s.fetch(c, uid)
		if err != nil {
			return false, errors.Join(fmt.Errorf("reading a mail: %w", why(ctx, err)), s.expunge(c, gone))
		}
		if raw == nil {
			continue // somebody else has deleted it
		}
		refused, err := accept(ctx, raw)
		if err != nil {
			return false, errors.Join(err, s.expunge(c, gone))
		}
		mark := imap.FlagDeleted
		if refused != "" {
			log.Warn("a mail in the bounce mailbox is of no use; it is kept there, flagged", zap.Uint32("uid", uint32(uid)),
				zap.String("reason", refused))
			mark = imap.FlagFlagged
		} else {
			gone.AddNum(uid)
		}
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{mark}}
		if err := c.Store(imap.UIDSetNum(uid), flags, nil).Close(); err != nil {
			return false, fmt.Errorf("marking a mail: %w", why(ctx, err))
		}
	}
	if err := s.expunge(c, gone); err != nil {
		return false, fmt.Errorf("deleting mails: %w", why(ctx, err))
	}
	return len(all) > len(some), nil
}

// fetch returns the beginning of a mail, without marking it as seen; nil: it is not there.
func (s *imapSource) fetch(c *imapclient.Client, uid imap.UID) ([]byte, error) {
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: bounce.MaxMail}}
	list, err := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, one := range list {
		for _, body := range one.BodySection {
			return body.Bytes, nil
		}
	}
	return nil, nil
}

// expunge deletes the mails that are marked; those of others only where the server cannot delete by number.
func (s *imapSource) expunge(c *imapclient.Client, gone imap.UIDSet) error {
	if len(gone) == 0 {
		return nil
	}
	if c.Caps().Has(imap.CapUIDPlus) || c.Caps().Has(imap.CapIMAP4rev2) {
		return c.UIDExpunge(gone).Close()
	}
	return c.Expunge().Close()
}
