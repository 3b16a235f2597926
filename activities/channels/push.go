package channels

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2/google"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

var pushSpec = channel.Spec{
	Name: "push", Doc: "A push message to the customer's devices, by Firebase Cloud Messaging or by Apple's push service.",
	Address: "push_token", Tracks: true,
	Fields: []channel.Field{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address, or one of the app's own."},
		{Name: "image", Doc: "The https address of a picture that is shown with the text."},
		{Name: "buttons", Doc: "Buttons under the text.", Items: []channel.Field{
			{Name: "title", Doc: "What is on the button: one line.", Required: true},
			{Name: "link", Doc: "What a tap opens.", Required: true},
		}},
	},
}

// fcmScope is the OAuth scope for sending.
const fcmScope = "https://www.googleapis.com/auth/firebase.messaging"

// fcm sends through the HTTP v1 API of Firebase Cloud Messaging. FCM itself does not recognize repeats. Each message
// carries a name made from its key, as the notification tag on Android and in browsers and as the collapse id on
// Apple devices, so a repeat replaces the first message on the device. That is why unknown outcomes may be repeated.
// (Android's collapse_key is not used: FCM keeps four of them per device and drops the rest while the device is
// offline.)
type fcm struct {
	client  *http.Client
	url     string
	tokens  *tokens
	timeout time.Duration
}

func openFCM(cfg Config) (*fcm, error) {
	source := strings.TrimSpace(cfg.FCMCredentials)
	raw := []byte(source)
	if !strings.HasPrefix(source, "{") {
		var err error
		if raw, err = os.ReadFile(source); err != nil {
			return nil, variable("TABI_FCM_CREDENTIALS", "the file of the service account: %w", err)
		}
	}
	var account struct {
		Project string `json:"project_id"`
		Key     string `json:"private_key"`
		Email   string `json:"client_email"`
	}
	jwt, err := google.JWTConfigFromJSON(raw, fcmScope)
	if err == nil {
		err = json.Unmarshal(raw, &account)
	}
	if err != nil || account.Key == "" || account.Email == "" {
		return nil, variable(
			"TABI_FCM_CREDENTIALS",
			"is not the JSON of a service account (Firebase console, Project settings, Service accounts)",
		)
	}
	if err := usableKey(jwt.PrivateKey); err != nil {
		return nil, variable("TABI_FCM_CREDENTIALS", "private_key: %w", err)
	}
	project := cfg.FCMProject
	if project == "" {
		project = account.Project
	}
	if project == "" {
		return nil, variable("TABI_FCM_PROJECT", "must be set: the credentials have no project_id")
	}
	base := cfg.FCMURL
	if base == "" {
		base = "https://fcm.googleapis.com"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, variable("TABI_FCM_URL", "must be an http or https address")
	}
	client := newHTTPClient(cfg, false)
	return &fcm{
		client: client, timeout: cfg.Timeout, tokens: newTokens(jwt, client),
		url: strings.TrimSuffix(u.String(), "/") + "/v1/projects/" + url.PathEscape(project) + "/messages:send",
	}, nil
}

func (p *fcm) close() { p.client.CloseIdleConnections() }

// send sends to one device: Message.Address is its registration token.
func (p *fcm) send(ctx context.Context, m channel.Message) channel.Receipt {
	body, err := json.Marshal(map[string]any{"message": fcmMessage(m)})
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the message cannot be written as JSON"}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	stale := ""
	for {
		token, err := p.tokens.get(ctx, stale)
		if err != nil {
			return channel.Receipt{Outcome: channel.NotSent, Reason: "access token: " + err.Error()}
		}
		header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
		a, f := post(ctx, p.client, p.url, header, body)
		if f != nil {
			return f.receipt()
		}
		r, again := fcmReceipt(a, m.Address)
		// An access token can be revoked before it expires. One new token is requested.
		if again && stale == "" {
			stale = token
			continue
		}
		return r
	}
}

