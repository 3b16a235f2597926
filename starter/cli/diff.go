package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// diffReport is what `diff` says.
type diffReport struct {
	Old string `json:"old,omitempty"`
	New string `json:"new"`
	diff.Diff
	Unread []string      `json:"not_compared,omitempty"` // of the old side, do not compile
	Live   []liveJourney `json:"live,omitempty"`         // with --live
	Note   string        `json:"note,omitempty"`         // why Temporal was not asked
}

func diffCommand(b app.Build) *cobra.Command {
	var (
		r      remote
		cfg    = app.Config{Build: b}
		live   bool
		steps  []string
		output string
	)
	c := &cobra.Command{
		Use: "diff [OLD] [NEW]", Short: "Say what an edit means, and what it does to who is under way",
		Long: "Compares two journeys folders, or two files, in meaning: comments, formatting and the order of keys are none. OLD and " +
			"NEW are each a folder, " +
			"a YAML file, or a git revision: REV (the same folder in it) or REV:path/from/the/root. NEW is journeys unless it is " +
			"named, OLD is HEAD; " +
			"a folder or file wins over a revision of its name.\n\n" +
			"With --live it asks the gateway where the open instances stand, on whatever revisions, and says for each step whether " +
			"they could move to NEW: " +
			"kept, moved to another id, or why not. Temporal's own count stands beside the store's where they differ. Without OLD, " +
			"--live compares NEW with the revisions that have open instances, and its intents, actions and policy with those of the " +
			"current release.\n\n" +
			"Exit status: 0 nothing changed or nobody is in the way, 1 instances stand on steps that they could not go on from " +
			"(--live), NEW has errors, or errors of OLD kept something from being compared, 2 wrong usage, 3 cannot reach the gateway.",
		Example: "  tabi diff                      # the working tree with the last commit\n  tabi diff main --live\n  tabi diff " +
			"v1.2:shop/journeys shop/journeys\n  tabi diff old/nudge.yaml journeys/nudge.yaml --step reply=answer",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			renamed, err := renames(steps)
			if err != nil {
				return err
			}
			report, err := compareSides(c, b, args, live, renamed)
			if err != nil {
				return err
			}
			stuck := int64(0)
			if live {
				if err := r.load(c); err != nil {
					return err
				}
				if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
					return err
				}
				cfg.DataDir = r.DataDir
				cfg.UseDev(c.Flags())
				if stuck, err = report.ask(c.Context(), &r, &cfg, renamed); err != nil {
					return err
				}
			}
			if err := show(c, output, report, report.print); err != nil {
				return err
			}
			if stuck > 0 || len(report.Unread) > 0 {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&live, "live", false, "ask the gateway where open instances stand, and what the edit would do to them")
	f.StringArrayVar(&steps, "step", nil, "OLD=NEW: the step OLD is called NEW now; may be repeated")
	r.register(c, false, true)
	cfg.Register(f, app.Temporal)
	outputFlag(c, &output)
	return c
}

// renames reads the flags --step.
func renames(steps []string) (map[string]string, error) {
	out := map[string]string{}
	for _, one := range steps {
		old, new, ok := strings.Cut(one, "=")
		if !ok || old == "" || new == "" {
			return nil, app.Usage("--step is %q: give OLD=NEW, two step ids", one)
		}
		if _, twice := out[old]; twice {
			return nil, app.Usage("--step: %s is named twice", old)
		}
		out[old] = new
	}
	return out, nil
}

// compared is a report and the new side that it is about.
type compared struct {
	diffReport
	to     *diffSide
	nobase bool // there is no old side but what is live
}

// compareSides reads both sides. An error of the new one ends it; of the old one, what does not compile is left out.
func compareSides(c *cobra.Command, b app.Build, args []string, live bool, renamed map[string]string) (*compared, error) {
	oldArg, newArg := "HEAD", "journeys"
	if len(args) > 0 {
		oldArg = args[0]
	}
	if len(args) > 1 {
		newArg = args[1]
	}
	to, err := readSide(c.Context(), b, newArg, folderOf(oldArg))
	if err != nil {
		return nil, err
	}
	if len(to.errors) > 0 {
		if err := to.errors.Text(c.ErrOrStderr()); err != nil {
			return nil, err
		}
		return nil, &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s has errors: mend them first", to.label)}
	}
	out := &compared{to: to, nobase: live && len(args) == 0}
	out.New, out.Diff = to.label, diff.Diff{
		Journeys: []diff.JourneyDiff{},
		Messages: []diff.MessageDiff{},
		Rules:    []diff.RuleDiff{},
	}
	if out.nobase {
		return out, nil
	}
	from, err := readSide(c.Context(), b, oldArg, folderOf(newArg))
	if err != nil && len(args) == 0 {
		return nil, app.Usage("there is no old side: %w; name a folder, a file or a git revision", err)
	}
	if err != nil {
		return nil, err
	}
	if err := from.errors.Text(c.ErrOrStderr()); err != nil {
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

// narrow keeps what is about one journey or message. The whole was compared: a journey is told what became of
// its messages.
func (r *compared) narrow(name string, message bool) {
	r.to.only = name
	r.Journeys = slices.DeleteFunc(r.Journeys, func(d diff.JourneyDiff) bool { return message || d.Journey != name })
	r.Messages = slices.DeleteFunc(r.Messages, func(d diff.MessageDiff) bool { return !message || d.Message != name })
	r.Rules = []diff.RuleDiff{}
	r.Unread = slices.DeleteFunc(r.Unread, func(other string) bool { return other != name })
}

func (r *compared) print(p *printer) {
	switch {
	case r.nobase && len(r.Rules) > 0:
		p.line("%s → %s", r.Old, r.New)
	case !r.nobase && r.Empty() && len(r.Unread) > 0:
		p.line("%s → %s: not known, since %s cannot be read in full; no change in the rest", r.Old, r.New, r.Old)
	case !r.nobase && r.Empty():
		p.line("%s → %s: no change in meaning", r.Old, r.New)
	}
	_ = r.Diff.Text(p.w)
	for _, name := range r.Unread {
		p.line("%s: not compared, %s has errors in it", name, r.Old)
	}
	if r.Note != "" {
		p.line("%s", r.Note)
	}
	for _, j := range r.Live {
		j.print(p)
	}
	if r.Live != nil && !slices.ContainsFunc(r.Live, func(j liveJourney) bool { return j.Instances > 0 }) {
		p.line("no instance is open")
	}
}
