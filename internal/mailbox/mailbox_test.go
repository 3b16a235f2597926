package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/bounce"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "hush-hush-hush"

// mailServer is an IMAP server with one mailbox. Its connections can be cut or held.
type mailServer struct {
	net.Listener
	cutAfter atomic.Int64 // bytes that a connection may send back; 0: all
	hang     atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
}

func startServer(t *testing.T, caps imap.CapSet) *mailServer {
	t.Helper()
	memory := imapmemserver.New()
	user := imapmemserver.NewUser("bounces@example.com", password)
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: caps, InsecureAuth: true, Logger: silent{},
	})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: inner}
	done := make(chan struct{})
	go func() { _ = server.Serve(s); close(done) }()
	t.Cleanup(func() { _ = server.Close(); s.drop(); <-done })
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}

func (s *mailServer) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (s *mailServer) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	return &faulty{Conn: c, server: s}, nil
}

type faulty struct {
	net.Conn
	server *mailServer
	sent   int64
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.server.hang.Load() {
		return len(b), nil // the client waits for ever
	}
	f.sent += int64(len(b))
	if most := f.server.cutAfter.Load(); most > 0 && f.sent > most {
		_ = f.Close()
		return 0, io.ErrClosedPipe
	}
	return f.Conn.Write(b)
}

func (s *mailServer) url() string {
	return "imap://bounces%40example.com@" + s.Addr().String() + "/INBOX"
}

// client signs in as a person would.
func (s *mailServer) client(t *testing.T) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login("bounces@example.com", password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *mailServer) put(t *testing.T, mails ...string) {
	t.Helper()
	c := s.client(t)
	for _, m := range mails {
		cmd := c.Append("INBOX", int64(len(m)), nil)
		_, err := io.WriteString(cmd, m)
		if err = errors.Join(err, cmd.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// left returns the subjects of the mails in the mailbox, with ! after one that is flagged.
func (s *mailServer) left(t *testing.T) (out []string) {
	t.Helper()
	c := s.client(t)
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil || selected.NumMessages == 0 {
		return nil
	}
	var all imap.SeqSet
	all.AddRange(1, selected.NumMessages)
	list, err := c.Fetch(all, &imap.FetchOptions{Envelope: true, Flags: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		name := m.Envelope.Subject
		if slices.Contains(m.Flags, imap.FlagFlagged) {
			name += "!"
		}
		out = append(out, name)
	}
	return out
}

func open(t *testing.T, address string, accept mailbox.Accept) (*mailbox.Mailbox, *observer.ObservedLogs) {
	t.Helper()
	a, err := mailbox.Parse(address, password)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	return mailbox.New(a, accept, nil, zap.New(core)), logs
}

func mail(subject string) string { return "Subject: " + subject + "\r\n\r\nwords\r\n" }

// clerk accepts mails, by their subjects.
type clerk struct {
	got  []string
	fail string // the subject at which the store is away
	raw  []byte
}

func (c *clerk) accept(_ context.Context, raw []byte) (string, error) {
	head, _, _ := bytes.Cut(raw, []byte("\r\n"))
	subject := strings.TrimPrefix(string(head), "Subject: ")
	if c.fail == subject {
		return "", errors.New("the store is away")
	}
	c.got, c.raw = append(c.got, subject), raw
	if strings.HasPrefix(subject, "letter") {
		return "it is no bounce", nil
	}
	return "", nil
}

var allCaps = map[string]imap.CapSet{
	"IMAP4rev1 alone": {imap.CapIMAP4rev1: {}},
	"with UIDPLUS":    {imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapESearch: {}},
	"IMAP4rev2":       {imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
}

// TestMailsAreDeletedAfterTheyAreStored: what was stored is deleted, what is of no use is flagged and read once, and what could not be
// stored stays and comes again.
func TestMailsAreDeletedAfterTheyAreStored(t *testing.T) {
	t.Parallel()
	for name, caps := range allCaps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, caps)
			s.put(t, mail("b1"), mail("letter"), mail("b2"), mail("b3"))
			c := &clerk{fail: "b2"}
			m, logs := open(t, s.url(), c.accept)
			if _, err := m.Page(t.Context()); err == nil || !strings.Contains(err.Error(), "the store is away") {
				t.Fatalf("%v", err)
			}
			if got := fmt.Sprint(s.left(t)); got != "[letter! b2 b3]" {
				t.Errorf("after a failure: %s", got)
			}
			c.fail = ""
			for range 2 {
				if more, err := m.Page(t.Context()); err != nil || more {
					t.Fatalf("%v %v", more, err)
				}
			}
			if got := fmt.Sprint(s.left(t)); got != "[letter!]" {
				t.Errorf("at the end: %s", got)
			}
			if got := fmt.Sprint(c.got); got != "[b1 letter b2 b3]" {
				t.Errorf("read: %s", got)
			}
			if n := logs.FilterMessageSnippet("of no use").Len(); n != 1 {
				t.Errorf("%d lines about the letter", n)
			}
		})
	}
}

// TestManyAndHugeMails: pages are bounded, and so is what is read of a mail.
func TestManyAndHugeMails(t *testing.T) {
	t.Parallel()
	s := startServer(t, allCaps["with UIDPLUS"])
	var mails []string
	for i := range 70 {
		mails = append(mails, mail(fmt.Sprint("b", i)))
	}
	s.put(t, append(mails, mail("huge")+strings.Repeat("x", 3*bounce.MaxMail))...)
	c := &clerk{}
	m, _ := open(t, s.url(), c.accept)
	if more, err := m.Page(t.Context()); err != nil || !more || len(c.got) != 50 {
		t.Fatalf("%v %v %d", more, err, len(c.got))
	}
	if more, err := m.Page(t.Context()); err != nil || more || len(c.got) != 71 || len(c.raw) != bounce.MaxMail {
		t.Fatalf("%v %v %d mails, %d bytes", more, err, len(c.got), len(c.raw))
	}
	if got := s.left(t); len(got) != 0 {
		t.Error(got)
	}
}

// TestFaultsOfTheServer: whatever breaks, no mail is lost, the error has no password, and the next page goes well.
func TestFaultsOfTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, allCaps["with UIDPLUS"])
	s.put(t, mail("b1"), mail("b2"))
	c := &clerk{}
	m, _ := open(t, s.url(), c.accept)
	for _, cut := range []int64{1, 60, 150, 300, 450, 600, 700} {
		s.cutAfter.Store(cut)
		before := len(c.got)
		if _, err := m.Page(t.Context()); err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the error shows the password: %v", err)
		}
		s.cutAfter.Store(0)
		if gone := 2 - len(s.left(t)); gone > len(c.got) {
			t.Errorf("cut after %d bytes: %d mails are gone, %d were read (before: %d)", cut, gone, len(c.got), before)
		}
	}
	if _, err := m.Page(t.Context()); err != nil || len(s.left(t)) != 0 || !slices.Contains(c.got, "b1") || !slices.Contains(c.got, "b2") {
		t.Errorf("%v %v %v", err, s.left(t), c.got)
	}
	s.hang.Store(true)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := m.Page(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that hangs: %v", err)
	}
	s.hang.Store(false)
	a, err := mailbox.Parse(s.url(), "wrong-"+password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "signing in") || strings.Contains(err.Error(), password) {
		t.Errorf("a wrong password: %v", err)
	}
	if a, err = mailbox.Parse(strings.Replace(s.url(), "INBOX", "Nowhere", 1), password); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "opening the folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestMaildir: the same, on files.
