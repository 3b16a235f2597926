package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

var lineSpec = channel.Spec{
	Name: "line", Doc: "A message in LINE, by an official account.", Address: "line_id", Tracks: true,
	Fields: []channel.Field{
		{Name: "text", Doc: "The text.", Required: true, Or: "image"},
		{Name: "image", Doc: "The address of a picture: https, JPEG or PNG."},
		{Name: "buttons", Doc: "Buttons under the text.", Items: []channel.Field{
			{Name: "title", Doc: "What the button says.", Required: true},
			{Name: "link", Doc: "What a tap opens. Without it, a tap answers with the title."},
		}},
	},
}

// Limits of LINE, in characters of UTF-16. https://developers.line.biz/en/reference/messaging-api/#message-objects
const (
	lineText    = 5000
	lineAddress = 2000 // of an image
	lineLink    = 1000
	lineTitle   = 40 // of a button
	lineAlt     = 400
)

// line sends by the Messaging API of LINE. The retry key of a request is made of the ledger key, so LINE accepts a message once, also when
// it is repeated within a day. That is why unknown outcomes may be repeated.
type line struct {
	overHTTP
	url   string
	token string
}

func openLine(cfg Config) (channel.Channel, error) {
	token := cfg.Keys[chatapi.LineToken]
	if token == "" {
		return nil, &channel.NotConfiguredError{Setting: chatapi.LineToken}
	}
	base, err := baseURL(chatapi.LineURL, cfg.Keys[chatapi.LineURL], chatapi.DefaultLineURL)
	if err != nil {
		return nil, err
	}
	return &line{
		overHTTP: newOverHTTP(cfg, lineSpec, false), url: base + "/v2/bot/message/push", token: token,
	}, nil
}

// baseURL reads the address of a provider, without a slash at its end.
func baseURL(setting, value, otherwise string) (string, error) {
	if value == "" {
		value = otherwise
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", variable(setting, "must be an http or https address")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func (l *line) Dedupes() bool { return true }

// Send sends to one user.
func (l *line) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, l.spec, m); bad {
		return r
	}
	to, err := address.Judge(address.LineID, m.Address)
	if err == nil && !address.IsLineID(to.Text) {
		err = errors.New("is not a user of LINE: U and 32 hexadecimal digits")
	}
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Gone: true, Reason: "the customer's line_id " + err.Error()}
	}
	messages, err := lineMessages(m.Fields)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: err.Error()}
	}
	body, err := json.Marshal(map[string]any{"to": to.Text, "messages": messages})
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the message cannot be written as JSON"}
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	a, f := post(ctx, l.client, l.url, http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer " + l.token},
		"X-Line-Retry-Key": {uuid.NewSHA1(uuid.NameSpaceURL, []byte("tabi:"+m.Key)).String()},
	}, body)
	if f != nil {
		return f.receipt()
	}
	return lineReceipt(a, to.Text)
}

// lineReceipt reads a response. https://developers.line.biz/en/docs/messaging-api/retrying-api-request/
func lineReceipt(a *answer, to string) channel.Receipt {
	var said struct {
		Message string `json:"message"`
		Details []struct {
			Message  string `json:"message"`
			Property string `json:"property"`
		} `json:"details"`
		SentMessages []struct {
			ID string `json:"id"`
		} `json:"sentMessages"`
	}
	_ = json.Unmarshal(a.body, &said)
	if a.status/100 == 2 || a.status == http.StatusConflict { // 409: an earlier request with this retry key was accepted
		r := channel.Receipt{Outcome: channel.Sent}
		if n := len(said.SentMessages); n > 0 {
			r.ProviderID = oneLine(said.SentMessages[n-1].ID) // of the text; an image is before it
		} else if r.ProviderID = oneLine(a.header.Get("X-Line-Accepted-Request-Id")); r.ProviderID == "" {
			r.ProviderID = oneLine(a.header.Get("X-Line-Request-Id"))
		}
		return r
	}
	reason := fmt.Sprintf("LINE: %d %s", a.status, said.Message)
	for _, d := range said.Details {
		reason += fmt.Sprintf("; %s: %s", d.Property, d.Message)
	}
	r := channel.Receipt{Outcome: channel.Refused, Reason: clean(reason, to)}
	switch {
	case a.status == http.StatusTooManyRequests:
		r.Outcome, r.Busy = channel.NotSent, true
		r.RetryAfter = httpclient.RetryAfter(a.header.Get("Retry-After"), clock.Wall())
		switch {
		case strings.Contains(said.Message, "monthly limit"):
			r.RetryAfter = time.Hour
			r.Reason += "; the account's plan has no messages left in this month"
		case r.RetryAfter == 0:
			r.RetryAfter = 10 * time.Second
		}
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		r.Outcome = channel.NotSent // the token is wrong, not the message
		r.Reason += "; is TABI_LINE_TOKEN right?"
	case a.status == http.StatusNotFound, a.status/100 == 3:
		r.Outcome = channel.NotSent
		r.Reason += "; is TABI_LINE_URL right?"
	case a.status == http.StatusBadRequest && strings.Contains(said.Message, "'to'"):
		r.Gone = true // the user is of no account of this provider
	case a.status/100 == 5:
		r.Outcome = channel.Unknown
	}
	return r
}

