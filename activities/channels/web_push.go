package channels

import "github.com/tabi-journeys/tabi/channel"

var webPushSpec = channel.Spec{
	Name: "web_push", Doc: "A push message to the customer's browsers.", Address: "web_push", Tracks: true,
	Fields: []channel.Field{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address."},
	},
}

func openWebPush(Config) (channel.Channel, error) {
	return nil, &channel.NotConfiguredError{Setting: "TABI_WEB_PUSH_KEY"}
}
