package gateway

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/store"
)

// Types of calls of Segment's tracking API.
const (
	typeTrack    = "track"
	typeIdentify = "identify"
	typePage     = "page"
	typeScreen   = "screen"
	typeAlias    = "alias"
	typeGroup    = "group"
)

// ids are the keys whose numbers are taken as text, as they are written.
var ids = map[string]bool{"userId": true, "anonymousId": true, "previousId": true, "groupId": true, "messageId": true}

const (
	anonymousPrefix = "anon:" // how the store writes an anonymous id; no user id may look like one
	ownPrefix       = "tabi." // events and message ids of tabi itself
)

// sane is the largest difference between a client's clock and ours that is corrected; a larger one is a log
// that is played again.
const sane = 24 * time.Hour

// call makes a store.Call of one decoded call. kind is the type the path gives; empty: the call's own. sentAt
// is the batch's.
func (g *Gateway) call(field, kind string, in map[string]any, sentAt time.Time) (store.SegmentCall, *fail) {
	p := picker{field: field, in: in}
	own := p.text("type", 32)
	if kind == "" {
		kind = own
	}
	c := store.SegmentCall{
		Type: kind, Source: "http",
		UserID: p.text("userId", maxID), AnonymousID: p.text("anonymousId", maxID), MessageID: p.text("messageId", maxID),
		Properties: p.tree("properties"),
	}
	traits := p.tree("traits")
	about := p.tree("context")
	timestamp := p.time("timestamp")
	if timestamp.IsZero() {
		timestamp = p.time("originalTimestamp")
	}
	if at := p.time("sentAt"); !at.IsZero() {
		sentAt = at
	}
	c.Timestamp = g.when(timestamp, sentAt)
	name, category := p.text("name", maxName), p.text("category", maxName)
	switch kind {
	case typeTrack:
		c.Event = p.text("event", maxName)
		p.need("event", c.Event)
	case typeIdentify:
		// Client libraries repeat known traits in the context; the call's own win.
		known := picker{field: p.at("context"), in: about}
		c.Traits = merge(known.tree("traits"), traits)
		p.refuse(known.fail)
	case typePage, typeScreen:
		c.Properties = withText(c.Properties, "name", name)
		c.Properties = withText(c.Properties, "category", category)
	case typeAlias:
		c.PreviousID = p.text("previousId", maxID)
		p.need("previousId", c.PreviousID)
		p.need("userId", c.UserID)
	case typeGroup:
		group := p.text("groupId", maxID)
		p.need("groupId", group)
		c.Properties = withText(c.Properties, "groupId", group)
		c.Traits = traits
	case "":
		p.need("type", "")
	default:
		p.refuse(bad(p.at("type"), "is track, identify, page, screen, alias or group"))
	}
	if c.UserID == "" && c.AnonymousID == "" {
		p.refuse(
			&fail{
				Status:  http.StatusBadRequest,
				Code:    "missing",
				Field:   p.at("userId"),
				Message: p.at("userId") + " is missing, and anonymousId too; give one of them",
			},
		)
	}
	p.refuse(checkUserID(p.at("userId"), c.UserID))
	if strings.HasPrefix(c.Event, ownPrefix) {
		p.refuse(bad(p.at("event"), "begins with tabi. which is reserved; choose another name"))
	}
	if strings.HasPrefix(c.MessageID, ownPrefix) {
		p.refuse(bad(p.at("messageId"), "begins with tabi. which is reserved; choose another id"))
	}
	if c.MessageID == "" {
		c.MessageID = uuid.NewString()
	}
	return c, p.fail
}

// checkUserID keeps user ids apart from anonymous ones.
func checkUserID(field, id string) *fail {
	if strings.HasPrefix(id, anonymousPrefix) {
		return bad(field, "begins with anon: which is reserved; send such an id as anonymousId")
	}
	return nil
}

// when corrects a timestamp by the client's clock as Segment does: what counts is how long before sending it happened.
// With a scaled clock a client that lives in wall time is moved into virtual time. The future is clamped to now.
func (g *Gateway) when(timestamp, sentAt time.Time) time.Time {
	now := g.now()
	if timestamp.IsZero() {
		return time.Time{} // the store takes now
	}
	if !sentAt.IsZero() {
		age := max(sentAt.Sub(timestamp), 0)
		switch {
		case near(sentAt, g.wall()):
			scale := g.cfg.Clock.Scale
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

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= sane }

// picker takes fields out of a decoded object and keeps the first problem.
type picker struct {
	field string
	in    map[string]any
	fail  *fail
}

func (p *picker) at(key string) string { return join(p.field, key) }

func (p *picker) refuse(f *fail) {
	if p.fail == nil {
		p.fail = f
	}
}

func (p *picker) need(key, value string) { p.refuse(need(p.at(key), value)) }

func (p *picker) text(key string, limit int) string {
	switch v := p.in[key].(type) {
	case nil:
		return ""
	case string:
		if len(v) > limit {
			p.refuse(bad(p.at(key), fmt.Sprintf("is %d bytes long; at most %d are taken", len(v), limit)))
		}
		return v
	default:
		p.refuse(bad(p.at(key), "is not a text"))
		return ""
	}
}

func (p *picker) tree(key string) map[string]any {
	switch v := p.in[key].(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	default:
		p.refuse(bad(p.at(key), "is not a JSON object"))
		return nil
	}
}

// time takes RFC 3339 text, with or without seconds' fractions. Years a database cannot keep are refused.
func (p *picker) time(key string) time.Time {
	text := p.text(key, 64)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		p.refuse(bad(p.at(key), "is not a time as RFC 3339 writes it (2026-03-02T10:00:00Z)"))
		return time.Time{}
	}
	return t.UTC()
}

func withText(m map[string]any, key, value string) map[string]any {
	if value == "" {
		return m
	}
	if m == nil {
		m = map[string]any{}
	}
	m[key] = value
	return m
}

// merge lays over on base, maps deeply.
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
