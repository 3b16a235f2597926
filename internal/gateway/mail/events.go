// Package mail serves the links in mails and the reports of mail providers.
package mail

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/reports"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/tracking"
)

// mailKinds maps providers' names to kinds of reports.
var mailKinds = map[string]channel.ReportKind{
	"delivered": channel.Delivered, "delivery": channel.Delivered,
	"open": channel.Opened, "opened": channel.Opened,
	"click": channel.Clicked, "clicked": channel.Clicked,
	"bounce": channel.Bounced, "bounced": channel.Bounced,
	"hard_bounce": channel.Bounced, "soft_bounce": channel.Bounced,
	"spam": channel.Complained, "complaint": channel.Complained,
	"complained": channel.Complained, "spamreport": channel.Complained, "spam_complaint": channel.Complained,
	"unsubscribe": channel.Unsubscribed, "unsubscribed": channel.Unsubscribed,
}

// Rooms are the rooms that links and reports use.
type Rooms struct {
	Catalog   Catalog
	Customers Customers
	Intake    Intake
	Messages  Messages
}

// Catalog has the rules of the current release, with its topics.
type Catalog interface {
	Rules(ctx context.Context) (*journey.Rulebook, error)
}

// Customers has the profile of the customer who follows a link, and what is known of mailboxes.
type Customers interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
	AddressState(ctx context.Context, channel, key string) (address.State, error)
	Subscriber(mailbox string) string
	UserWithMailbox(ctx context.Context, mailbox string) (user string, err error)
}

// Intake accepts the events that links and reports become.
type Intake interface {
	Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)
	IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, map[int]error, error)
}

// Messages has the sends that links are of, and keeps what was done with them.
type Messages interface {
	Send(ctx context.Context, key string) (message.Send, error)
	StoreHit(ctx context.Context, h message.Hit) error
	Link(ctx context.Context, code string) (tracking.Stored, error)
}

// Pages renders what a customer sees after following a link.
type Pages interface {
	Render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any)
}

// Handlers serve links and reports.
type Handlers struct {
	*web.Env
	links   signedlink.Links
	reports *reports.Reports
	rooms   Rooms
	pages   Pages

	unstored unstored
}

// New returns the handlers.
func New(env *web.Env, links signedlink.Links, rooms Rooms, p Pages, in *reports.Reports) *Handlers {
	return &Handlers{Env: env, links: links, reports: in, rooms: rooms, pages: p}
}

// Events accepts reports of mail providers: one object or a list of
// {type, key or message_id, timestamp, reason, bounce_type, url, id}.
func (h *Handlers) Events(w http.ResponseWriter, r *http.Request) {
	body, f := h.ReadBody(w, r)
	if f != nil {
		web.WriteError(w, f)
		return
	}
	value, err := tolerant.Decode(body)
	if err != nil {
		value, err = tolerant.Decode(tolerant.Escape(body))
	}
	if err != nil {
		web.WriteError(w, web.BadJSON("", err))
		return
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	if len(list) > h.Limits.Batch {
		web.WriteError(w, web.TooLarge("", fmt.Sprintf("%d reports; at most %d are accepted at once", len(list), h.Limits.Batch)))
		return
	}
	out := api.MailEventsResponse{Success: true, Ignored: []api.IgnoredReport{}}
	var calls []customer.SegmentCall
	var index []int // of calls, in the list
	var refused []rejection.Refused
	reject := func(i int, p *tolerant.Problem) {
		out.Rejected = append(out.Rejected, api.RejectedCall{Index: i, Code: p.Code, Field: p.Field, Message: p.Message})
		refused = append(refused, rejection.Refused{Problem: *p, Value: list[i]})
	}
	for i, one := range list {
		field := ""
		if isList {
			field = "[" + strconv.Itoa(i) + "]"
		}
		call, reason, f := h.mailEvent(r, field, one)
		switch {
		case f != nil && f.Status >= http.StatusInternalServerError:
			web.WriteError(w, f)
			return
		case f != nil:
			reject(i, f.Problem())
		case reason != "":
			out.Ignored = append(out.Ignored, api.IgnoredReport{Index: i, Reason: reason})
		default:
			calls, index = append(calls, call), append(index, i)
		}
	}
	if len(calls) > 0 {
		receipts, invalid, err := h.rooms.Intake.IngestEach(r.Context(), h.Now(), calls)
		if err != nil {
			h.StoreFailed(w, r, err)
			return
		}
		out.Accepted = len(receipts)
		for _, receipt := range receipts {
			out.Warnings = append(out.Warnings, receipt.Warnings...)
		}
		for n := range calls {
			if why := invalid[n]; why != nil {
				reject(index[n], web.StoreProblem("", why))
			}
		}
	}
	h.Doors.Rejected(r.Context(), h.Now(), rejection.Mail, refused)
	if !isList && len(refused) > 0 {
		web.WriteError(w, web.Refused(&refused[0].Problem))
		return
	}
	web.WriteJSON(w, http.StatusOK, out)
}

// mailEvent converts one report to an event of the customer, or says why it is ignored.
func (h *Handlers) mailEvent(r *http.Request, field string, value any) (call customer.SegmentCall, ignore string, f *web.Error) {
	in, f := h.Fields(field, value)
	if f != nil {
		return call, "", f
	}
	p := web.FieldReader{Field: field, In: in}
	kind := strings.ToLower(p.Text("type", 64))
	p.Need("type", kind)
	key, messageID := p.Text("key", 1024), p.Text("message_id", 1024)
	id, reason, url := p.Text("id", web.MaxID), p.Clip("reason", 1000), p.Clip("url", 4000)
	bounce := strings.ToLower(p.Text("bounce_type", 64))
	at := p.Time("timestamp")
	if key == "" && messageID == "" {
		p.Refuse(web.Missing(p.At("key"), "give either "+p.At("key")+" or message_id"))
	}
	if p.Err != nil {
		return call, "", p.Err
	}
	reported, known := mailKinds[kind]
	if !known {
		return call, "reports of this type are ignored", nil
	}
	if bounce == "" {
		bounce = kind
	}
	report := channel.Report{
		ID: id, Kind: reported, Channel: "email", Key: key, ProviderID: messageID, At: at, Reason: reason, URL: url, Class: channel.Soft,
	}
	if address.Bounce(bounce, in["permanent"], reason) == address.Hard {
		report.Class = channel.Hard
	}
	call, ignore, err := h.reports.Event(r.Context(), report)
	if err != nil {
		return call, "", h.StoreError(r, err)
	}
	if _, known := address.Word(bounce); !known && reported == channel.Bounced && report.Class == channel.Soft && ignore == "" {
		call.Properties["type"] = bounce // soft, and the receipt says that it is not known
	}
	return call, ignore, nil
}
