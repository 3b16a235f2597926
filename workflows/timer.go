package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// timer is the one physical timer of a run: for the earliest deadline.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

// setTimer sets the timer to deadline. A timer that already runs for that moment stays; the zero time stops it.
func (r *run) setTimer(ctx workflow.Context, deadline time.Time, summary string) {
	if r.timer != nil && r.timer.at.Equal(deadline) && !r.timer.future.IsReady() {
		return
	}
	if r.timer != nil {
		r.timer.cancel()
		r.timer = nil
	}
	if deadline.IsZero() {
		return
	}
	duration := max(r.in.Clock.Until(workflow.Now(ctx), deadline), time.Millisecond)
	timerCtx, cancel := workflow.WithCancel(ctx)
	future := workflow.NewTimerWithOptions(timerCtx, duration, workflow.TimerOptions{Summary: summary})
	r.timer = &timer{at: deadline, future: future, cancel: cancel}
}

// timerSummary is the text that the Temporal UI shows beside the timer.
func timerSummary(p waitSpec, deadline time.Time, fades bool) string {
	if fades {
		return clip(fmt.Sprintf("%s, until an intent may have faded at %s", p.label, stamp(deadline)), 200)
	}
	text := fmt.Sprintf("%s, until %s", p.label, stamp(deadline))
	if p.label == "" {
		text = "watching until " + stamp(deadline)
	}
	for i, word := range p.words {
		if i == 0 {
			text += ", for " + word
		} else {
			text += " or " + word
		}
	}
	return clip(text, 200) // the server's limit on summaries is 400 bytes
}
