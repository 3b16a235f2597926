package devmode

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	activityPause = time.Second // between two looks (wall time)
	activityShown = 20          // lines per look, for entries and for sends
	activityRead  = 200         // rows per look
)

// activity knows which entries and sends were said.
type activity struct {
	services *app.Services
	last     string            // the newest enrollment that was said
	sends    map[string]string // key → status that was said
}

// follow says each entry and send once, in a line.
func (d *Dev) follow(ctx context.Context, s *app.Services) error {
	if d.Activity == nil {
		<-ctx.Done()
		return nil
	}
	a := &activity{services: s}
	tick := time.NewTicker(activityPause)
	defer tick.Stop()
	for quiet := true; ; quiet = false { // what was there before is not said
		lines, err := a.news(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.Warn("could not read what has happened", zap.Error(err))
		}
		for _, line := range lines {
			if !quiet {
				d.Activity(line)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// news returns the lines of what has happened since the last call.
func (a *activity) news(ctx context.Context) ([]string, error) {
	rows, err := a.services.Store.Enrollments.List(ctx, enrollment.Filter{Newest: true, Limit: activityRead})
	if err != nil {
		return nil, err
	}
	var entered []string
	for _, e := range rows {
		if e.ID <= a.last {
			break
		}
		held := ""
		if e.Holdout {
			held = " (held out: it takes no step)"
		}
		entered = append(entered, fmt.Sprintf("%s  %s entered by %s%s", moment(e.EnteredAt), e.WorkflowID, e.EntryName, held))
	}
	if len(rows) > 0 {
		a.last = max(a.last, rows[0].ID)
	}
	sends, err := a.services.Store.Messages.Sends(ctx, message.SendFilter{Limit: activityRead})
	if err != nil {
		return nil, err
	}
	var said []string
	now := map[string]string{}
	for _, c := range sends {
		now[c.Key] = c.Status + c.Reason
		if a.sends[c.Key] == now[c.Key] || c.Status == message.StatusSending {
			continue
		}
		line := fmt.Sprintf("%s  %s: %s", moment(c.At), c.Customer, c.Message)
		if c.Channel != "" {
			line += " by " + c.Channel
		}
		line += " " + c.Status
		if c.Reason != "" {
			line += " (" + c.Reason + ")"
		} else if c.Status == contract.StatusRetry {
			line += " (see tabi status)"
		}
		said = append(said, line)
	}
	a.sends = now
	return append(few(entered, "entries"), few(said, "sends")...), nil
}

// few returns the lines, newest last, and says how many it leaves out.
func few(newestFirst []string, what string) []string {
	var out []string
	if n := len(newestFirst); n > activityShown {
		out = append(out, fmt.Sprintf("… and %d more %s", n-activityShown, what))
		newestFirst = newestFirst[:activityShown]
	}
	for i := len(newestFirst) - 1; i >= 0; i-- {
		out = append(out, strings.ToValidUTF8(newestFirst[i], "?"))
	}
	return out
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
