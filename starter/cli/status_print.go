package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// print prints an enrollment for people: where it is, or how it ended, then its story and what the customer was sent.
func (v statusView) print(p *printer) {
	e := v.Enrollment
	p.line("%s: %s", e.WorkflowID, stateOf(e))
	p.fact("customer", e.Customer)
	p.fact("entered", utc(e.EnteredAt)+" by "+e.EntryName)
	if e.State == unit.StateClosed {
		p.fact("ended", utc(e.ClosedAt))
		p.fact("because", api.ReasonText(e.Reason))
	} else {
		v.printPlace(p)
	}
	if v.State != nil {
		for i, name := range slices.Sorted(maps.Keys(v.State.Vars)) {
			label := ""
			if i == 0 {
				label = "vars"
			}
			p.fact(label, name+" = "+oneLine(v.State.Vars[name]))
		}
		if len(v.State.Story) > 0 {
			p.line("  story")
			for _, line := range v.State.Story {
				p.line("    %s", line)
			}
		}
	}
	if v.Silence != "" {
		if e.State == unit.StateClosed {
			p.line("  history unavailable from Temporal: %s", v.Silence)
		} else {
			p.line("  the run does not answer: %s", v.Silence)
		}
	}
	for _, a := range v.DeadLetters {
		p.fact("dead letter", fmt.Sprintf("%s, %s: %s (tabi deadletter retry)", deadLetterName(a), utc(a.At), a.Error))
	}
	if len(v.Sends) > 0 {
		rows := make([]table.Row, len(v.Sends))
		for i, c := range v.Sends {
			rows[i] = table.Row{stamp(c.At), c.Step, c.Message, c.Channel, c.Status, c.Reason}
		}
		p.table(table.Row{"AT (UTC)", "STEP", "MESSAGE", "CHANNEL", "STATUS", "REASON"}, rows)
	}
}

// printPlace prints where an open enrollment is: by the run itself or, where the run does not answer, by the store.
func (v statusView) printPlace(p *printer) {
	e, now := v.Enrollment, contract.State{}
	if v.State != nil {
		now = *v.State
	} else {
		now.Step, now.Kind, now.Since, now.Until = e.Step, e.StepKind, e.Since, e.Until
	}
	if now.Outcome != "" {
		p.fact("ended", now.Outcome+"; not recorded in the store yet")
		p.fact("because", api.ReasonText(now.Reason))
		return
	}
	step := now.Step
	if now.Kind != "" {
		step += " (" + now.Kind + ")"
	}
	p.fact("step", step)
	p.fact("waiting for", strings.Join(now.WaitingFor, " or "))
	p.fact("since", utc(now.Since))
	until, note := now.Until, ""
	if d := now.Deadline; !d.IsZero() && (until.IsZero() || d.Before(until)) {
		until, note = d, " (journey timeout)"
	}
	if !until.IsZero() {
		p.fact("until", utc(until)+note)
	}
}

// fact prints a line with a label, unless the value is empty.
func (p *printer) fact(label, value string) {
	if value != "" {
		p.line("  %-13s%s", label, value)
	}
}

// utc is a time for people, with its zone; zero is nothing.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t) + " UTC"
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
