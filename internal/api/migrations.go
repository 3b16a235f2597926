package api

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// StepCounts count open enrollments by journey, revision and step, sorted by journey. Release and Rules are the current ones;
// Rules is set only if the request was for all journeys.
type StepCounts struct {
	Journeys []JourneyStepCounts `json:"journeys"`
	Release  int                 `json:"release"`
	Rules    *journey.Rules      `json:"rules,omitempty"`
}

// JourneyStepCounts count a journey's open enrollments. Current is the revision that customers enter now; it is empty if the
// journey is not in the current release, and is listed even if no enrollment is open on it.
type JourneyStepCounts struct {
	Journey   string               `json:"journey"`
	Current   string               `json:"current,omitempty"`
	Revisions []RevisionStepCounts `json:"revisions"`
}

// RevisionStepCounts count the open enrollments of a revision.
type RevisionStepCounts struct {
	Revision   string      `json:"revision"`
	Definition []byte      `json:"definition" doc:"the compiled journey, compressed; only the command line reads it"`
	Steps      []StepCount `json:"steps,omitempty"`
}

// StepCount is the number of enrollments at a step. The step is empty before the first step and after the end of a path.
type StepCount struct {
	Step         string `json:"step,omitempty"`
	AwaitingGoal bool   `json:"awaiting_goal,omitempty" doc:"the path has ended; the enrollment waits only for its goal"`
	Holdout      bool   `json:"holdout,omitempty"` // of the control group, which takes no steps
	Enrollments  int64  `json:"enrollments"`
}

// MigrateRequest moves a page of a journey's open enrollments to the revision of the current release.
type MigrateRequest struct {
	Journey string            `json:"journey" minLength:"1"`
	Renamed map[string]string `json:"renamed,omitempty" doc:"old step id → new one"`
	Retime  bool              `json:"retime,omitempty" doc:"a wait ends as the new revision says, counted from when it began"`
	DryRun  bool              `json:"dry_run,omitempty" doc:"changes nothing; the response shows what would happen"`
	After   string            `json:"after,omitempty"` // next of the previous page
	Limit   int               `json:"limit,omitempty" minimum:"1" maximum:"1000" doc:"default 100"`
	By      string            `json:"by,omitempty"` // default: the token's name
}

// MigrationStatus is the state of one enrollment's migration.
type MigrationStatus struct {
	Enrollment string `json:"enrollment"`
	WorkflowID string `json:"workflow_id"`
	Customer   string `json:"customer"`
	From       string `json:"from" doc:"revision"`
	To         string `json:"to"`
	Step       string `json:"step,omitempty"`
	Target     string `json:"target,omitempty"`
	State      string `json:"state" doc:"ordered, moved or refused; in a dry run, what it would be"`
	Reason     string `json:"reason,omitempty"`
	// Set in the answers of a migration, not in lists.
	Until time.Time `json:"until,omitzero" doc:"when the step ends after the migration; absent if only the enrollment can compute it"`
	Was   time.Time `json:"was,omitzero" doc:"when the step ends now"`
}

// MigratePage is a page of a migration. Next, if set, is the next page's after.
type MigratePage struct {
	Migrations []MigrationStatus `json:"migrations"`
	Next       string            `json:"next,omitempty"`
}

// MigrationList is a page of the migrations to the current revision, with their states.
type MigrationList struct {
	Migrations []MigrationStatus `json:"migrations"`
	Next       string            `json:"next,omitempty"`
}
