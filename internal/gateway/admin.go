package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// The admin API: JSON over HTTP with an admin token as bearer. In dev no token is needed.
//
//	POST /v1/admin/start       StartRequest   → StartResponse (409 refused, 404 unknown journey)
//	POST /v1/admin/command     CommandRequest → {"success": true} (404: nothing open at that workflow id)
//	POST /v1/admin/pause       PauseRequest   → PauseResponse
//	GET  /v1/admin/enrollments  ?journey= &customer= &state= &outcome= &after= &limit= → EnrollmentList (404: no such journey)
//	GET  /v1/admin/status      ?workflow_id= → Status (404: never heard of it)
//	GET  /v1/admin/counts      → CountsView
//	GET  /v1/admin/journeys/<name> → JourneyNumbers (404: no such journey)
//	GET  /v1/admin/aside, POST /v1/admin/retry: admin_aside.go
//	GET  /v1/admin/standing, POST /v1/admin/migrate, GET /v1/admin/moves: admin_migrate.go
//
// Times are virtual, RFC 3339, UTC.

// StartedByHand is the event by which a customer enters a journey through the admin API.
const StartedByHand = "Journey Started"

// ViewEnrollment gives the JSON form of an enrollment.
func ViewEnrollment(e store.Enrollment) api.Enrollment {
	return api.Enrollment{
		ID: e.ID, WorkflowID: e.WorkflowID, Journey: e.Journey, Revision: e.Revision, Customer: e.Customer, Key: e.Key,
		EntryEvent: e.EntryEvent, EntryName: e.EntryName, EnteredAt: e.EnteredAt, ClosedAt: e.ClosedAt,
		State: e.State, Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, Holdout: e.Holdout, RunID: e.Chain,
		Step: e.Step, StepKind: e.StepKind, Since: e.Since, Until: e.Until, Paused: e.Paused,
	}
}

// ViewContact gives the JSON form of a ledger row.
func ViewContact(c store.Send) api.Send {
	return api.Send{
		Key: c.Key, Journey: c.Journey, Step: c.Step, Message: c.Message, Channel: c.Channel, Category: c.Category,
		Status: c.Status, Reason: c.Reason, Unknown: c.Unknown, Attempts: c.Attempts, At: c.At,
	}
}

func (g *Gateway) adminStart(w http.ResponseWriter, r *http.Request) {
	var in api.EnrollRequest
	if f := g.readInto(w, r, &in); f != nil {
		g.refuse(w, r, f)
		return
	}
	if in.ID == "" {
		in.ID = uuid.NewString()
	}
	f := firstFail(
		need("journey", in.Journey),
		need("customer", in.Customer),
		checkID("customer", in.Customer),
		checkUserID("customer", in.Customer),
		checkID("id", in.ID),
		g.checkTree("properties", in.Properties),
	)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if content == nil || content.Journeys[in.Journey] == nil {
		g.refuse(w, r, &fail{Status: http.StatusNotFound, Code: "unknown_journey", Field: "journey",
			Message: "no such journey in the current release: " + strconv.Quote(in.Journey)})
		return
	}
	receipts, err := g.cfg.Store.Ingest(r.Context(), g.now(), []store.SegmentCall{{
		Type: "track", MessageID: in.ID, UserID: in.Customer, Event: StartedByHand, Properties: in.Properties,
		Source: "cli", Enter: in.Journey,
	}})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	got := receipts[0]
	if got.Refused != "" {
		g.refuse(w, r, &fail{Status: http.StatusConflict, Code: "refused", Field: "customer", Message: got.Refused})
		return
	}
	out := api.EnrollResponse{ID: got.ID, Customer: got.Customer, Duplicate: got.Duplicate}
	if len(got.Entered) > 0 {
		out.WorkflowID = got.Entered[0]
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *Gateway) adminCommand(w http.ResponseWriter, r *http.Request) {
	var in api.CommandRequest
	if f := g.readInto(w, r, &in); f != nil {
		g.refuse(w, r, f)
		return
	}
	if f := firstFail(need("workflow_id", in.WorkflowID), need("kind", in.Kind)); f != nil {
		g.refuse(w, r, f)
		return
	}
	switch in.Kind {
	case contract.ExitUpdate, contract.PauseUpdate, contract.ResumeUpdate:
	default:
		g.refuse(w, r, bad("kind", "is exit, pause or resume"))
		return
	}
	err := g.cfg.Store.Command(r.Context(), g.now(), in.WorkflowID,
		contract.Command{Kind: in.Kind, By: g.actor(r, in.By), Reason: in.Reason})
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.refuse(
			w,
			r,
			&fail{Status: http.StatusNotFound, Code: "not_found", Field: "workflow_id", Message: "no open instance at this workflow id"},
		)
	case err != nil:
		g.storeFailed(w, r, err)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"success": true})
	}
}

