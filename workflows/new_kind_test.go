package workflows

import (
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// A kind of step that nobody ships: what its author would write as internal/journey/step_pigeon.go and
// workflows/step_pigeon.go, and the two lines that register it. TestNewKind takes it through everything that asks about
// kinds.
func init() {
	journey.Kinds = append(journey.Kinds, pigeonKind)
	kinds = append(kinds, kinds[0])
	kinds[len(kinds)-1].name, kinds[len(kinds)-1].perform = "pigeon", (*run).pigeon
}

var pigeonKind = journey.Kind{
	Name:    "pigeon",
	Label:   "carrier pigeon",
	Family:  journey.Speaking,
	Icon:    "M2 8h12",
	Form:    "`pigeon: <message>`",
	Doc:     "Sends a message by a bird.",
	Example: "- pigeon: hello\n",
	Results: []string{"landed"},
	New:     func() journey.Spec { return &Pigeon{} },
}

// Pigeon has a field of every type that specs have.
type Pigeon struct {
	Message   string               `json:"message" key:"pigeon"`
	Via       []string             `json:"via,omitempty"`
	Speed     string               `json:"speed"`
	Note      string               `json:"note,omitempty"`
	Home      string               `json:"home,omitempty"`
	Loud      bool                 `json:"loud,omitempty"`
	Height    float64              `json:"height"`
	Rest      time.Duration        `json:"rest,omitempty"`
	Worth     expr.Expr            `json:"worth,omitempty"`
	Data      map[string]expr.Expr `json:"data,omitempty"`
	Lands     []Landing            `json:"lands"`
	Seen      map[string]*int      `json:"seen,omitempty"`
	OnTimeout int                  `json:"on_timeout"`
	OnFailure int                  `json:"on_failure"`
}

// Landing is an arm of a pigeon.
type Landing struct {
	Events []string  `json:"events" key:"event"`
	When   expr.Expr `json:"when,omitempty"`
	Then   int       `json:"then"`
}

// Fields implements syntax.Part.
func (l *Landing) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "event", Need: "a pigeon lands by an event", Value: syntax.Events{To: &l.Events}},
		{Key: "when", Value: syntax.CEL{To: &l.When, Want: expr.Bool}},
		syntax.Arm("then", "to take when it lands", syntax.Steps{To: &l.Then}),
	}
}

// Kind implements journey.Spec.
func (*Pigeon) Kind() string { return "pigeon" }

// Fields implements journey.Spec.
func (p *Pigeon) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "pigeon", Value: syntax.Message{To: &p.Message}},
		{Key: "via", Value: syntax.Via{To: &p.Via, Check: func(r *syntax.Reader, n *source.Node, channel string) {
			r.Channel(n, channel, p.Message)
		}}},
		{Key: "speed", Value: syntax.Enum{To: &p.Speed, Words: []string{"slow", "fast"}, Default: "slow"}},
		{Key: "note", Value: syntax.Liquid{To: &p.Note}},
		{Key: "home", Value: syntax.Label{To: &p.Home}},
		{Key: "loud", Value: syntax.Bool{To: &p.Loud}},
		{Key: "height", Need: "how high it flies", Value: syntax.Amount{To: &p.Height}},
		{Key: "rest", Value: syntax.Duration{To: &p.Rest}},
		{Key: "worth", Value: syntax.CEL{To: &p.Worth, Want: expr.Number}},
		{Key: "data", Value: syntax.CELs{To: &p.Data, Words: "a key of data is a text"}},
		{Key: "lands", Need: "where it lands", Value: syntax.ListOf(&p.Lands)},
		{Key: "seen", Value: syntax.StepsByName{To: &p.Seen, When: "to take when it is seen there", Words: "a place is a text"}},
		syntax.Arm(journey.ArmTimeout, "to take if it is lost", syntax.Steps{To: &p.OnTimeout}),
		syntax.Arm(journey.ArmFailure, "to take if it is eaten", syntax.Steps{To: &p.OnFailure, Instead: &p.OnTimeout}),
	}
}

// Describe implements journey.Spec.
func (p *Pigeon) Describe() journey.Description {
	d := journey.Description{
		Title: "bird with " + p.Message, Lines: []string{p.Speed}, Forks: true, Stays: true, TakesEvent: true,
		Messages: []journey.Saying{{Message: p.Message, Via: p.Via}},
		Exprs:    []journey.Expression{{Key: "worth", Expr: p.Worth, Want: expr.Number}},
	}
	for _, key := range slices.Sorted(maps.Keys(p.Data)) {
		d.Exprs = append(d.Exprs, journey.Expression{Key: key, Expr: p.Data[key], Want: expr.Any})
	}
	for i := range p.Lands {
		land := &p.Lands[i]
		d.Events = append(d.Events, land.Events)
		d.Exprs = append(d.Exprs, journey.Expression{Key: "when", Expr: land.When, Want: expr.Bool})
		d.Arms = append(d.Arms, journey.Arm{Key: journey.ArmNumber(i), To: &land.Then, Always: true, Label: "landed by " + land.Events[0]})
	}
	for _, place := range slices.Sorted(maps.Keys(p.Seen)) {
		d.Arms = append(d.Arms, journey.Arm{Key: place, To: p.Seen[place], Label: "seen in the " + place})
	}
	d.Arms = append(d.Arms,
		journey.Arm{Label: "flies on"},
		journey.Arm{Key: journey.ArmTimeout, To: &p.OnTimeout, Label: "lost"},
		journey.Arm{Key: journey.ArmFailure, To: &p.OnFailure, Instead: &p.OnTimeout, Label: "eaten"})
	return d
}

// pigeon goes the way that the entry event names.
func (r *run) pigeon(ctx workflow.Context, step *journey.Step) (int, error) {
	want, _ := r.entry["way"].(string)
	for _, arm := range step.Describe().Arms {
		if arm.Key == want {
			r.completeStep(ctx, step, arm.Label, arm.Key, map[string]any{"landed": arm.Key})
			return arm.Target(step), nil
		}
	}
	r.completeStep(ctx, step, "flies on", "", nil)
	return step.Next, nil
}
