package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// release publishes a journey of these steps beside apology, and returns its revision.
func (h *house) release(steps string) string {
	h.t.Helper()
	content, diagnostics := lint.Check([]lint.File{
		{Root: "j", Name: "j/nudge.yaml", Data: []byte("journey: nudge\nentry: {event: Start}\ngoal: {event: Bought}\nsteps:\n" + steps)},
	}, lint.Options{})
	if diagnostics.Failed(false) {
		h.t.Fatal(diagnostics)
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, content); err != nil {
		h.t.Fatal(err)
	}
	return content.Journeys["nudge"].Revision()
}

func (h *house) asks(method, path, body string, into any) {
	h.t.Helper()
	got := h.do(method, path, body, "Authorization: Bearer "+adminToken)
	if err := json.Unmarshal([]byte(got.body), into); err != nil || got.status != 200 {
		h.t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
}

func TestAdminMigrate(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ctx := context.Background()
	first := h.release("  - {id: reply, wait_for: {event: Answered}, timeout: 1d}\n")
	for _, c := range []string{"ana", "ben", "cid"} {
		if got := h.call("/v1/track", `{"userId":"`+c+`","event":"Start"}`); got.status != 200 {
			t.Fatal(got.body)
		}
	}
	var list api.EnrollmentList
	h.asks("GET", api.ListEnrollments.Path+"?journey=nudge", "", &list)
	refs := map[string]contract.Ref{}
	for _, e := range list.Enrollments {
		refs[e.Customer] = contract.Ref{
			Enrollment: e.ID,
			Chain:      "run-" + e.Customer,
			Journey:    "nudge",
			Revision:   first,
		}
		if e.Customer == "cid" {
			continue // not at its first step yet
		}
		if err := h.store.Enrollments.Report(ctx, instant, contract.Report{Ref: refs[e.Customer], Seq: 1,
			Parked: &contract.Position{Step: "reply", Kind: "wait_for", Since: instant}}); err != nil {
			t.Fatal(err)
		}
	}
	second := h.release("  - {id: tick, set: {vars.a: 1}}\n  - {id: answer, wait_for: {event: Answered}, timeout: 1d}\n")

	var standing api.StepCounts
	h.asks("GET", api.GetStepCounts.Path+"?journey=nudge", "", &standing)
	if len(standing.Journeys) != 1 || standing.Journeys[0].Current != second || len(standing.Journeys[0].Revisions) != 2 {
		t.Fatalf("standing: %+v", standing)
	}
	var all api.StepCounts
	if h.asks("GET", api.GetStepCounts.Path, "", &all); standing.Rules != nil || all.Rules == nil || all.Release != standing.Release ||
		all.Release < 2 {
		t.Errorf("the rules of the release: %+v, of one journey %+v", all, standing)
	}
	old := standing.Journeys[0].Revisions[1]
	if old.Revision != first || len(old.Steps) != 2 || old.Steps[0] != (api.StepCount{Enrollments: 1}) ||
		old.Steps[1] != (api.StepCount{Step: "reply", Enrollments: 2}) {
		t.Errorf("where they stand: %+v", old.Steps)
	}
	for _, rev := range standing.Journeys[0].Revisions {
		if d, err := journey.Unpack(rev.Definition); err != nil || d.Revision() != rev.Revision {
			t.Errorf("the definition of %s is not its own: %v", rev.Revision, err)
		}
	}

	// Without the new name nobody who waits could move; a dry run changes nothing.
	var page api.MigratePage
	h.asks("POST", api.Migrate.Path, `{"journey":"nudge","dry_run":true}`, &page)
	refused := 0
	for _, m := range page.Migrations {
		if m.State == "refused" && strings.Contains(m.Reason, "no longer exists") {
			refused++
		}
	}
	if len(page.Migrations) != 3 || refused != 2 {
		t.Errorf("dry run: %+v", page)
	}
	var moves api.MigrationList
	h.asks("GET", api.ListMigrations.Path+"?journey=nudge", "", &moves)
	if len(moves.Migrations) != 0 {
		t.Errorf("a dry run left orders: %+v", moves)
	}

	// Page by page, each ordered once.
	seen := 0
	for after := ""; ; after = page.Next {
		page = api.MigratePage{}
		h.asks("POST", api.Migrate.Path, `{"journey":"nudge","renamed":{"reply":"answer"},"limit":2,"after":"`+after+`"}`, &page)
		seen += len(page.Migrations)
		if page.Next == "" {
			break
		}
	}
	h.asks("POST", api.Migrate.Path, `{"journey":"nudge","renamed":{"reply":"answer"}}`, &page)
	if seen != 3 || len(page.Migrations) != 3 {
		t.Errorf("%d were seen page by page, then %+v", seen, page)
	}
	if _, err := h.store.Enrollments.RecordMigration(ctx, instant,
		contract.Move{Ref: refs["ana"], To: second, Step: "answer"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Enrollments.RecordMigration(ctx, instant, contract.Move{Ref: refs["ben"], To: second,
		Refused: "a send is in progress"}); err != nil {
		t.Fatal(err)
	}
	h.asks("GET", api.ListMigrations.Path+"?journey=nudge&limit=2", "", &moves)
	if len(moves.Migrations) != 2 || moves.Next != moves.Migrations[1].Enrollment {
		t.Errorf("the first page of moves: %+v", moves)
	}
	h.asks("GET", api.ListMigrations.Path+"?journey=nudge", "", &moves)
	states := map[string]string{}
	for _, m := range moves.Migrations {
		states[m.Customer] = m.State + " " + m.Target + " " + m.Reason
	}
	if states["ana"] != "moved answer " || states["ben"] != "refused answer a send is in progress" || states["cid"] != "ordered  " {
		t.Errorf("what became of the orders: %q", states)
	}

	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", api.Migrate.Path, `{}`, 400, "journey"},
		{"POST", api.Migrate.Path, `{"journey":"nothing"}`, 404, "publish"},
		{"POST", api.Migrate.Path, `{"journey":"nudge","limit":1001}`, 400, "limit"},
		{"POST", api.Migrate.Path, `{"journey":"nudge","renamed":{"reply":"anser"}}`, 400, "renamed.reply"},
		{"POST", api.Migrate.Path, `{"journey":"nudge","renmaed":{}}`, 400, "unknown_key"},
		{"GET", api.ListMigrations.Path, "", 400, "journey"},
		{"GET", api.ListMigrations.Path + "?journey=nothing", "", 404, "unknown_journey"},
		{"GET", api.ListMigrations.Path + "?journey=nudge&limit=none", "", 400, "limit"},
		{"GET", api.GetStepCounts.Path + "?journey=nothing", "", 404, "unknown_journey"},
		{"GET", api.GetStepCounts.Path, "", 200, `"journey":"nudge"`},
	} {
		if got := h.do(c.method, c.path, c.body, "Authorization: Bearer "+adminToken); got.status != c.status ||
			!strings.Contains(got.body, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.body)
		}
		if got := h.do(c.method, c.path, c.body, "Authorization: Bearer "+serverKey); got.status != 401 {
			t.Errorf("a write key may %s %s: %d", c.method, c.path, got.status)
		}
	}
}
