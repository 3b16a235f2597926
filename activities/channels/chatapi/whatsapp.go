package chatapi

import "github.com/tabi-journeys/tabi/activities/channels/provider"

// Settings of WhatsApp.
const (
	WhatsAppToken = "TABI_WHATSAPP_TOKEN"
	WhatsAppPhone = "TABI_WHATSAPP_PHONE_ID"
	WhatsAppURL   = "TABI_WHATSAPP_URL"
)

var whatsapp = provider.Provider{
	Name: "whatsapp", Channel: "whatsapp",
	Settings: []provider.Setting{
		{
			Name: WhatsAppToken, Use: provider.Sends,
			Doc: "access token of a system user, for WhatsApp's Cloud API; empty: WhatsApp is not configured",
		},
		{
			Name: WhatsAppPhone, Use: provider.Sends, Open: true,
			Doc: "id that Meta gave to the number to send WhatsApp messages from",
		},
		{
			Name: WhatsAppURL, Use: provider.Sends, Optional: true, Open: true,
			Doc: "Graph API to send WhatsApp messages by, with its version; empty: Meta's",
		},
	},
}
