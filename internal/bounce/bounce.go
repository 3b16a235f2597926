// Package bounce reads the mails by which mail servers report on mails that were sent: that one bounced (RFC 3464, and the
// forms that some servers have of their own), or that its reader called it spam (ARF, RFC 5965). It is pure: bytes come in,
// and what they say comes out. Whether the report is true is not for this package to say: anybody can write such a mail, so
// its caller looks for a proof among Mail.Addresses and Mail.MessageIDs. See docs/decisions/0048.
package bounce

import (
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/channel"
)

// MaxMail is how much of a mail is read, in bytes. What a report says comes before the copy of the mail that it is about, so the
// rest may be cut off.
const MaxMail = 256 << 10

// Bounds of what is read of a mail.
const (
	maxDepth      = 8        // of parts within parts
	maxParts      = 64       // in all
	maxText       = 64 << 10 // bytes of one part, decoded
	maxRecipients = 50
	maxEvidence   = 100  // addresses, and Message-IDs
	maxReason     = 1000 // characters
)

// ErrUnknown is the error of a mail that is no report. Its text is for people.
var ErrUnknown = errors.New("the mail is neither a bounce nor a complaint that tabi can read")

// Mail is what such a mail says.
type Mail struct {
	ID string    // its own Message-ID, without angle brackets; a repeat has the same
	At time.Time // when it was written; zero: it does not say
	// Results are what became of the original mail at each recipient; none for a mail that is no news of a failure.
	Results []Result
	// Ignored says in words, without customer data, what it holds that is no bounce and no complaint, one entry each.
	Ignored []string
	// Addresses are all mail addresses that a token of the sender may be in: those that it was sent to, and the original's
	// return path.
	Addresses []string
	// MessageIDs are all that may be the original's, with the likeliest first.
	MessageIDs []string
}

// Result is what became of a mail at one recipient.
type Result struct {
	Kind    channel.ReportKind // Bounced, Complained, Unsubscribed or Delivered
	Class   channel.BounceClass
	Address string // whom the mail was sent to; empty: it is not said
	// Final is the address that the server tried at last, where a forwarding led from Address to another; empty: Address.
	Final  string
	Reason string // the server's words
}
