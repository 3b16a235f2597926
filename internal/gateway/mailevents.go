package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/store"
)

// Events that mail providers report, by Segment's names.
const (
	emailDelivered = "Email Delivered"
	emailOpened    = "Email Opened"
	emailClicked   = "Email Link Clicked"
	emailBounced   = "Email Bounced"
	emailSpam      = "Email Marked as Spam"
)

// mailKinds maps what providers call things to events.
var mailKinds = map[string]string{
	"delivered": emailDelivered, "delivery": emailDelivered,
	"open": emailOpened, "opened": emailOpened,
	"click": emailClicked, "clicked": emailClicked,
	"bounce": emailBounced, "bounced": emailBounced, "hard_bounce": emailBounced, "soft_bounce": emailBounced,
	"spam": emailSpam, "complaint": emailSpam, "complained": emailSpam, "spamreport": emailSpam, "spam_complaint": emailSpam,
	"unsubscribe": Unsubscribed, "unsubscribed": Unsubscribed,
}

// bounceKinds maps what providers call bounces to hard (the address is dead) and soft (it may work later).
var bounceKinds = map[string]string{
	"hard": "hard", "permanent": "hard", "hard_bounce": "hard",
	"soft": "soft", "transient": "soft", "temporary": "soft", "soft_bounce": "soft", "blocked": "soft", "undetermined": "soft",
}

// ignored says which report led to nothing, and why. It is no error: providers report mails that others sent, too.
type ignored struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// mailEvents takes reports of mail providers: one object or a list of
// {type, key or message_id, timestamp, reason, bounce_type, url, id}.
func (g *Gateway) mailEvents(w http.ResponseWriter, r *http.Request) {
	body, f := g.readBody(w, r)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	list := []json.RawMessage{body}
	single := !bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	if !single {
		if err := json.Unmarshal(body, &list); err != nil {
			g.refuse(w, r, badJSON("", err))
			return
		}
	}
	if len(list) > g.cfg.Limits.Batch {
		g.refuse(
			w,
			r,
			&fail{
				Status:  http.StatusRequestEntityTooLarge,
				Code:    "too_large",
				Message: fmt.Sprintf("%d reports; at most %d are taken at once", len(list), g.cfg.Limits.Batch),
			},
		)
		return
	}
	calls, skipped := make([]store.SegmentCall, 0, len(list)), []ignored{}
	for i, raw := range list {
		field := "[" + strconv.Itoa(i) + "]"
		if single {
			field = ""
		}
		call, reason, f := g.mailEvent(r, field, raw)
		if f != nil {
			g.refuse(w, r, f)
			return
		}
		if reason != "" {
			skipped = append(skipped, ignored{i, reason})
			continue
		}
		calls = append(calls, call)
	}
	if len(calls) > 0 {
		if _, err := g.cfg.Store.Ingest(r.Context(), g.now(), calls); err != nil {
			g.storeFailed(w, r, err)
			return
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"success": true, "taken": len(calls), "ignored": skipped})
}

// mailEvent makes the customer's event of one report, or says why it is none.
func (g *Gateway) mailEvent(r *http.Request, field string, raw []byte) (call store.SegmentCall, ignore string, f *fail) {
	in, f := g.object(field, raw)
	if f != nil {
		return call, "", f
	}
	p := picker{field: field, in: in}
	kind := strings.ToLower(p.text("type", 64))
	p.need("type", kind)
	key, messageID := p.text("key", 1024), p.text("message_id", 1024)
	id, reason, url := p.text("id", maxID), p.text("reason", 1000), p.text("url", 4000)
	bounce := strings.ToLower(p.text("bounce_type", 64))
	at := p.time("timestamp")
	if key == "" && messageID == "" {
		p.refuse(
			&fail{
				Status:  http.StatusBadRequest,
				Code:    "missing",
				Field:   p.at("key"),
				Message: p.at("key") + " is missing, and message_id too; give one of them",
			},
		)
	}
	if p.fail != nil {
		return call, "", p.fail
	}
	event, known := mailKinds[kind]
	if !known {
		return call, "this type of report is not kept", nil
	}
	c, err := g.contact(r, key, messageID)
	if errors.Is(err, store.ErrNotFound) {
		return call, "no mail was sent under this key or id", nil
	}
	if err != nil {
		return call, "", g.storeFail(r, err)
	}
	call = store.SegmentCall{
		Type: typeTrack, Event: event, Source: "http", Timestamp: g.when(at, time.Time{}),
		Properties: map[string]any{"message": c.Message, "step": c.Step, "journey": c.Journey, "channel": "email"},
	}
	call.UserID, call.AnonymousID = identity(c.Customer)
	call.Properties = withText(call.Properties, "reason", reason)
	call.Properties = withText(call.Properties, "url", url)
	if event == emailBounced {
		if bounce == "" {
			bounce = kind
		}
		if bounceKinds[bounce] == "" {
			bounce = "soft" // only what is surely dead is never written to again
		}
		call.Properties["type"] = bounceKinds[bounce] // hard bounces mark the address
	}
	call.MessageID = reportID(id, event, c.Key, url, p.text("timestamp", 64))
	return call, "", nil
}

// reportID is the same for a report that comes again. A provider's own id is enough; without, what it says is.
func reportID(id string, parts ...string) string {
	if id != "" {
		parts = []string{"id", id}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return ownPrefix + "mail." + hex.EncodeToString(sum[:16])
}
