// Package chatapi has the providers of LINE and WhatsApp, one file each: their settings, and what their webhooks report. Package
// channels sends by them.
package chatapi

import (
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/internal/slack"
)

// Providers returns the providers of chats that tabi ships, one line each.
func Providers() []provider.Provider {
	return []provider.Provider{
		line,
		whatsapp,
		{Name: "slack", Settings: slack.Settings()}, // to the staff: see package slack
	}
}

// seconds reads a time of seconds since 1970, as a text; zero if it is none.
func seconds(text string) time.Time {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}
	}
	return provider.Seconds(n)
}
