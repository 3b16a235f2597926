package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
)

func importCommand() *cobra.Command {
	var (
		r         remote
		in        ingest
		state     string
		output    string
		startOver bool
	)
	c := &cobra.Command{
		Use: "import FILE.ndjson[.gz]", Short: "Send a log of Segment calls, one JSON object a line",
		Long: "Posts the calls in the file's order, in batches, to /v1/batch. The position of what was acknowledged is stored next to " +
			"the file, " +
			"so that the same command resumes an interrupted import. Calls without a messageId get one made of file and line: sending " +
			"twice counts once.\n\n" +
			"--pace 86400 keeps the log's own spacing: 86,400 seconds of the log in each second. Against a `tabi dev` on this machine " +
			"that runs at the same scale, each call is " +
			"sent when the virtual clock reaches its timestamp; else the first call is sent at once and the others follow.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if in.pace < 0 {
				return app.Usage("--pace is %v: give log seconds per second", in.pace)
			}
			if in.batch < 1 || in.batch > 1000 {
				return app.Usage("--batch is %d: give 1 to 1000", in.batch)
			}
			if err := r.load(c); err != nil {
				return err
			}
			in.file, in.post = args[0], r.batch
			if state == "" {
				state = besides(args[0])
			}
			mark, err := openBookmark(state, args[0], r.url, startOver)
			if err != nil {
				return err
			}
			in.mark = mark
			if dev, ok := app.RunningDev(r.dataDir); ok && dev.URL == r.url && dev.Clock.Scale == in.pace {
				in.clock = &dev.Clock
			}
			p := newProgress(c.ErrOrStderr())
			in.progress = p.show
			if mark.Line > 0 {
				p.say(fmt.Sprintf("resuming after line %d", mark.Line))
			}
			report, err := in.run(c.Context())
			p.end()
			if err != nil {
				if c.Context().Err() != nil {
					return &app.ExitError{Code: app.ExitBad, Err: errors.New("interrupted; run the same command to resume")}
				}
				return err
			}
			return show(c, output, report, report.print)
		},
	}
	f := c.Flags()
	f.Float64Var(&in.pace, "pace", 0, "log seconds per second; 0: as fast as it goes")
	f.IntVar(&in.batch, "batch", 500, "most calls in a batch")
	f.DurationVar(&in.patience, "patience", 2*time.Minute, "how long to retry while the gateway accepts nothing")
	f.StringVar(
		&state,
		"state",
		"",
		"file that stores the position; default: FILE.tabi-state, in the working folder where that of FILE cannot be written",
	)
	f.BoolVar(&startOver, "start-over", false, "ignore the stored position")
	r.register(c, true, false)
	outputFlag(c, &output)
	return c
}

// ingestReport is what a run did.
type ingestReport struct {
	Events     int     `json:"events"`
	Duplicates int     `json:"duplicates"`
	Entered    int     `json:"entered"`
	Batches    int     `json:"batches"`
	Retries    int     `json:"retries"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"events_per_second"`
	// Lag is how far behind schedule calls were acknowledged, in seconds of wall time; with --pace only.
	LagP50 float64 `json:"lag_p50_seconds,omitempty"`
	LagP99 float64 `json:"lag_p99_seconds,omitempty"`
	Pace   float64 `json:"pace,omitempty"`
}

func (r ingestReport) print(p *printer) {
	p.line("%d events in %d batches, %.1f s, %.0f events/s", r.Events, r.Batches, r.Seconds, r.Rate)
	p.line("%d entered a journey, %d were accepted before, %d attempts repeated", r.Entered, r.Duplicates, r.Retries)
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

// progress shows how far it is: a line that is rewritten on a terminal, a line now and then elsewhere.
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

// show is given the calls acknowledged, the part of the file that is, and calls per second.
func (p *progress) show(events int, part, rate float64) {
	p.draw(part, fmt.Sprintf("%d events, %.0f/s", events, rate))
}

// draw shows how much is done, with words.
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
