package lint

import "github.com/tabi-journeys/tabi/internal/journey/source"

// mjml compiles MJML to html.
func (f *fileCheck) mjml(n *source.Node) (string, bool) {
	f.template(n, true, false)
	f.Report(n.Pos, "not-available", "", "this build does not compile MJML yet")
	return "", false
}
