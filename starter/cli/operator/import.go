package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/importer"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func importCommand() *cobra.Command {
	var (
		r         remote.Client
		in        importer.Import
		state     string
		output    string
		startOver bool
	)
	c := &cobra.Command{
		Use: "import FILE.ndjson[.gz]", Short: "Send a log of Segment calls, one JSON object per line",
		Long: "Posts the calls to /v1/batch, in batches and in the order of the file. The position of the last acknowledged call is " +
			"stored next to the file, so that the same command resumes an interrupted import. Calls without a messageId get one made " +
			"of file and line, so that a call that is sent twice counts once. A call that is refused is named by its line; the others " +
			"are accepted.\n\n" +
			"Every call acts as one of now, whatever its timestamp: customers enter journeys and are sent messages. Use --backfill for a " +
			"log of the past: it teaches profiles, counts, intents and the engagement on channels, and enters nobody, moves no running " +
			"enrollment and reaches no goal.\n\n" +
			"--pace 86400 keeps the spacing of the log, at 86,400 seconds of the log per second. With a `tabi dev` on this machine " +
			"that runs at the same scale, each call is sent when the virtual clock reaches its timestamp. Otherwise the first call is " +
			"sent immediately and the others follow.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if in.Pace < 0 {
				return app.Usage("--pace is %v: give seconds of the log per second", in.Pace)
			}
			if in.BatchSize < 1 || in.BatchSize > 1000 {
				return app.Usage("--batch is %d: give 1 to 1000", in.BatchSize)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			in.File, in.Post = args[0], func(ctx context.Context, calls []json.RawMessage) (apiclient.Accepted, error) {
				return post(ctx, &r, calls)
			}
			if state == "" {
				state = importer.BookmarkPath(args[0])
			}
			mark, err := importer.OpenBookmark(state, args[0], r.URL, startOver)
			if err != nil {
				return err
			}
			in.Bookmark = mark
			if dev, ok := devmode.RunningDev(r.DataDir); ok && dev.URL == r.URL && dev.Clock.Scale == in.Pace {
				in.Clock = &dev.Clock
			}
			p := terminal.NewProgress(c.ErrOrStderr())
			in.Progress, in.Warn = shown(p), p.Say
			if mark.Line > 0 {
				p.Say(fmt.Sprintf("resuming after line %d", mark.Line))
			}
			report, err := in.Run(c.Context())
			p.End()
			if err != nil {
				if c.Context().Err() != nil {
					return &app.ExitError{Code: app.ExitBad, Err: errors.New("interrupted; run the same command to resume")}
				}
				return err
			}
			if err := terminal.Show(c, output, report, func(p *terminal.Printer) { printImport(p, report) }); err != nil ||
				report.Rejected == 0 {
				return err
			}
			return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%d calls were refused; all others were accepted", report.Rejected)}
		},
	}
	f := c.Flags()
	f.Float64Var(&in.Pace, "pace", 0, "seconds of the log per second; 0: as fast as possible")
	f.IntVar(&in.BatchSize, "batch", 500, "calls per batch at most, 1 to 1000")
	f.DurationVar(&in.Patience, "patience", 2*time.Minute, "how long to retry while the gateway accepts nothing")
	f.StringVar(&state, "state", "", "file that stores the position; default: FILE.tabi-state, in the working folder if FILE's folder "+
		"is not writable")
	f.BoolVar(&startOver, "start-over", false, "ignore the stored position")
	f.BoolVar(&in.Backfill, "backfill", false, "the log is history: it teaches, and no customer enters a journey because of it")
	r.Register(c, true, false)
	terminal.OutputFlag(c, &output)
	return c
}

func printImport(p *terminal.Printer, r importer.Report) {
	p.Line("%d events in %d batches, %.1f s, %.0f events/s", r.Events, r.Batches, r.Seconds, r.Rate)
	if r.Rejected > 0 {
		p.Line("%d calls refused: tabi rejected list", r.Rejected)
	}
	if r.Warnings > 0 {
		p.Line("%d parts of accepted calls were not understood, or had no effect", r.Warnings)
	}
	p.Line("%d enrollments started, %d events accepted before, %d attempts retried", r.Entered, r.Duplicates, r.Retries)
	if r.Pace > 0 {
		p.Line(
			"behind schedule: p50 %.2f s, p99 %.2f s (%.1f and %.1f hours of the log)",
			r.LagP50,
			r.LagP99,
			r.LagP50*r.Pace/3600,
			r.LagP99*r.Pace/3600,
		)
	}
}

// batch posts calls to the gateway.
func post(ctx context.Context, r *remote.Client, calls []json.RawMessage) (apiclient.Accepted, error) {
	var out apiclient.Accepted
	err := r.Call(ctx, "POST", "/v1/batch", map[string]any{"batch": calls}, &out)
	return out, err
}

// shown writes the calls acknowledged, their share of the file (0 to 1), and calls per second.
func shown(p *terminal.Progress) func(int, float64, float64) {
	return func(events int, part, rate float64) { p.Draw(part, fmt.Sprintf("%d events, %.0f/s", events, rate)) }
}
