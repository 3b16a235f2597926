package pages

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// liveRefresh is the interval, in seconds, at which a live page reloads.
const liveRefresh = 30

type journeyRow struct {
	Name, Description    string
	Entries, Open, Ended int64
	Goal                 stats.Proportion // share among the ended enrollments
	HasGoal              bool             // in the current release
	Gone, Paused         bool             // not in the current release
}

type journeysView struct {
	Rows        []journeyRow
	DeadLetters int64 // outbox entries that can never be delivered
	Rejected    int64 // refused calls that are kept
}

// Journeys lists the journeys of the current release, and others that were ever entered.
func (p *Pages) Journeys(w http.ResponseWriter, r *http.Request) {
	_, content, err := p.rooms.Catalog.Content(r.Context())
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	counts, ok := p.figures.Live()
	if !ok {
		p.pageFailed(w, r, errors.New("the counts could not be read"))
		return
	}
	totals, _ := p.figures.Totals() // may be old in a large store
	names := map[string]bool{}
	for name := range content.Journeys {
		names[name] = true
	}
	for name, n := range counts.Open {
		names[name] = names[name] || n > 0
	}
	var list []journeyRow
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		row := journeyRow{Name: name, Open: counts.Open[name], Gone: true, Paused: slices.Contains(counts.PausedJourneys, name)}
		if d := content.Journeys[name]; d != nil {
			row.Description, row.Gone, row.HasGoal = d.Description, false, d.Goal != nil
		}
		for _, n := range totals.Outcomes[name] {
			row.Ended += n
		}
		row.Entries = row.Ended + row.Open
		row.Goal = stats.Wilson(totals.Outcomes[name][contract.Goal], row.Ended)
		row.HasGoal = row.HasGoal || totals.Outcomes[name][contract.Goal] > 0
		list = append(list, row)
	}
	p.Render(w, r, http.StatusOK, "journeys.html", "Journeys", journeysView{
		Rows: list, DeadLetters: counts.DeadLetters, Rejected: counts.Rejected,
	})
}

// Journey draws one journey with its numbers.
func (p *Pages) Journey(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	n, err := p.figures.Numbers(r.Context(), name)
	if errors.Is(err, sqldb.ErrNotFound) {
		p.Problem(
			w,
			r,
			http.StatusNotFound,
			"No such journey",
			"There is no journey of this name in the current release, and no customer ever entered one.",
		)
		return
	}
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	chosen := r.URL.Query().Get("revision")
	shown := cmp.Or(chosen, n.Current)
	if shown == "" {
		shown = n.Revisions[0].Revision
	}
	if chosen != "" && chosen != n.Current &&
		!slices.ContainsFunc(n.Revisions, func(v analytics.RevisionNumbers) bool { return v.Revision == chosen }) {
		p.Problem(
			w,
			r,
			http.StatusNotFound,
			"No such revision",
			"None of the counted enrollments of this journey is on this revision.",
		)
		return
	}
	program, err := p.rooms.Catalog.Program(r.Context(), shown)
	if err != nil {
		p.pageFailed(w, r, err)
		return
	}
	view := viewJourney(n, program.Definition, chosen)
	if view.Audit, err = p.readAudit(r, audit.Filter{Journey: name}); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	view.Live = r.URL.Query().Get("live") == "1"
	p.Render(w, r, http.StatusOK, "journey.html", name, view)
}
