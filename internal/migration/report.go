package migration

import (
	"fmt"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// Impact is what a migration would do to the enrollments at one step of one revision.
type Impact struct {
	From        string `json:"from"` // revision
	Step        string `json:"step,omitempty"`
	Target      string `json:"target,omitempty"`
	Reason      string `json:"reason,omitempty"`  // why they stay
	Suggest     string `json:"suggest,omitempty"` // the step that looks like it
	Enrollments int    `json:"enrollments"`
}

// Report is the result of Survey and Run.
type Report struct {
	Journey string                `json:"journey"`
	To      string                `json:"to"` // revision
	DryRun  bool                  `json:"dry_run,omitempty"`
	Impact  []Impact              `json:"impact"`
	Ordered int                   `json:"ordered"` // requested, in this run or before it
	Moved   int                   `json:"moved"`
	Ended   int                   `json:"ended"` // ended before they could move
	Waiting int                   `json:"waiting"`
	Stayed  []api.MigrationStatus `json:"stayed"`
	Would   []api.MigrationStatus `json:"would,omitempty"` // of a dry run: those that would move, and until when they would wait
	Seconds float64               `json:"seconds"`
}

// Movable is how many enrollments the survey found that can move.
func (r Report) Movable() (n int) {
	for _, i := range r.Impact {
		if i.Reason == "" {
			n += i.Enrollments
		}
	}
	return n
}

// StepMoves compares a live revision with a definition (nil: the journey is removed) and returns the diff and the move
// of each step, by step id.
func StepMoves(
	rev api.RevisionStepCounts,
	now *journey.Definition,
	renamed map[string]string,
) (diff.JourneyDiff, map[string]diff.StepMove, error) {
	old, err := journey.Unpack(rev.Definition)
	if err != nil {
		return diff.JourneyDiff{}, nil, fmt.Errorf("revision %s: %w; is the gateway of the same version?", rev.Revision, err)
	}
	d, err := diff.CompareJourneys(old, now, renamed)
	if err != nil {
		return d, nil, err
	}
	moves := map[string]diff.StepMove{}
	for _, s := range old.Steps { // a revision that stays is kept at every step
		moves[s.ID] = diff.StepMove{Step: s.ID, Kind: s.Kind, Target: s.ID}
	}
	for _, m := range d.Moves {
		moves[m.Step] = m
	}
	return d, moves, nil
}
