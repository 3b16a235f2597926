package channels

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tabi-journeys/tabi/activities/channels/smsapi"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// vonage sends by Vonage's Messages API (v1), with the key and secret of the account, or as an application, which signs with its private
// key. It knows no idempotency keys; client_ref carries the ledger key and comes back in the statuses.
// https://developer.vonage.com/en/api/messages
type vonage struct {
	url         string
	key, secret string
	application string
	private     *rsa.PrivateKey
	from        string
	callback    string
}

const vonageAPI = "https://api.nexmo.com"

// openVonage reads vonage://API_KEY?from=SENDER, and vonage://APPLICATION_ID?from=SENDER with a private key.
func openVonage(cfg Config, u *url.URL) (smsProvider, error) {
	v := &vonage{from: strings.TrimPrefix(smsSender(u), "+"), callback: reportsTo(cfg, "vonage")}
	if v.from == "" {
		return nil, variable("TABI_SMS_URL", "%w", errNoSender)
	}
	switch key := cfg.Keys[smsapi.VonagePrivate]; {
	case key != "":
		private, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(key))
		if err != nil {
			return nil, variable(smsapi.VonagePrivate, "is not a private key in PEM form (the application's private.key)")
		}
		v.private, v.application = private, u.Host
	case cfg.Keys[smsapi.VonageSecret] != "":
		v.key, v.secret = u.Host, cfg.Keys[smsapi.VonageSecret]
	default:
		return nil, variable(smsapi.VonageSecret, "must be set with TABI_SMS_URL=vonage://API_KEY, or %s with vonage://APPLICATION_ID",
			smsapi.VonagePrivate)
	}
	base, err := smsBase(u, vonageAPI)
	v.url = base + "/v1/messages"
	return v, err
}

func (v *vonage) dedupes() bool { return false }

// maxClientRef is the longest client_ref, in characters.
const maxClientRef = 100

func (v *vonage) request(to string, m channel.Message) (string, http.Header, []byte, error) {
	fields := map[string]any{
		"message_type": "text", "channel": "sms", "from": v.from, "to": strings.TrimPrefix(to, "+"), "text": m.Fields["text"],
	}
	if len(m.Key) <= maxClientRef {
		fields["client_ref"] = m.Key
	}
	if v.callback != "" {
		fields["webhook_url"], fields["webhook_version"] = v.callback, "v1"
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return "", nil, nil, errors.New("the text cannot be written as JSON")
	}
	r := http.Request{Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}}
	if v.private == nil {
		r.SetBasicAuth(v.key, v.secret)
		return v.url, r.Header, body, nil
	}
	now := clock.Wall()
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"application_id": v.application, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(),
	}).SignedString(v.private)
	if err != nil {
		return "", nil, nil, errors.New("the call could not be signed")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return v.url, r.Header, body, nil
}

func (v *vonage) receipt(a *answer, m channel.Message) channel.Receipt {
	var said struct {
		ID      string `json:"message_uuid"`
		Type    string `json:"type"` // https://developer.vonage.com/api-errors/messages#1170
		Title   string `json:"title"`
		Detail  string `json:"detail"`
		Invalid []struct {
			Name   string `json:"name"`
			Reason string `json:"reason"`
		} `json:"invalid_parameters"`
	}
	readable := json.Unmarshal(a.body, &said) == nil
	if a.status/100 == 2 {
		if !readable || said.ID == "" {
			return channel.Receipt{Outcome: channel.Unknown, Reason: "Vonage accepted it, but its answer cannot be read"}
		}
		return channel.Receipt{Outcome: channel.Sent, ProviderID: oneLine(said.ID)}
	}
	reason := fmt.Sprintf("Vonage: %d %s %s", a.status, said.Title, said.Detail)
	badNumber := false
	for _, p := range said.Invalid {
		reason += "; " + p.Name + ": " + p.Reason
		badNumber = badNumber || p.Name == "to"
	}
	r := smsFailure(a, reason, m.Address, strings.TrimPrefix(m.Address, "+"))
	_, code, _ := strings.Cut(said.Type, "#")
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusPaymentRequired, a.status == http.StatusForbidden,
		a.status == http.StatusNotFound:
		r.Outcome = channel.NotSent
		r.Reason += "; are TABI_SMS_URL and the account's key right, and has it credit?"
	case r.Outcome != channel.Refused:
	case address.OptedOut("vonage" + code):
		r.OptedOut = true
	case badNumber, address.SMS(a.status, "vonage"+code) == address.Hard:
		r.Gone = true
	}
	return r
}
