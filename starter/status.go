package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/workflows"
)

// askTimeout bounds the question to Temporal: what the store knows is shown without it too.
const askTimeout = 5 * time.Second

// statusView is what `status` knows of an instance.
type statusView struct {
	gateway.Status
	State   json.RawMessage `json:"state,omitempty"`         // the run's own answer to the query `state`
	Silence string          `json:"state_missing,omitempty"` // why there is none
}

func statusCommand() *cobra.Command {
	var (
		r      remote
		cfg    app.Config
		output string
	)
	c := &cobra.Command{
		Use: "status WORKFLOW_ID", Short: "Show where an instance is and what was said in it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.load(c); err != nil {
				return err
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			cfg.DataDir = r.dataDir
			cfg.UseDev(c.Flags())
			var v statusView
			if err := r.call(c.Context(), "GET", gateway.AdminStatus+"?workflow_id="+url.QueryEscape(args[0]), nil, &v.Status); err != nil {
				return err
			}
			if v.Enrolment.ClosedAt.IsZero() {
				if err := v.ask(c.Context(), &cfg); err != nil {
					v.Silence = err.Error()
				}
			}
			return show(c, output, v, v.print)
		},
	}
	r.register(c, false, true)
	cfg.Register(c.Flags(), app.Temporal)
	outputFlag(c, &output)
	return c
}

// ask queries the run.
func (v *statusView) ask(ctx context.Context, cfg *app.Config) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cfg.ConnectTimeout = 0
	tc, _, err := cfg.DialTemporal(ctx, zap.NewNop(), nil)
	if err != nil {
		return err
	}
	defer tc.Close()
	answer, err := tc.QueryWorkflow(ctx, v.Enrolment.WorkflowID, "", workflows.StateQuery)
	if err != nil {
		return err
	}
	return answer.Get(&v.State)
}

func (v statusView) print(p *printer) {
	e := v.Enrolment
	p.line("%s: %s", e.WorkflowID, stateOf(e))
	p.line("  customer   %s", e.Customer)
	p.line("  entered    %s by %s", stamp(e.EnteredAt), e.EntryName)
	if e.Step != "" {
		p.line("  step       %s (%s)", e.Step, e.StepKind)
	}
	if !e.Since.IsZero() {
		p.line("  since      %s", stamp(e.Since))
	}
	if !e.Until.IsZero() {
		p.line("  until      %s", stamp(e.Until))
	}
	if !e.ClosedAt.IsZero() {
		p.line("  ended      %s", stamp(e.ClosedAt))
	}
	if e.Reason != "" {
		p.line("  because    %s", e.Reason)
	}
	if len(v.State) > 0 {
		p.line("  the run    %s", v.State)
	}
	if v.Silence != "" {
		p.line("  the run does not answer: %s", v.Silence)
	}
	if len(v.Contacts) > 0 {
		rows := make([]table.Row, len(v.Contacts))
		for i, c := range v.Contacts {
			rows[i] = table.Row{stamp(c.At), c.Step, c.Message, c.Channel, c.Status, c.Reason}
		}
		p.table(table.Row{"AT", "STEP", "MESSAGE", "CHANNEL", "STATUS", "REASON"}, rows)
	}
}
