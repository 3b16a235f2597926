package pages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// windows are the windows of conversions that the pages offer.
var windows = []pair{{"1d", "a day"}, {"3d", "3 days"}, {"7d", "a week"}, {"14d", "2 weeks"}, {"30d", "30 days"}}

// asked says which sends a page counts.
type asked struct {
	Since, Window string // parameters
	Within        string // the window in words
	At            time.Time
	Begins        retention.Begins
	CSV           string // address of the same as CSV
}

// resultsView is the data of the figures of messages and channels.
type resultsView struct {
	asked
	Total    *resultRow
	Messages []resultRow
	Channels []channelRow
}

// messageFigures is the part of a message's page that says what came of it.
type messageFigures struct {
	asked
	Total    resultRow
	Chart    chart
	Parts    []resultPart
	Controls []controlRow
}

// resultPart are the parts of the same sends by one property.
type resultPart struct {
	Title, Note string
	Rows        []resultRow
}

type resultRow struct {
	api.ResultNumbers
	Label string
}

type channelRow struct {
	resultRow
	Chart chart
}

// controlRow compares a journey's sends with its control group. Low, High and At are positions in percent, as in groupRow.
type controlRow struct {
	api.ControlComparison
	Delay, Words string
}

// chart is a chart of days: sends as bars, and clicks of them.
type chart struct {
	Bars        []bar
	First, Last string // days
	Most        int64
	Words       string // the same for who cannot see it
}

// bar is a day of a chart. All are in units of the drawing, which is 100 high.
type bar struct {
	X, Width       float64
	Sent, Answered float64 // heights
	Title          string
}

// chartOf draws the days from the first to the last, at most a year.
func chartOf(days []api.ResultNumbers) chart {
	if len(days) == 0 {
		return chart{}
	}
	c := chart{First: days[0].Name, Last: days[len(days)-1].Name}
	first, err := time.Parse(time.DateOnly, c.First)
	last, err2 := time.Parse(time.DateOnly, c.Last)
	if err != nil || err2 != nil {
		return chart{}
	}
	const most = 366
	if last.Sub(first) > most*24*time.Hour {
		first = last.Add(-most * 24 * time.Hour)
		c.First = first.Format(time.DateOnly)
	}
	n := int(last.Sub(first)/(24*time.Hour)) + 1
	for _, d := range days {
		c.Most = max(c.Most, d.Sent)
	}
	width := 600 / float64(max(n, 14))
	sent, clicked := int64(0), int64(0)
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Name)
		if err != nil || at.Before(first) || c.Most == 0 {
			continue
		}
		sent, clicked = sent+d.Sent, clicked+d.Clicked.Count
		c.Bars = append(c.Bars, bar{
			X: round1(float64(at.Sub(first)/(24*time.Hour)) * width), Width: round1(max(width-min(2, width/4), 0.5)),
			Sent: round1(100 * float64(d.Sent) / float64(c.Most)), Answered: round1(100 * float64(d.Clicked.Count) / float64(c.Most)),
			Title: fmt.Sprintf("%s: %d sent, %d opened, %d clicked", d.Name, d.Sent, d.Opened.Count, d.Clicked.Count),
		})
	}
	c.Words = fmt.Sprintf("%d sent and %d clicked on %d days, at most %d a day", sent, clicked, len(c.Bars), c.Most)
	return c
}

func round1(v float64) float64 { return math.Round(10*v) / 10 }

// Messages shows what came of each message.
func (p *Pages) Messages(w http.ResponseWriter, r *http.Request) {
	list, err := p.figures.Messages(r.Context(), resultsFilter(r))
	if p.asTable(w, r, "messages", list, err) {
		return
	}
	v := resultsView{asked: p.askedOf(r, list.ResultPeriod), Total: &resultRow{list.Total, "all messages"}}
	for _, m := range list.Messages {
		v.Messages = append(v.Messages, resultRow{m, m.Name})
	}
	p.Render(w, r, http.StatusOK, "messages.html", "Messages", v)
}

// Channels shows what came of the sends on each channel.
func (p *Pages) Channels(w http.ResponseWriter, r *http.Request) {
	list, err := p.figures.Channels(r.Context(), resultsFilter(r))
	if p.asTable(w, r, "channels", list, err) {
		return
	}
	v := resultsView{asked: p.askedOf(r, list.ResultPeriod)}
	for _, c := range list.Channels {
		v.Channels = append(v.Channels, channelRow{resultRow{c.ResultNumbers, c.Name}, chartOf(c.Days)})
	}
	p.Render(w, r, http.StatusOK, "channels.html", "Channels", v)
}

