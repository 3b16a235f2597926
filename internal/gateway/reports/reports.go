// Package reports turns what providers report to events of customers, for all channels.
package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// mail has the events of reports about mails.
var mail = map[channel.ReportKind]string{
	channel.Delivered: event.EmailDelivered, channel.Opened: event.EmailOpened, channel.Clicked: event.EmailLinkClicked,
	channel.Bounced: event.EmailBounced, channel.Complained: event.EmailMarkedAsSpam, channel.Unsubscribed: event.Unsubscribed,
}

// others has the events of reports about messages on any channel; for e-mail, mail has precedence.
var others = map[channel.ReportKind]string{
	channel.Delivered: event.MessageDelivered, channel.Opened: event.MessageRead, channel.Read: event.MessageRead,
	channel.Bounced: event.MessageBounced, channel.Failed: event.MessageFailed, channel.Replied: journey.MessageReceived,
	channel.Complained: event.Unsubscribed, channel.Unsubscribed: event.Unsubscribed, channel.Blocked: event.Unsubscribed,
	channel.Followed: event.ChannelFollowed,
}

// name returns the event that a report becomes; empty: none.
func name(r channel.Report) string {
	switch {
	case r.Channel == "email" && mail[r.Kind] != "":
		return mail[r.Kind]
	case r.Kind == channel.Clicked:
		return event.Clicked(r.Channel)
	}
	return others[r.Kind]
}

// Intake accepts the events that reports become.
type Intake interface {
	IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, map[int]error, error)
}

// Messages finds the sends that reports are about.
type Messages interface {
	Send(ctx context.Context, key string) (message.Send, error)
	SendByProvider(ctx context.Context, channel, id string) (message.Send, error)
	SendTo(ctx context.Context, channel, address string) (message.Send, error)
	SendOf(ctx context.Context, enrollment string, wanted func(key string) bool) (message.Send, error)
}

// Reports turns reports to events.
type Reports struct {
	*web.Env
	intake    Intake
	messages  Messages
	receivers map[string]webhook.Receiver
	counted   *prometheus.CounterVec
	proofs    signedlink.Secrets
	people    People
	// lineLinker is nil where LINE is not configured.
	lineLinker LineLinker
}

// Rooms are those that reports need.
type Rooms struct {
	Intake   Intake
	Messages Messages
	People   People
}

// New returns the room. receivers are by the name of the provider. proofs open what mails were signed with. Without a lineLinker nobody
// can link an account of LINE.
func New(env *web.Env, rooms Rooms, receivers map[string]webhook.Receiver, proofs signedlink.Secrets, lineLinker LineLinker,
	r prometheus.Registerer) *Reports {
	h := &Reports{Env: env, intake: rooms.Intake, messages: rooms.Messages, people: rooms.People, receivers: receivers, proofs: proofs,
		lineLinker: lineLinker}
	h.counted = prometheus.NewCounterVec(
		prometheus.CounterOpts{
			Name: "tabi_provider_reports_total",
			Help: "Reports of providers by result: accepted (with repeats), ignored or refused, and requests that were unsigned " +
				"or unreadable.",
		}, []string{"provider", "result"})
	r.MustRegister(h.counted)
	return h
}

func (h *Reports) count(provider, result string, n int) {
	if n > 0 {
		h.counted.WithLabelValues(provider, result).Add(float64(n))
	}
}

// Event returns the event of the customer whom a report is about, or why there is none, in words for the provider's log.
// err is a failure of the store: the report must be sent again.
func (h *Reports) Event(ctx context.Context, r channel.Report) (call customer.SegmentCall, ignore string, err error) {
	if r.At.After(h.Now()) {
		r.At = h.Now()
	}
	if r.At.Unix() <= 0 { // no time of a message: an event of the year -5 could not be written as JSON
		r.At = time.Time{}
	}
	if r.Kind == channel.Linked {
		call, ignore = h.linked(r)
		return call, ignore, nil
	}
	name := name(r)
	if name == "" {
		return call, "reports of this type are ignored", nil
	}
	if r.Machine {
		return call, "a machine did it, not the customer", nil
	}
	send, byAddress, err := h.find(ctx, r)
	if anonymous, known := visitor(r); anonymous != "" && (byAddress || errors.Is(err, sqldb.ErrNotFound)) {
		is, failed := h.isVisitor(ctx, anonymous)
		if failed != nil {
			return call, "", failed
		}
		if is || err != nil {
			call = h.visitorCall(r, name, anonymous, known)
			say(&call, r)
			return call, "", nil
		}
	}
	if errors.Is(err, sqldb.ErrNotFound) {
		if r.Key == "" && r.ProviderID == "" && r.InReplyTo == "" {
			return call, "nothing was sent to this address on this channel, so nobody is known by it", nil
		}
		return call, "no message was sent under this key or id", nil
	}
	if err != nil {
		return call, "", err
	}
	if send.Channel != r.Channel {
		return call, "the message of this key went out on another channel than the provider's", nil
	}
	if unit.IsPseudonym(send.Customer) {
		return call, "the customer whom the message went to was forgotten", nil
	}
	about := send.Key
	if byAddress { // another message may go there before the provider repeats the report
		about = r.Address
	}
	call = send.Call(name)
	call.Timestamp, call.MessageID = r.At, id(r, name, about)
	if byAddress { // the latest send to an address is nothing that a customer has named
		call.Properties = map[string]any{"channel": r.Channel}
	}
	if name == journey.MessageReceived && sessions[r.Channel] || name != journey.MessageReceived && byAddress {
		call.Properties = tolerant.WithText(call.Properties, "address", r.Address)
	}
	if len(send.Addresses) > 1 && r.Address != "" { // of several devices, this one
		call.Properties["address"] = r.Address
	}
	say(&call, r)
	return call, "", nil
}

