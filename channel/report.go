package channel

import (
	"errors"
	"time"
)

// ReportKind is what a provider reports about a message or a customer.
type ReportKind string

// The kinds of reports.
const (
	Delivered    ReportKind = "delivered"    // the message reached the mailbox, device or phone
	Opened       ReportKind = "opened"       // a mail was opened
	Clicked      ReportKind = "clicked"      // a link was followed
	Bounced      ReportKind = "bounced"      // the address refused it; Class says whether it is dead
	Complained   ReportKind = "complained"   // the customer reported it as spam
	Unsubscribed ReportKind = "unsubscribed" // the customer opted out at the provider
	Replied      ReportKind = "replied"      // the customer wrote; Text has the words
	Blocked      ReportKind = "blocked"      // the customer blocked the sender
	Followed     ReportKind = "followed"     // the customer added the sender, or unblocked it
	Read         ReportKind = "read"         // the message was read
	Failed       ReportKind = "failed"       // the provider gave up, for a reason that is not the address
	Linked       ReportKind = "linked"       // the customer has proved who they are; Data has the proof
)

// BounceClass says what a bounce means for the address.
type BounceClass string

// The classes of bounces. The empty class is soft.
const (
	Hard BounceClass = "hard" // the address is dead
	Soft BounceClass = "soft" // it may work later, or the message was refused and not the address
)

// Report is what a provider says about one message or one customer.
type Report struct {
	// ID is the provider's own id of the report; a repeat has the same. Empty: the report's content identifies it.
	ID      string
	Kind    ReportKind
	Channel string // the channel of the message, such as email
	// Key is the ledger key of the message, where the provider returns what it was sent with. Otherwise ProviderID is the
	// provider's id of the message (Receipt.ProviderID) or the mail's Message-ID.
	Key, ProviderID string
	Address         string      // whom the message went to, or who wrote; may be empty
	At              time.Time   // when it happened; zero: now
	Class           BounceClass // of a bounce
	Reason          string      // the provider's words, for people
	URL             string      // of a click
	Text            string      // of a reply
	Form            string      // of a reply that is more than words: image, sticker, location, button
	Data            string      // what a button stands for, which the customer does not see; of Linked the proof
	InReplyTo       string      // the provider's id of the message that a reply answers
	Machine         bool        // a scanner or a prefetcher did it, not a person
}

// Received is what a provider's request says.
type Received struct {
	Reports []Report
	// Answer is the body that the provider wants back, such as a challenge, as plain text. Empty: the gateway's own.
	Answer string
	// Ignored says in words, without customer data, what in the request is of no kind that tabi knows, one entry each.
	Ignored []string
}

// Errors of a webhook.Receiver. All other errors mean that the request cannot be read.
var (
	// ErrSignature is the error of a request that the provider did not sign, or whose signature is too old.
	ErrSignature = errors.New("the request does not carry a valid signature of the provider")
	// ErrUnavailable is the error of a request that cannot be checked now: the provider repeats it later.
	ErrUnavailable = errors.New("the request cannot be checked now")
)

// ReplayWindow is how far the signed time of a request may be from now. A repeat within it is accepted, since providers
// repeat what was not answered, and counts once by the reports' ids.
const ReplayWindow = 5 * time.Minute
