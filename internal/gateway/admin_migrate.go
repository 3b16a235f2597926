package gateway

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

func viewMove(m store.MigrationStatus) api.MigrationStatus {
	return api.MigrationStatus{
		Enrollment: m.Enrollment,
		WorkflowID: m.WorkflowID,
		Customer:   m.Customer,
		From:       m.From,
		To:         m.To,
		Step:       m.Step,
		Target:     m.Target,
		State:      m.State,
		Reason:     m.Reason,
	}
}

func viewMoves(all []store.MigrationStatus) []api.MigrationStatus {
	out := make([]api.MigrationStatus, len(all))
	for i, m := range all {
		out[i] = viewMove(m)
	}
	return out
}

func (g *Gateway) adminStanding(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("journey")
	counts, err := g.cfg.Store.StepCounts(r.Context(), name)
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	release, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if name != "" && len(counts) == 0 {
		if f := g.knowsJourney(r, name); f != nil {
			g.refuse(w, r, f)
			return
		}
	}
	found := map[string]*api.JourneyStepCounts{}
	if content != nil {
		for _, d := range content.Journeys {
			if name == "" || d.Journey == name {
				found[d.Journey] = &api.JourneyStepCounts{
					Journey:   d.Journey,
					Current:   d.Revision(),
					Revisions: []api.RevisionStepCounts{{Revision: d.Revision()}},
				}
			}
		}
	}
	for _, c := range counts {
		j := found[c.Journey]
		if j == nil {
			j = &api.JourneyStepCounts{Journey: c.Journey, Revisions: []api.RevisionStepCounts{}}
			found[c.Journey] = j
		}
		at := slices.IndexFunc(j.Revisions, func(one api.RevisionStepCounts) bool { return one.Revision == c.Revision })
		if at < 0 {
			at = len(j.Revisions)
			j.Revisions = append(j.Revisions, api.RevisionStepCounts{Revision: c.Revision})
		}
		j.Revisions[at].Steps = append(
			j.Revisions[at].Steps,
			api.StepCount{Step: c.Step, AwaitingGoal: c.State == store.StateAwaitingGoal, Holdout: c.Holdout, Instances: c.Instances},
		)
	}
	out := api.StepCounts{Journeys: []api.JourneyStepCounts{}, Release: release}
	if content != nil && name == "" {
		out.Rules = &content.Rules
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		j := found[key]
		for i := range j.Revisions {
			p, err := g.cfg.Store.Program(r.Context(), j.Revisions[i].Revision)
			if err == nil {
				j.Revisions[i].Definition, err = journey.Pack(p.Definition)
			}
			if err != nil {
				g.storeFailed(w, r, err)
				return
			}
		}
		out.Journeys = append(out.Journeys, *j)
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *Gateway) adminMigrate(w http.ResponseWriter, r *http.Request) {
	var in api.MigrateRequest
	if f := g.readInto(w, r, &in); f != nil {
		g.refuse(w, r, f)
		return
	}
	f := need("journey", in.Journey)
	if f == nil && (in.Limit < 0 || in.Limit > 1000) {
		f = bad("limit", "is a number from 1 to 1000")
	}
	if f == nil {
		f = g.checkRenamed(r, in.Journey, in.Renamed)
	}
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	page, err := g.cfg.Store.Migrate(r.Context(), g.now(), store.Migration{
		Journey: in.Journey, Renamed: in.Renamed, By: g.actor(r, in.By), DryRun: in.DryRun, After: in.After, Limit: in.Limit,
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.refuse(w, r, notReleased(in.Journey))
	case err != nil:
		g.storeFailed(w, r, err)
	default:
		writeJSON(w, http.StatusOK, api.MigratePage{Instances: viewMoves(page.Instances), Next: page.Next})
	}
}

func notReleased(name string) *fail {
	return &fail{Status: http.StatusNotFound, Code: "unknown_journey", Field: "journey",
		Message: "no such journey in the current release: " + strconv.Quote(name) + "; publish the revision to move to first"}
}

// checkRenamed refuses names that the journey's current revision does not have: a slip would leave everyone
// where they are.
func (g *Gateway) checkRenamed(r *http.Request, name string, renamed map[string]string) *fail {
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		return g.storeFail(r, err)
	}
	if content == nil || content.Journeys[name] == nil {
		return notReleased(name)
	}
	for _, old := range slices.Sorted(maps.Keys(renamed)) {
		known := slices.ContainsFunc(content.Journeys[name].Steps, func(s journey.Step) bool { return s.ID == renamed[old] })
		if !known {
			return &fail{Status: http.StatusBadRequest, Code: "bad_value", Field: top("renamed." + old),
				Message: strconv.Quote(renamed[old]) + " is no step of the current revision; is the edit published?"}
		}
	}
	return nil
}

func (g *Gateway) adminMoves(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if f := need("journey", q.Get("journey")); f != nil {
		g.refuse(w, r, f)
		return
	}
	limit, f := pageLimit(q, 1000)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	moves, err := g.cfg.Store.MigrationStatuses(r.Context(), q.Get("journey"), q.Get("after"), limit)
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.refuse(w, r, notReleased(q.Get("journey")))
		return
	case err != nil:
		g.storeFailed(w, r, err)
		return
	}
	out := api.MigrationList{Moves: viewMoves(moves)}
	if len(moves) == limit {
		out.Next = moves[len(moves)-1].Enrollment
	}
	writeJSON(w, http.StatusOK, out)
}
