package channel

import "github.com/tabi-journeys/tabi/internal/journey"

var emailSpec = journey.ChannelSpec{
	Name: "email", Doc: "An e-mail, over SMTP.", Address: "email",
	Fields: []journey.ChannelField{
		{Name: "subject", Doc: "The subject: one line of plain text.", Required: true},
		{Name: "html", Doc: "The body as HTML. What is inserted is escaped; script and links other than http, https, mailto and tel are taken out.", HTML: true, Required: true},
		{Name: "text", Doc: "The body as plain text, for readers without HTML. Made from html where missing."},
	},
}

func openEmail(journey.ChannelSpec, Config) (Channel, error) {
	return nil, &notConfiguredError{"TABI_SMTP_URL"}
}
