package offer

import (
	"maps"
	"sync"
)

// DecisionKind are the labels of a counted decision.
type DecisionKind struct {
	Direction string // DirectionOutbound or DirectionInbound
	Outcome   string // "chosen", or the reason why nothing was chosen
}

// decided counts the decisions that this process has committed, without repeats and previews.
type decided struct {
	mu     sync.Mutex
	counts map[DecisionKind]int64
}

// outcomeChosen is the outcome of a decision that chose an action.
const outcomeChosen = "chosen"

func (t *decided) add(d *Decision) {
	kind := DecisionKind{d.Direction, d.Reason}
	if d.Reason == "" {
		kind.Outcome = outcomeChosen
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[DecisionKind]int64{}
	}
	t.counts[kind]++
}

// Decided returns the number of decisions that this process has made since it started.
func (s *Room) Decided() map[DecisionKind]int64 {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	return maps.Clone(s.tally.counts)
}
