package journey

import "time"

// Program is a definition ready to run: every expression compiled, every name looked up. It is immutable and safe for concurrent use.
type Program struct {
	*Definition
	revision string
}

// Vars are what an expression may see.
type Vars struct {
	Customer  map[string]any
	Entry     map[string]any
	Event     map[string]any // nil: no event at hand; reading it is an error (which makes a condition false)
	EventName string
	Intent    map[string]float64
	Vars      map[string]any
	Steps     map[string]map[string]any // by step id as written; expressions write - as _
	Now       time.Time
	History   History // nil: count and last are errors
}

// History answers count() and last() over the customer's events. within 0 looks at all time.
type History interface {
	Count(event string, within time.Duration) (float64, error)
	Last(event string) (at time.Time, found bool, err error)
}

// Reads are the top-level properties that a journey's expressions name. "*" stands for all.
type Reads struct {
	Entry []string // of entry
	Event []string // of event, and of steps.<id>.properties
}

// Project keeps of properties what names lists ("*" keeps all).
func Project(properties map[string]any, names []string) map[string]any { panic("not built") }

// Listens says which of a customer's events an instance must be told of.
type Listens struct {
	Events map[string]bool // goal, exit, reroute and wait_for arms
	Every  bool            // some rule has no event: every event counts
	Traits []string        // top-level traits that a `wait: {until: customer.x}` names: a change of one counts, as event "Customer Updated"
}

// Hears reports whether an event of this name, that changed these top-level traits, must be delivered.
func (l Listens) Hears(event string, changed []string) bool { panic("not built") }

// NewProgram compiles a definition. It fails only for a definition that Check did not make.
func NewProgram(d *Definition) (*Program, error) { panic("not built") }

// Pack gives the definition as it travels in workflow input: canonical JSON, gzipped, deterministic.
func Pack(d *Definition) ([]byte, error) { panic("not built") }

// Unpack is the inverse of Pack.
func Unpack(packed []byte) (*Definition, error) { panic("not built") }

// Load is NewProgram(Unpack(packed)) through a bounded process-wide cache by revision (256 programs).
// A revision that does not match the content is an error.
func Load(packed []byte, revision string) (*Program, error) { panic("not built") }

// Revision is the hash of the definition's canonical JSON: 12 hex digits of its SHA-256.
func (d *Definition) Revision() string { panic("not built") }

// Revision of the program's definition.
func (p *Program) Revision() string { return p.revision }

// Eval evaluates e. A missing value or unlike types are an error; so is a cost over the limit. Numbers come back as float64,
// timestamps as time.Time, durations as time.Duration, else what JSON carries.
func (p *Program) Eval(e Expr, v Vars) (any, error) { panic("not built") }

// Test evaluates a condition: absent is true, any error or non-boolean is false.
func (p *Program) Test(e Expr, v Vars) bool { panic("not built") }

// Remote reports whether e reads customer, intent, count or last, and so must be evaluated where the data is.
func (p *Program) Remote(e Expr) bool { panic("not built") }

// Reads are the properties the journey's expressions name.
func (p *Program) Reads() Reads { panic("not built") }

// Listens are the events an instance of the journey is told of.
func (p *Program) Listens() Listens { panic("not built") }

// Index finds a step by id.
func (p *Program) Index(id string) (int, bool) { panic("not built") }

// Start finds the first step of a path.
func (p *Program) Start(path string) (int, bool) { panic("not built") }