func (g *Gateway) adminPause(w http.ResponseWriter, r *http.Request) {
	var in api.PauseRequest
	if f := g.readInto(w, r, &in); f != nil {
		g.refuse(w, r, f)
		return
	}
	if f := need("journey", in.Journey); f != nil {
		g.refuse(w, r, f)
		return
	}
	n, err := g.cfg.Store.PauseJourney(r.Context(), g.now(), in.Journey, g.actor(r, in.By), in.Paused)
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.refuse(
			w,
			r,
			&fail{
				Status:  http.StatusNotFound,
				Code:    "unknown_journey",
				Field:   "journey",
				Message: "no such journey: " + strconv.Quote(in.Journey),
			},
		)
	case err != nil:
		g.storeFailed(w, r, err)
	default:
		writeJSON(w, http.StatusOK, api.PauseResponse{Success: true, Instances: n})
	}
}

func (g *Gateway) adminEnrollments(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, f := pageLimit(q, 100)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	if s := q.Get("state"); s != "" && s != store.StateOpen && s != store.StateAwaitingGoal && s != store.StateClosed {
		g.refuse(w, r, bad("state", "is open, awaiting_goal or closed"))
		return
	}
	rows, err := g.cfg.Store.Enrollments(r.Context(), store.EnrollmentFilter{
		Journey: q.Get("journey"), Customer: q.Get("customer"), State: q.Get("state"), Outcome: q.Get("outcome"),
		After: q.Get("after"), Limit: limit,
	})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if len(rows) == 0 && q.Get("journey") != "" {
		if f := g.knowsJourney(r, q.Get("journey")); f != nil {
			g.refuse(w, r, f)
			return
		}
	}
	out := api.EnrollmentList{Enrollments: make([]api.Enrollment, 0, len(rows))}
	for _, e := range rows {
		out.Enrollments = append(out.Enrollments, ViewEnrollment(e))
	}
	if len(rows) == limit {
		out.Next = rows[len(rows)-1].ID
	}
	writeJSON(w, http.StatusOK, out)
}

// pageLimit reads how many a page may hold.
func pageLimit(q url.Values, absent int) (int, *fail) {
	text := q.Get("limit")
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, bad("limit", "is a number from 1 to 1000")
	}
	return n, nil
}

// knowsJourney refuses a journey that is not in the current release and was never entered.
func (g *Gateway) knowsJourney(r *http.Request, name string) *fail {
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		return g.storeFail(r, err)
	}
	if content != nil && content.Journeys[name] != nil {
		return nil
	}
	rows, err := g.cfg.Store.Enrollments(r.Context(), store.EnrollmentFilter{Journey: name, Limit: 1})
	if err != nil {
		return g.storeFail(r, err)
	}
	if len(rows) > 0 {
		return nil
	}
	return &fail{Status: http.StatusNotFound, Code: "unknown_journey", Field: "journey",
		Message: "no such journey: " + strconv.Quote(name)}
}

func (g *Gateway) adminStatus(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("workflow_id")
	if f := need("workflow_id", id); f != nil {
		g.refuse(w, r, f)
		return
	}
	rows, err := g.cfg.Store.Enrollments(r.Context(), store.EnrollmentFilter{WorkflowID: id, Limit: 1000})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if len(rows) == 0 {
		g.refuse(
			w,
			r,
			&fail{
				Status:  http.StatusNotFound,
				Code:    "not_found",
				Field:   "workflow_id",
				Message: "no instance was ever at this workflow id",
			},
		)
		return
	}
	latest := rows[0]
	for _, e := range rows[1:] {
		if e.EnteredAt.After(latest.EnteredAt) || e.EnteredAt.Equal(latest.EnteredAt) && latest.State == store.StateClosed {
			latest = e
		}
	}
	contacts, err := g.cfg.Store.Sends(r.Context(), store.SendFilter{Enrollment: latest.ID})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	asides, err := g.cfg.Store.DeadLetters(r.Context(), store.DeadLetterFilter{WorkflowID: id})
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	out := api.Status{Enrollment: ViewEnrollment(latest), Contacts: make([]api.Send, 0, len(contacts)), SetAside: viewAsides(asides)}
	for _, c := range contacts {
		out.Contacts = append(out.Contacts, ViewContact(c))
	}
	writeJSON(w, http.StatusOK, out)
}

func (g *Gateway) adminCounts(w http.ResponseWriter, r *http.Request) {
	c, err := g.cfg.Store.Counts(r.Context())
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, api.Counts{
		Events: c.Events, Customers: c.Customers, Pending: c.Pending, OldestPending: c.OldestPending, Stuck: c.Failing, Open: c.Open, Outcomes: c.Outcomes,
		Contacts: c.Sends, Handoffs: c.Handoffs, PausedJourneys: c.PausedJourneys, SetAside: c.DeadLetters,
	})
}
