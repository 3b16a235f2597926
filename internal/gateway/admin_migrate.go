package gateway

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// The admin API of safe edits.
//
//	GET  /v1/admin/standing  ?journey= → StandingList (404: no such journey)
//	POST /v1/admin/migrate   MigrateRequest → MigratePage (404: the current release has no such journey)
//	GET  /v1/admin/moves     ?journey= &after= &limit= → MovePage

// Paths of the admin API of safe edits.
const (
	AdminStanding = "/v1/admin/standing"
	AdminMigrate  = "/v1/admin/migrate"
	AdminMoves    = "/v1/admin/moves"
)

// StandingList says where the open instances of journeys stand; sorted by journey. Release and Rules are the
// current ones; Rules only where all journeys were asked for.
type StandingList struct {
	Journeys []JourneyStanding `json:"journeys"`
	Release  int               `json:"release"`
	Rules    *journey.Rules    `json:"rules,omitempty"`
}

// JourneyStanding is where a journey's open instances stand. Current is the revision that new ones enter, empty
// where nobody can any more; it is listed even if none is open on it.
type JourneyStanding struct {
	Journey   string             `json:"journey"`
	Current   string             `json:"current,omitempty"`
	Revisions []RevisionStanding `json:"revisions"`
}

// RevisionStanding is where the open instances of a revision stand.
type RevisionStanding struct {
	Revision   string         `json:"revision"`
	Definition []byte         `json:"definition"` // journey.Pack of it
	Steps      []StepStanding `json:"steps,omitempty"`
}

// StepStanding is how many instances stand at a step; an empty one is behind the end of a path, or before the
// first step.
type StepStanding struct {
	Step      string `json:"step,omitempty"`
	Watching  bool   `json:"watching,omitempty"` // its path has ended; it waits silently for its goal
	Holdout   bool   `json:"holdout,omitempty"`  // the control group, which takes no step
	Instances int64  `json:"instances"`
}

// MigrateRequest asks a page of a journey's open instances to go over to the revision of the current release.
type MigrateRequest struct {
	Journey string            `json:"journey"`
	Renamed map[string]string `json:"renamed,omitempty"` // old step id → new one
	DryRun  bool              `json:"dry_run,omitempty"` // only says what would be
	After   string            `json:"after,omitempty"`   // next of the page before
	Limit   int               `json:"limit,omitempty"`   // 1…1000, default 100
	By      string            `json:"by,omitempty"`      // default: the token's name
}

// MoveView is what a migration makes of one instance.
type MoveView struct {
	Enrollment string `json:"enrollment"`
	WorkflowID string `json:"workflow_id"`
	Customer   string `json:"customer"`
	From       string `json:"from"` // revision
	To         string `json:"to"`
	Step       string `json:"step,omitempty"`
	Target     string `json:"target,omitempty"`
	State      string `json:"state"` // ordered (in a dry run: it would be), moved or refused
	Reason     string `json:"reason,omitempty"`
}

// MigratePage is a page of a migration; Next, if set, is the next page's after.
type MigratePage struct {
	Instances []MoveView `json:"instances"`
	Next      string     `json:"next,omitempty"`
}

// MovePage is a page of what became of the orders to go over to the current revision.
type MovePage struct {
	Moves []MoveView `json:"moves"`
	Next  string     `json:"next,omitempty"`
}

func viewMove(m store.MigrationStatus) MoveView {
	return MoveView{
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

func viewMoves(all []store.MigrationStatus) []MoveView {
	out := make([]MoveView, len(all))
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
	found := map[string]*JourneyStanding{}
	if content != nil {
		for _, d := range content.Journeys {
			if name == "" || d.Journey == name {
				found[d.Journey] = &JourneyStanding{
					Journey:   d.Journey,
					Current:   d.Revision(),
					Revisions: []RevisionStanding{{Revision: d.Revision()}},
				}
			}
		}
	}
	for _, c := range counts {
		j := found[c.Journey]
		if j == nil {
			j = &JourneyStanding{Journey: c.Journey, Revisions: []RevisionStanding{}}
			found[c.Journey] = j
		}
		at := slices.IndexFunc(j.Revisions, func(one RevisionStanding) bool { return one.Revision == c.Revision })
		if at < 0 {
			at = len(j.Revisions)
			j.Revisions = append(j.Revisions, RevisionStanding{Revision: c.Revision})
		}
		j.Revisions[at].Steps = append(
			j.Revisions[at].Steps,
			StepStanding{Step: c.Step, Watching: c.State == store.StateAwaitingGoal, Holdout: c.Holdout, Instances: c.Instances},
		)
	}
	out := StandingList{Journeys: []JourneyStanding{}, Release: release}
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
	var in MigrateRequest
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
		writeJSON(w, http.StatusOK, MigratePage{Instances: viewMoves(page.Instances), Next: page.Next})
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
	out := MovePage{Moves: viewMoves(moves)}
	if len(moves) == limit {
		out.Next = moves[len(moves)-1].Enrollment
	}
	writeJSON(w, http.StatusOK, out)
}
