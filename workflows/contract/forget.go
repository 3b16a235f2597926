package contract

// ForgetType is the workflow type that forgets a customer. Nothing in its history says whom: it knows the number of a request.
const ForgetType = "Forget"

// Activities of ForgetType. Each does one page, and may be repeated.
const (
	ForgetEndActivity   = "forget_end"   // ForgetPage → ForgetPage: orders enrollments to end
	ForgetOpenActivity  = "forget_open"  // ForgetPage → ForgetOpen: counts those that are open
	ForgetCloseActivity = "forget_close" // ForgetPage → none: terminates runs that did not end, and closes their enrollments
	ForgetRunsActivity  = "forget_runs"  // ForgetPage → ForgetPage: deletes runs
	ForgetEraseActivity = "forget_erase" // ForgetPage → ForgetMore: erases rows
)

// ForgetInput is the input of ForgetType.
type ForgetInput struct {
	Request string `json:"request"`
	// Erasing says that the runs are deleted: a run that continued as new goes on with the rows.
	Erasing bool `json:"erasing,omitempty"`
	// After is the page of runs to go on with.
	After string `json:"after,omitempty"`
}

// ForgetPage is a page of a request. In a result, an empty After says that it was the last one.
type ForgetPage struct {
	Request string `json:"request"`
	After   string `json:"after,omitempty"` // the last enrollment of the page before
}

// ForgetOpen is the number of enrollments that are open.
type ForgetOpen struct {
	Open int64 `json:"open"`
}

// ForgetMore says whether rows are left.
type ForgetMore struct {
	More bool `json:"more"`
}

// ForgetWorkflowID is the id of the workflow of a request.
func ForgetWorkflowID(request string) string { return "tabi.forget/" + request }
