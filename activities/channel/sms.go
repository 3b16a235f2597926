package channel

import "github.com/tabi-journeys/tabi/internal/journey"

var smsSpec = journey.ChannelSpec{
	Name: "sms", Doc: "A text message, through a signed HTTP call to a provider.", Address: "phone",
	Fields: []journey.ChannelField{
		{Name: "text", Doc: "The text.", Required: true},
	},
}

func openSMS(journey.ChannelSpec, Config) (Channel, error) {
	return nil, &notConfiguredError{"TABI_SMS_URL"}
}
