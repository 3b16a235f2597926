// Package devsinks replaces the providers in development and tests: a mail server, push services of apps and browsers, a provider of text
// messages, LINE and WhatsApp on loopback ports, with the real protocols, and pages that show what they received.
package devsinks

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Bounds of what is kept. The oldest is dropped first.
const (
	MaxKept  = 10_000    // mails, pushes, texts and chats
	maxBytes = 128 << 20 // of mail
)

// Options configure Start.
type Options struct {
	// SMTPAddress, FCMAddress, SMSAddress and ChatAddress are where to listen. Default 127.0.0.1 and a free port.
	SMTPAddress, FCMAddress, SMSAddress, ChatAddress string
	// User and Password make the mail server ask for AUTH PLAIN. Default: no AUTH.
	User, Password string
	// NoSMTPUTF8 makes the mail server refuse addresses outside ASCII.
	NoSMTPUTF8 bool
	// Dir is a folder that keeps what was received, for the next Start. Default: it is kept in memory only.
	Dir string
}

// Sink is a running mail server, push service, provider of text messages, LINE and WhatsApp.
type Sink struct {
	mail   *mailServer
	push   *pushServer
	texts  *textServer
	chat   *chatServer
	clock  atomic.Pointer[clock.Clock]
	play   atomic.Pointer[Play]
	secret []byte // signs the sinks' own reports
}

// Start starts the servers. Close the sink when done.
func Start(opts Options) (*Sink, error) {
	m, err := startMail(opts)
	if err != nil {
		return nil, err
	}
	p, err := startPush(opts)
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	t, err := startTexts(opts)
	if err != nil {
		return nil, errors.Join(err, m.close(), p.close())
	}
	c, err := startChat(opts)
	if err != nil {
		return nil, errors.Join(err, m.close(), p.close(), t.close())
	}
	s := &Sink{mail: m, push: p, texts: t, chat: c, secret: make([]byte, 32)}
	_, _ = rand.Read(s.secret)
	if opts.Dir != "" {
		if err := s.keepIn(opts.Dir); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.SetClock(clock.Clock{})
	return s, nil
}

// SetClock makes the pages show virtual time next to real time. What is kept has real times.
func (s *Sink) SetClock(c clock.Clock) { s.clock.Store(&c) }

// Close stops the servers and waits for their requests.
func (s *Sink) Close() error {
	return errors.Join(s.mail.close(), s.push.close(), s.texts.close(), s.chat.close(), s.mail.kept.end(), s.push.kept.end(),
		s.texts.kept.end(), s.chat.kept.end())
}

// box keeps the latest items, and wakes waiters for new ones.
type box[T any] struct {
	mu    sync.Mutex
	items []T
	bytes int
	size  func(T) int
	next  int      // id of the next one, from 1
	file  *os.File // gets each item as a line; nil: none
	more  chan struct{}
}

func newBox[T any](size func(T) int) *box[T] {
	return &box[T]{size: size, next: 1, more: make(chan struct{})}
}

// add keeps the item that build makes for its id.
func (b *box[T]) add(build func(id int) T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	item := build(b.next)
	b.next++
	b.write(item)
	b.put(item)
	close(b.more)
	b.more = make(chan struct{})
}

// put adds an item, and drops the oldest beyond the bounds.
func (b *box[T]) put(item T) {
	b.items = append(b.items, item)
	b.bytes += b.size(item)
	for len(b.items) > MaxKept || b.bytes > maxBytes && len(b.items) > 1 {
		b.bytes -= b.size(b.items[0])
		var none T
		b.items[0] = none
		b.items = b.items[1:]
	}
}

// all returns what is kept, oldest first.
func (b *box[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.items)
}

// wait returns the first item that is wanted, now or when it arrives.
func (b *box[T]) wait(ctx context.Context, wanted func(T) bool) (T, error) {
	for {
		b.mu.Lock()
		i, more := slices.IndexFunc(b.items, wanted), b.more
		var item T
		if i >= 0 {
			item = b.items[i]
		}
		b.mu.Unlock()
		if i >= 0 {
			return item, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return item, ctx.Err()
		}
	}
}

// Fault makes a server fail on purpose. Set one of Code, Hang and Drop.
type Fault struct {
	// Stage is where the server fails. Mail: connect, ehlo, mail, rcpt, data (DATA was accepted, the message is not
	// read) or end (the message was read). Push: token or send.
	Stage string
	// To limits the fault to one recipient or device token; empty: all.
	To string
	// Code is the reply: an SMTP code, or an HTTP status.
	Code int
	// Text is the text of the reply: "5.1.1 no such mailbox"; for push the FCM error code, as UNREGISTERED.
	Text string
	// Message is the sentence of an FCM error (push).
	Message string
	// RetryAfter is the header of that name (push).
	RetryAfter string
	// Hang never replies.
	Hang bool
	// Drop closes the connection. At stage end the mail is kept, since it was received.
	Drop bool
	// Times is how often the fault happens; 0: until Clear.
	Times int
}

// faults are the set faults.
type faults struct {
	mu   sync.Mutex
	list []Fault
	hung chan struct{} // gets a value for each request that begins to hang, if there is room
}

func newFaults() *faults { return &faults{hung: make(chan struct{}, 64)} }

func (f *faults) add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fault)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// take returns the first fault for a stage and recipient, and counts it.
func (f *faults) take(stage, to string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.list {
		if fault.Stage != stage || fault.To != "" && fault.To != to {
			continue
		}
		if fault.Times == 1 {
			f.list = slices.Delete(f.list, i, i+1)
		} else if fault.Times > 1 {
			f.list[i].Times--
		}
		if fault.Hang {
			select {
			case f.hung <- struct{}{}:
			default:
			}
		}
		return fault, true
	}
	return Fault{}, false
}

// headerTimeout is the longest time for a request's header, or an SMTP command.
const headerTimeout = time.Minute
