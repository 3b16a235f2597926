package gateway

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	numbersAge     = 5 * time.Second  // how old a journey's numbers may be when they are shown (wall time)
	numbersTimeout = 45 * time.Second // of reading them (wall time)
	numbersKept    = 64               // journeys whose numbers are kept in memory
	liveRefresh    = 30               // seconds after which a page that was asked to be live loads itself again
)

// numbersCache keeps the numbers of journeys for a moment, so that many who look cost the database no more than one.
type numbersCache struct {
	mu   sync.Mutex
	kept map[string]*keptNumbers
}

type keptNumbers struct {
	mu   sync.Mutex
	at   time.Time // wall; zero: not read yet
	last store.Numbers
}

// numbers gives a journey's numbers, fresh or a few seconds old. Those who ask while they are read wait for the
// same answer.
func (g *Gateway) numbers(ctx context.Context, name string) (store.Numbers, error) {
	g.journeyNumbers.mu.Lock()
	if g.journeyNumbers.kept == nil || len(g.journeyNumbers.kept) >= numbersKept {
		g.journeyNumbers.kept = map[string]*keptNumbers{}
	}
	k := g.journeyNumbers.kept[name]
	if k == nil {
		k = &keptNumbers{}
		g.journeyNumbers.kept[name] = k
	}
	g.journeyNumbers.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && g.wall().Sub(k.at) < numbersAge {
		return k.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, numbersTimeout)
	defer cancel()
	n, err := g.cfg.Store.Numbers(ctx, g.now(), name)
	if err != nil {
		return n, err
	}
	k.at, k.last = g.wall(), n
	return n, nil
}

type journeyRow struct {
	Name, Description    string
	Entries, Open, Ended int64
	Goal                 stats.Proportion // of those that have ended
	HasGoal              bool             // the current release says so
	Gone, Paused         bool             // not in the current release
}

type journeysView struct {
	Rows     []journeyRow
	SetAside int64 // deliveries that are refused for good
}

// journeys lists the journeys of the current release, and those that were entered before it.
func (g *Gateway) journeys(w http.ResponseWriter, r *http.Request) {
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	counts, ok := g.counts.read()
	if !ok {
		g.pageFailed(w, r, errors.New("the counts could not be read"))
		return
	}
	totals, _ := g.counts.readTotals() // of a while ago where there are many
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
	g.render(w, r, http.StatusOK, "journeys.html", "Journeys", journeysView{Rows: list, SetAside: counts.DeadLetters})
}

// journey shows one journey, drawn, with what is known of it.
func (g *Gateway) journey(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	n, err := g.numbers(r.Context(), name)
	if errors.Is(err, store.ErrNotFound) {
		g.problemPage(
			w,
			r,
			http.StatusNotFound,
			"No such journey",
			"There is no journey of this name in the current release, and nobody ever entered one.",
		)
		return
	}
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	chosen := r.URL.Query().Get("revision")
	shown := cmp.Or(chosen, n.Current)
	if shown == "" {
		shown = n.Revisions[0].Revision
	}
	if chosen != "" && chosen != n.Current &&
		!slices.ContainsFunc(n.Revisions, func(v store.RevisionNumbers) bool { return v.Revision == chosen }) {
		g.problemPage(
			w,
			r,
			http.StatusNotFound,
			"No such revision",
			"No instance of this journey that is still counted is on this revision.",
		)
		return
	}
	p, err := g.cfg.Store.Program(r.Context(), shown)
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	view := viewJourney(n, p.Definition, chosen)
	view.Live = r.URL.Query().Get("live") == "1"
	g.render(w, r, http.StatusOK, "journey.html", name, view)
}
