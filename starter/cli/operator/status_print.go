package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// print prints an enrollment for people: where it is, or how it ended, then its story and what the customer was sent.
func (v statusView) print(p *terminal.Printer) {
	terminal.CompleteSince(p, v.CompleteSince)
	e := v.Enrollment
	p.Line("%s: %s", remote.Address(e), stateOf(e))
	if remote.Address(e) != e.WorkflowID {
		p.Fact("workflow id", e.WorkflowID)
	}
	p.Fact("customer", e.Customer)
	p.Fact("entered", terminal.UTC(e.EnteredAt)+" by "+e.EntryName)
	if e.State == unit.StateClosed {
		p.Fact("ended", terminal.UTC(e.ClosedAt))
		p.Fact("because", api.ReasonText(e.Reason))
	} else {
		v.printPlace(p)
		if !e.MissingSince.IsZero() {
			p.Fact("no run", "Temporal has none since "+terminal.UTC(e.MissingSince)+" or earlier: tabi restart --lost begins it again")
		}
		if e.DeliveryError != "" {
			p.Fact("not delivered", e.DeliveryError)
		}
	}
	if v.State != nil {
		for i, name := range slices.Sorted(maps.Keys(v.State.Vars)) {
			label := ""
			if i == 0 {
				label = "vars"
			}
			p.Fact(label, name+" = "+oneLine(v.State.Vars[name]))
		}
		if len(v.State.Story) > 0 {
			p.Line("  story")
			for _, line := range v.State.Story {
				p.Line("    %s", line)
			}
		}
	}
	if v.Silence != "" {
		if e.State == unit.StateClosed {
			p.Line("  partial: Temporal does not answer for its story: %s", v.Silence)
		} else {
			p.Line("  partial, by the gateway alone; the run does not answer: %s", v.Silence)
		}
	}
	for _, a := range v.DeadLetters {
		p.Fact("dead letter", fmt.Sprintf("%s, %s: %s (tabi deadletter retry)", deadLetterName(a), terminal.UTC(a.At), a.Error))
	}
	if len(v.Sends) > 0 {
		rows := make([]table.Row, len(v.Sends))
		for i, c := range v.Sends { // as the story: the oldest first
			reason := strings.Trim(c.Reason+": "+c.Detail, ": ")
			rows[len(rows)-1-i] = table.Row{terminal.Stamp(c.At), c.Step, c.Message, c.Channel, c.Status, reason}
		}
		p.Table(table.Row{"AT (UTC)", "STEP", "MESSAGE", "CHANNEL", "STATUS", "REASON"}, rows)
	}
}

// printPlace prints where an open enrollment is: by the run itself or, where the run does not answer, by the store.
func (v statusView) printPlace(p *terminal.Printer) {
	e, now := v.Enrollment, contract.State{}
	if v.State != nil {
		now = *v.State
	} else {
		now.Step, now.Kind, now.Since, now.Until = e.Step, e.StepKind, e.Since, e.Until
	}
	if now.Outcome != "" {
		p.Fact("ended", now.Outcome+"; not recorded in the store yet")
		p.Fact("because", api.ReasonText(now.Reason))
		return
	}
	step := now.Step
	if now.Kind != "" {
		step += " (" + now.Kind + ")"
	}
	p.Fact("step", step)
	p.Fact("waiting for", strings.Join(now.WaitingFor, " or "))
	p.Fact("since", terminal.UTC(now.Since))
	until, note := now.Until, ""
	if d := now.Deadline; !d.IsZero() && (until.IsZero() || d.Before(until)) {
		until, note = d, " (journey timeout)"
	}
	if !until.IsZero() {
		p.Fact("until", terminal.UTC(until)+note)
	}
}

// oneLine writes a value of a journey on one line.
func oneLine(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
