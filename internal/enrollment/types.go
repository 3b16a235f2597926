package enrollment

// EnrollmentFilter narrows Enrollments; empty fields do not.
type EnrollmentFilter struct {
	Journey, Customer, State, Outcome, WorkflowID string
	Live                                          bool   // open and watching alone
	After                                         string // id; for paging in id order
	Limit                                         int    // default 100, max 1000
}

// Migration asks the instances of a journey to go over to the current release's revision.
type Migration struct {
	Journey string
	Renamed map[string]string // old step id → new one
	By      string
	DryRun  bool
	After   string // enrollment id, for paging
	Limit   int    // instances looked at; default 100, max 1000
}

// Verdicts on an instance of a migration.
const (
	MigrationOrdered = "ordered" // it was told to move (in a dry run: it would be)
	MigrationDone    = "moved"
	MigrationRefused = "refused" // it stays, for Reason
)

// MigrationStatus is what a migration makes of one instance.
type MigrationStatus struct {
	Enrollment, WorkflowID, Customer string
	From, To                         string // revisions
	Step, Target                     string // where it stands, and where it goes on
	State                            string // MoveOrdered, MoveDone or MoveRefused
	Reason                           string
}

// MigrationPage is a page of a migration; Next is the After of the next page, empty at the end.
type MigrationPage struct {
	Instances []MigrationStatus
	Next      string
}
