package smsapi

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as Twilio signs
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Settings of Twilio: the token of the account, which also signs its webhooks, and an API key as SID:SECRET in place of it.
const (
	TwilioToken = "TABI_TWILIO_AUTH_TOKEN"
	TwilioKey   = "TABI_TWILIO_API_KEY"
)

var twilio = provider.Provider{
	Name: "twilio", Channel: channelName,
	Settings: []provider.Setting{
		{Name: TwilioToken, Doc: "auth token of the account at Twilio: it signs in, and checks what Twilio reports",
			Use: provider.Reports | provider.Sends},
		{Name: TwilioKey, Doc: "API key of Twilio to sign in with in place of the auth token: SK…:SECRET", Use: provider.Sends,
			Optional: true},
	},
	Receiver: twilioReceiver,
}

// twilioReceiver reads Twilio's webhooks: forms, signed with the auth token over the public URL and the parameters. The signature has no
// time; a repeat has the same SID and status, so it counts once.
// https://www.twilio.com/docs/usage/security#validating-requests
func twilioReceiver(env provider.Env) (webhook.Receiver, error) {
	token := []byte(env.Keys[TwilioToken])
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			form = url.Values{} // a body that is no form has no valid signature
		}
		if !twilioSigned(token, env.URL, r.URL.RawQuery, r.Header.Get("X-Twilio-Signature"), form) {
			return channel.Received{}, channel.ErrSignature
		}
		if err != nil || len(form) == 0 {
			return channel.Received{}, errors.New("the body is not the form that Twilio sends")
		}
		return twilioReport(form), nil
	}), nil
}

// twilioSigned checks a signature. Twilio signs the URL that it was given: with or without the port that is its scheme's own.
func twilioSigned(token []byte, address, query, signature string, form url.Values) bool {
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(given) == 0 {
		return false
	}
	parameters := ""
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			parameters += name + value
		}
	}
	valid := false
	for _, one := range twilioURLs(address) {
		if query != "" {
			one += "?" + query
		}
		mac := hmac.New(sha1.New, token)
		mac.Write([]byte(one + parameters))
		valid = hmac.Equal(mac.Sum(nil), given) || valid
	}
	return valid
}

// twilioURLs returns an address as it is, and with the port of its scheme.
func twilioURLs(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Port() != "" {
		return []string{address}
	}
	with := *u
	with.Host = net.JoinHostPort(u.Hostname(), map[bool]string{true: "443", false: "80"}[u.Scheme == "https"])
	return []string{address, with.String()}
}

// twilioStatuses are the statuses of a message on its way, which say nothing yet.
var twilioStatuses = map[string]bool{"accepted": true, "scheduled": true, "queued": true, "sending": true, "sent": true, "canceled": true}

func twilioReport(form url.Values) channel.Received {
	sid := form.Get("MessageSid")
	if sid == "" {
		sid = form.Get("SmsSid")
	}
	status := form.Get("MessageStatus")
	if status == "" {
		status = form.Get("SmsStatus")
	}
	if sid == "" {
		return provider.Ignore("a request of Twilio without the SID of a message is ignored")
	}
	if status == "received" || status == "receiving" || status == "" && form.Has("Body") {
		r := channel.Report{ID: "twilio/" + sid, Channel: channelName, Address: number(form.Get("From")), Text: form.Get("Body")}
		kind := form.Get("OptOutType")
		if strings.EqualFold(kind, "HELP") {
			return provider.Ignore("Twilio has answered a request for help")
		}
		r = provider.Reply(r, kind)
		if r.Kind == channel.Replied && strings.TrimSpace(r.Text) == "" {
			return provider.Ignore("a message without text is ignored")
		}
		return channel.Received{Reports: []channel.Report{r}}
	}
	r := channel.Report{ID: "twilio/" + sid + "/" + status, Channel: channelName, ProviderID: sid, Address: number(form.Get("To"))}
	code := form.Get("ErrorCode")
	switch status {
	case "delivered":
		r.Kind = channel.Delivered
	case "read":
		r.Kind = channel.Read
	case "undelivered", "failed":
		r.Reason = strings.TrimSpace("Twilio: " + status + " " + code + " " + form.Get("ErrorMessage"))
		r = failure(r, code)
	default:
		if twilioStatuses[status] {
			return provider.Ignore("the status " + status + " says nothing about the delivery yet")
		}
		return provider.Ignore(provider.Unknown(status))
	}
	return channel.Received{Reports: []channel.Report{r}}
}
