package smsapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Settings of Vonage.
const (
	VonageSecret    = "TABI_VONAGE_API_SECRET"
	VonagePrivate   = "TABI_VONAGE_PRIVATE_KEY"
	VonageSignature = "TABI_VONAGE_SIGNATURE_SECRET"
)

var vonage = provider.Provider{
	Name: "vonage", Channel: channelName,
	Settings: []provider.Setting{
		{Name: VonageSecret, Doc: "API secret of the account at Vonage", Use: provider.Sends},
		{Name: VonagePrivate, Doc: "private key of the application at Vonage, in PEM form, in place of the API secret", Use: provider.Sends,
			Optional: true},
		{Name: VonageSignature, Doc: "signature secret of the account at Vonage: it checks what Vonage reports", Use: provider.Reports},
	},
	Receiver: vonageReceiver,
}

// vonageReceiver reads the webhooks of Vonage's Messages API, signed by a token of HS256 with the hash of the body.
// https://developer.vonage.com/en/getting-started/concepts/webhooks#validating-signed-webhooks
func vonageReceiver(env provider.Env) (webhook.Receiver, error) {
	secret := []byte(env.Keys[VonageSignature])
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithoutClaimsValidation())
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		var claims struct {
			jwt.RegisteredClaims
			Hash string `json:"payload_hash"`
		}
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return secret, nil })
		sum := sha256.Sum256(body)
		if !found || err != nil || claims.IssuedAt == nil ||
			subtle.ConstantTimeCompare([]byte(strings.ToLower(claims.Hash)), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return channel.Received{}, channel.ErrSignature
		}
		if err := provider.Fresh(claims.IssuedAt.Time, env.Now()); err != nil {
			return channel.Received{}, err
		}
		var e vonageEvent
		if err := provider.Decode(body, &e); err != nil {
			return channel.Received{}, err
		}
		if e.ID == "" {
			return channel.Received{}, errors.New("the body has no message_uuid")
		}
		return vonageReport(e), nil
	}), nil
}

// vonageEvent is a status or an inbound message.
type vonageEvent struct {
	ID        string `json:"message_uuid"`
	Channel   string `json:"channel"`
	From      string `json:"from"`
	To        string `json:"to"`
	Timestamp string `json:"timestamp"`
	Status    string `json:"status"`
	Ref       string `json:"client_ref"`
	Type      string `json:"message_type"`
	Text      string `json:"text"`
	Error     struct {
		Type   string `json:"type"`
		Title  any    `json:"title"` // a number in old statuses
		Detail string `json:"detail"`
	} `json:"error"`
}

func vonageReport(e vonageEvent) channel.Received {
	if e.Channel != "" && e.Channel != channelName && e.Channel != "mms" {
		return provider.Ignore("messages of Vonage by other channels than sms are ignored")
	}
	at := provider.When(e.Timestamp)
	if e.Status == "" {
		r := provider.Reply(channel.Report{ID: "vonage/" + e.ID, Channel: channelName, Address: number(e.From), At: at, Text: e.Text}, "")
		if r.Kind == channel.Replied && strings.TrimSpace(r.Text) == "" {
			return provider.Ignore("a message without text is ignored")
		}
		return channel.Received{Reports: []channel.Report{r}}
	}
	r := channel.Report{
		ID: "vonage/" + e.ID + "/" + e.Status, Channel: channelName, Key: e.Ref, ProviderID: e.ID, Address: number(e.To), At: at,
	}
	switch e.Status {
	case "delivered":
		r.Kind = channel.Delivered
	case "read":
		r.Kind = channel.Read
	case "rejected", "undeliverable":
		_, code, _ := strings.Cut(e.Error.Type, "#")
		r.Reason = strings.TrimSpace("Vonage: " + e.Status + " " + code + " " + e.Error.Detail)
		r = failure(r, "vonage"+code)
	case "submitted":
		return provider.Ignore("the status submitted says nothing about the delivery yet")
	default:
		return provider.Ignore(provider.Unknown(e.Status))
	}
	return channel.Received{Reports: []channel.Report{r}}
}
