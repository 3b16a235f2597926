package journey

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Program is a definition ready to run: every expression compiled, every name looked up. It is immutable and
// safe for concurrent use.
type Program struct {
	*Definition
	revision string
	exprs    map[expr.Expr]*expr.Evaluator
	index    map[string]int
	starts   map[string]int
	reads    Reads
	listens  Listens
}

// Reads are the top-level properties that a journey's expressions name. "*" stands for all.
type Reads struct {
	Entry []string // of entry
	Event []string // of event, and of steps.<id>.properties
	Body  []string // of steps.<id>.body, of calls
	Text  bool     // some expression names the text of an ask
}

// Project keeps of properties what names lists ("*" keeps all).
func Project(properties map[string]any, names []string) map[string]any {
	if slices.Contains(names, "*") {
		return properties
	}
	out := map[string]any{}
	for _, name := range names {
		if value, ok := properties[name]; ok {
			out[name] = value
		}
	}
	return out
}

// Listens says which of a customer's events an instance must be told of.
type Listens struct {
	Events map[string]bool // goal, exit, reroute and wait_for arms; MessageReceived where a step asks
	Every  bool            // some rule has no event: every event counts
	Traits []string        // top-level traits that a `wait: {until: customer.x}` names, and timezone where a wait is in the customer's: a change of one counts, as event "Customer Updated"
	Levels []Level         // of reroute rules and of arms of wait_for: the instance is told of every event while one holds
}

// Hears reports whether an event of this name, that changed these top-level traits, must be delivered.
func (l Listens) Hears(event string, changed []string) bool {
	if l.Every || l.Events[event] {
		return true
	}
	return slices.ContainsFunc(changed, func(trait string) bool {
		return slices.Contains(l.Traits, trait) || slices.Contains(l.Traits, "*")
	})
}

// NewProgram compiles a definition. It fails only for a definition that Check did not make.
func NewProgram(d *Definition) (*Program, error) {
	if d == nil {
		return nil, errors.New("there is no definition")
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	p := &Program{Definition: d, revision: d.Revision(), exprs: map[expr.Expr]*expr.Evaluator{}, index: map[string]int{}, starts: map[string]int{}}
	for i, s := range d.Steps {
		p.index[s.ID] = i
	}
	for _, path := range d.Paths {
		p.starts[path.Name] = path.Start
	}
	for _, e := range d.expressions() {
		if e == "" || p.exprs[e] != nil {
			continue
		}
		evaluator, err := expr.NewEvaluator(e)
		if err != nil {
			return nil, fmt.Errorf("journey %q: %w", d.Journey, err)
		}
		p.exprs[e] = evaluator
	}
	p.reads, p.listens = d.reads(p.exprs), d.listens(p.exprs)
	return p, nil
}

// Revision of the program's definition.
func (p *Program) Revision() string { return p.revision }

// evaluator finds e; an expression that is not of the program is compiled.
func (p *Program) evaluator(e expr.Expr) (*expr.Evaluator, error) {
	if known := p.exprs[e]; known != nil {
		return known, nil
	}
	return expr.NewEvaluator(e)
}

// Eval evaluates e. A missing value or unlike types are an error; so is a cost over the limit. Numbers come
// back as float64, timestamps as time.Time, durations as time.Duration, else what JSON carries.
func (p *Program) Eval(e expr.Expr, v expr.Vars) (any, error) {
	if e == "" {
		return nil, expr.ErrMissing
	}
	evaluator, err := p.evaluator(e)
	if err != nil {
		return nil, err
	}
	return evaluator.Eval(v)
}

// Test evaluates a condition: absent is true, any error or non-boolean is false.
func (p *Program) Test(e expr.Expr, v expr.Vars) bool {
	if e == "" {
		return true
	}
	value, err := p.Eval(e, v)
	truth, ok := value.(bool)
	return err == nil && ok && truth
}

// Remote reports whether e reads customer, intent, count or last, and so must be evaluated where the data is.
func (p *Program) Remote(e expr.Expr) bool {
	if e == "" {
		return false
	}
	evaluator, err := p.evaluator(e)
	if err != nil {
		return false
	}
	return evaluator.Refs.History || evaluator.Refs.Reads("customer") || evaluator.Refs.Reads("intent")
}

// Reads are the properties the journey's expressions name.
func (p *Program) Reads() Reads { return p.reads }

// Listens are the events an instance of the journey is told of.
func (p *Program) Listens() Listens { return p.listens }

// Index finds a step by id.
func (p *Program) Index(id string) (int, bool) {
	i, ok := p.index[id]
	return i, ok
}

// Start finds the first step of a path.
func (p *Program) Start(path string) (int, bool) {
	i, ok := p.starts[path]
	return i, ok
}