// messageFigures returns what came of a message, for its page.
func (p *Pages) messageFigures(r *http.Request, m api.MessageResults) messageFigures {
	v := messageFigures{asked: p.askedOf(r, m.ResultPeriod), Total: resultRow{m.Total, "all"}, Chart: chartOf(m.Days)}
	part := func(title, note, none string, list []api.ResultNumbers, least int) {
		if len(list) < least {
			return
		}
		one := resultPart{Title: title, Note: note}
		for _, n := range list {
			label := n.Name
			if label == "" {
				label = none
			}
			one.Rows = append(one.Rows, resultRow{n, label})
		}
		v.Parts = append(v.Parts, one)
	}
	part("Channel", "", "", m.Channels, 1)
	part("Language", "", "the message's own", m.Languages, 2)
	part("Tone", "", "plain", m.Tones, 2)
	part("Variant", "Arms of the splits that the customers had passed before the send. The page of the journey compares the arms "+
		"by the goal, customer by customer.", "", m.Variants, 1)
	part("Journey", "", "requested by channels", m.Journeys, 2)
	for _, c := range m.Controls {
		v.Controls = append(v.Controls, controlRow{ControlComparison: c,
			Delay: human.Duration(time.Duration(c.Delay) * time.Second), Words: verdictWords(c.Verdict, c.Difference)})
	}
	return v
}

// verdictWords says whether a difference is one, for people.
func verdictWords(verdict string, d api.Interval) string {
	text := fmt.Sprintf("%s percentage points (95 %%: %s to %s)", points(d.Estimate), points(d.Low), points(d.High))
	switch verdict {
	case api.Higher:
		return "more: " + text
	case api.Lower:
		return "fewer: " + text
	}
	return "not enough yet to tell: " + text
}

// MessageResults is the section of results for the page of a message; nil: there are none, and the log has the reason.
func (p *Pages) MessageResults(ctx context.Context, r *http.Request, name string) (any, *web.Error) {
	m, err := p.figures.Message(ctx, name, resultsFilter(r))
	var refused *web.Error
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case err != nil:
		p.Log.Warn("could not count what came of a message", zap.String("message", name), zap.Error(err))
		return nil, nil
	}
	return p.messageFigures(r, m), nil
}

// messageTable answers with what came of a message as CSV.
func (p *Pages) messageTable(w http.ResponseWriter, r *http.Request, name string) {
	m, err := p.figures.Message(r.Context(), name, resultsFilter(r))
	if errors.Is(err, sqldb.ErrNotFound) {
		p.Problem(w, r, http.StatusNotFound, "No such message", "There is no message of this name in the current release.")
		return
	}
	p.asTable(w, r, name, m, err)
}

// wasSent reports whether a message was sent in the period of a request.
func (p *Pages) wasSent(r *http.Request, name string) bool {
	m, err := p.figures.Message(r.Context(), name, resultsFilter(r))
	return err == nil && m.Total.Sent > 0
}

func resultsFilter(r *http.Request) api.ResultsFilter {
	q := r.URL.Query()
	return api.ResultsFilter{Since: q.Get("since"), Window: q.Get("window")}
}

// asTable answers a request that failed, or that asks for CSV, and reports whether it did.
func (p *Pages) asTable(w http.ResponseWriter, r *http.Request, name string, t api.Table, err error) bool {
	var refused *web.Error
	switch {
	case errors.As(err, &refused):
		p.Problem(w, r, refused.Status, "Unknown period", strings.ToUpper(refused.Message[:1])+refused.Message[1:]+".")
	case err != nil:
		p.pageFailed(w, r, err)
	case r.URL.Query().Get("format") == "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
		if err := figures.WriteCSV(w, t); err != nil {
			p.Log.Debug("a table was not read to its end", zap.Error(err))
		}
	default:
		return false
	}
	return true
}

func (p *Pages) askedOf(r *http.Request, period api.ResultPeriod) asked {
	f := resultsFilter(r)
	if f.Since == "" {
		f.Since = figures.DefaultPeriod
	}
	window := time.Duration(period.Window) * time.Second
	if f.Window == "" {
		f.Window = fmt.Sprintf("%dd", int(window/(24*time.Hour)))
	}
	q := url.Values{"since": {f.Since}, "window": {f.Window}, "format": {"csv"}}
	return asked{Since: f.Since, Window: f.Window, Within: human.Duration(window), At: period.At,
		Begins: retention.Begins(period.CompleteSince), CSV: "?" + q.Encode()}
}

// reactionCell is a cell of a table: a reaction to some sends.
type reactionCell struct {
	Sent    int64
	Numbers api.ReactionNumbers
}

// band returns an interval in percent: 1.2–3.4 %.
func band(i api.Interval) string {
	return fmt.Sprintf("%.1f–%.1f %%", 100*i.Low, 100*i.High)
}
