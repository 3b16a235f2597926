package channels

import "github.com/tabi-journeys/tabi/channel"

var lineSpec = channel.Spec{
	Name: "line", Doc: "A message in LINE, by an official account.", Address: "line_id",
	Fields: []channel.Field{
		{Name: "text", Doc: "The text.", Required: true, Or: "image"},
		{Name: "image", Doc: "The address of a picture: https, JPEG or PNG."},
		{Name: "buttons", Doc: "Buttons under the text.", Items: []channel.Field{
			{Name: "title", Doc: "What the button says.", Required: true},
			{Name: "link", Doc: "What a tap opens. Without it, a tap answers with the title."},
		}},
	},
}

func openLine(Config) (channel.Channel, error) {
	return nil, &channel.NotConfiguredError{Setting: "TABI_LINE_TOKEN"}
}
