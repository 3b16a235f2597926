package journey

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var decideKind = Kind{
	Name:   "decide",
	Family: Choosing,
	Icon:   "M8 2l1.800 4 4.200.4-3.200 2.800 1 4.300L8 11.200 4.200 13.500l1-4.300L2 6.400 6.200 6z",
	Form: "`decide: <group>` or a list of action names; optional `send: false` (only chooses), `via:` a channel or a list (narrows), " +
		"`none: [...]`",
	Doc: "Chooses the next best action of a group, or of the actions listed: of those that are eligible, applicable, suitable and " +
		"permitted by the contact policy, the one with the highest priority. Its message is sent at once on the channel it won " +
		"with, and its accept window opens. `none` runs if nothing is chosen; otherwise the journey continues after the step, " +
		"even if the send failed. With `send: false` the step only chooses.",
	Example: "- id: offer\n  decide: retention\n  via: [email, push]\n  none:\n    - send: cart-reminder\n- id: idea\n  decide: " +
		"[loyalty-discount, cart-help]\n  send: false\n",
	Results: []string{"action", "channel", "propensity", "priority", "status", "reason"},
	New:     func() Spec { return &Decide{} },
}

// Decide chooses the next best of some actions and sends its message on the winning channel, unless Choose is set.
type Decide struct {
	Group   string   `json:"group,omitempty" key:"decide"`       // a group of actions, as in the current release; or
	Actions []string `json:"actions,omitempty" key:"decide"`     // actions by name
	Via     []string `json:"via,omitempty"`                      // restricts the channels; empty: each action's own
	Choose  bool     `json:"choose,omitempty" key:"send: false"` // do not send: `send: false`
	None    int      `json:"none"`                               // default Next
}

// Kind implements Spec.
func (*Decide) Kind() string { return "decide" }

// Fields implements Spec.
func (d *Decide) Fields() []syntax.Field {
	among := &choice{Decide: d}
	return []syntax.Field{
		{Key: "decide", What: "the group of decide", Value: among},
		{Key: "send", Doc: "false: only choose. Default true.", Value: syntax.Bool{To: &d.Choose, Not: true}},
		{
			Key: "via", Doc: "Restricts the channels that actions may be offered on.",
			Value: syntax.Via{To: &d.Via, Check: func(r *syntax.Reader, n *source.Node, channel string) {
				if among.known {
					r.Narrows(n, channel, d.Group, d.Actions)
				} else {
					r.Narrows(n, channel, "", nil)
				}
			}},
		},
		syntax.Arm(ArmNone, "to take if nothing is chosen", syntax.Steps{To: &d.None}),
	}
}

// Check notes what the step chooses among, and whether it sends its choice.
func (d *Decide) Check(r *syntax.Reader) { r.Decides(d.Group, d.Actions, !d.Choose) }

// Describe implements Spec.
func (d *Decide) Describe() Description {
	out := Description{
		Title: "the best of " + d.Group, Actions: d.Actions, Stays: true, Forks: true,
		Arms: []Arm{
			{Label: "chosen", Full: "the best was chosen, and its message sent"},
			{Key: ArmNone, To: &d.None, Label: "none", Full: "nothing was chosen"},
		},
	}
	if d.Group != "" {
		out.Groups = []string{d.Group}
	} else {
		out.Title = "the best of " + human.Count(len(d.Actions), "action", "actions")
		out.Lines = append(out.Lines, strings.Join(d.Actions, ", "))
	}
	if len(d.Via) > 0 {
		out.Lines = append(out.Lines, "via "+strings.Join(d.Via, " or "))
	}
	if d.Choose {
		out.Lines = append(out.Lines, "only chooses")
		out.Arms[0].Full = "the best was chosen; nothing is sent"
	}
	return out
}

// valid checks everything in the spec except its jumps.
func (s *Decide) valid() error {
	if (s.Group == "") == (len(s.Actions) == 0) {
		return errors.New("it decides among a group, or among actions")
	}
	return nil
}

// choice is the name of a group, or a list of actions.
type choice struct {
	*Decide
	known bool // the group exists, or every action does
}

// Read implements syntax.Value.
func (c *choice) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	if n.Shape != source.Sequence {
		var ok bool
		if c.Group, ok = r.Word(n, f.What); ok {
			c.known = r.Group(n, c.Group)
		}
		return
	}
	names, places := r.Words(n, f.Key)
	c.known = len(names) == len(n.Items) && len(names) > 0
	for i, name := range names {
		c.known = r.Action(places[i], name) && c.known
	}
	c.Actions = names
}

// Print implements syntax.Value.
func (c *choice) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	if c.Group != "" {
		return syntax.String(c.Group)
	}
	return syntax.Strings(c.Actions)
}

// Schema implements syntax.Value.
func (*choice) Schema(*shape.Builder) *shape.Schema {
	return shape.AnyOf(
		shape.Word().With("A group of actions."),
		(&shape.Schema{Type: "array", Items: shape.Word(), MinItems: 1, UniqueItems: true}).With("Actions."),
	)
}
