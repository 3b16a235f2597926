// Package channel sends. One file per channel, one line in the registry each.
package channel

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Outcome of an attempt to send.
type Outcome string

// The outcomes (docs/guarantees.md says what follows from each).
const (
	Sent    Outcome = "sent"     // the provider took it
	Refused Outcome = "refused"  // the provider will never take it: do not repeat
	NotSent Outcome = "not_sent" // it surely did not go out: safe to repeat
	Unknown Outcome = "unknown"  // it may have gone out (the connection broke after the data)
)

// Message is one rendered treatment for one address.
type Message struct {
	Key         string            // ledger key; the same on every repeat: Message-ID, Idempotency-Key
	Address     string            // empty for channels without
	Fields      map[string]string // rendered treatment, by field of the spec
	Journey     string
	Step        string
	Message     string
	Customer    string
	Category    string // marketing or transactional
	Unsubscribe string // https URL of the one-click unsubscribe; empty on transactional
}

// Receipt is what came of an attempt.
type Receipt struct {
	Outcome    Outcome
	ProviderID string        // the provider's own id for it, where it gives one
	Reason     string        // for people, without customer data: "550 5.1.1 mailbox unavailable" without the address
	RetryAfter time.Duration // the provider's wish; 0: none
	Busy       bool          // the wish is the provider's for all that is sent to it, not for this message alone
	Gone       bool          // with Refused: the address is dead (hard bounce, token unregistered)
}

// Sender is a channel whose messages are limited by more than the channel's name.
type Sender interface {
	// Sender names who a message is sent by, or where it goes. Apart makes that a provider of its own: where
	// one asks to be left alone, the others are not.
	Sender(m Message) (name string, apart bool)
}

// Channel sends rendered messages. Send must be safe for concurrent use and honour ctx's deadline.
type Channel interface {
	Spec() journey.ChannelSpec
	// Dedupes reports whether the provider drops a second send with the same key, so that Unknown may be repeated.
	Dedupes() bool
	Send(ctx context.Context, m Message) Receipt
	Close() error
}