func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, folder := range []string{"new", "cur", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, subject string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(mail(subject)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("new/1.a.host", "b1")
	put("new/2.b.host", "letter")
	put("cur/3.c.host:2,S", "b2")
	put("cur/4.d.host:2,FS", "kept by somebody")
	put("tmp/5.e.host", "being written")
	c := &clerk{fail: "b2"}
	m, _ := open(t, "maildir:"+dir, c.accept)
	if _, err := m.Page(t.Context()); err == nil {
		t.Fatal("a failure of the store is not returned")
	}
	c.fail = ""
	for range 2 {
		if more, err := m.Page(t.Context()); err != nil || more {
			t.Fatalf("%v %v", more, err)
		}
	}
	var left []string
	for _, folder := range []string{"new", "cur", "tmp"} {
		list, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			left = append(left, folder+"/"+one.Name())
		}
	}
	if got := fmt.Sprint(left, c.got); got != "[cur/2.b.host:2,F cur/4.d.host:2,FS tmp/5.e.host] [b1 letter b2]" {
		t.Error(got)
	}
	if m, _ = open(t, "maildir:"+dir+"/nowhere", c.accept); m != nil {
		if _, err := m.Page(t.Context()); err == nil || !strings.Contains(err.Error(), "no Maildir") {
			t.Error(err)
		}
	}
}

// TestOneProcessReads: of two processes on one database, one reads.
func TestOneProcessReads(t *testing.T) {
	t.Parallel()
	st, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	s := startServer(t, allCaps["with UIDPLUS"])
	a, err := mailbox.Parse(s.url(), password)
	if err != nil {
		t.Fatal(err)
	}
	second := &clerk{}
	two := mailbox.New(a, second.accept, st.Database, zap.NewNop())
	read := 0
	one := mailbox.New(a, func(context.Context, []byte) (string, error) {
		read++
		if _, err := two.Page(t.Context()); err != nil { // the other comes while this one reads
			t.Error(err)
		}
		return "", nil
	}, st.Database, zap.NewNop())
	s.put(t, mail("b1"), mail("b2"))
	if _, err := one.Page(t.Context()); err != nil || read != 2 || len(second.got) != 0 {
		t.Errorf("%v: %d and %v", err, read, second.got)
	}
	s.put(t, mail("b3"))
	if _, err := two.Page(t.Context()); err != nil || fmt.Sprint(second.got) != "[b3]" {
		t.Errorf("after that: %v %v", err, second.got)
	}
}

// TestAddresses: what is wrong is said, without user and password.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "imaps://user", "https://x/": "imaps://user", "imaps://host/INBOX": "no user",
		"imaps://u:hush@host/INBOX": "has a password",
		"maildir:here":              "whole path", "imaps://u@host/INBOX?x=1": "after the folder", "imaps://u@%zz": "imaps://user",
	} {
		_, err := mailbox.Parse(text, password)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := mailbox.Parse("imaps://u@host/INBOX", ""); err == nil || !strings.Contains(err.Error(), "TABI_BOUNCE_MAILBOX_PASSWORD") {
		t.Errorf("without a password: %v", err)
	}
	for text, want := range map[string]string{
		"imaps://bounces%40example.com@mail.example.com": "imaps://mail.example.com:993/INBOX",
		"imap://u@host/Bounces":                          "imap://host:143/Bounces",
		"maildir:/var/mail/bounces/":                     "maildir:/var/mail/bounces/",
	} {
		if a, err := mailbox.Parse(text, password); err != nil || a.String() != want {
			t.Errorf("%q: %v %v", text, a, err)
		}
	}
}