// sessions are the channels on which it matters which of their addresses a customer writes from.
var sessions = map[string]bool{"whatsapp": true}

// say adds what a report says to its event.
func say(call *customer.SegmentCall, r channel.Report) {
	call.Properties = tolerant.WithText(call.Properties, "reason", clip(r.Reason, maxReason))
	call.Properties = tolerant.WithText(call.Properties, "url", clip(r.URL, maxURL))
	switch r.Kind {
	case channel.Replied:
		call.Properties[journey.TextProperty] = clip(r.Text, maxText)
		call.Properties = tolerant.WithText(call.Properties, "form", clip(r.Form, maxForm))
		call.Properties = tolerant.WithText(call.Properties, "data", clip(r.Data, maxURL))
		call.Properties = tolerant.WithText(call.Properties, "in_reply_to", clip(r.InReplyTo, maxURL))
	case channel.Blocked:
		call.Properties["reason"] = "blocked"
	case channel.Bounced:
		call.Properties["type"] = "soft"
		if r.Class == channel.Hard {
			call.Properties["type"] = "hard" // it marks the address
		}
	}
}

// Longest texts of a report, in characters; the rest is cut off.
const (
	maxForm   = 40
	maxReason = 1000
	maxURL    = 4000
	maxText   = 8000
)

func clip(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

// find returns the send that a report is about: by its key, by the mail's Message-ID, by the id that the provider assigned when it
// accepted the message, with or without angle brackets and domain, or by the message that it answers. A report that names none of
// these is of the customer whom the latest message to its address went to: byAddress.
func (h *Reports) find(ctx context.Context, r channel.Report) (send message.Send, byAddress bool, err error) {
	if r.Key != "" {
		send, err = h.messages.Send(ctx, r.Key)
		return send, false, err
	}
	for _, id := range []string{r.ProviderID, r.InReplyTo} {
		if id == "" {
			continue
		}
		if send, err = h.byID(ctx, r.Channel, id); !errors.Is(err, sqldb.ErrNotFound) {
			return send, false, err
		}
	}
	if r.ProviderID != "" && r.Kind != channel.Replied || r.Address == "" {
		return send, false, sqldb.ErrNotFound
	}
	send, err = h.messages.SendTo(ctx, r.Channel, r.Address)
	return send, true, err
}

// byID returns the send with a Message-ID or a provider's id.
func (h *Reports) byID(ctx context.Context, channel, id string) (message.Send, error) {
	if key, ok := signedlink.MessageKey(id); ok {
		if c, err := h.messages.Send(ctx, key); !errors.Is(err, sqldb.ErrNotFound) {
			return c, err
		}
	}
	id = strings.Trim(id, "<> ")
	if id == "" {
		return message.Send{}, sqldb.ErrNotFound
	}
	c, err := h.messages.SendByProvider(ctx, channel, id)
	if local, _, ok := strings.Cut(id, "@"); ok && errors.Is(err, sqldb.ErrNotFound) {
		c, err = h.messages.SendByProvider(ctx, channel, local)
	}
	return c, err
}

// id returns the same id for a repeated report: of the provider's own id with the event and the send, since some providers
// use one id for all reports of a message, or of the report's content.
func id(r channel.Report, name, key string) string {
	at := ""
	if !r.At.IsZero() {
		at = r.At.UTC().Format(time.RFC3339Nano)
	}
	parts := []string{name, key, r.URL, at}
	if r.Text != "" || r.Class != "" {
		parts = append(parts, r.Text, string(r.Class))
	}
	if r.ID != "" {
		parts = []string{"id", r.ID, name, key}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return event.MailPrefix + hex.EncodeToString(sum[:16])
}
