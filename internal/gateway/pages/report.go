package pages

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// periods are the periods that the page can show.
var periods = []pair{{"1d", "the last day"}, {"7d", "the last week"}, {"30d", "the last 30 days"}, {"90d", "the last 90 days"},
	{"all", "all time"}}

type reportView struct {
	api.Report
	Asked  string // the parameter since
	Begins retention.Begins
}

// Report shows the report.
func (p *Pages) Report(w http.ResponseWriter, r *http.Request) {
	since, f := p.figures.Since(r.URL.Query().Get("since"))
	if f != nil {
		p.Problem(w, r, f.Status, "Unknown period", "The period must be a duration such as 30d, or all.")
		return
	}
	report, err := p.figures.Report(r.Context(), since)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	v := reportView{Report: report, Asked: r.URL.Query().Get("since"), Begins: retention.Begins(report.CompleteSince)}
	if v.Asked == "" {
		v.Asked = figures.DefaultPeriod
	}
	p.Render(w, r, http.StatusOK, "report.html", "Report", v)
}