// fcmMessage returns the message in FCM's form.
func fcmMessage(m channel.Message) map[string]any {
	name := digest(m.Key)
	seconds := strconv.FormatInt(int64(timeToLive(m)/time.Second), 10)
	data := map[string]string{"tabi_key": m.Key, "journey": m.Journey, "step": m.Step, "message": m.Message}
	web := map[string]any{"notification": map[string]string{"tag": name}, "headers": map[string]string{"TTL": seconds}}
	if link := m.Fields["link"]; link != "" {
		data["link"] = link
		if strings.HasPrefix(link, "https://") {
			web["fcm_options"] = map[string]string{"link": link}
		}
	}
	notification := map[string]string{"title": m.Fields["title"], "body": m.Fields["body"]}
	aps := map[string]any{"sound": "default"}
	if image := m.Fields["image"]; image != "" {
		notification["image"], aps["mutable-content"] = image, 1
	}
	if buttons := channel.Items(m.Fields, "buttons"); len(buttons) > 0 {
		if text, err := json.Marshal(buttons); err == nil {
			data["buttons"], aps["category"], aps["mutable-content"] = string(text), buttonsCategory, 1
		}
	}
	return map[string]any{
		"token":        strings.TrimSpace(m.Address),
		"notification": notification,
		"data":         data,
		"android": map[string]any{
			"notification": map[string]string{"tag": name}, "priority": "HIGH", "ttl": seconds + "s",
		},
		"apns": map[string]any{
			"headers": map[string]string{
				"apns-collapse-id": name, "apns-expiration": strconv.FormatInt(clock.Wall().Add(timeToLive(m)).Unix(), 10),
			},
			"payload": map[string]any{"aps": aps},
		},
		"webpush": web,
	}
}

// fcmError is an error response of FCM.
type fcmError struct {
	Error struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Details []struct {
			ErrorCode string `json:"errorCode"`
		} `json:"details"`
	} `json:"error"`
}

// fcmReceipt reads a response. again asks for one more attempt with a new access token.
func fcmReceipt(a *answer, token string) (r channel.Receipt, again bool) {
	if a.status/100 == 2 {
		var taken struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(a.body, &taken)
		return channel.Receipt{Outcome: channel.Sent, ProviderID: oneLine(taken.Name)}, false
	}
	var e fcmError
	_ = json.Unmarshal(a.body, &e)
	code := e.Error.Status
	for _, d := range e.Error.Details {
		if d.ErrorCode != "" {
			code = d.ErrorCode
		}
	}
	r = channel.Receipt{
		Outcome: channel.Refused, Reason: clean(fmt.Sprintf("FCM: %d %s %s", a.status, code, e.Error.Message), token),
		RetryAfter: httpclient.RetryAfter(a.header.Get("Retry-After"), clock.Wall()),
	}
	r.Busy = r.RetryAfter > 0 && a.busy()
	switch {
	case address.FCM(a.status, code, e.Error.Message) == address.Hard:
		r.Gone, r.RetryAfter, r.Busy = true, 0, false
		if code == "SENDER_ID_MISMATCH" {
			r.Reason += "; the token was given to another project"
		}
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		r.Outcome, again = channel.NotSent, a.status == http.StatusUnauthorized && code != "THIRD_PARTY_AUTH_ERROR"
	case a.status == http.StatusNotFound, a.status/100 == 3:
		// The response is not about the token: FCM does not serve this project at this URL.
		r.Outcome = channel.NotSent
		r.Reason += "; are TABI_FCM_URL and TABI_FCM_PROJECT right?"
	case a.status == http.StatusTooManyRequests:
		r.Outcome = channel.NotSent
		if r.RetryAfter == 0 {
			r.RetryAfter = time.Minute // as FCM's documentation asks
		}
	case a.status == http.StatusServiceUnavailable:
		r.Outcome = channel.NotSent
	case a.status/100 == 5:
		r.Outcome = channel.Unknown
	}
	return r, again
}
