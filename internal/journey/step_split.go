package journey

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

var splitKind = Kind{
	Name:   "split",
	Family: Choosing,
	Icon:   "M8 14V9L3 4M8 9l5-5M3 7.500V4h3.500M13 7.500V4H9.500",
	Form:   "list of arms `{weight: 50, name:, then: [...]}`",
	Doc: "Takes an arm at random, by a hash of journey, step id and customer: the same customer always takes the same arm. " +
		"Weights are shares of their sum. Give the step an id, or an edit can move customers to another arm.",
	Example: "- id: greeting\n  split:\n    - {weight: 80, name: short, then: [{wait: 1h}]}\n    - {weight: 20, name: long}\n",
	Results: []string{"arm", "name"},
	New:     func() Spec { return &Split{} },
}

// SplitArm is an arm of split with its share of the customers.
type SplitArm struct {
	Weight float64 `json:"weight"`
	Name   string  `json:"name,omitempty"`
	Then   int     `json:"then"`
}

// Key returns the key of the arm at index i: its name, otherwise its number.
func (a SplitArm) Key(i int) string { return cmp.Or(a.Name, ArmNumber(i)) }

// Item implements Item.
func (a SplitArm) Item() (name, text string) {
	text = "weight " + strconv.FormatFloat(a.Weight, 'g', -1, 64)
	if a.Name != "" {
		text += ", name " + a.Name
	}
	return a.Name, text
}

// Split takes an arm that depends only on journey, step and customer.
type Split struct {
	Arms []SplitArm `json:"arms"`
}

// Kind implements Spec.
func (*Split) Kind() string { return "split" }

// Fields implements Spec.
func (s *Split) Fields() []syntax.Field {
	return []syntax.Field{{Key: "split", Value: syntax.ListOf(&s.Arms)}}
}

// Fields implements syntax.Part.
func (a *SplitArm) Fields() []syntax.Field {
	return []syntax.Field{
		{
			Key: "weight", Doc: "The arm's share of the sum of all.", Need: "an arm of split needs a weight",
			Value: syntax.Amount{To: &a.Weight},
		},
		{Key: "name", What: "arm", Doc: "The arm's name in reports and scenarios.", Value: syntax.Label{To: &a.Name}},
		syntax.Arm("then", "of the arm", syntax.Steps{To: &a.Then}),
	}
}

// Check reports a split without an id, arms with the same name, and weights without a sum.
func (s *Split) Check(r *syntax.Reader) {
	if !r.Step.Named {
		r.Report(r.Keys.Node.Pos, "unnamed-split", "",
			"a split without an id: an edit of the steps before it can move people to another arm; give it an id")
	}
	sum, names, value := 0.0, map[string]bool{}, r.Node("split")
	for i, arm := range s.Arms {
		sum += arm.Weight // NaN if a weight could not be read: then nothing below is true
		if arm.Name != "" && names[arm.Name] {
			r.Report(value.Items[i].Child("name").Pos, "duplicate-id", "", "another arm of this split is called %q", arm.Name)
		}
		names[arm.Name] = true
	}
	if len(s.Arms) > 0 && (sum <= 0 || math.IsInf(sum, 0)) {
		r.Report(value.Pos, "bad-value", "", "the weights of a split must have a sum above 0")
	}
}

// Describe implements Spec.
func (s *Split) Describe() Description {
	d := Description{Title: "by chance, " + human.Count(len(s.Arms), "way", "ways"), Forks: true}
	sum := 0.0
	for _, arm := range s.Arms {
		sum += arm.Weight
		d.Shares = append(d.Shares, arm.Weight)
	}
	for i := range s.Arms {
		arm := &s.Arms[i]
		label := strings.TrimLeft(arm.Name+" "+share(arm.Weight, sum), " ")
		d.Arms = append(d.Arms, Arm{Key: arm.Key(i), To: &arm.Then, Always: true, Label: label, Full: label + " of the customers"})
	}
	return d
}

// share returns the share of a weight in percent, for people; "" without a sum.
func share(weight, sum float64) string {
	if sum <= 0 {
		return ""
	}
	percent, decimals := 100*weight/sum, -1
	if percent != math.Trunc(percent) {
		decimals = 1
	}
	return strconv.FormatFloat(percent, 'f', decimals, 64) + " %"
}

// valid checks everything in the spec except its jumps.
func (s *Split) valid() error {
	sum := 0.0
	for _, arm := range s.Arms {
		if !(arm.Weight >= 0) {
			return fmt.Errorf("the weight %v", arm.Weight)
		}
		sum += arm.Weight
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return errors.New("the weights have no sum above 0")
	}
	return nil
}
