package segment

import (
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Types of Segment calls.
const (
	TypeTrack    = "track"
	typeIdentify = "identify"
	typePage     = "page"
	typeScreen   = "screen"
	typeAlias    = "alias"
	typeGroup    = "group"
)

// maxSkew is the largest clock difference between client and gateway that is corrected. A larger one means that old events are
// imported.
const maxSkew = 24 * time.Hour

// call checks one decoded call. kind is the type in the path; empty: the call's own. sentAt is the batch's.
func (h *Handlers) call(field, kind string, in map[string]any, sentAt time.Time) (customer.SegmentCall, *web.Error) {
	p := web.FieldReader{Field: field, In: in}
	own := p.Text("type", 32)
	if kind == "" {
		kind = own
	}
	c := customer.SegmentCall{
		Type: kind, Source: "http",
		UserID: p.Text("userId", web.MaxID), AnonymousID: p.Text("anonymousId", web.MaxID), MessageID: p.Text("messageId", web.MaxID),
		Properties: p.Object("properties"),
	}
	traits := p.Object("traits")
	about := p.Object("context")
	timestamp := p.Time("timestamp")
	if timestamp.IsZero() {
		timestamp = p.Time("originalTimestamp")
	}
	if at := p.Time("sentAt"); !at.IsZero() {
		sentAt = at
	}
	c.Timestamp = h.when(timestamp, sentAt)
	name, category := p.Text("name", web.MaxName), p.Text("category", web.MaxName)
	switch kind {
	case TypeTrack:
		c.Event = p.Text("event", web.MaxName)
		p.Need("event", c.Event)
	case typeIdentify:
		// Client libraries repeat known traits in the context; the call's own take precedence.
		known := web.FieldReader{Field: p.At("context"), In: about}
		c.Traits = merge(known.Object("traits"), traits)
		p.Refuse(known.Err)
	case typePage, typeScreen:
		c.Properties = web.WithText(c.Properties, "name", name)
		c.Properties = web.WithText(c.Properties, "category", category)
	case typeAlias:
		c.PreviousID = p.Text("previousId", web.MaxID)
		p.Need("previousId", c.PreviousID)
		p.Need("userId", c.UserID)
	case typeGroup:
		group := p.Text("groupId", web.MaxID)
		p.Need("groupId", group)
		c.Properties = web.WithText(c.Properties, "groupId", group)
		c.Traits = traits
	case "":
		p.Need("type", "")
	default:
		p.Refuse(web.Bad(p.At("type"), "must be track, identify, page, screen, alias or group"))
	}
	if c.UserID == "" && c.AnonymousID == "" {
		p.Refuse(web.Missing(p.At("userId"), "give either "+p.At("userId")+" or anonymousId"))
	}
	p.Refuse(web.CheckUserID(p.At("userId"), c.UserID))
	p.Refuse(web.CheckPerson(p.At("anonymousId"), c.AnonymousID))
	p.Refuse(web.CheckPerson(p.At("previousId"), c.PreviousID))
	if event.Reserved(c.Event) {
		p.Refuse(web.Bad(p.At("event"), "begins with tabi., which is reserved; choose another name"))
	}
	if event.Reserved(c.MessageID) {
		p.Refuse(web.Bad(p.At("messageId"), "begins with tabi., which is reserved; choose another id"))
	}
	if c.MessageID == "" {
		c.MessageID = uuid.NewString()
	}
	return c, p.Err
}

// when corrects a timestamp by the client's clock, as Segment does: what counts is how long before sending the event happened.
// With a scaled clock, the time of a client that lives in wall time is converted to virtual time. The future is clamped to now.
func (h *Handlers) when(timestamp, sentAt time.Time) time.Time {
	now := h.Now()
	if timestamp.IsZero() {
		return time.Time{} // the store uses now
	}
	if !sentAt.IsZero() {
		age := max(sentAt.Sub(timestamp), 0)
		switch {
		case near(sentAt, h.Wall()):
			scale := h.clock.Scale
			if scale <= 0 {
				scale = 1
			}
			timestamp = now.Add(-time.Duration(min(float64(age)*scale, math.MaxInt64/2)))
		case near(sentAt, now):
			timestamp = now.Add(-age)
		}
	}
	if timestamp.After(now) {
		return now
	}
	return timestamp
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= maxSkew }

// merge merges over into base; nested maps are merged too.
func merge(base, over map[string]any) map[string]any {
	if base == nil {
		return over
	}
	for key, v := range over {
		inner, isMap := v.(map[string]any)
		below, wasMap := base[key].(map[string]any)
		if isMap && wasMap {
			base[key] = merge(below, inner)
			continue
		}
		base[key] = v
	}
	return base
}
