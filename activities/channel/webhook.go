package channel

import "github.com/tabi-journeys/tabi/internal/journey"

var webhookSpec = journey.ChannelSpec{
	Name: "webhook", Doc: "A POST to another system, signed by the Standard Webhooks spec.",
	Fields: []journey.ChannelField{
		{Name: "url", Doc: "Where it goes: an http or https address, one line.", Required: true},
		{Name: "body", Doc: "What is sent, usually JSON."},
	},
}

func openWebhook(journey.ChannelSpec, Config) (Channel, error) {
	return nil, &notConfiguredError{"TABI_WEBHOOK_SECRET"}
}
