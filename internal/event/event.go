// Package event names the events and ids that have a meaning to tabi itself. docs/events.md lists them with their
// properties and effects. The name of a customer's message is journey.MessageReceived, since workflows use it too.
package event

import (
	"strings"
	"unicode"
)

// Limits of what a call names, in bytes. Indexes of PostgreSQL, and search attributes of Temporal's SQL stores, take no more.
const (
	MaxID   = 255 // of a user id, an anonymous id or a message id
	MaxName = 255 // of an event
)

// Prefixes that others may not use. An id of tabi continues its prefix with what makes the event unique, so a repeated
// call is recorded once.
const (
	ReservedPrefix  = "tabi." // of names and message ids
	AnonymousPrefix = "anon:" // of customer ids made of an anonymous id

	EmitPrefix        = ReservedPrefix + "emit/"        // then the enrollment, step and visit
	SchedulePrefix    = ReservedPrefix + "schedule/"    // then the journey, moment and customer
	MergePrefix       = ReservedPrefix + "merge/"       // then the id of the alias
	IntentPrefix      = ReservedPrefix + "intent/"      // then an id of the scores that were set
	MailPrefix        = ReservedPrefix + "mail."        // then a hash of a provider's report
	UnsubscribePrefix = ReservedPrefix + "unsubscribe." // then a random id
	PreferencePrefix  = ReservedPrefix + "preference."  // then a random id: of what a customer chose on a page
	SubscribePrefix   = ReservedPrefix + "subscribe."   // then a hash of an address and a day
	ReactionPrefix    = ReservedPrefix + "reaction."    // then the id of a request for a tracked link or pixel
	WebPrefix         = ReservedPrefix + "web/"         // then the space of a web key, and the id of its call
)

// Events that tabi records itself.
const (
	JourneyStarted   = "Journey Started" // by an operator, where the call has no other name
	JourneyScheduled = "Journey Scheduled"
	CustomerUpdated  = "Customer Updated" // identify too
)

// Events that Segment's calls page, screen and group become.
const (
	PageViewed   = "Page Viewed"
	ScreenViewed = "Screen Viewed"
	GroupJoined  = "Group Joined"
)

// Events of a customer about a message.
const (
	EmailDelivered    = "Email Delivered"
	EmailOpened       = "Email Opened"
	EmailLinkClicked  = "Email Link Clicked"
	EmailBounced      = "Email Bounced"
	EmailMarkedAsSpam = "Email Marked as Spam"
	PushClicked       = "Push Clicked"
	SMSLinkClicked    = "SMS Link Clicked"
	LinkClicked       = "Link Clicked" // on a channel without an event of its own, such as line
	Unsubscribed      = "Unsubscribed"
	MarketingOptedIn  = "Marketing Opted In"

	// Of channels other than e-mail. The property channel says which.
	MessageDelivered = "Message Delivered"
	MessageRead      = "Message Read"
	MessageBounced   = "Message Bounced" // the address refused it
	MessageFailed    = "Message Failed"  // on any channel: the provider gave up for a reason that is not the address
	ChannelFollowed  = "Channel Followed"
)

// Events of a customer about what they want.
const (
	PreferenceUpdated     = "Preference Updated"     // by itself it makes no choice: it reports one
	SubscriptionRequested = "Subscription Requested" // by a form; whoever filled it in may not be the owner of the address
	SubscriptionConfirmed = "Subscription Confirmed" // by the owner of the address
)

// Proofs are the events that prove what a customer has agreed to or refused: with the wording, the source and the time. They are kept for
// as long as the customer.
var Proofs = []string{PreferenceUpdated, SubscriptionConfirmed, Unsubscribed, MarketingOptedIn}

// WithAddresses has the events whose properties may hold an address of the customer.
var WithAddresses = []string{
	CustomerUpdated, EmailDelivered, EmailOpened, EmailLinkClicked, EmailBounced, EmailMarkedAsSpam, Unsubscribed, MarketingOptedIn,
	MessageDelivered, MessageRead, MessageBounced, ChannelFollowed,
}

// Clicked returns the event of a customer who followed a link of a message on a channel.
func Clicked(channel string) string {
	switch channel {
	case "email":
		return EmailLinkClicked
	case "push", "web_push":
		return PushClicked
	case "sms":
		return SMSLinkClicked
	}
	return LinkClicked
}

// Reserved reports whether a name or message id is one that only tabi may use.
func Reserved(name string) bool { return strings.HasPrefix(name, ReservedPrefix) }

// Anonymous reports whether a customer id is made of an anonymous id. No user id may be.
func Anonymous(customer string) bool { return strings.HasPrefix(customer, AnonymousPrefix) }

// Identity splits a customer's id into the two ids of a call.
func Identity(customer string) (userID, anonymousID string) {
	if anonymous, ok := strings.CutPrefix(customer, AnonymousPrefix); ok {
		return "", anonymous
	}
	return customer, ""
}

// Control reports whether an id or a key has a character that nobody types and that no reader sees: a control character (C0, C1), one
// that changes the direction of text, or the end of a line or paragraph. Such an id could control a terminal, or look like another one.
func Control(id string) bool { return strings.ContainsFunc(id, ControlRune) }

// ControlRune reports whether no id may have a character. See Control.
func ControlRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
