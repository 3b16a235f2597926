package app

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/gateway/pages"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// gallery renders all that a message says, for a page.
func (b Build) gallery(ctx context.Context, content *journey.Content, name, customer string, vars *expr.Vars) (pages.Shown, error) {
	var chosen []gallery.Sample
	if vars != nil {
		chosen = []gallery.Sample{gallery.Real(content.Messages[name], b.Specs(), "customer "+customer, *vars)}
	}
	g, err := gallery.Build(ctx, content, b.Specs(), name, chosen)
	if err != nil {
		return pages.Shown{}, err
	}
	out := pages.Shown{About: g.About, Style: gallery.Style(), Policy: gallery.ContentPolicy}
	for _, u := range g.Uses {
		out.Uses = append(out.Uses, pages.ShownUse{Journey: u.Journey, Step: u.Step})
	}
	for _, w := range g.Warnings() {
		out.Warnings = append(out.Warnings, pages.ShownWarning{Code: w.Code, Where: w.Where, Text: w.Text})
	}
	out.Fragment, err = g.Fragment(b.Specs())
	return out, err
}
