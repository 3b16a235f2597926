// Package mailapi has the mail providers that speak HTTP, one file each: how a mail is sent by its API, and what its
// webhooks report. Providers is the registry of them.
package mailapi

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
)

// email is the channel of all reports of this package.
const email = "email"

// metadataKey is the name of the ledger key in what providers return with each report.
const metadataKey = "tabi-key"

// Keys has the settings of the providers by the variable, such as TABI_POSTMARK_WEBHOOK.
type Keys map[string]string

// Provider is a mail provider of a build.
type Provider struct {
	Name string // in TABI_EMAIL_URL, and of the route of its reports
	// Reports is the variable that its reports are checked by.
	Reports string
	// Receiver returns what reads its reports; nil: Reports is not set.
	Receiver func(Keys, func() time.Time) (channel.Receiver, error)
}

// Providers returns the mail providers that tabi ships, one line each.
func Providers() []Provider {
	return []Provider{
		{"postmark", postmarkWebhook, postmarkReceiver},
	}
}

// Receivers returns what reads the reports of the providers that have a setting, by name, and the variables that are missing
// for the others, by name.
func Receivers(keys Keys, now func() time.Time) (receivers map[string]channel.Receiver, missing map[string]string, err error) {
	receivers, missing = map[string]channel.Receiver{}, map[string]string{}
	for _, p := range Providers() {
		if keys[p.Reports] == "" {
			missing[p.Name] = p.Reports
			continue
		}
		r, err := p.Receiver(keys, now)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.Reports, err)
		}
		receivers[p.Name] = r
	}
	return receivers, missing, nil
}

// receive is a function as a channel.Receiver.
type receive func(r *http.Request, body []byte) (channel.Received, error)

// Receive calls the function.
func (f receive) Receive(r *http.Request, body []byte) (channel.Received, error) { return f(r, body) }

// same compares secrets in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// fresh returns an error if a signed time is too far from now.
func fresh(at, now time.Time) error {
	if d := now.Sub(at); d > channel.ReplayWindow || d < -channel.ReplayWindow {
		return fmt.Errorf("%w: its time is more than %s from now", channel.ErrSignature, channel.ReplayWindow)
	}
	return nil
}

// decode reads JSON. Its errors hold nothing of the body.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the body is not the JSON that this provider sends (%d bytes)", len(body))
	}
	return nil
}

// class returns what a bounce means: hard where the provider's word or its reason says that the address is dead.
func class(word, reason string) channel.BounceClass {
	if address.Bounce(word, nil, reason) == address.Hard {
		return channel.Hard
	}
	return channel.Soft
}

// when reads a time of RFC 3339; zero if it is none.
func when(text string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}
