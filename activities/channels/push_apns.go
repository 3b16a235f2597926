package channels

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// apns sends by Apple's push service, over HTTP/2, with a token that is signed by a key of the team. Apple recognizes no repeats; the
// collapse id, made of the key, lets a repeat take the place of the first message on the device.
// https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
type apns struct {
	client  *http.Client
	url     string // up to the token
	topic   string
	timeout time.Duration
	signer  apnsSigner
}

// apnsSandbox is the word for Apple's service for development builds.
const apnsSandbox = "sandbox"

// maxAPNs is the largest payload, in bytes.
const maxAPNs = 4096

func openAPNs(cfg Config) (*apns, error) {
	pem := strings.ReplaceAll(cfg.Keys[apnsKey], `\n`, "\n")
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(pem))
	if err != nil {
		return nil, variable(apnsKey, "is not the signing key of Apple's push service: the whole .p8 file, in PEM form")
	}
	for _, name := range []string{apnsKeyID, apnsTeam} {
		if len(cfg.Keys[name]) != 10 {
			return nil, variable(name, "must have 10 characters, as in Apple's developer account")
		}
	}
	base := cfg.Keys[apnsURL]
	switch base {
	case "":
		base = "https://api.push.apple.com"
	case apnsSandbox:
		base = "https://api.sandbox.push.apple.com"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return nil, variable(apnsURL, "must be an https address, or %s", apnsSandbox)
	}
	return &apns{
		client: newHTTPClient(cfg, false), url: strings.TrimSuffix(u.String(), "/") + "/3/device/", topic: cfg.Keys[apnsTopic],
		timeout: cfg.Timeout, signer: apnsSigner{key: key, id: cfg.Keys[apnsKeyID], team: cfg.Keys[apnsTeam]},
	}, nil
}

func (p *apns) close() { p.client.CloseIdleConnections() }

