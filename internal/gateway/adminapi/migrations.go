package adminapi

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func viewMigrations(all []enrollment.MigrationStatus) []api.MigrationStatus {
	out := make([]api.MigrationStatus, len(all))
	for i, m := range all {
		out[i] = api.MigrationStatus{
			Enrollment: m.Enrollment, WorkflowID: m.WorkflowID, Customer: m.Customer, From: m.From, To: m.To,
			Step: m.Step, Target: m.Target, State: m.State, Reason: m.Reason, Until: m.Until, Was: m.Was,
		}
	}
	return out
}

func (h *Handlers) getStepCounts(ctx context.Context, in *api.JourneyFilter) (*api.StepCounts, error) {
	counts, err := h.rooms.Analytics.StepCounts(ctx, in.Journey)
	if err != nil {
		return nil, err
	}
	release, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return nil, err
	}
	if in.Journey != "" && len(counts) == 0 {
		if err := h.knowsJourney(ctx, in.Journey); err != nil {
			return nil, err
		}
	}
	found := groupStepCounts(counts, content, in.Journey)
	out := &api.StepCounts{Journeys: []api.JourneyStepCounts{}, Release: release}
	if content != nil && in.Journey == "" {
		out.Rules = &content.Rules
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		j := found[name]
		for i := range j.Revisions {
			p, err := h.rooms.Catalog.Program(ctx, j.Revisions[i].Revision)
			if err == nil {
				j.Revisions[i].Definition, err = journey.Pack(p.Definition)
			}
			if err != nil {
				return nil, err
			}
		}
		out.Journeys = append(out.Journeys, *j)
	}
	return out, nil
}

// groupStepCounts groups counts by journey and revision. A journey's current revision is listed even if it has no enrollments; an
// empty name asks for all journeys.
func groupStepCounts(counts []analytics.StepCount, content *journey.Content, name string) map[string]*api.JourneyStepCounts {
	found := map[string]*api.JourneyStepCounts{}
	if content != nil {
		for _, d := range content.Journeys {
			if name == "" || d.Journey == name {
				found[d.Journey] = &api.JourneyStepCounts{
					Journey: d.Journey, Current: d.Revision(), Revisions: []api.RevisionStepCounts{{Revision: d.Revision()}},
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
		j.Revisions[at].Steps = append(j.Revisions[at].Steps, api.StepCount{
			Step: c.Step, AwaitingGoal: c.State == unit.StateAwaitingGoal, Holdout: c.Holdout, Enrollments: c.Enrollments,
		})
	}
	return found
}

func (h *Handlers) migrate(ctx context.Context, in *api.MigrateInput) (*api.MigratePage, error) {
	req := in.Body
	if err := h.checkRenamed(ctx, req.Journey, req.Renamed); err != nil {
		return nil, err
	}
	audit.Of(ctx).About("", req.Journey)
	if req.DryRun {
		audit.Of(ctx).Skip()
	} else {
		audit.Of(ctx).Page(req.After == "")
	}
	page, err := h.rooms.Enrollments.Migrate(ctx, h.Now(), enrollment.Migration{
		Journey: req.Journey, Renamed: req.Renamed, Retime: req.Retime,
		By: auth.Actor(ctx, req.By), DryRun: req.DryRun, After: req.After, Limit: req.Limit,
	})
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, notReleased(req.Journey)
	}
	return &api.MigratePage{Migrations: viewMigrations(page.Migrations), Next: page.Next}, err
}

func notReleased(name string) *web.Error {
	return web.NotFound("unknown_journey", "journey",
		"no such journey in the current release: "+strconv.Quote(name)+"; publish the revision to move to first")
}

// checkRenamed refuses step names that the journey's current revision does not have: with a misspelled name, every enrollment
// would stay.
func (h *Handlers) checkRenamed(ctx context.Context, name string, renamed map[string]string) error {
	_, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return err
	}
	if content == nil || content.Journeys[name] == nil {
		return notReleased(name)
	}
	for _, old := range slices.Sorted(maps.Keys(renamed)) {
		known := slices.ContainsFunc(content.Journeys[name].Steps, func(s journey.Step) bool { return s.ID == renamed[old] })
		if !known {
			return &web.Error{Status: http.StatusBadRequest, Code: "bad_value", Field: tolerant.Top("renamed." + old),
				Message: strconv.Quote(renamed[old]) + " is not a step of the current revision; is the edit published?"}
		}
	}
	return nil
}

func (h *Handlers) listMigrations(ctx context.Context, in *api.MigrationFilter) (*api.MigrationList, error) {
	audit.Of(ctx).About("", in.Journey)
	rows, err := h.rooms.Enrollments.MigrationStatuses(ctx, in.Journey, in.After, in.Limit)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, notReleased(in.Journey)
	}
	if err != nil {
		return nil, err
	}
	out := &api.MigrationList{Migrations: viewMigrations(rows)}
	if len(rows) == in.Limit {
		out.Next = rows[len(rows)-1].Enrollment
	}
	return out, nil
}
