package comparison

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// Report is the result of a comparison.
type Report struct {
	Old string `json:"old,omitempty"`
	New string `json:"new"`
	diff.Diff
	Said      []gallery.Said `json:"said,omitempty"`         // what messages say otherwise, rendered for sample customers
	Unread    []string       `json:"not_compared,omitempty"` // of the old side, do not compile
	Live      []LiveJourney  `json:"live,omitempty"`         // with --live
	Unchanged []string       `json:"unchanged,omitempty"`    // journeys whose open enrollments are all on the new revision already
	Note      string         `json:"note,omitempty"`         // why Temporal was not asked
}

// Comparison is a report and the new side that it is about.
type Comparison struct {
	Report
	To     *Side `json:"-"`
	NoBase bool  `json:"-"` // there is no old side: Ask compares with the revisions that are open
}

// Compare reads both sides (args: old and new; default HEAD and journeys) and writes their diagnostics to w. An error of
// the new side ends the comparison. What does not compile on the old side is left out and listed in Unread.
func Compare(ctx context.Context, w io.Writer, b app.Build, args []string, live bool, renamed map[string]string) (*Comparison, error) {
	oldArg, newArg := "HEAD", "journeys"
	if len(args) > 0 {
		oldArg = args[0]
	}
	if len(args) > 1 {
		newArg = args[1]
	}
	to, err := ReadSide(ctx, b, newArg, folderOf(oldArg))
	if err != nil {
		return nil, err
	}
	if len(to.Errors) > 0 {
		if err := to.Errors.Text(w); err != nil {
			return nil, err
		}
		return nil, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s has errors: fix them first", to.label)}
	}
	out := &Comparison{To: to, NoBase: live && len(args) == 0}
	out.New, out.Diff = to.label, diff.Diff{
		Journeys: []diff.JourneyDiff{},
		Messages: []diff.MessageDiff{},
		Rules:    []diff.RuleDiff{},
	}
	if out.NoBase {
		return out, nil
	}
	from, err := ReadSide(ctx, b, oldArg, folderOf(newArg))
	if err != nil && len(args) == 0 {
		return nil, app.Usage("there is nothing to compare with: %w; name a folder, a file or a git revision", err)
	}
	if err != nil {
		return nil, err
	}
	if err := from.Errors.Text(w); err != nil {
		return nil, err
	}
	out.Old = from.label
	one := from.only
	if one == "" {
		one = to.only
	}
	old, now := *from.content, *to.content
	now.Journeys, now.Messages = maps.Clone(now.Journeys), maps.Clone(now.Messages)
	for _, rules := range from.brokenRules() {
		out.Unread = append(out.Unread, rules)
		old.Rules = now.Rules
	}
	for _, part := range from.brokenParts() {
		out.Unread = append(out.Unread, part)
		old.Messages = now.Messages
	}
	for _, name := range from.broken() {
		if now.Journeys[name] != nil && old.Journeys[name] == nil || now.Messages[name] != nil && old.Messages[name] == nil {
			out.Unread = append(out.Unread, name)
			delete(now.Journeys, name)
			delete(now.Messages, name)
		}
	}
	if out.Diff, err = diff.Compare(&old, &now, renamed); err != nil {
		return nil, err
	}
	if out.Said, err = gallery.Compare(ctx, &old, &now, b.Specs()); err == nil && one != "" {
		out.narrow(one, from.message || to.message)
	}
	return out, err
}

// narrow keeps the changes of one journey or message. The whole folders were compared, because the diff of a journey
// names the changes of its messages.
func (r *Comparison) narrow(name string, message bool) {
	r.To.only = name
	r.Journeys = slices.DeleteFunc(r.Journeys, func(d diff.JourneyDiff) bool { return message || d.Journey != name })
	r.Messages = slices.DeleteFunc(r.Messages, func(d diff.MessageDiff) bool { return !message || d.Message != name })
	r.Said = slices.DeleteFunc(r.Said, func(s gallery.Said) bool { return !message || s.Message != name })
	r.Rules = []diff.RuleDiff{}
	r.Unread = slices.DeleteFunc(r.Unread, func(other string) bool { return other != name })
}
