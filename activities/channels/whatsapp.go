package channels

import "github.com/tabi-journeys/tabi/channel"

var whatsappSpec = channel.Spec{
	Name: "whatsapp", Doc: "A message in WhatsApp, by a template that Meta has approved.", Address: "phone",
	Fields: []channel.Field{
		{Name: "template", Doc: "The name of the approved template.", Required: true},
		{Name: "language", Doc: "The language of the template, such as ja or pt-BR.", Required: true},
		{Name: "values", Doc: "What its variables are filled with, in order.", Texts: true},
	},
}

func openWhatsApp(Config) (channel.Channel, error) {
	return nil, &channel.NotConfiguredError{Setting: "TABI_WHATSAPP_TOKEN"}
}
