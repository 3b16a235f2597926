package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/importer"
)

func importCommand() *cobra.Command {
	var (
		r         remote
		in        importer.Import
		state     string
		output    string
		startOver bool
	)
	c := &cobra.Command{
		Use: "import FILE.ndjson[.gz]", Short: "Send a log of Segment calls, one JSON object per line",
		Long: "Posts the calls to /v1/batch, in batches and in the order of the file. The position of the last acknowledged call is " +
			"stored next to the file, so that the same command resumes an interrupted import. Calls without a messageId get one made " +
			"of file and line, so that a call that is sent twice counts once.\n\n" +
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
			if err := r.load(c); err != nil {
				return err
			}
			in.File, in.Post = args[0], r.batch
			if state == "" {
				state = importer.BookmarkPath(args[0])
			}
			mark, err := importer.OpenBookmark(state, args[0], r.URL, startOver)
			if err != nil {
				return err
			}
			in.Bookmark = mark
			if dev, ok := app.RunningDev(r.DataDir); ok && dev.URL == r.URL && dev.Clock.Scale == in.Pace {
				in.Clock = &dev.Clock
			}
			p := newProgress(c.ErrOrStderr())
			in.Progress = p.show
			if mark.Line > 0 {
				p.say(fmt.Sprintf("resuming after line %d", mark.Line))
			}
			report, err := in.Run(c.Context())
			p.end()
			if err != nil {
				if c.Context().Err() != nil {
					return &app.ExitError{Code: app.ExitBad, Err: errors.New("interrupted; run the same command to resume")}
				}
				return err
			}
			return show(c, output, report, func(p *printer) { printImport(p, report) })
		},
	}
	f := c.Flags()
	f.Float64Var(&in.Pace, "pace", 0, "seconds of the log per second; 0: as fast as possible")
	f.IntVar(&in.BatchSize, "batch", 500, "calls per batch at most, 1 to 1000")
	f.DurationVar(&in.Patience, "patience", 2*time.Minute, "how long to retry while the gateway accepts nothing")
	f.StringVar(&state, "state", "", "file that stores the position; default: FILE.tabi-state, in the working folder if FILE's folder "+
		"is not writable")
	f.BoolVar(&startOver, "start-over", false, "ignore the stored position")
	r.register(c, true, false)
	outputFlag(c, &output)
	return c
}

func printImport(p *printer, r importer.Report) {
	p.line("%d events in %d batches, %.1f s, %.0f events/s", r.Events, r.Batches, r.Seconds, r.Rate)
	p.line("%d enrollments started, %d events accepted before, %d attempts retried", r.Entered, r.Duplicates, r.Retries)
	if r.Pace > 0 {
		p.line(
			"behind schedule: p50 %.2f s, p99 %.2f s (%.1f and %.1f hours of the log)",
			r.LagP50,
			r.LagP99,
			r.LagP50*r.Pace/3600,
			r.LagP99*r.Pace/3600,
		)
	}
}

// batch posts calls to the gateway.
func (r *remote) batch(ctx context.Context, calls []json.RawMessage) (apiclient.Accepted, error) {
	var out apiclient.Accepted
	err := r.Call(ctx, "POST", "/v1/batch", map[string]any{"batch": calls}, &out)
	return out, err
}

// progress shows how much is done: one line that is rewritten on a terminal, a new line every linePause elsewhere.
type progress struct {
	w     io.Writer
	tty   bool
	last  time.Time
	drawn bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.tty = true
	}
	return p
}

// Pauses between two lines of progress.
const (
	drawPause = 100 * time.Millisecond
	linePause = 10 * time.Second
)

func (p *progress) say(text string) { _, _ = fmt.Fprintln(p.w, text) }

// show reports the calls acknowledged, their share of the file (0 to 1), and calls per second.
func (p *progress) show(events int, part, rate float64) {
	p.draw(part, fmt.Sprintf("%d events, %.0f/s", events, rate))
}

// draw shows the part that is done (0 to 1) and a text. It skips updates that follow too soon.
func (p *progress) draw(part float64, words string) {
	now := clock.Wall()
	if p.last.IsZero() && !p.tty {
		p.last = now
	}
	pause := linePause
	if p.tty {
		pause = drawPause
	}
	if now.Sub(p.last) < pause {
		return
	}
	p.last = now
	if !p.tty {
		p.say(fmt.Sprintf("%3.0f%%  %s", part*100, words))
		return
	}
	const cells = 30
	full := int(part * cells)
	bar := make([]rune, cells)
	for i := range bar {
		if bar[i] = '·'; i < full {
			bar[i] = '█'
		}
	}
	p.drawn = true
	_, _ = fmt.Fprintf(p.w, "\r%s %3.0f%%  %s\033[K", string(bar), part*100, words)
}

func (p *progress) end() {
	if p.drawn {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}
