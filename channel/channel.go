// Package channel is the contract between tabi and the channels it sends by. A channel of your own implements Channel
// and is added with tabi.WithChannel; package channeltest checks that it keeps the contract.
//
// The channels that tabi ships are in activities/channels.
package channel

import (
	"context"
	"time"
)

// Outcome is the result of an attempt to send. It decides whether the send may be repeated.
type Outcome string

// The outcomes. A channel that is not sure answers Unknown: it is never repeated unless the provider drops repeats.
const (
	Sent    Outcome = "sent"     // the provider accepted it
	Refused Outcome = "refused"  // the provider will never accept it: do not repeat
	NotSent Outcome = "not_sent" // it certainly did not go out: safe to repeat
	Unknown Outcome = "unknown"  // it may have gone out, as when the connection breaks after the data
)

// Message is one rendered treatment for one address.
type Message struct {
	Key         string            // ledger key, the same on every repeat: use it as Message-ID or Idempotency-Key
	Address     string            // empty for channels whose spec has no Address
	Fields      map[string]string // rendered treatment, by field of the spec
	Journey     string
	Step        string
	Message     string // name of the message file
	Customer    string
	Category    string // marketing or transactional
	Unsubscribe string // https URL of the one-click unsubscribe; empty on transactional messages
	// Wrote is how long ago the reader of the address wrote by a channel with Sessions; 0: never, or not known.
	Wrote time.Duration
}

// Receipt is the result of an attempt.
type Receipt struct {
	Outcome    Outcome
	ProviderID string        // the provider's own id for it; empty where it has none
	Reason     string        // for people, without customer data: "550 5.1.1 mailbox unavailable" without the address
	RetryAfter time.Duration // how long the provider asks to wait; 0: not said
	Busy       bool          // RetryAfter is for everything sent to the provider, not for this message alone
	Gone       bool          // with Refused: the address is dead (hard bounce, token unregistered)
	GoneSince  time.Time     // with Gone: since when, by the provider's clock; zero: not said
	OptedOut   bool          // with Refused: who reads the address has opted out at the provider
	Segments   int           // in how many segments a text message was sent; 0: the channel counts none
	Session    bool          // with Sent, by a channel with Sessions: it went out as an answer, the field text alone
}

// Sender is implemented by a channel whose messages have rate limits beyond that of the channel.
type Sender interface {
	// Sender returns who a message is sent by, or the host it goes to: `--rate-limits email:shop@example.com=10/s`
	// limits it. apart makes that a provider of its own: a Retry-After of one does not hold up the others.
	Sender(m Message) (name string, apart bool)
}

// Channel sends rendered messages. Send must be safe for concurrent use and obey ctx's deadline.
type Channel interface {
	// Spec returns the spec the channel was opened with.
	Spec() Spec
	// Dedupes reports whether the provider drops a second send with the same key, so that Unknown may be repeated.
	Dedupes() bool
	// Send makes one attempt. It ends by ctx's deadline, and with NotSent where ctx has ended before.
	Send(ctx context.Context, m Message) Receipt
	// Close drops connections. It is called once all sends have returned, and may be called twice.
	Close() error
}
