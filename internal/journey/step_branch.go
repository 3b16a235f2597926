package journey

import (
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

var branchKind = Kind{
	Name:   "branch",
	Family: Choosing,
	Icon:   "M8 2l6 6-6 6-6-6z",
	Form:   "list of arms `{when:, then: [...]}`; beside it `else: [...]`",
	Doc:    "Takes the first arm whose condition is true, or `else` if there is none.",
	Example: "- branch:\n    - when: customer.tier == \"gold\"\n      then: [{wait: 1h}]\n    - {when: entry.total > 100, then: " +
		"[{wait: 2h}]}\n  else:\n    - wait: 3h\n",
	Results: []string{"arm"},
	New:     func() Spec { return &Branch{} },
}

// BranchArm is an arm of branch: the steps from Then on run if When is true.
type BranchArm struct {
	When expr.Expr `json:"when"`
	Then int       `json:"then"`
}

// Branch takes the first arm that is true.
type Branch struct {
	Arms []BranchArm `json:"arms"`
	Else int         `json:"else"`
}

// Kind implements Spec.
func (*Branch) Kind() string { return "branch" }

// Fields implements Spec.
func (b *Branch) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "branch", Value: syntax.ListOf(&b.Arms)},
		syntax.Arm(ArmElse, "to take if no arm is true", syntax.Steps{To: &b.Else}),
	}
}

// Fields implements syntax.Part.
func (a *BranchArm) Fields() []syntax.Field {
	return []syntax.Field{
		{
			Key: "when", Doc: "The arm is taken if this is true and no arm above it was.", Need: "an arm of branch needs a condition",
			Value: syntax.CEL{To: &a.When, Want: expr.Bool},
		},
		syntax.Arm("then", "of the arm", syntax.Steps{To: &a.Then}),
	}
}

// Describe implements Spec.
func (b *Branch) Describe() Description {
	d := Description{Question: "which is true first?", Forks: true}
	for i := range b.Arms {
		arm := &b.Arms[i]
		d.Arms = append(d.Arms, Arm{Key: ArmNumber(i), To: &arm.Then, Always: true, Label: short(arm.When), Full: string(arm.When)})
		d.Exprs = append(d.Exprs, Expression{"when", arm.When, expr.Bool})
	}
	d.Arms = append(d.Arms, Arm{Key: ArmElse, To: &b.Else, Label: "else", Full: "none of the conditions is true"})
	return d
}
