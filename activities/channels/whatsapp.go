package channels

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

var whatsappSpec = channel.Spec{
	Name: "whatsapp", Doc: "A message in WhatsApp, by a template that Meta has approved.", Address: "phone", Tracks: true,
	Sessions: true,
	Fields: []channel.Field{
		{Name: "template", Doc: "The name of the approved template.", Required: true},
		{Name: "language", Doc: "The language of the template, such as ja or pt-BR.", Required: true},
		{Name: "values", Doc: "What its variables are filled with, in order.", Texts: true},
		{Name: "text", Doc: "What is sent in its place to who has written by WhatsApp within 24 hours.", Max: whatsappText},
	},
}

// maxOpaque is the longest biz_opaque_callback_data, in bytes.
const maxOpaque = 512

// A customer's message opens the customer service window of Meta, in which a text may be sent in place of a template.
// https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages#customer-service-windows
const (
	whatsappWindow = 24*time.Hour - 10*time.Minute // Meta's, and the time that a message may need to get there
	whatsappOver   = 131047                        // Meta's error of a text after the window
	whatsappText   = 4096                          // the longest text, in characters
)

// whatsapp sends by the Cloud API of Meta: approved templates, and texts to who has written lately. The API does not
// recognize repeats, so an unknown outcome is final. The ledger key goes along, and statuses return it.
type whatsapp struct {
	overHTTP
	url   string
	token string
}

func openWhatsApp(cfg Config) (channel.Channel, error) {
	token, phone := cfg.Keys[chatapi.WhatsAppToken], cfg.Keys[chatapi.WhatsAppPhone]
	switch {
	case token == "" && phone == "":
		return nil, &channel.NotConfiguredError{Setting: chatapi.WhatsAppToken}
	case token == "":
		return nil, variable(chatapi.WhatsAppToken, "must be set with %s: the access token of a system user", chatapi.WhatsAppPhone)
	case phone == "":
		return nil, variable(chatapi.WhatsAppPhone, "must be set with %s: the id of the number to send from", chatapi.WhatsAppToken)
	case strings.Trim(phone, "0123456789") != "":
		return nil, variable(chatapi.WhatsAppPhone, "is the id that Meta gave to the number, digits only, and not the number itself")
	}
	base, err := baseURL(chatapi.WhatsAppURL, cfg.Keys[chatapi.WhatsAppURL], chatapi.DefaultWhatsAppURL)
	if err != nil {
		return nil, err
	}
	return &whatsapp{
		overHTTP: newOverHTTP(cfg, whatsappSpec, false), url: base + "/" + url.PathEscape(phone) + "/messages", token: token,
	}, nil
}

func (w *whatsapp) Dedupes() bool { return false }

// Send sends a text to a number that has written lately, if the message has one, and else one template. A text that Meta refuses because
// the window is over has not been sent: the template is sent in its place.
func (w *whatsapp) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, w.spec, m); bad {
		return r
	}
	to, err := address.Judge(address.Phone, m.Address)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer's phone " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	why := ""
	if text := strings.TrimSpace(m.Fields["text"]); text != "" && m.Wrote > 0 && m.Wrote < whatsappWindow {
		if n := utf8.RuneCountInString(text); n > whatsappText {
			why = fmt.Sprintf("the text has %d characters, and WhatsApp takes %d", n, whatsappText)
		} else {
			r, over := w.post(ctx, to.Text, m.Key, "text", map[string]any{"body": text, "preview_url": true})
			if !over {
				r.Session = r.Outcome == channel.Sent
				return r
			}
			why = r.Reason
		}
	}
	template, err := whatsappTemplate(m.Fields)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: err.Error()}
	}
	r, _ := w.post(ctx, to.Text, m.Key, "template", template)
	if r.Outcome == channel.Sent && why != "" {
		r.Reason = why + "; the template was sent"
	}
	return r
}

// whatsappTemplate returns a template as the API takes it.
func whatsappTemplate(fields map[string]string) (map[string]any, error) {
	template := map[string]any{
		"name":     strings.TrimSpace(fields["template"]),
		"language": map[string]string{"code": strings.ReplaceAll(strings.TrimSpace(fields["language"]), "-", "_")},
	}
	var parameters []any
	for i, text := range channel.Texts(fields, "values") {
		if strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("value %d is empty after rendering, and WhatsApp takes no empty one", i+1)
		}
		parameters = append(parameters, map[string]string{"type": "text", "text": text})
	}
	if len(parameters) > 0 {
		template["components"] = []any{map[string]any{"type": "body", "parameters": parameters}}
	}
	return template, nil
}

