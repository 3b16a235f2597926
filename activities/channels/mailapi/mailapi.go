// Package mailapi has the mail providers that speak HTTP, one file each: how a mail is sent by its API, and what its
// webhooks report. Providers is the registry of them.
package mailapi

import (
	"github.com/tabi-journeys/tabi/activities/channels/provider"
)

// email is the channel of all reports of this package.
const email = "email"

// metadataKey is the name of the ledger key in what providers return with each report.
const metadataKey = "tabi-key"

// Providers returns the mail providers that tabi ships, one line each.
func Providers() []provider.Provider {
	return []provider.Provider{
		postmark,
	}
}
