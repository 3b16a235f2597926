package chatapi

import (
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Settings of WhatsApp.
const (
	WhatsAppToken  = "TABI_WHATSAPP_TOKEN"
	WhatsAppPhone  = "TABI_WHATSAPP_PHONE_ID"
	WhatsAppURL    = "TABI_WHATSAPP_URL"
	WhatsAppSecret = "TABI_WHATSAPP_APP_SECRET"
	WhatsAppVerify = "TABI_WHATSAPP_VERIFY_TOKEN"
)

// DefaultWhatsAppURL is where WhatsApp messages are sent unless TABI_WHATSAPP_URL says otherwise.
const DefaultWhatsAppURL = "https://graph.facebook.com/v24.0"

var whatsapp = provider.Provider{
	Name: "whatsapp", Channel: "whatsapp",
	Settings: []provider.Setting{
		{
			Name: WhatsAppToken, Use: provider.Sends,
			Doc: "access token of a system user, for WhatsApp's Cloud API; empty: WhatsApp is not configured",
		},
		{
			Name: WhatsAppPhone, Use: provider.Sends, Open: true,
			Doc: "id that Meta gave to the number to send WhatsApp messages from; what Meta reports of other numbers is ignored",
		},
		{
			Name: WhatsAppURL, Use: provider.Sends, Optional: true, Open: true,
			Doc: "Graph API to send WhatsApp messages by, with its version; empty: Meta's",
		},
		{Name: WhatsAppSecret, Use: provider.Reports, Doc: "app secret of the app at Meta: it checks what Meta reports"},
		{
			Name: WhatsAppVerify, Use: provider.Reports, Own: true,
			Doc: "verify token that is entered with the webhook's address at Meta; make it up",
		},
	},
	Receiver: whatsappReceiver,
}

// whatsappChange is a change of a webhook of WhatsApp.
type whatsappChange struct {
	Field string `json:"field"`
	Value struct {
		Metadata struct {
			PhoneID string `json:"phone_number_id"`
		} `json:"metadata"`
		Messages    []whatsappMessage    `json:"messages"`
		Statuses    []whatsappStatus     `json:"statuses"`
		Preferences []whatsappPreference `json:"user_preferences"`
	} `json:"value"`
}

type whatsappMessage struct {
	From      string `json:"from"`
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"` // seconds
	Type      string `json:"type"`
	Context   struct {
		ID string `json:"id"`
	} `json:"context"`
	Text struct {
		Body string `json:"body"`
	} `json:"text"`
	Button struct {
		Text    string `json:"text"`
		Payload string `json:"payload"`
	} `json:"button"`
	Interactive struct {
		Button whatsappChoice `json:"button_reply"`
		List   whatsappChoice `json:"list_reply"`
	} `json:"interactive"`
	Image    whatsappMedia `json:"image"`
	Video    whatsappMedia `json:"video"`
	Document whatsappMedia `json:"document"`
	Location struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"location"`
}

type whatsappChoice struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type whatsappMedia struct {
	Caption string `json:"caption"`
}

type whatsappStatus struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	Recipient string `json:"recipient_id"`
	Opaque    string `json:"biz_opaque_callback_data"` // the ledger key
	Errors    []struct {
		Code  int    `json:"code"`
		Title string `json:"title"`
		Data  struct {
			Details string `json:"details"`
		} `json:"error_data"`
	} `json:"errors"`
}

type whatsappPreference struct {
	From      string `json:"wa_id"`
	Category  string `json:"category"`
	Value     string `json:"value"`
	Timestamp any    `json:"timestamp"` // a number or a text
}

// whatsappReceiver reads Meta's webhooks, signed by the app secret over the body, and answers the challenge by which Meta checks the
// address. The signature has no time; a repeat has the same ids, so it counts once.
// https://developers.facebook.com/docs/graph-api/webhooks/getting-started
func whatsappReceiver(env provider.Env) (webhook.Receiver, error) {
	secret, phone := []byte(env.Keys[WhatsAppSecret]), env.Keys[WhatsAppPhone]
	return receive(func(r *http.Request, body []byte) (channel.Received, error) {
		if r.Method == http.MethodGet {
			return whatsappChallenge(r, env.Keys[WhatsAppVerify])
		}
		given, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256="))
		if err != nil || !hmac.Equal(given, mac(secret, body)) {
			return channel.Received{}, channel.ErrSignature
		}
		var in struct {
			Entry []struct {
				Changes []whatsappChange `json:"changes"`
			} `json:"entry"`
		}
		if err := provider.Decode(body, &in); err != nil {
			return channel.Received{}, err
		}
		if len(in.Entry) == 0 {
			return channel.Received{}, errors.New("the body has no entry, which each webhook of Meta has")
		}
		var out channel.Received
		for _, entry := range in.Entry {
			for i := range entry.Changes {
				whatsappRead(&entry.Changes[i], phone, &out)
			}
		}
		if len(out.Reports)+len(out.Ignored) == 0 {
			out.Ignored = append(out.Ignored, "a report without messages, statuses and preferences is ignored")
		}
		return out, nil
	}), nil
}

// receive is a function as a webhook.Receiver, for a provider that also calls by GET.
type receive func(r *http.Request, body []byte) (channel.Received, error)

// Receive calls the function.
func (f receive) Receive(r *http.Request, body []byte) (channel.Received, error) { return f(r, body) }

func whatsappChallenge(r *http.Request, token string) (channel.Received, error) {
	q := r.URL.Query()
	if q.Get("hub.mode") != "subscribe" || !provider.Same(q.Get("hub.verify_token"), token) {
		return channel.Received{}, channel.ErrSignature
	}
	return channel.Received{Answer: q.Get("hub.challenge")}, nil
}

func whatsappRead(c *whatsappChange, phone string, out *channel.Received) {
	ignore := func(format string, args ...any) { out.Ignored = append(out.Ignored, fmt.Sprintf(format, args...)) }
	if c.Field != "messages" && c.Field != "user_preferences" {
		ignore("changes of %.40q are ignored", c.Field)
		return
	}
	if phone != "" && c.Value.Metadata.PhoneID != phone {
		ignore("a report about a number that is not that of %s is ignored", WhatsAppPhone)
		return
	}
	for i := range c.Value.Messages {
		if r, why := whatsappReply(&c.Value.Messages[i]); why != "" {
			ignore("%s", why)
		} else {
			out.Reports = append(out.Reports, r)
		}
	}
	for i := range c.Value.Statuses {
		if r, why := whatsappReport(&c.Value.Statuses[i]); why != "" {
			ignore("%s", why)
		} else {
			out.Reports = append(out.Reports, r)
		}
	}
	for _, p := range c.Value.Preferences {
		at := fmt.Sprint(p.Timestamp)
		if n, ok := p.Timestamp.(float64); ok {
			at = strconv.FormatFloat(n, 'f', 0, 64)
		}
		r := channel.Report{
			Channel: "whatsapp", Address: number(p.From), At: seconds(at), ID: "whatsapp/preference/" + p.From + "/" + at + "/" + p.Value,
		}
		switch {
		case p.Category == "marketing_messages" && p.Value == "stop":
			r.Kind = channel.Blocked
		case p.Category == "marketing_messages" && p.Value == "resume":
			r.Kind = channel.Followed
		default:
			ignore("preferences %.40q of %.40q are ignored", p.Value, p.Category)
			continue
		}
		out.Reports = append(out.Reports, r)
	}
}

// whatsappReply returns the report of what a customer wrote or tapped, or why there is none.
func whatsappReply(m *whatsappMessage) (r channel.Report, ignored string) {
	r = channel.Report{
		Channel: "whatsapp", Address: number(m.From), At: seconds(m.Timestamp), ID: "whatsapp/" + m.ID, InReplyTo: m.Context.ID,
		Form: m.Type,
	}
	switch m.Type {
	case "text":
		r.Text, r.Form = m.Text.Body, ""
	case "button":
		r.Text, r.Data = m.Button.Text, m.Button.Payload
	case "interactive":
		choice := m.Interactive.Button
		if choice.ID == "" && choice.Title == "" {
			choice = m.Interactive.List
		}
		r.Form, r.Text, r.Data = "button", choice.Title, choice.ID
	case "image", "video", "document":
		r.Text = m.Image.Caption + m.Video.Caption + m.Document.Caption
	case "location":
		r.Text = strings.TrimSpace(m.Location.Name + " " + m.Location.Address)
	case "audio", "sticker", "contacts", "order":
	default: // a reaction, a change of the number, what this API cannot carry
		return r, fmt.Sprintf("messages of type %.40q are ignored", m.Type)
	}
	if m.From == "" || m.ID == "" {
		return r, "a message without a sender or an id is ignored"
	}
	return provider.Reply(r, ""), ""
}

// whatsappReport returns the report that a status is, or why it is none.
func whatsappReport(s *whatsappStatus) (r channel.Report, ignored string) {
	r = channel.Report{
		Channel: "whatsapp", Key: s.Opaque, ProviderID: s.ID, Address: number(s.Recipient), At: seconds(s.Timestamp),
		ID: "whatsapp/" + s.ID + "/" + s.Status,
	}
	switch s.Status {
	case "delivered":
		r.Kind = channel.Delivered
	case "read":
		r.Kind = channel.Read
	case "failed":
		r.Kind = channel.Failed
		if len(s.Errors) > 0 {
			e := s.Errors[0]
			r.Reason = strings.TrimSuffix(fmt.Sprintf("WhatsApp: %d %s: %s", e.Code, e.Title, e.Data.Details), ": ")
			switch e.Code {
			case 131026: // not a number of WhatsApp
				r.Kind, r.Class = channel.Bounced, channel.Hard
			case 131050: // who reads it has stopped marketing
				r.Kind = channel.Blocked
			}
		}
	case "sent":
		return r, "the status sent is ignored: the answer to the send said so"
	default:
		return r, provider.Unknown(s.Status)
	}
	if s.ID == "" {
		return r, "a status without an id is ignored"
	}
	return r, ""
}

// number returns a number of WhatsApp, which has no +, in E.164 form.
func number(text string) string {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return "+" + text
	}
	return text
}
