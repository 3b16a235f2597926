package comparison

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// Report is the result of a comparison.
type Report struct {
	Old string `json:"old,omitempty"`
	New string `json:"new"`
	diff.Diff
	Unread []string      `json:"not_compared,omitempty"` // of the old side, do not compile
	Live   []LiveJourney `json:"live,omitempty"`         // with --live
	Note   string        `json:"note,omitempty"`         // why Temporal was not asked
}

// Comparison is a report and the new side that it is about.
type Comparison struct {
	Report
	To     *Side `json:"-"`
	NoBase bool  `json:"-"` // there is no old side: Ask compares with the revisions that are open
}

// Compare reads both sides (args: old and new; HEAD and journeys by default) and writes errors of theirs to w.
// An error of the new side ends the comparison; of the old side, what does not compile is left out.
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
		return nil, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s has errors: mend them first", to.label)}
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
		return nil, app.Usage("there is no old side: %w; name a folder, a file or a git revision", err)
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
	for _, name := range from.broken() {
		if now.Journeys[name] != nil && old.Journeys[name] == nil || now.Messages[name] != nil && old.Messages[name] == nil {
			out.Unread = append(out.Unread, name)
			delete(now.Journeys, name)
			delete(now.Messages, name)
		}
	}
	if out.Diff, err = diff.Compare(&old, &now, renamed); err == nil && one != "" {
		out.narrow(one, from.message || to.message)
	}
	return out, err
}

// narrow keeps what is about one journey or message. The whole was compared: a journey's diff names the changes of
// its messages.
func (r *Comparison) narrow(name string, message bool) {
	r.To.only = name
	r.Journeys = slices.DeleteFunc(r.Journeys, func(d diff.JourneyDiff) bool { return message || d.Journey != name })
	r.Messages = slices.DeleteFunc(r.Messages, func(d diff.MessageDiff) bool { return !message || d.Message != name })
	r.Rules = []diff.RuleDiff{}
	r.Unread = slices.DeleteFunc(r.Unread, func(other string) bool { return other != name })
}
