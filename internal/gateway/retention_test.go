package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// deleted notes that rows of a kind from before a time are deleted, as the jobs do in the transaction that deletes.
func (h *house) deleted(kind string, before time.Time) {
	h.t.Helper()
	ctx := retention.Noting(h.t.Context(), kind, before, nil)
	if err := h.store.Database.Write(ctx, func(sqldb.Conn) error { return nil }); err != nil {
		h.t.Fatal(err)
	}
}

// Where rows were deleted, every answer and page that is made of such rows says from when on there are all; nothing says so before.
func TestAnswersSayFromWhenTheyAreComplete(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	h.decides(`{"userId": "ana", "group": "offers"}`)
	h.later(400 * 24 * time.Hour)
	h.call("/v1/track", `{"userId": "ben", "event": "Product Viewed"}`)
	day := func(n int) time.Time { return instant.Add(time.Duration(n) * 24 * time.Hour) }
	answers := map[string][]string{
		"/v1/admin/report?since=all":                 {"decisions"},
		"/v1/admin/enrollments":                      {"enrollments"},
		"/v1/admin/handoffs":                         {"handoffs"},
		"/v1/admin/audit":                            {"audit"},
		"/v1/admin/customers/ana/export":             {"audit", "decisions", "enrollments", "events", "evidence", "handoffs", "sends"},
		"/v1/admin/customers/ben/export":             nil, // who came later
		"/v1/admin/report?since=30d":                 nil,
		"/v1/admin/results/messages?since=all":       {"enrollments", "sends"},
		"/v1/admin/results/channels?since=30d":       nil,
		"/v1/admin/counts":                           nil, // over all time
		"/v1/admin/step-counts":                      nil, // of open enrollments
		"/v1/admin/decide?customer=ana&group=offers": nil,
	}
	pages := map[string]string{"/report?since=all": "decisions", "/customers/ana": "decisions", "/messages?since=all": "sends",
		"/channels?since=all": "sends"}
	read := func(path string) (kinds []string) {
		t.Helper()
		got := h.do("GET", path, "", "Authorization: Bearer "+adminToken)
		var out struct {
			CompleteSince api.CompleteSince `json:"complete_since"`
		}
		if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		for kind, at := range out.CompleteSince {
			if at.Before(day(100)) || at.After(day(101)) {
				t.Errorf("%s: %s since %s", path, kind, at)
			}
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		return kinds
	}
	for path := range answers {
		if got := read(path); got != nil {
			t.Errorf("%s says %v, and nothing was deleted", path, got)
		}
	}
	for page := range pages {
		if strings.Contains(h.page(page).body, "was deleted") {
			t.Errorf("%s says that something was deleted", page)
		}
	}
	for _, kind := range []string{retention.Events, retention.Enrollments, retention.Sends, retention.Handoffs, retention.Decisions,
		retention.Evidence, retention.Audit} {
		h.deleted(kind, day(100))
	}
	for path, want := range answers {
		if got := read(path); !slices.Equal(got, want) {
			t.Errorf("%s says %v, want %v", path, got, want)
		}
	}
	for page, kind := range pages {
		holds(t, h.page(page), "complete for", kind+" since 2026-06-10 22:00 UTC")
	}
	if strings.Contains(h.page("/customers/ben").body, "was deleted") {
		t.Error("ben came after everything that was deleted")
	}
}

// A journey's numbers and an enrollment's sends say it too, the latter only where the enrollment is old enough.
func TestNumbersOfJourneySayFromWhenTheyAreComplete(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	e, _ := h.enter()
	path := "/v1/admin/journeys/" + e.Journey
	said := func(path string) bool {
		return strings.Contains(h.do("GET", path, "", "Authorization: Bearer "+adminToken).body, `"complete_since":{"sends":`)
	}
	status := "/v1/admin/enrollments/" + url.PathEscape(e.WorkflowID)
	h.deleted(retention.Sends, instant.Add(-24*time.Hour))
	if !said(path) || said(status) {
		t.Error("the journey must say it, and an enrollment that is younger must not")
	}
	h.deleted(retention.Sends, instant)
	if !said(status) {
		t.Error("the enrollment must say it")
	}
	h.later(time.Minute)
	holds(t, h.page("/journeys/"+e.Journey), "complete for sends since 2026-03-02 22:00 UTC")
	if got := h.page("/journeys").body; strings.Contains(got, "was deleted") {
		t.Error("the list counts what was deleted")
	}
}
