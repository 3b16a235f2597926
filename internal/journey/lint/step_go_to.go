package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseGoTo(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.GoTo{To: journey.End}
	r.step.targetAt = n.Pos
	if target, ok := r.Word(n, "the target of go_to"); ok {
		spec.Target = target
	}
	return spec
}
