// Package render renders the Liquid templates of a treatment with one customer's values, and sanitizes HTML.
package render

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/channel"
	mailaddress "github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// MaxField is the longest rendered field, in bytes.
const MaxField = template.MaxOutput

// Options configure a rendering.
type Options struct {
	// Unsubscribe is the one-click unsubscribe URL. Templates see it as unsubscribe_url; a mail that does not use it
	// gets a line with it at its end. Empty on transactional sends.
	Unsubscribe string
	// Preferences is the URL of the page of preferences, preferences_url in templates. Empty where Unsubscribe is.
	Preferences string
	// Confirm is the URL that confirms the topic of the send, confirm_url in templates. Empty where the send has no topic.
	Confirm string
	// Language is the customer's, for the text of that line, and for dates and numbers. Default: the trait language,
	// else English.
	Language string
	// Links tracks the links of a real send; nil: they stay as they are, as in previews and scenarios.
	Links Links
	// Odd is called for each value that a filter could not use; the field is rendered without that value. The note holds
	// no customer data.
	Odd func(field string, note template.Note)
}

// Error says which field of a treatment could not be rendered, and why. It may quote the template, but never the
// customer's data.
type Error struct {
	Field string
	Line  int // of the field's template, from 1; 0: unknown
	Cause string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %s", e.Field, e.Line, e.Cause)
	}
	return e.Field + ": " + e.Cause
}

// singleLine are the fields that are put into headers, notifications and requests: they are rendered as one line.
var singleLine = map[string]bool{
	"subject": true, "title": true, "link": true, "url": true, "image": true, "template": true, "language": true, "values": true,
	"preheader": true, "from": true, "reply_to": true,
}

// Render renders a treatment for a channel and returns its fields. A value that is missing in the data prints
// nothing. `now` is v.Now. In HTML fields inserted values are escaped and the result is sanitized by mailPolicy; a
// mail without text gets one made from its html. Errors are *Error.
func Render(
	ctx context.Context,
	spec channel.Spec,
	t journey.Treatment,
	v expr.Vars,
	data map[string]any,
	opts Options,
) (map[string]string, error) {
	html := spec.Any
	if f, ok := spec.Field(htmlField); ok {
		html = f.HTML
	}
	out := make(map[string]string, len(t)+1)
	env := environment(v, data, opts)
	for _, name := range sortedKeys(t) {
		f, known := spec.Field(name)
		if !known {
			f = channel.Field{Name: name, HTML: html && name == htmlField}
		}
		if journey.IsPart(name) || name == layoutField && (f.Form == channel.FormLayout || !known) {
			continue
		}
		text, err := field(ctx, f, name, t, env, opts)
		if err != nil {
			err.Field = name
			return nil, err
		}
		out[name] = text
	}
	dropEmptyItems(spec, out, opts)
	if source, ok := out[htmlField]; ok && html {
		own := strings.TrimSpace(out["text"]) != ""
		mail, err := cleanHTML(source, out["text"], out["preheader"], opts)
		if err != nil {
			return nil, &Error{Field: "html", Cause: err.Error()}
		}
		if out["html"], out["text"] = mail.html, mail.text; !own {
			return out, nil
		}
	} else {
		trackFields(out, opts)
	}
	if text := out["text"]; html && text != "" && opts.Unsubscribe != "" && !strings.Contains(text, opts.Unsubscribe) {
		out["text"] = strings.TrimRight(text, "\n") + "\n\n-- \n" + unsubscribeWord(opts.Language) + ": " + opts.Unsubscribe + "\n"
	}
	return out, nil
}

// htmlField is the field that a layout is for, and layoutField the one that names it.
const (
	htmlField   = "html"
	layoutField = "layout"
)

// field renders one text of a treatment. The error's Field is empty.
func field(ctx context.Context, f channel.Field, name string, t journey.Treatment, env template.Env, opts Options) (string, *Error) {
	env.HTML = f.HTML
	env.Blocks = func(block string) *template.Template {
		source, ok := t[journey.BlockKey(block)]
		if !ok {
			return nil
		}
		return parse(source, f.HTML)
	}
	if source, ok := t[journey.LayoutKey(t[layoutField])]; ok && name == htmlField {
		env.Layout = parse(source, f.HTML)
	}
	text, err := run(ctx, name, t[name], env, opts)
	switch {
	case err != nil:
		return "", err
	case f.HTML:
		return text, nil
	case f.Form == channel.FormSender:
		return sender(name, oneLine(text), opts), nil
	case singleLine[f.Name]:
		text = oneLine(text)
	default:
		text = clean(text)
	}
	if f.Name == "link" && !safeLink(text) || f.Name == "image" && !safeImage(text) {
		return "", nil
	}
	return text, nil
}

// sender returns the sender of a mail as it is written for people; nothing, and a note, if it is no mail address.
func sender(name, text string, opts Options) string {
	if text == "" {
		return ""
	}
	from, err := mailaddress.ParseSender(text)
	if err != nil {
		report(opts, name, template.Note{Filter: name, Cause: "it came out as no mail address: the mail goes without it"})
		return ""
	}
	return mailaddress.SenderText(from)
}

// dropEmptyItems removes the items of lists that came out without a text that they need: a button without a title or a link.
func dropEmptyItems(spec channel.Spec, out map[string]string, opts Options) {
	for _, list := range spec.Fields {
		items := channel.Items(out, list.Name)
		if len(list.Items) == 0 || len(items) == 0 {
			continue
		}
		maps.DeleteFunc(out, func(name, _ string) bool { return strings.HasPrefix(name, list.Name+".") })
		kept := 0
		for i, item := range items {
			missing := slices.IndexFunc(list.Items, func(f channel.Field) bool {
				text, said := item[f.Name]
				return strings.TrimSpace(text) == "" && (said || f.Required)
			})
			if missing >= 0 {
				name := channel.ItemName(list.Name, i+1, list.Items[missing].Name)
				report(opts, name, template.Note{Filter: list.Name, Cause: "it came out empty: the message goes out without this item"})
				continue
			}
			kept++
			for name, text := range item {
				out[channel.ItemName(list.Name, kept, name)] = text
			}
		}
	}
}

// Raw renders one template unchanged, for machines: nothing is escaped, sanitized or joined. The error is an *Error
// that names field.
func Raw(ctx context.Context, field, source string, v expr.Vars, opts Options) (string, error) {
	text, err := run(ctx, field, source, environment(v, nil, opts), opts)
	if err != nil {
		err.Field = field
		return "", err
	}
	return text, nil
}

// oneLine puts text on one line and drops control characters and those that reverse the text's direction.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r),
			r == '\u2028',
			r == '\u2029',
			'\u202a' <= r && r <= '\u202e',
			'\u2066' <= r && r <= '\u2069',
			r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)), " ")
}

// clean drops control characters except tabs and line ends, which become \n.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
}
