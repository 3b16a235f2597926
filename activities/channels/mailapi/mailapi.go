// Package mailapi has the mail providers that speak HTTP, one file each: how a mail is sent by its API, and what its
// webhooks report. all is the registry of them. It makes no calls itself: package channels does.
package mailapi

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
)

// email is the channel of all reports of this package.
const email = "email"

// metadataKey is the name of the ledger key in what providers return with each report.
const metadataKey = "tabi-key"

// setting is the variable that names the provider mails are sent by.
const setting = "TABI_EMAIL_URL"

// ErrCredentials is the error of a Request that could not be made for want of credentials, which may come later.
var ErrCredentials = errors.New("there are no credentials of AWS: set " + awsKeyID + " and " + awsSecret + ", or give this machine a role")

// API is how a provider sends mails. It is safe for concurrent use.
type API interface {
	// Request returns the call that sends a mail. An error means that nothing was sent; it is for people, without customer data.
	Request(ctx context.Context, m Mail) (Request, error)
	// Receipt reads the response to a call. Reasons may hold addresses; the caller removes them.
	Receipt(a Answer) channel.Receipt
	// Dedupes reports whether a second call for the same key sends nothing.
	Dedupes() bool
	// Base is the address of the API.
	Base() string
}

// api is a mail provider.
type api struct {
	provider.Provider
	// open reads the address TABI_EMAIL_URL, of which q are the parameters; it deletes those it knows. All settings for sending that are
	// not optional have values.
	open func(u *url.URL, q url.Values, keys provider.Keys) (API, error)
}

// all returns the mail providers that tabi ships, one line each.
func all() []api {
	return []api{
		ses,
		sendgrid,
		postmark,
		mailgun,
		resend,
	}
}

// Providers returns the mail providers, with their settings and reports.
func Providers() (out []provider.Provider) {
	for _, a := range all() {
		out = append(out, a.Provider)
	}
	return out
}

// Named returns the provider that TABI_EMAIL_URL names by its scheme; false: it is a mail server.
func Named(raw string) (name string, ok bool) {
	scheme, _, _ := strings.Cut(strings.TrimSpace(raw), ":")
	ok = slices.ContainsFunc(all(), func(a api) bool { return a.Name == scheme })
	return scheme, ok
}

// Open opens the API that TABI_EMAIL_URL names. Its errors name the setting, and hold no value. A missing key is a
// *channel.NotConfiguredError.
func Open(raw string, keys provider.Keys) (API, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, provider.Wrong(setting, "is not an address like postmark:// or ses://eu-west-1")
	}
	for _, a := range all() {
		if a.Name != u.Scheme {
			continue
		}
		missing, _ := a.Missing(keys, provider.Sends)
		switch {
		case len(missing) > 0:
			return nil, provider.Wrong(missing[0], "must be set: %s names %s", setting, a.Name)
		case u.User != nil:
			return nil, provider.Wrong(setting, "must hold no key: it has a variable of its own")
		case u.Path != "" && u.Path != "/" || u.Fragment != "":
			return nil, provider.Wrong(setting, "has a path, which %s:// does not know", a.Name)
		}
		q := u.Query()
		opened, err := a.open(u, q, keys)
		if err == nil && len(q) > 0 {
			err = errors.New("has a parameter that " + a.Name + ":// does not know")
		}
		if err != nil {
			return nil, provider.Wrong(setting, "%w", err)
		}
		return opened, nil
	}
	return nil, provider.Wrong(setting, "must begin with smtp://, smtps:// or the name of a provider: %s", strings.Join(Names(), ", "))
}

// Names returns how TABI_EMAIL_URL begins for each provider, such as postmark://.
func Names() (out []string) {
	for _, a := range all() {
		out = append(out, a.Name+"://")
	}
	return out
}
