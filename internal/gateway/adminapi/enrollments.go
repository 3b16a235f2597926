package adminapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func (h *Handlers) enroll(ctx context.Context, in *api.EnrollInput) (*api.EnrollResponse, error) {
	req := in.Body
	if req.ID == "" {
		req.ID = uuid.NewString()
	}
	call := customer.SegmentCall{
		Type: "track", MessageID: req.ID, Event: event.JourneyStarted, Properties: req.Properties, Source: "cli", Enter: req.Journey,
	}
	id, anonymous := strings.CutPrefix(req.Customer, event.AnonymousPrefix)
	if anonymous {
		call.AnonymousID = id
	} else {
		call.UserID = id
	}
	if err := web.FirstError(web.CheckID("customer", req.Customer), web.CheckPerson("customer", id), web.CheckID("id", req.ID),
		h.CheckTree("properties", req.Properties)); err != nil {
		return nil, err
	}
	_, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return nil, err
	}
	if content == nil || content.Journeys[req.Journey] == nil {
		return nil, web.NotFound("unknown_journey", "journey", "no such journey in the current release: "+strconv.Quote(req.Journey))
	}
	audit.Of(ctx).About(req.Customer, req.Journey)
	receipts, err := h.rooms.Intake.Ingest(ctx, h.Now(), []customer.SegmentCall{call})
	if err != nil {
		return nil, err
	}
	got := receipts[0]
	if got.Taken {
		return nil, web.Refused(web.StoreProblem("", customer.ErrTaken))
	}
	if got.Refused != "" {
		return nil, &web.Error{Status: http.StatusConflict, Code: "refused", Field: "customer", Message: got.Refused}
	}
	out := &api.EnrollResponse{ID: got.ID, Customer: got.Customer, Duplicate: got.Duplicate}
	if len(got.Entered) > 0 {
		out.WorkflowID = got.Entered[0]
	}
	return out, nil
}

// commands maps the API's names of commands to the workflow's.
var commands = map[string]string{
	"cancel": contract.ExitUpdate, "pause": contract.PauseUpdate, "resume": contract.ResumeUpdate,
}

func (h *Handlers) sendCommand(ctx context.Context, in *api.CommandInput) (*api.Done, error) {
	audit.Of(ctx).Note("command", in.Body.Kind)
	err := h.rooms.Enrollments.Command(ctx, h.Now(), in.ID, contract.Command{
		Kind: commands[in.Body.Kind], By: auth.Actor(ctx, in.Body.By), Reason: in.Body.Reason,
	})
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("not_found", "id", "no open enrollment at this workflow id")
	}
	return &api.Done{Success: true}, err
}

func (h *Handlers) listEnrollments(ctx context.Context, in *api.EnrollmentFilter) (*api.EnrollmentList, error) {
	audit.Of(ctx).About(in.Customer, in.Journey)
	rows, err := h.rooms.Enrollments.List(ctx, enrollment.Filter{
		Journey: in.Journey, Customer: in.Customer, State: in.State, Outcome: in.Outcome, After: in.After, Limit: in.Limit, Newest: true,
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && in.Journey != "" {
		if err := h.knowsJourney(ctx, in.Journey); err != nil {
			return nil, err
		}
	}
	out := &api.EnrollmentList{Enrollments: make([]api.Enrollment, 0, len(rows))}
	for _, e := range rows {
		out.Enrollments = append(out.Enrollments, viewEnrollment(e))
	}
	if len(rows) == in.Limit {
		out.Next = rows[len(rows)-1].ID
	}
	out.CompleteSince, err = h.figures.CompleteSince(ctx, retention.Enrollments)
	return out, err
}

// knowsJourney refuses a journey that is not in the current release and was never entered.
func (h *Handlers) knowsJourney(ctx context.Context, name string) error {
	_, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil || content != nil && content.Journeys[name] != nil {
		return err
	}
	rows, err := h.rooms.Enrollments.List(ctx, enrollment.Filter{Journey: name, Limit: 1})
	if err != nil || len(rows) > 0 {
		return err
	}
	return web.NotFound("unknown_journey", "journey", "no such journey: "+strconv.Quote(name))
}

func (h *Handlers) getEnrollment(ctx context.Context, in *api.EnrollmentID) (*api.Status, error) {
	rows, err := h.rooms.Enrollments.List(ctx, enrollment.Filter{WorkflowID: in.ID, Limit: 1000})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, web.NotFound("not_found", "id", "there was never an enrollment at this workflow id")
	}
	latest := rows[0]
	for _, e := range rows[1:] {
		if e.EnteredAt.After(latest.EnteredAt) || e.EnteredAt.Equal(latest.EnteredAt) && latest.State == unit.StateClosed {
			latest = e
		}
	}
	audit.Of(ctx).About(latest.Customer, latest.Journey)
	sends, err := h.rooms.Messages.Sends(ctx, message.SendFilter{Enrollment: latest.ID})
	if err != nil {
		return nil, err
	}
	dead, err := h.rooms.Outbox.DeadLetters(ctx, outbox.DeadLetterFilter{WorkflowID: in.ID})
	if err != nil {
		return nil, err
	}
	out := &api.Status{Enrollment: viewEnrollment(latest), Sends: make([]api.Send, 0, len(sends)), DeadLetters: viewDeadLetters(dead)}
	for _, s := range sends {
		out.Sends = append(out.Sends, viewSend(s))
	}
	if since, err := h.figures.CompleteSince(ctx, retention.Sends); err != nil || latest.EnteredAt.Before(since[retention.Sends]) {
		out.CompleteSince = since // otherwise all its sends are there
		return out, err
	}
	return out, nil
}

// restartAfter is how long ago an enrollment may have been closed as lost to begin again, unless the request says more.
const restartAfter = 7 * 24 * time.Hour

func (h *Handlers) restartLost(ctx context.Context, in *api.RestartInput) (*api.RestartPage, error) {
	if in.Body.Since.IsZero() {
		in.Body.Since = h.Now().Add(-restartAfter)
	}
	if h.restart == nil {
		return nil, errNoTemporal
	}
	audit.Of(ctx).About("", in.Body.Journey)
	if in.Body.DryRun {
		audit.Of(ctx).Skip()
	} else {
		audit.Of(ctx).Page(in.Body.After == "")
	}
	page, err := h.restart(ctx, in.Body)
	if err != nil {
		h.Log.Error("restarting lost enrollments failed", zap.Error(err))
		return nil, errNoTemporal
	}
	return &page, nil
}

// errNoTemporal: the enrollments cannot be looked up.
var errNoTemporal = &web.Error{Status: http.StatusServiceUnavailable, Code: "unavailable",
	Message: "Temporal cannot be asked, or is not the one that the database belongs to; the log of the gateway says more", Retry: 10}

func (h *Handlers) pauseJourney(ctx context.Context, in *api.PauseInput) (*api.PauseResponse, error) {
	audit.Of(ctx).About("", in.Body.Journey)
	audit.Of(ctx).Note("paused", strconv.FormatBool(in.Body.Paused))
	n, err := h.rooms.Enrollments.PauseJourney(ctx, h.Now(), in.Body.Journey, auth.Actor(ctx, in.Body.By), in.Body.Paused)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("unknown_journey", "journey", fmt.Sprintf("no such journey: %q", in.Body.Journey))
	}
	return &api.PauseResponse{Success: true, Enrollments: n}, err
}

