package chatapi

import "github.com/tabi-journeys/tabi/activities/channels/provider"

// Settings of LINE.
const (
	LineToken = "TABI_LINE_TOKEN"
	LineURL   = "TABI_LINE_URL"
)

var line = provider.Provider{
	Name: "line", Channel: "line",
	Settings: []provider.Setting{
		{Name: LineToken, Use: provider.Sends, Doc: "channel access token of LINE's Messaging API; empty: LINE is not configured"},
		{Name: LineURL, Use: provider.Sends, Optional: true, Open: true, Doc: "URL to send LINE messages to; empty: LINE's"},
	},
}
