package journey

// Severity of a diagnostic.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one problem at one place.
type Diagnostic struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1
	Column   int      `json:"column"` // from 1, in characters
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`        // what is wrong and what to do
	Hint     string   `json:"hint,omitempty"` // did you mean "…"?
	Source   string   `json:"source,omitempty"`
}

// Diagnostics are sorted by file and position, the same every time.
type Diagnostics []Diagnostic

// Failed reports whether one is an error; under strict, a warning counts.
func (d Diagnostics) Failed(strict bool) bool { panic("not built") }
