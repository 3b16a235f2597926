package channel

import "github.com/tabi-journeys/tabi/internal/journey"

var pushSpec = journey.ChannelSpec{
	Name: "push", Doc: "A push message to the customer's devices, through Firebase Cloud Messaging.", Address: "push_token",
	Fields: []journey.ChannelField{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address, or one of the app's own."},
	},
}

func openPush(journey.ChannelSpec, Config) (Channel, error) {
	return nil, &notConfiguredError{"TABI_FCM_CREDENTIALS"}
}
