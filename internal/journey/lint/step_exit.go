package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseExit(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Exit{}
	spec.Outcome, _ = r.Word(n, "the outcome of exit")
	return spec
}