func (h *Handlers) getCounts(ctx context.Context, _ *api.None) (*api.Counts, error) {
	c, err := h.rooms.Analytics.Counts(ctx)
	return &api.Counts{
		Events: c.Events, Customers: c.Customers, OutboxDepth: c.Pending, OutboxOldest: c.OldestPending, DeliveryFailing: c.Failing,
		Open: c.Open, Outcomes: c.Outcomes, Sends: c.Sends, Handoffs: c.Handoffs, PausedJourneys: append([]string{}, c.PausedJourneys...),
		DeadLetters: c.DeadLetters, RejectedCalls: c.Rejected,
	}, err
}

func (h *Handlers) getJourney(ctx context.Context, in *api.JourneyName) (*api.JourneyNumbers, error) {
	n, err := h.figures.Numbers(ctx, in.Name)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("unknown_journey", "name", "no such journey: "+strconv.Quote(in.Name))
	}
	if err != nil {
		return nil, err
	}
	out := figures.ViewNumbers(n)
	for i := range out.Steps {
		s := &out.Steps[i]
		if s.Kind != "handoff" {
			continue
		}
		if p, err := h.rooms.Catalog.Program(ctx, s.Revision); err == nil { // otherwise none is known to be named
			for _, step := range p.Steps {
				if spec, ok := step.Spec.(*journey.Handoff); ok && step.ID == s.Step {
					s.Named = slices.Collect(maps.Keys(spec.Outcomes))
				}
			}
		}
	}
	return &out, nil
}

func (h *Handlers) getReport(ctx context.Context, in *api.ReportFilter) (*api.Report, error) {
	since, refused := h.figures.Since(in.Since)
	if refused != nil {
		return nil, refused
	}
	report, err := h.figures.Report(ctx, since)
	return &report, err
}

func viewEnrollment(e unit.Enrollment) api.Enrollment {
	return api.Enrollment{
		ID: e.ID, WorkflowID: e.WorkflowID, Journey: e.Journey, Revision: e.Revision, Customer: e.Customer, Key: e.Key,
		EntryEvent: e.EntryEvent, EntryName: e.EntryName, EnteredAt: e.EnteredAt, ClosedAt: e.ClosedAt,
		State: e.State, Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, Holdout: e.Holdout, RunID: e.Chain,
		Step: e.Step, StepKind: e.StepKind, Since: e.Since, Until: e.Until, Paused: e.Paused,
		MissingSince: e.MissingSince, DeliveryError: e.DeliveryError,
	}
}

func viewSend(s message.Send) api.Send {
	return api.Send{
		Key: s.Key, Journey: s.Journey, Step: s.Step, Message: s.Message, Channel: s.Channel, Category: s.Category,
		Status: s.Status, Reason: s.Reason, Detail: s.Why(), Unknown: s.Unknown, Attempts: s.Attempts, At: s.At,
	}
}
