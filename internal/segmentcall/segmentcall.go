// Package segmentcall reads the calls of Segment's tracking API, at every door by which they come: the gateway, the workflow type Track,
// and signals to a run. One call is judged alone: it becomes a customer.SegmentCall, with a note of what was changed, or is refused with
// a reason. docs/http.md is its contract.
package segmentcall

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// Types of Segment calls.
const (
	Track    = "track"
	Identify = "identify"
	Page     = "page"
	Screen   = "screen"
	Alias    = "alias"
	Group    = "group"
)

// Limits of a call. The gateway's are configurable; these are the defaults, and those of the other doors.
const (
	MaxID    = event.MaxID   // bytes of an id
	MaxName  = event.MaxName // bytes of a name of an event
	MaxBytes = 32 << 10      // of a call, as JSON
	MaxDepth = 64            // nesting of JSON
)

// ProtectedTraits are addresses and permissions: only a server key may set them, and Temporal's doors only where that is allowed.
var ProtectedTraits = customer.ProtectedTraits

// ProtectedEvents change addresses and permissions.
var ProtectedEvents = map[string]bool{
	event.Unsubscribed: true, event.MarketingOptedIn: true, event.EmailBounced: true, event.EmailMarkedAsSpam: true,
	event.EmailDelivered: true, event.MessageDelivered: true, // revive a dead address
	event.MessageBounced: true, event.ChannelFollowed: true,
	event.PreferenceUpdated: true, event.SubscriptionConfirmed: true, // proofs of a consent
}

// A Reader reads calls.
type Reader struct {
	Source   string // of the calls: http or temporal
	MaxBytes int    // of a call; 0: MaxBytes
	MaxDepth int    // 0: MaxDepth
	// When corrects a timestamp by the client's clock; nil: it is taken as it is.
	When func(timestamp, sentAt time.Time) time.Time
}

// An Element is one call as it arrived.
type Element struct {
	Field   string         // its place, for problems: batch[3]; empty for a call of its own
	Kind    string         // the type by the path; empty: the call's own
	Value   any            // decoded, with json.Number
	Bytes   int            // its size as JSON
	SentAt  time.Time      // of the batch
	Context map[string]any // of the batch, under the call's own
	Owned   bool           // whose it is, is known otherwise: it needs no id of a customer
	ID      string         // message id of a call without one; empty: a random one
}

// Read checks one call.
func (d Reader) Read(e Element) (c customer.SegmentCall, changes []tolerant.Change, problem *tolerant.Problem) {
	hash := takeHash(e)
	if limit := or(d.MaxBytes, MaxBytes); e.Bytes > limit {
		return c, nil, &tolerant.Problem{Code: tolerant.TooLarge, Field: e.Field,
			Message: fmt.Sprintf("the call has %d bytes; at most %d are accepted", e.Bytes, limit)}
	}
	fields, ok := e.Value.(map[string]any)
	if !ok {
		return c, nil, &tolerant.Problem{Code: tolerant.BadValue, Field: e.Field, Message: "expected a JSON object"}
	}
	r := &tolerant.Reader{Field: e.Field, In: fields}
	c = d.call(r, e)
	c.UserHash = hash
	return c, r.Changes, r.Problem
}

// takeHash returns the proof of a call's userId, and takes it out of the call, so that no call that is kept for people has it. Client
// libraries put options that they do not know into the context, and repeat the context in each call.
func takeHash(e Element) string {
	const name = "userHash"
	call, _ := e.Value.(map[string]any)
	own, _ := call["context"].(map[string]any)
	hash := ""
	for _, in := range []map[string]any{call, own, e.Context} {
		if text, _ := in[name].(string); hash == "" {
			hash = strings.TrimSpace(text)
		}
	}
	delete(call, name)
	delete(own, name)
	return hash
}

func or(n, fallback int) int {
	if n > 0 {
		return n
	}
	return fallback
}

