// Package chatapi has the providers of LINE and WhatsApp, one file each: their settings, and what their webhooks report. Package
// channels sends by them.
package chatapi

import "github.com/tabi-journeys/tabi/activities/channels/provider"

// Providers returns the providers of chats that tabi ships, one line each.
func Providers() []provider.Provider {
	return []provider.Provider{
		line,
		whatsapp,
	}
}
