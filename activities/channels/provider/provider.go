// Package provider has what the providers of all channels share: how one is declared, and how the requests by which it reports
// are read. A provider is one file in the package of its channel, and one line in that package's list; channels.Providers
// joins the lists.
package provider

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/address"
)

// Keys has the settings of the providers by the variable, such as TABI_POSTMARK_WEBHOOK. A value that is not set is empty.
type Keys map[string]string

// Use says what a setting is needed for.
type Use int

// The uses.
const (
	Reports Use = 1 << iota // the provider's reports are checked by it
	Sends                   // messages are sent with it
)

// Setting is a variable of a provider. It becomes a flag of the commands by itself (TABI_POSTMARK_WEBHOOK: --postmark-webhook),
// takes @FILE, and is named in the start log and by `tabi doctor`.
type Setting struct {
	Name     string // the variable
	Doc      string // one line for --help
	Use      Use
	Optional bool // the provider works without it
	Open     bool // it is no secret: an address, a name
	Own      bool // people choose the value themselves, so a weak one is refused
}

// Env is what a receiver is opened with.
type Env struct {
	Keys Keys
	// URL is where the provider calls, as entered at the provider: https://tabi.example.com/v1/providers/postmark.
	URL string
	Now func() time.Time // wall time
	// Client fetches what a signature is checked with, such as certificates.
	Client *http.Client
}

// Provider is a provider of a channel.
type Provider struct {
	Name     string // of the route of its reports: /v1/providers/<name>
	Channel  string
	Settings []Setting
	// Receiver returns what reads its reports. All its settings for Reports that are not Optional have values. Its errors name
	// the setting and hold no value: see Wrong.
	Receiver func(Env) (webhook.Receiver, error)
}

// Missing returns the variables of a use that have no value, and whether any of them has one.
func (p Provider) Missing(keys Keys, use Use) (missing []string, any bool) {
	for _, s := range p.Settings {
		switch {
		case s.Use&use == 0:
		case keys[s.Name] != "":
			any = true
		case !s.Optional:
			missing = append(missing, s.Name)
		}
	}
	return missing, any
}

// Wrong returns an error about a setting, without its value.
func Wrong(setting, format string, args ...any) error {
	return fmt.Errorf("%s: %w", setting, fmt.Errorf(format, args...))
}

// Status is whether the reports of a provider are accepted.
type Status struct {
	Provider Provider
	Accepts  bool
	Missing  []string // variables that have no value
	Begun    bool     // some of the variables have a value
}

// Receivers opens what reads the reports of the providers of a list whose settings are complete, by name, and returns how each of the
// list is. base is the public URL of the gateway.
func Receivers(list []Provider, env Env, base string) (map[string]webhook.Receiver, []Status, error) {
	receivers := map[string]webhook.Receiver{}
	var all []Status
	var errs []error
	for _, p := range list {
		if p.Receiver == nil {
			continue
		}
		s := Status{Provider: p}
		s.Missing, s.Begun = p.Missing(env.Keys, Reports)
		if s.Accepts = len(s.Missing) == 0; s.Accepts {
			of := env
			of.URL = strings.TrimRight(base, "/") + "/v1/providers/" + p.Name
			r, err := p.Receiver(of)
			if err != nil {
				errs = append(errs, err)
			}
			receivers[p.Name] = r
		}
		all = append(all, s)
	}
	return receivers, all, errors.Join(errs...)
}

// Receive is a function as a webhook.Receiver, for providers that call by POST alone.
type Receive func(r *http.Request, body []byte) (channel.Received, error)

// errMethod is the error of a request that is no POST.
var errMethod = errors.New("this provider reports by POST")

// Receive calls the function.
func (f Receive) Receive(r *http.Request, body []byte) (channel.Received, error) {
	if r.Method != http.MethodPost {
		return channel.Received{}, errMethod
	}
	return f(r, body)
}

// Same compares secrets in constant time.
func Same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Fresh returns channel.ErrSignature if a signed time is further than channel.ReplayWindow from now.
func Fresh(at, now time.Time) error { return Within(at, now, channel.ReplayWindow) }

// Within is Fresh for a provider that signs once and repeats for longer: at may be older by window, and later by ReplayWindow. That costs
// nothing, since a repeat counts once.
func Within(at, now time.Time, window time.Duration) error {
	if d := now.Sub(at); d > window || d < -channel.ReplayWindow {
		return fmt.Errorf("%w: its time is too far from now", channel.ErrSignature)
	}
	return nil
}

// Decode reads JSON. Its errors hold nothing of the body.
func Decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the body is not the JSON that this provider sends (%d bytes)", len(body))
	}
	return nil
}

// Class returns what a bounce means: hard where the provider's word or its reason says that the address is dead.
func Class(word, reason string) channel.BounceClass {
	if address.Bounce(word, nil, reason) == address.Hard {
		return channel.Hard
	}
	return channel.Soft
}

// When reads a time of RFC 3339; zero if it is none.
func When(text string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at.UTC()
}

// Seconds returns a time of seconds since 1970, with or without fractions; zero for 0 or less.
func Seconds(s float64) time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(s * 1000)).UTC()
}

// Unknown returns what Received.Ignored says of a kind of report that tabi does not know.
func Unknown(kind string) string {
	return fmt.Sprintf("reports of type %.40q are ignored", kind)
}

// Ignore returns a Received that says why there is no report in it.
func Ignore(reasons ...string) channel.Received { return channel.Received{Ignored: reasons} }
