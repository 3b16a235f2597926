package terminal

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Progress shows how much is done: one line that is rewritten on a terminal, a new line every linePause elsewhere.
type Progress struct {
	w     io.Writer
	tty   bool
	last  time.Time
	drawn bool
}

// NewProgress returns the progress that is shown on w.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w}
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

// Say prints a line.
func (p *Progress) Say(text string) { _, _ = fmt.Fprintln(p.w, Lines(text)) }

// Draw shows the part that is done (0 to 1) and a text. It skips updates that follow too soon.
func (p *Progress) Draw(part float64, words string) {
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
		p.Say(fmt.Sprintf("%3.0f%%  %s", part*100, words))
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
	_, _ = fmt.Fprintf(p.w, "\r%s %3.0f%%  %s\033[K", string(bar), part*100, Quote(words))
}

// End removes the line.
func (p *Progress) End() {
	if p.drawn {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}