// send sends to one device.
func (p *apns) send(ctx context.Context, m channel.Message) channel.Receipt {
	token := strings.TrimSpace(m.Address)
	body, err := json.Marshal(apnsPayload(m))
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the message cannot be written as JSON"}
	}
	if len(body) > maxAPNs {
		return channel.Receipt{
			Outcome: channel.Refused, Reason: fmt.Sprintf("the message has %d bytes for Apple devices; at most %d go", len(body), maxAPNs),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	stale := ""
	for {
		bearer, err := p.signer.token(clock.Wall(), stale)
		if err != nil {
			return channel.Receipt{Outcome: channel.NotSent, Reason: "the call could not be signed"}
		}
		header := http.Header{
			"Authorization":    {"bearer " + bearer},
			"Content-Type":     {"application/json"},
			"Apns-Id":          {uuid.NewSHA1(uuid.NameSpaceURL, []byte("tabi:"+m.Key)).String()},
			"Apns-Push-Type":   {"alert"},
			"Apns-Priority":    {"10"},
			"Apns-Topic":       {p.topic},
			"Apns-Collapse-Id": {digest(m.Key)},
			"Apns-Expiration":  {strconv.FormatInt(clock.Wall().Add(timeToLive(m)).Unix(), 10)},
		}
		a, f := post(ctx, p.client, p.url+url.PathEscape(token), header, body)
		if f != nil {
			return f.receipt()
		}
		r, again := apnsReceipt(a, token)
		// Apple's clock may find a token expired that ours does not. One new token is made.
		if again && stale == "" {
			stale = bearer
			continue
		}
		return r
	}
}

// apnsPayload returns the message in Apple's form. Link, image and buttons are for the app: an extension of it shows pictures and buttons.
func apnsPayload(m channel.Message) map[string]any {
	aps := map[string]any{"alert": map[string]string{"title": m.Fields["title"], "body": m.Fields["body"]}, "sound": "default"}
	out := map[string]any{"aps": aps, "tabi_key": m.Key, "journey": m.Journey, "step": m.Step, "message": m.Message}
	if link := m.Fields["link"]; link != "" {
		out["link"] = link
	}
	if image := m.Fields["image"]; image != "" {
		out["image"], aps["mutable-content"] = image, 1
	}
	if buttons := channel.Items(m.Fields, "buttons"); len(buttons) > 0 {
		out["buttons"], aps["category"], aps["mutable-content"] = buttons, buttonsCategory, 1
	}
	return out
}

// apnsSettings are the reasons for which a correction of the settings helps, not of the message.
var apnsSettings = map[string]bool{
	"BadCertificate": true, "BadCertificateEnvironment": true, "ExpiredProviderToken": true, "Forbidden": true,
	"InvalidProviderToken": true, "MissingProviderToken": true, "UnrelatedKeyIdInToken": true,
	"BadEnvironmentKeyIdInToken": true, "BadPath": true, "BadTopic": true,
	"MissingTopic": true, "TopicDisallowed": true, "MethodNotAllowed": true,
}

// apnsReceipt reads a response. again asks for one more attempt with a new token.
func apnsReceipt(a *answer, token string) (r channel.Receipt, again bool) {
	if a.status == http.StatusOK {
		return channel.Receipt{Outcome: channel.Sent, ProviderID: oneLine(a.header.Get("Apns-Id"))}, false
	}
	var said struct {
		Reason    string `json:"reason"`
		Timestamp int64  `json:"timestamp"` // milliseconds: since when the token is dead
	}
	_ = json.Unmarshal(a.body, &said)
	r = waiting(a, channel.Receipt{
		Outcome: channel.Refused, Reason: clean(fmt.Sprintf("APNs: %d %s", a.status, said.Reason), token),
	})
	word, _ := address.Word(said.Reason)
	switch {
	case a.status == http.StatusGone, a.status == http.StatusBadRequest && word == address.Hard:
		r.Gone, r.RetryAfter, r.Busy = true, 0, false
		if said.Timestamp > 0 {
			r.GoneSince = time.UnixMilli(said.Timestamp).UTC()
		}
		if said.Reason == "BadDeviceToken" {
			r.Reason += "; a token of a development build needs " + apnsURL + "=" + apnsSandbox + ", others must not have it"
		}
	case said.Reason == "ExpiredProviderToken":
		r.Outcome, again = channel.NotSent, true
	case apnsSettings[said.Reason], a.status == http.StatusForbidden, a.status == http.StatusNotFound, a.status/100 == 3:
		r.Outcome = channel.NotSent
		r.Reason += "; are " + strings.Join([]string{apnsKey, apnsKeyID, apnsTeam, apnsTopic}, ", ") + " right?"
	case said.Reason == "TooManyProviderTokenUpdates":
		r.Outcome, r.Busy = channel.NotSent, true
		r.RetryAfter = max(r.RetryAfter, time.Minute)
	case a.status == http.StatusTooManyRequests: // to this one device
		r.Outcome, r.Busy = channel.NotSent, false
	case a.status == http.StatusServiceUnavailable:
		r.Outcome = channel.NotSent
	case a.status/100 == 5:
		r.Outcome = channel.Unknown
	}
	return r, again
}

// apnsSigner makes the tokens that Apple accepts, and keeps the last one: Apple takes each for an hour, and refuses more than one new
// one within 20 minutes.
type apnsSigner struct {
	key      *ecdsa.PrivateKey
	id, team string

	mu   sync.Mutex
	last string
	made time.Time
}

// apnsTokenLife is how long a token is used.
const apnsTokenLife = 40 * time.Minute

// token returns a token other than stale.
func (s *apnsSigner) token(now time.Time, stale string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.made); s.last != "" && s.last != stale && age >= 0 && age < apnsTokenLife {
		return s.last, nil
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": s.team, "iat": now.Unix()})
	t.Header["kid"] = s.id
	signed, err := t.SignedString(s.key)
	if err == nil {
		s.last, s.made = signed, now
	}
	return signed, err
}
