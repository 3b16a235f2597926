// Package reports turns what providers report into events of customers, for all channels.
package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
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

// name returns the event that a report becomes; empty: none.
func name(r channel.Report) string {
	switch r.Channel {
	case "email":
		return mail[r.Kind]
	case "push", "web_push":
		if r.Kind == channel.Clicked {
			return event.PushClicked
		}
	}
	if r.Kind == channel.Unsubscribed || r.Kind == channel.Blocked {
		return event.Unsubscribed
	}
	return ""
}

// Intake accepts the events that reports become.
type Intake interface {
	IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, map[int]error, error)
}

// Messages finds the sends that reports are about.
type Messages interface {
	Send(ctx context.Context, key string) (message.Send, error)
	SendByProvider(ctx context.Context, channel, id string) (message.Send, error)
}

// Reports turns reports into events.
type Reports struct {
	*web.Env
	intake    Intake
	messages  Messages
	receivers map[string]channel.Receiver
}

// New returns the room. receivers are by the name of the provider.
func New(env *web.Env, intake Intake, messages Messages, receivers map[string]channel.Receiver) *Reports {
	return &Reports{Env: env, intake: intake, messages: messages, receivers: receivers}
}

// Event returns the event of the customer whom a report is about, or why there is none, in words for the provider's log.
// err is a failure of the store: the report must be sent again.
func (h *Reports) Event(ctx context.Context, r channel.Report) (call customer.SegmentCall, ignore string, err error) {
	name := name(r)
	if name == "" {
		return call, "reports of this type are ignored", nil
	}
	if r.Machine {
		return call, "a machine did it, not the customer", nil
	}
	send, err := h.find(ctx, r)
	if errors.Is(err, sqldb.ErrNotFound) {
		return call, "no mail was sent under this key or id", nil
	}
	if err != nil {
		return call, "", err
	}
	if unit.IsPseudonym(send.Customer) {
		return call, "the customer whom the mail went to was forgotten", nil
	}
	if r.At.After(h.Now()) {
		r.At = h.Now()
	}
	call = customer.SegmentCall{
		Type: "track", Event: name, Source: "http", Timestamp: r.At, MessageID: id(r, name, send.Key),
		Properties: map[string]any{
			"message": send.Message, "step": send.Step, "journey": send.Journey, "channel": r.Channel, "key": send.Key,
		},
	}
	call.UserID, call.AnonymousID = web.Identity(send.Customer)
	call.Properties = tolerant.WithText(call.Properties, "reason", r.Reason)
	call.Properties = tolerant.WithText(call.Properties, "url", r.URL)
	if r.Kind == channel.Bounced {
		call.Properties["type"] = "soft"
		if r.Class == channel.Hard {
			call.Properties["type"] = "hard" // it marks the address
		}
	}
	return call, "", nil
}

// find returns the send that a report is about: by its key, by the mail's Message-ID, or by the id that the provider assigned
// when it accepted the message, with or without angle brackets and domain.
func (h *Reports) find(ctx context.Context, r channel.Report) (message.Send, error) {
	if r.Key != "" {
		return h.messages.Send(ctx, r.Key)
	}
	if key, ok := signedlink.MessageKey(r.ProviderID); ok {
		if c, err := h.messages.Send(ctx, key); !errors.Is(err, sqldb.ErrNotFound) {
			return c, err
		}
	}
	id := strings.Trim(r.ProviderID, "<> ")
	if id == "" {
		return message.Send{}, sqldb.ErrNotFound
	}
	c, err := h.messages.SendByProvider(ctx, r.Channel, id)
	if local, _, ok := strings.Cut(id, "@"); ok && errors.Is(err, sqldb.ErrNotFound) {
		c, err = h.messages.SendByProvider(ctx, r.Channel, local)
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
	if r.ID != "" {
		parts = []string{"id", r.ID, name, key}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return event.MailPrefix + hex.EncodeToString(sum[:16])
}
