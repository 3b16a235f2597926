package graph

import (
	"strconv"
	"strings"
)

// Overlay is live numbers for a drawing.
type Overlay struct {
	Entered int64            // enrollments, shown on the entry
	HeldOut int64            // those in the control group
	Steps   map[string]Count // by step id
	Ends    map[string]int64 // ended enrollments, by outcome
}

// Count is the numbers of a step.
type Count struct {
	Now    int64            // enrollments at the step
	Passed int64            // visits; an enrollment that came twice counts twice
	Arms   map[string]int64 // visits by arm, as contract.StepVisit.Arm names them
	Alert  string           // a short warning; empty: none
}

// Shares returns the part of a step's visits that took each way, by arm. Visits whose arm is unknown (of an earlier
// build) are left out. ways are the arms of the edges from Graph.Ways.
func (c Count) Shares(ways []string) map[string]float64 {
	own := map[string]int64{}
	total := int64(0)
	named := map[string]bool{}
	other := false
	for _, w := range ways {
		named[w], other = true, other || w == ArmOther
	}
	for arm, n := range c.Arms {
		switch {
		case named[arm]:
			own[arm] += n
		case other && arm != "":
			own[ArmOther] += n
		default:
			continue
		}
		total += n
	}
	out := map[string]float64{}
	for _, w := range ways {
		if total > 0 {
			out[w] = float64(own[w]) / float64(total)
		}
	}
	return out
}

// Percent formats a share for people: whole percents, "<1 %" and ">99 %" at the ends.
func Percent(share float64) string {
	switch p := 100 * share; {
	case p > 0 && p < 0.5:
		return "<1 %"
	case p < 100 && p >= 99.5:
		return ">99 %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

// Number formats a count with separated thousands.
func Number(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// foot returns the texts at the foot of a node's card: left, right and the warning.
func (o *Overlay) foot(n *Node) (left, right, alert string) {
	if o == nil {
		return "", "", ""
	}
	switch {
	case n.Kind == KindEntry:
		left = Number(o.Entered) + " entered"
		if o.HeldOut > 0 {
			right = Number(o.HeldOut) + " held out"
		}
	case n.Step != "":
		c := o.Steps[n.Step]
		right = Number(c.Passed) + " passed"
		if !n.ends() && n.spec.Jump == "" {
			left = Number(c.Now) + " here now"
		}
		alert = c.Alert
	case n.End != "":
		left = Number(o.Ends[n.End]) + " ended as " + n.End
	}
	return left, right, alert
}

// here reports whether enrollments are at a node.
func (o *Overlay) here(n *Node) bool { return o != nil && n.Step != "" && o.Steps[n.Step].Now > 0 }

// shares returns the shares of the ways out of a block, or nil without numbers.
func (o *Overlay) shares(n *Node, b *block) map[string]float64 {
	if o == nil || n.Step == "" {
		return nil
	}
	var all []string
	for _, a := range b.arms {
		for _, w := range a.ways {
			all = append(all, w.Arm)
		}
	}
	if b.skip != nil {
		all = append(all, b.skip.Arm)
	}
	return o.Steps[n.Step].Shares(all)
}
