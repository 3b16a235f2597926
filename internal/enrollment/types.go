package enrollment

import "time"

// Filter narrows Enrollments. Empty fields do not filter.
type Filter struct {
	Journey, Customer, State, Outcome, WorkflowID string
	Live                                          bool   // only those that are not closed
	After                                         string // enrollment id, for paging
	Newest                                        bool   // the newest first
	Limit                                         int    // default 100, max 1000
}

// A Migration asks the enrollments of a journey to migrate to the current release's revision.
type Migration struct {
	Journey string
	Renamed map[string]string // old step id → new one
	Retime  bool              // a wait ends as the new revision says, counted from when it began
	By      string
	DryRun  bool
	After   string // enrollment id, for paging
	Limit   int    // enrollments per page; default 100, max 1000
}

// States of a migrating enrollment.
const (
	MigrationOrdered = "ordered" // ordered to migrate; in a dry run: it would be
	MigrationDone    = "moved"
	MigrationRefused = "refused" // it stays on its revision; see Reason
)

// MigrationStatus is the state of one enrollment in a migration.
type MigrationStatus struct {
	Enrollment, WorkflowID, Customer string
	From, To                         string // revisions
	Step, Target                     string // the current step, and the step in the new revision
	State                            string // MigrationOrdered, MigrationDone or MigrationRefused
	Reason                           string
	Until                            time.Time // when the step ends after the migration; zero: not known before, or not by time
	Was                              time.Time // when it ends now
}

// MigrationPage is a page of a migration; Next is the After of the next page, empty at the end.
type MigrationPage struct {
	Migrations []MigrationStatus
	Next       string
}
