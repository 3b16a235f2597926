package chatapi

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Settings of LINE.
const (
	LineToken  = "TABI_LINE_TOKEN"
	LineURL    = "TABI_LINE_URL"
	LineSecret = "TABI_LINE_SECRET"
)

// DefaultLineURL is where LINE messages are sent unless TABI_LINE_URL says otherwise.
const DefaultLineURL = "https://api.line.me"

var line = provider.Provider{
	Name: "line", Channel: "line",
	Settings: []provider.Setting{
		{Name: LineToken, Use: provider.Sends, Doc: "channel access token of LINE's Messaging API; empty: LINE is not configured"},
		{Name: LineURL, Use: provider.Sends, Optional: true, Open: true, Doc: "URL to send LINE messages to; empty: LINE's"},
		{Name: LineSecret, Use: provider.Reports, Doc: "channel secret of LINE's Messaging API: it checks what LINE reports"},
	},
	Receiver: lineReceiver,
}

// lineEvent is an event of a webhook of LINE. https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
type lineEvent struct {
	Type      string `json:"type"`
	Mode      string `json:"mode"`
	Timestamp int64  `json:"timestamp"` // milliseconds
	Source    struct {
		Type   string `json:"type"`
		UserID string `json:"userId"`
	} `json:"source"`
	ID      string `json:"webhookEventId"`
	Message struct {
		Type    string `json:"type"`
		ID      string `json:"id"`
		Text    string `json:"text"`
		Title   string `json:"title"`
		Address string `json:"address"`
		Quoted  string `json:"quotedMessageId"`
	} `json:"message"`
	Postback struct {
		Data string `json:"data"`
	} `json:"postback"`
	Link struct {
		Result string `json:"result"`
		Nonce  string `json:"nonce"`
	} `json:"link"`
}

// lineReceiver reads LINE's webhooks: several events each, signed by the channel secret over the body. The signature has no time; an event
// that LINE delivers again has the same id, so it counts once.
func lineReceiver(env provider.Env) (webhook.Receiver, error) {
	secret := []byte(env.Keys[LineSecret])
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Line-Signature"))
		if err != nil || !hmac.Equal(given, mac(secret, body)) {
			return channel.Received{}, channel.ErrSignature
		}
		var in struct {
			Events *[]lineEvent `json:"events"`
		}
		if err := provider.Decode(body, &in); err != nil {
			return channel.Received{}, err
		}
		if in.Events == nil {
			return channel.Received{}, errors.New("the body has no events, which each webhook of LINE has")
		}
		out := channel.Received{}
		if len(*in.Events) == 0 {
			out.Answer = "OK" // LINE's console verifies the address
		}
		for i := range *in.Events {
			if report, why := lineReport(&(*in.Events)[i]); why != "" {
				out.Ignored = append(out.Ignored, why)
			} else {
				out.Reports = append(out.Reports, report)
			}
		}
		return out, nil
	}), nil
}

func mac(secret, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(body)
	return h.Sum(nil)
}

// lineReport returns the report that an event is, or why it is none.
func lineReport(e *lineEvent) (r channel.Report, ignored string) {
	switch {
	case e.Source.Type != "user" || e.Source.UserID == "":
		return r, fmt.Sprintf("an event %.20q of a group, a room or nobody is ignored", e.Type)
	case e.Mode == "standby":
		return r, "an event is ignored, since another system answers this chat at the moment (standby)"
	}
	r = channel.Report{Channel: "line", Address: e.Source.UserID, At: time.UnixMilli(e.Timestamp).UTC(), ID: "line/" + e.ID}
	if e.ID == "" {
		r.ID = ""
	}
	switch e.Type {
	case "message":
		r.Kind, r.Text, r.InReplyTo = channel.Replied, e.Message.Text, e.Message.Quoted
		if e.Message.Type != "text" {
			r.Form, r.Text = e.Message.Type, strings.TrimSpace(e.Message.Title+" "+e.Message.Address)
		}
	case "postback":
		r.Kind, r.Form, r.Data = channel.Replied, "button", e.Postback.Data
	case "follow":
		r.Kind = channel.Followed
	case "unfollow":
		r.Kind = channel.Blocked
	case "accountLink":
		if e.Link.Result != "ok" {
			return r, "LINE could not link an account"
		}
		r.Kind, r.Data = channel.Linked, e.Link.Nonce
	default:
		return r, provider.Unknown(e.Type)
	}
	return r, ""
}

// LineLink returns the address at which a user of LINE confirms that an account of the shop is theirs. LINE opens it for that user alone,
// and reports the nonce. The token in it works for 10 minutes. https://developers.line.biz/en/docs/messaging-api/linking-accounts/
func LineLink(ctx context.Context, client *http.Client, keys provider.Keys, user, nonce string) (string, error) {
	base, token := keys[LineURL], keys[LineToken]
	dialog := base
	if base == "" {
		base, dialog = DefaultLineURL, "https://access.line.me"
	}
	if token == "" {
		return "", &channel.NotConfiguredError{Setting: LineToken}
	}
	address := strings.TrimSuffix(base, "/") + "/v2/bot/user/" + url.PathEscape(user) + "/linkToken"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(nil))
	if err != nil {
		return "", errors.New(LineURL + " is not an address")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return "", errors.New("LINE does not answer")
	}
	defer func() { _ = resp.Body.Close() }()
	var issued struct {
		LinkToken string `json:"linkToken"`
		Message   string `json:"message"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(body, &issued)
	}
	if err != nil || resp.StatusCode != http.StatusOK || issued.LinkToken == "" {
		return "", fmt.Errorf("LINE issues no link token: %d %.80s", resp.StatusCode, strings.ReplaceAll(issued.Message, user, "…"))
	}
	return strings.TrimSuffix(dialog, "/") + "/dialog/bot/accountLink?" +
		url.Values{"linkToken": {issued.LinkToken}, "nonce": {nonce}}.Encode(), nil
}
