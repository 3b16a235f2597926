package graph

import (
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// exprLength is the maximum length of a condition, in characters.
const exprLength = 64

// ways returns the ways out of a step, in the order of the file, without the one that skips it.
func ways(s *journey.Step) []way {
	var out []way
	for _, arm := range s.Describe().Arms {
		if arm.Never {
			continue
		}
		w := way{Arm: arm.Key, Label: arm.Label, Full: arm.Full, to: arm.Target(s)}
		if arm.Other {
			w.Arm = ArmOther
		}
		out = append(out, w)
	}
	return out
}

// condition returns an expression on one line, shortened.
func condition(e expr.Expr) string { return human.Shorten(string(e), exprLength) }
