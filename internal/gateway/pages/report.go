package pages

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
)

// periods are those that the page offers.
var periods = []pair{{"1d", "day"}, {"7d", "week"}, {"30d", "30 days"}, {"90d", "90 days"}, {"all", "of all time"}}

type reportView struct {
	api.Report
	Asked string // since, as it was asked
}

// reportPage shows the report to people.
func (p *Pages) Report(w http.ResponseWriter, r *http.Request) {
	since, f := p.figures.Since(r.URL.Query().Get("since"))
	if f != nil {
		p.Problem(w, r, f.Status, "Unknown period", "A report looks back over a duration such as 30d, or over all time (since=all).")
		return
	}
	report, err := p.figures.Report(r.Context(), since)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	v := reportView{Report: report, Asked: r.URL.Query().Get("since")}
	if v.Asked == "" {
		v.Asked = figures.DefaultPeriod
	}
	p.Render(w, r, http.StatusOK, "report.html", "Report", v)
}