// lineMessages returns the messages of a treatment: an image and a text, or a bubble where there are buttons.
func lineMessages(fields map[string]string) ([]any, error) {
	text, image := strings.TrimSpace(fields["text"]), fields["image"]
	if n := characters(text); n > lineText {
		return nil, fmt.Errorf("the text has %d characters, and LINE takes %d", n, lineText)
	}
	if image != "" && (!strings.HasPrefix(image, "https://") || characters(image) > lineAddress) {
		return nil, fmt.Errorf("the image is not an https address of at most %d characters", lineAddress)
	}
	buttons := channel.Items(fields, "buttons")
	if len(buttons) == 0 {
		var out []any
		if image != "" {
			out = append(out, map[string]any{"type": "image", "originalContentUrl": image, "previewImageUrl": image})
		}
		if text != "" {
			out = append(out, map[string]any{"type": "text", "text": text})
		}
		return out, nil
	}
	bubble, err := lineBubble(text, image, buttons)
	if err != nil {
		return nil, err
	}
	alt := strings.Join(strings.Fields(text), " ")
	if alt == "" {
		alt = buttons[0]["title"]
	}
	return []any{map[string]any{"type": "flex", "altText": cut(alt, lineAlt), "contents": bubble}}, nil
}

// lineBubble returns a bubble of a Flex Message: the image, the text under it, and the buttons.
func lineBubble(text, image string, buttons []map[string]string) (map[string]any, error) {
	bubble := map[string]any{"type": "bubble"}
	if image != "" {
		bubble["hero"] = map[string]any{"type": "image", "url": image, "size": "full", "aspectRatio": "20:13", "aspectMode": "cover"}
	}
	if text != "" {
		bubble["body"] = map[string]any{
			"type": "box", "layout": "vertical", "contents": []any{map[string]any{"type": "text", "text": text, "wrap": true}},
		}
	}
	var footer []any
	for i, b := range buttons {
		action := map[string]any{"type": "message", "label": b["title"], "text": b["title"]}
		if n := characters(b["title"]); n > lineTitle {
			return nil, fmt.Errorf("the title of button %d has %d characters, and LINE takes %d", i+1, n, lineTitle)
		}
		if link := b["link"]; link != "" {
			u, err := url.Parse(link)
			if err != nil || characters(link) > lineLink || !strings.Contains(" http https line tel ", " "+strings.ToLower(u.Scheme)+" ") {
				return nil, fmt.Errorf("the link of button %d is none that LINE opens: http, https, line or tel, at most %d characters",
					i+1, lineLink)
			}
			action = map[string]any{"type": "uri", "label": b["title"], "uri": link}
		}
		style := "link"
		if i == 0 {
			style = "primary"
		}
		footer = append(footer, map[string]any{"type": "button", "style": style, "action": action})
	}
	bubble["footer"] = map[string]any{"type": "box", "layout": "vertical", "spacing": "sm", "contents": footer}
	return bubble, nil
}

// characters counts as LINE does: an emoji outside of the basic plane is two.
func characters(s string) int { return len(utf16.Encode([]rune(s))) }

// cut returns at most n characters of a text.
func cut(s string, n int) string {
	for characters(s) > n {
		r := []rune(s)
		s = string(r[:min(len(r)-1, n)])
	}
	return s
}
