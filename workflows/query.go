package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// queryState answers the query state.
func (r *run) queryState() (contract.State, error) {
	v := contract.State{
		Journey: r.in.Journey, Revision: r.in.Revision, Customer: r.in.Customer, Enrollment: r.in.Enrollment,
		Step: r.state.Cursor, WaitingFor: []string{}, Paused: r.state.Paused, Holdout: r.in.Holdout,
		Deadline: r.state.Deadline, EnteredAt: r.in.EnteredAt, EntryEvent: r.in.EntryName, Steps: r.state.Count, Vars: r.state.Vars,
		Story: r.state.story(),
	}
	if p := r.state.Wait; p != nil {
		v.Step, v.Kind, v.Since, v.Until = p.Step, p.Kind, p.Since, p.Until
		if p.For != nil {
			v.WaitingFor = p.For
		}
	}
	if e := r.state.Ended; e != nil {
		v.Outcome, v.Reason = e.Outcome, e.Reason
	}
	return v, nil
}

// describe sets the current details that the Temporal UI shows, as Markdown. They cost no history.
func (r *run) describe(ctx workflow.Context) {
	var b strings.Builder
	switch {
	case r.state.SupersededBy != "":
		fmt.Fprintf(&b, "**Ended, nothing reported**: %s\n", contract.PlainMarkdown(r.state.SupersededBy))
	case r.state.Ended != nil:
		fmt.Fprintf(&b, "**Ended: %s** (%s)\n", contract.PlainMarkdown(r.state.Ended.Outcome), contract.PlainMarkdown(r.state.Ended.Reason))
	default:
		if r.state.Paused {
			fmt.Fprintf(&b, "**Paused** (%s): deadlines keep running, events are kept, nothing is sent.\n\n",
				contract.PlainMarkdown(r.state.PausedBy))
		}
		if r.in.Holdout {
			b.WriteString("**Held out** in the control group: takes no step.\n\n")
		}
		if p := r.state.Wait; p != nil {
			b.WriteString("**Waiting**")
			if at, ok := r.prog.Index(p.Step); ok {
				fmt.Fprintf(&b, " at %s", label(&r.prog.Steps[at]))
			}
			if len(p.For) > 0 {
				fmt.Fprintf(&b, " for %s", strings.Join(p.For, " or "))
			}
			fmt.Fprintf(&b, " since %s", stamp(p.Since))
			if !p.Until.IsZero() {
				fmt.Fprintf(&b, ", until %s", stamp(p.Until))
			}
			fmt.Fprintf(&b, ". The journey times out at %s.\n", stamp(r.state.Deadline))
		}
	}
	b.WriteString("\n")
	for _, line := range slices.Backward(r.state.story()) { // the newest first: the UI cuts off what is long
		b.WriteString("- " + contract.PlainMarkdown(line) + "\n")
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

// label returns the name of a step for people.
func label(step *journey.Step) string {
	if step.Name != "" {
		return step.Name
	}
	return step.ID + " (" + step.Kind + ")"
}

// stamp formats a moment for people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// clip shortens text to at most n bytes, without cutting a character.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	cut := n - len("…")
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}
