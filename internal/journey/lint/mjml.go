package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey/mjml"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// mjml checks MJML with the Liquid in it, and returns the html that it is compiled to.
func (f *fileCheck) mjml(n *source.Node) (string, bool) {
	text, ok := f.Word(n, "mjml")
	if !ok || len(f.template(n, true, false).Problems) > 0 {
		return "", false
	}
	f.addresses(n)
	html, problems := mjml.Compile(text)
	for _, p := range problems {
		f.Report(templateUse{node: n}.at(p.Offset), "bad-template", "", "%s", p.Message)
	}
	if len(problems) > 0 {
		return "", false
	}
	if after := template.Check(html, true).Problems; len(after) > 0 {
		f.Report(n.Pos, "bad-template", "", "its html cannot be read: %s", after[0].Message)
		return "", false
	}
	return html, true
}