func (d Reader) call(r *tolerant.Reader, e Element) customer.SegmentCall {
	kind := e.Kind
	if kind == "" {
		kind = strings.ToLower(r.Name("type", 32))
	}
	object := func(key string) map[string]any {
		m := r.Object(key)
		if m != nil {
			m, _ = r.Values(key, m, 2, or(d.MaxDepth, MaxDepth)).(map[string]any)
		}
		return m
	}
	c := customer.SegmentCall{
		Type: kind, Source: d.Source,
		UserID: r.ID("userId", MaxID, Nobody), AnonymousID: r.ID("anonymousId", MaxID, Nobody), MessageID: r.ID("messageId", MaxID, nil),
		Properties: object("properties"),
	}
	traits := object("traits")
	emptyLists(traits)
	context := merge(deep(e.Context), object("context"))
	d.times(r, &c, e.SentAt)
	about := &tolerant.Reader{Field: r.At("context"), In: context}
	known := about.Object("traits")
	emptyLists(known)
	if backfill, marked := context["backfill"]; marked && !tolerant.Empty(backfill) {
		yes, ok := backfill.(bool)
		if !ok {
			r.Refuse(tolerant.Bad(r.At("context.backfill"), "must be true or false"))
		}
		c.Backfill = yes
	}
	switch kind {
	case Track:
		c.Event = r.Name("event", MaxName)
		r.Need("event", c.Event)
	case Identify:
		c.Traits, known = merge(known, traits), nil // client libraries repeat known traits; the call's own win
	case Page, Screen:
		c.Properties = tolerant.WithText(c.Properties, "name", r.Name("name", MaxName))
		c.Properties = tolerant.WithText(c.Properties, "category", r.Name("category", MaxName))
	case Alias:
		c.PreviousID = r.ID("previousId", MaxID, Nobody)
		r.Need("previousId", c.PreviousID)
		r.Need("userId", c.UserID)
		known = nil
	case Group:
		group := r.ID("groupId", MaxID, nil)
		r.Need("groupId", group)
		c.Properties, c.Traits = tolerant.WithText(c.Properties, "groupId", group), traits
	case "":
		r.Need("type", "")
	default:
		r.Refuse(tolerant.Bad(r.At("type"), "must be track, identify, page, screen, alias or group"))
	}
	if kind != Alias {
		c.Context = fromContext(about, known)
	}
	r.Refuse(about.Problem)
	d.ids(r, &c, e)
	return c
}

// ids refuses a call that is nobody's, or uses names of tabi's own.
func (Reader) ids(r *tolerant.Reader, c *customer.SegmentCall, e Element) {
	if c.UserID == "" && c.AnonymousID == "" && !e.Owned {
		at := r.At("userId")
		r.Refuse(&tolerant.Problem{Code: tolerant.Missing, Field: at, Message: "give either " + at + " or anonymousId"})
	}
	if event.Anonymous(c.UserID) {
		r.Refuse(tolerant.Bad(r.At("userId"), "begins with anon:, which is reserved; send such an id as anonymousId"))
	}
	if event.Reserved(c.Event) {
		r.Refuse(tolerant.Bad(r.At("event"), "begins with tabi., which is reserved; choose another name"))
	}
	if event.Reserved(c.MessageID) {
		r.Refuse(tolerant.Bad(r.At("messageId"), "begins with tabi., which is reserved; choose another id"))
	}
	if c.MessageID == "" {
		c.MessageID = e.ID
	}
	if c.MessageID == "" {
		c.MessageID = uuid.NewString()
	}
}

// times reads when the event happened. Only the timestamp must be readable.
func (d Reader) times(r *tolerant.Reader, c *customer.SegmentCall, sentAt time.Time) {
	timestamp := r.Time("timestamp")
	if timestamp.IsZero() {
		timestamp = r.Hint("originalTimestamp", tolerant.NoTime)
	}
	if at := r.Hint("sentAt", tolerant.SentAt); !at.IsZero() {
		sentAt = at
	}
	c.Timestamp = timestamp
	if d.When != nil {
		c.Timestamp = d.When(timestamp, sentAt)
	}
	if c.Timestamp.Before(timestamp.Add(-24*time.Hour)) && !c.Timestamp.IsZero() && sentAt.IsZero() {
		r.Changed("timestamp", tolerant.FutureTime)
	}
}

