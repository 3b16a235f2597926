package api

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// StepCounts says where the open instances of journeys stand; sorted by journey. Release and Rules are the
// current ones; Rules only where all journeys were asked for.
type StepCounts struct {
	Journeys []JourneyStepCounts `json:"journeys"`
	Release  int                 `json:"release"`
	Rules    *journey.Rules      `json:"rules,omitempty"`
}

// JourneyStepCounts is where a journey's open instances stand. Current is the revision that new ones enter, empty
// where nobody can any more; it is listed even if none is open on it.
type JourneyStepCounts struct {
	Journey   string               `json:"journey"`
	Current   string               `json:"current,omitempty"`
	Revisions []RevisionStepCounts `json:"revisions"`
}

// RevisionStepCounts is where the open instances of a revision stand.
type RevisionStepCounts struct {
	Revision   string      `json:"revision"`
	Definition []byte      `json:"definition" doc:"journey.Pack of it"`
	Steps      []StepCount `json:"steps,omitempty"`
}

// StepCount is how many instances stand at a step; an empty one is behind the end of a path, or before the
// first step.
type StepCount struct {
	Step         string `json:"step,omitempty"`
	AwaitingGoal bool   `json:"awaiting_goal,omitempty" doc:"its path has ended; it waits silently for its goal"`
	Holdout      bool   `json:"holdout,omitempty"` // the control group, which takes no step
	Enrollments  int64  `json:"enrollments"`
}

// MigrateRequest asks a page of a journey's open instances to go over to the revision of the current release.
type MigrateRequest struct {
	Journey string            `json:"journey" minLength:"1"`
	Renamed map[string]string `json:"renamed,omitempty" doc:"old step id → new one"`
	DryRun  bool              `json:"dry_run,omitempty" doc:"only says what would be"`
	After   string            `json:"after,omitempty"` // next of the page before
	Limit   int               `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"default 100"`
	By      string            `json:"by,omitempty"` // default: the token's name
}

// MigrationStatus is what a migration makes of one instance.
type MigrationStatus struct {
	Enrollment string `json:"enrollment"`
	WorkflowID string `json:"workflow_id"`
	Customer   string `json:"customer"`
	From       string `json:"from" doc:"revision"`
	To         string `json:"to"`
	Step       string `json:"step,omitempty"`
	Target     string `json:"target,omitempty"`
	State      string `json:"state" doc:"ordered (in a dry run: it would be), moved or refused"`
	Reason     string `json:"reason,omitempty"`
}

// MigratePage is a page of a migration; Next, if set, is the next page's after.
type MigratePage struct {
	Migrations []MigrationStatus `json:"migrations"`
	Next       string            `json:"next,omitempty"`
}

// MigrationList is a page of what became of the orders to go over to the current revision.
type MigrationList struct {
	Migrations []MigrationStatus `json:"migrations"`
	Next       string            `json:"next,omitempty"`
}
