package designer

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// lintContent renders the messages of a folder for tabi's sample customers, and returns what readers will stumble over, at the html of the
// treatment.
func lintContent(ctx context.Context, b app.Build, files []lint.File) (source.Diagnostics, error) {
	content, _ := b.Check(files)
	var out source.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(content.Messages)) {
		g, err := gallery.Build(ctx, content, b.Specs(), name, nil)
		if err != nil {
			return nil, err
		}
		for i := range g.Views {
			v := &g.Views[i]
			for _, w := range v.Warnings {
				d := htmlOf(files, name, v)
				d.Severity, d.Code, d.Message = source.Warning, w.Code, w.Text
				// The other samples mostly repeat it, and its place: once is enough.
				if !slices.ContainsFunc(out, func(o source.Diagnostic) bool {
					same := o.File == d.File && o.Line == d.Line && o.Column == d.Column && o.Code == d.Code
					return same && (v.Odd || o.Message == d.Message)
				}) {
					out = append(out, d)
				}
			}
		}
	}
	return out, nil
}

// htmlOf returns a diagnostic at the html of a treatment, else at its beginning.
func htmlOf(files []lint.File, message string, v *gallery.View) source.Diagnostic {
	for _, f := range files {
		if source.BaseName(f.Name) != message || path.Base(path.Dir(f.Name)) != "messages" {
			continue
		}
		d := source.Diagnostic{File: f.Name, Line: 1, Column: 1}
		doc := source.NewDocument(f.Name, f.Data, source.ExprKeys{}, false)
		doc.Read()
		for _, at := range [][]string{
			{"languages", v.Language, v.Channel, "html"}, {"tones", v.Tone, v.Channel, "html"}, {v.Channel, "html"}, {v.Channel, "mjml"},
		} {
			n := doc.Root
			for _, key := range at {
				if n != nil {
					n = n.Child(key)
				}
			}
			if n != nil {
				d.Line, d.Column = n.Pos.Line, n.Pos.Col
				break
			}
		}
		if lines := strings.Split(string(f.Data), "\n"); d.Line <= len(lines) {
			d.Source = strings.TrimRight(lines[d.Line-1], "\r")
		}
		return d
	}
	return source.Diagnostic{File: message + ".yaml", Line: 1, Column: 1}
}