// emptyLists replaces empty lists by empty mappings in the traits that are mappings to tabi: PHP writes one as the other, and a consent
// that is a list counts as refused.
func emptyLists(traits map[string]any) {
	mapping := func(in map[string]any, name string) map[string]any {
		if list, ok := in[name].([]any); ok && len(list) == 0 {
			in[name] = map[string]any{}
		}
		m, _ := in[name].(map[string]any)
		return m
	}
	mapping(mapping(traits, "consent"), "topics")
	mapping(traits, "groups")
}

// Nobody refuses an id that means nobody.
func Nobody(field, id string) *tolerant.Problem {
	if code := customer.RefuseID(id); code != "" {
		return &tolerant.Problem{Code: code, Field: field, Message: customer.PlaceholderWords(field, id)}
	}
	return nil
}

// maxDevice is the largest token or subscription of a device, and maxCampaign the longest field of a campaign, in bytes.
const (
	maxDevice   = 4096
	maxCampaign = 255
)

// campaignOf returns the known fields of Segment's context.campaign that are texts.
func campaignOf(in map[string]any) map[string]any {
	out := map[string]any{}
	for _, field := range []string{"source", "medium", "name", "term", "content"} {
		if text, ok := in[field].(string); ok && strings.TrimSpace(text) != "" && len(text) <= maxCampaign {
			out[field] = strings.TrimSpace(text)
		}
	}
	return out
}

// anyMap returns a map as a value; nil for an empty one.
func anyMap(m map[string]any) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// fromContext returns the traits that the context of a client library knows: the traits it repeats, and what Segment's libraries for
// phones say of the device.
func fromContext(about *tolerant.Reader, known map[string]any) map[string]any {
	var out map[string]any
	add := func(name string, value any) {
		if tolerant.Empty(value) {
			return
		}
		if out == nil {
			out = map[string]any{}
		}
		out[name] = value
	}
	for name, value := range known {
		add(name, value)
	}
	device := &tolerant.Reader{Field: about.At("device"), In: about.Object("device")}
	subscription := &tolerant.Reader{Field: about.At("web_push"), In: about.Object("web_push")}
	if usable, _ := address.List(address.WebPush, anyMap(subscription.In)); len(usable) == 1 && len(usable[0].Text) <= maxDevice {
		var kept map[string]any // the endpoint and the keys, and nothing else
		if json.Unmarshal([]byte(usable[0].Text), &kept) == nil {
			add(address.WebPush, kept)
		}
	}
	if campaign := campaignOf(about.Object("campaign")); len(campaign) > 0 {
		add(customer.Acquisition, campaign)
	}
	for _, from := range []struct {
		in       *tolerant.Reader
		key, now string
	}{{device, "token", "push_token"}, {about, "timezone", "timezone"}, {about, "locale", "language"}} {
		if text, ok := from.in.In[from.key].(string); ok && len(text) <= maxDevice {
			add(from.now, strings.TrimSpace(text))
		}
	}
	return out
}

// Protected returns the problem of a call that changes an address or a permission, or nil.
func Protected(field string, c *customer.SegmentCall, who string) *tolerant.Problem {
	forbidden := func(key, what string) *tolerant.Problem {
		return &tolerant.Problem{Code: tolerant.Forbidden, Field: tolerant.Join(field, key), Message: who + " may not " + what}
	}
	if c.Type == Track && ProtectedEvents[c.Event] {
		return forbidden("event", "send this event, which changes an address or a permission")
	}
	if c.Type == Identify {
		for _, name := range slices.Sorted(maps.Keys(c.Traits)) {
			if ProtectedTraits[name] {
				return forbidden("traits."+name, "set this trait, which is an address or a permission")
			}
		}
	}
	return nil
}

// KeepContext leaves only those traits of the context that allowed accepts, and returns the names of the others, in order.
func KeepContext(c *customer.SegmentCall, allowed func(name string) bool) (dropped []string) {
	for name := range c.Context {
		if !allowed(name) {
			dropped = append(dropped, name)
			delete(c.Context, name)
		}
	}
	slices.Sort(dropped)
	return dropped
}

// deep copies the maps of a value that several calls share.
func deep(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for key, v := range m {
		if inner, ok := v.(map[string]any); ok {
			v = deep(inner)
		}
		out[key] = v
	}
	return out
}

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