// post sends one message of a kind, text or template. over reports that Meta refused it because the window is over.
func (w *whatsapp) post(ctx context.Context, to, key, kind string, content any) (r channel.Receipt, over bool) {
	request := map[string]any{
		"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": kind, kind: content,
	}
	if len(key) <= maxOpaque {
		request["biz_opaque_callback_data"] = key
	}
	body, err := json.Marshal(request)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the message cannot be written as JSON"}, false
	}
	a, f := post(ctx, w.client, w.url, http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer " + w.token},
	}, body)
	if f != nil {
		return f.receipt(), false
	}
	return whatsappReceipt(a, to)
}

// whatsappReceipt reads a response. over reports that the window for texts is over.
func whatsappReceipt(a *answer, to string) (r channel.Receipt, over bool) {
	var said struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
		Error *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Data    struct {
				Details string `json:"details"`
			} `json:"error_data"`
		} `json:"error"`
	}
	_ = json.Unmarshal(a.body, &said)
	switch {
	case a.status/100 == 2:
		r = channel.Receipt{Outcome: channel.Sent}
		if len(said.Messages) > 0 {
			r.ProviderID = oneLine(said.Messages[0].ID)
		}
		return r, false
	case said.Error == nil:
		r = a.receipt(to)
		if a.status/100 == 5 && a.status != http.StatusServiceUnavailable {
			r.Outcome = channel.Unknown // a server between us and Meta answered
		}
		if a.status == http.StatusNotFound || a.status/100 == 3 {
			r.Outcome = channel.NotSent
			r.Reason += "; is TABI_WHATSAPP_URL right?"
		}
		return r, false
	}
	e := said.Error
	reason := fmt.Sprintf("WhatsApp: %d %s", e.Code, e.Message)
	if e.Data.Details != "" {
		reason += ": " + e.Data.Details
	}
	r = whatsappOutcome(a.status, e.Code, e.Message)
	r.Reason = clean(reason, to, strings.TrimPrefix(to, "+")) + r.Reason
	if asked := httpclient.RetryAfter(a.header.Get("Retry-After"), clock.Wall()); r.Outcome == channel.NotSent && asked > 0 {
		r.RetryAfter = asked
	}
	return r, e.Code == whatsappOver && a.status/100 == 4
}

// whatsappOutcome says what a code of an error means; Reason is what to do about it. An error of Meta's says that the message was not
// accepted. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
func whatsappOutcome(status, code int, message string) channel.Receipt {
	refused := channel.Receipt{Outcome: channel.Refused}
	switch {
	case code == 190, code == 0, code == 3, code == 10, code >= 200 && code < 300:
		return channel.Receipt{Outcome: channel.NotSent, Reason: "; is TABI_WHATSAPP_TOKEN right, and may it send?"}
	case code == 33, code == 100 && strings.Contains(message, "Object with ID"):
		return channel.Receipt{Outcome: channel.NotSent, Reason: "; is TABI_WHATSAPP_PHONE_ID right?"}
	case code == 4, code == 80007, code == 130429, code == 133016: // of the app, the account or the number
		return channel.Receipt{Outcome: channel.NotSent, RetryAfter: time.Minute, Busy: true}
	case code == 131056: // too many to this customer
		return channel.Receipt{Outcome: channel.NotSent, RetryAfter: time.Minute}
	case code == 131048, code == 131031, code == 131042, code == 368: // until a person has done something in WhatsApp Manager
		return channel.Receipt{Outcome: channel.NotSent, RetryAfter: time.Hour, Busy: true, Reason: "; see WhatsApp Manager"}
	case code == 131026:
		refused.Gone = true // no number of WhatsApp; a message from it revives it
	case code == 1, code == 2, code == 131000, code == 131016, code == 133004, code == 131057:
		return channel.Receipt{Outcome: channel.NotSent}
	case status == http.StatusTooManyRequests:
		return channel.Receipt{Outcome: channel.NotSent, RetryAfter: time.Minute, Busy: true}
	case status == http.StatusUnauthorized:
		return channel.Receipt{Outcome: channel.NotSent, Reason: "; is TABI_WHATSAPP_TOKEN right?"}
	case status/100 == 5:
		return channel.Receipt{Outcome: channel.NotSent}
	}
	return refused
}
