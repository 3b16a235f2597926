package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Program is a definition ready to run: every expression is compiled and every name resolved. It is immutable and safe
// for concurrent use.
type Program struct {
	*Definition
	revision string
	exprs    map[expr.Expr]*expr.Evaluator
	index    map[string]int
	starts   map[string]int
	reads    Reads
	listens  Listens
	taken    map[string]bool // the events that some step takes
}

// Reads are the top-level properties that a journey's expressions name. "*" means all.
type Reads struct {
	Entry []string // of entry
	Event []string // of event, and of steps.<id>.properties
	Body  []string // of steps.<id>.body, of calls
	Text  bool     // some expression reads the text of a reply
}

// Project returns the properties that names lists ("*" lists all).
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

// ProjectJSON returns the properties of a JSON object that names lists ("*" lists all), as JSON; nil: there are none. It
// copies their text and decodes none of them.
func ProjectJSON(object string, names []string) (json.RawMessage, error) {
	switch {
	case len(names) == 0, object == "", object == "{}", object == "null":
		return nil, nil
	case slices.Contains(names, "*"):
		return json.RawMessage(object), nil
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &properties); err != nil {
		return nil, fmt.Errorf("properties are not a JSON object: %w", err)
	}
	for name := range properties {
		if !slices.Contains(names, name) {
			delete(properties, name)
		}
	}
	if len(properties) == 0 {
		return nil, nil
	}
	return json.Marshal(properties)
}

// Listens says which of a customer's events must be delivered to an enrollment.
type Listens struct {
	Events map[string]bool // goal, exit, reroute and wait_for arms; MessageReceived where a step asks
	Every  bool            // some rule has no event: every event counts
	Traits []string        // top-level traits that waits depend on; a change arrives as "Customer Updated"
	Levels []Level         // of reroute rules and wait_for arms; while one holds, every event is delivered
}

// Hears reports whether an event must be delivered, by its name and the top-level traits it changed.
func (l Listens) Hears(event string, changed []string) bool {
	if l.Every || l.Events[event] {
		return true
	}
	return slices.ContainsFunc(changed, func(trait string) bool {
		return slices.Contains(l.Traits, trait) || slices.Contains(l.Traits, "*")
	})
}

// NewProgram compiles a definition. It cannot fail for a definition that Check returned.
func NewProgram(d *Definition) (*Program, error) {
	if d == nil {
		return nil, errors.New("there is no definition")
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	p := &Program{Definition: d, revision: d.Revision(), exprs: map[expr.Expr]*expr.Evaluator{}, index: map[string]int{},
		starts: map[string]int{}}
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
	p.reads, p.listens, p.taken = d.reads(p.exprs), d.listens(p.exprs), d.taken()
	return p, nil
}

// Revision returns the revision of the definition; see Definition.Revision.
func (p *Program) Revision() string { return p.revision }

// evaluator returns the evaluator of e. An expression that is not part of the program is compiled.
func (p *Program) evaluator(e expr.Expr) (*expr.Evaluator, error) {
	if known := p.exprs[e]; known != nil {
		return known, nil
	}
	return expr.NewEvaluator(e)
}

// Eval evaluates e. A missing value, mismatched types and a cost over the limit are errors. Numbers are returned as
// float64, timestamps as time.Time, durations as time.Duration, other values as in JSON.
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

// Test evaluates a condition: an absent condition is true; any error and any value other than true is false.
//
// Conditions run on data that nobody has checked: traits are missing, a number arrives as a string, an event has no such
// property. Journeys run for weeks, so failing is not an option: an error in workflow code would fail the workflow task,
// which Temporal retries until someone deploys a fix, and the customer would be stuck. Asking designers to guard every
// access with has() would make the language unreadable, and they would forget one.
//
// The rule is therefore that a condition which cannot be answered does not hold. For `when: customer.orders > 3` of a
// customer without orders:
//
//   - a branch arm is not taken, and the customer goes to the next arm or to otherwise;
//   - a step with this `when` is skipped;
//   - an entry, exit, goal or reroute rule does not fire;
//   - a consent condition denies the send. Consent is the reason why the default must be false and never true.
//
// The price is that `!(customer.orders > 3)` is false as well: both are unanswerable. The manual says so, and lint rejects
// the mistakes that types and literals show. CEL's || and && absorb errors: `true || error` is true.
func (p *Program) Test(e expr.Expr, v expr.Vars) bool {
	if e == "" {
		return true
	}
	value, err := p.Eval(e, v)
	truth, ok := value.(bool)
	return err == nil && ok && truth
}

// Explain says in words why a condition is not true, with the values that it reads: `when` was false:
// customer.renews_at is "2026/05/04", a text. It is for simulations: it names values of the customer.
func (p *Program) Explain(e expr.Expr, v expr.Vars) string {
	evaluator, err := p.evaluator(e)
	if err != nil {
		return err.Error()
	}
	text := "`when` was false"
	if _, err := evaluator.Eval(v); err != nil {
		text += " (" + expr.Why(err) + ")"
	}
	if values := evaluator.Describe(v); len(values) > 0 {
		text += ": " + strings.Join(values, ", ")
	}
	return text
}

// Remote reports whether e reads customer, their time zone, intent, count or last, and so must be evaluated where the data is.
func (p *Program) Remote(e expr.Expr) bool {
	if e == "" {
		return false
	}
	evaluator, err := p.evaluator(e)
	if err != nil {
		return false
	}
	return evaluator.Refs.History || evaluator.Refs.Zone || evaluator.Refs.Reads("customer") || evaluator.Refs.Reads("intent")
}

// Fixed reports whether e reads nothing but an event and the entry, so that its value for an event never changes.
func (p *Program) Fixed(e expr.Expr) bool {
	evaluator, err := p.evaluator(e)
	if err != nil || evaluator.Refs.History {
		return false
	}
	for _, use := range evaluator.Refs.Uses {
		if name := use[0].Name; name != "event" && name != "event_name" && name != "entry" {
			return false
		}
	}
	return true
}

// Zones returns the time zones by whose clocks the journey acts: zone, which is the customer's, that of its schedule, and those of
// its waits until a time of day. A nil program has only zone.
func (p *Program) Zones(zone string) []*time.Location {
	names := []string{zone}
	if p != nil {
		if p.Entry.Schedule != nil {
			names = append(names, p.Entry.Schedule.Timezone)
		}
		for i := range p.Steps {
			if w, ok := p.Steps[i].Spec.(*Wait); ok && w.At != "" {
				names = append(names, w.Timezone)
			}
		}
	}
	var zones []*time.Location
	for _, name := range names {
		if zone, ok := localtime.Zone(name); ok && !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	return zones
}

// Reads returns the properties that the journey's expressions name.
func (p *Program) Reads() Reads { return p.reads }

// Listens returns what an enrollment of the journey listens to.
func (p *Program) Listens() Listens { return p.listens }

// StepsTake reports whether some step takes an event of this name.
func (p *Program) StepsTake(event string) bool { return p.taken[event] }

// Index returns the index of a step by its id.
func (p *Program) Index(id string) (int, bool) {
	i, ok := p.index[id]
	return i, ok
}

// Start returns the index of the first step of a path.
func (p *Program) Start(path string) (int, bool) {
	i, ok := p.starts[path]
	return i, ok
}
