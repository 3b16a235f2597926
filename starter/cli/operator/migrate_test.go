package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/migration"
)

// moveGateway is the part of a gateway that a migration talks to. What becomes of an order is said by its
// customer's name: stay-… refuses when it is asked, end-… ends, mute-… never answers, others move at the second
// look.
type moveGateway struct {
	mu     sync.Mutex
	from   *journey.Definition
	to     *journey.Definition
	all    []*api.MigrationStatus
	looks  int
	orders map[string]int
}

func definition(t *testing.T, steps string) *journey.Definition {
	t.Helper()
	content, found := app.Build{}.Check(
		[]lint.File{{Name: "nudge.yaml", Data: []byte("journey: nudge\nentry: {event: X}\ngoal: {event: Y}\nsteps:\n" + steps)}},
	)
	if found.Failed(false) {
		t.Fatal(found)
	}
	return content.Journeys["nudge"]
}

// newMoveGateway has these customers waiting at the step "reply", which is called "answer" in the current revision.
func newMoveGateway(t *testing.T, customers ...string) (*moveGateway, string) {
	t.Helper()
	g := &moveGateway{
		from:   definition(t, "  - {id: reply, wait_for: {event: A}, timeout: 1h}\n"),
		to:     definition(t, "  - {id: mail, set: {vars.a: 1}}\n  - {id: answer, wait_for: {event: A}, timeout: 1h}\n"),
		orders: map[string]int{},
	}
	for i, c := range customers {
		g.all = append(
			g.all,
			&api.MigrationStatus{
				Enrollment: fmt.Sprintf("e%03d", i),
				WorkflowID: "nudge/" + c,
				Customer:   c,
				From:       g.from.Revision(),
				To:         g.to.Revision(),
				Step:       "reply",
			},
		)
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return g, server.URL
}

func (g *moveGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out any
	switch r.Method + " " + r.URL.Path {
	case api.GetStepCounts.Method + " " + api.GetStepCounts.Path:
		old, _ := journey.Pack(g.from)
		new, _ := journey.Pack(g.to)
		out = api.StepCounts{
			Release: 7,
			Journeys: []api.JourneyStepCounts{{Journey: "nudge", Current: g.to.Revision(), Revisions: []api.RevisionStepCounts{
				{Revision: g.to.Revision(), Definition: new},
				{
					Revision:   g.from.Revision(),
					Definition: old,
					Steps:      []api.StepCount{{Step: "reply", Enrollments: int64(len(g.all))}},
				},
			}}},
		}
	case api.Migrate.Method + " " + api.Migrate.Path:
		out = g.migrate(r)
	case api.ListMigrations.Method + " " + api.ListMigrations.Path:
		out = g.moves(r)
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (g *moveGateway) migrate(r *http.Request) api.MigratePage {
	var in api.MigrateRequest
	_ = json.NewDecoder(r.Body).Decode(&in)
	from, _ := journey.NewProgram(g.from)
	to, _ := journey.NewProgram(g.to)
	var page api.MigratePage
	for _, one := range g.all {
		if one.Enrollment <= in.After || one.State == enrollment.MigrationDone || one.State == "ended" {
			continue
		}
		if len(page.Migrations) == in.Limit {
			page.Next = page.Migrations[in.Limit-1].Enrollment
			return page
		}
		said := *one
		if said.State != enrollment.MigrationOrdered {
			said.State = enrollment.MigrationOrdered
			if said.Target, said.Reason = from.CanMigrate(one.Step, to, in.Renamed); said.Reason != "" {
				said.State = enrollment.MigrationRefused
			}
			if !in.DryRun && said.Reason == "" {
				g.orders[one.Customer]++
				*one = said
			}
		}
		page.Migrations = append(page.Migrations, said)
	}
	return page
}

func (g *moveGateway) moves(r *http.Request) api.MigrationList {
	g.looks++
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	var page api.MigrationList
	for _, one := range g.all {
		if one.State == enrollment.MigrationOrdered && g.looks > 1 {
			switch {
			case strings.HasPrefix(one.Customer, "stay"):
				one.State, one.Reason = enrollment.MigrationRefused, "a send is in progress; try again later"
			case strings.HasPrefix(one.Customer, "end"):
				one.State = "ended"
			case !strings.HasPrefix(one.Customer, "mute"):
				one.State = enrollment.MigrationDone
			}
		}
		if one.Enrollment <= r.URL.Query().Get("after") || one.State == "" || one.State == "ended" {
			continue
		}
		if page.Migrations = append(page.Migrations, *one); len(page.Migrations) == limit {
			page.Next = one.Enrollment
			return page
		}
	}
	return page
}

// crowd names n customers.
func crowd(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return out
}

// tabiSays runs a command in this process.
func tabiSays(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return tabi(t.Context(), args...)
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	g, url := newMoveGateway(t, slices.Concat(crowd("ana", 60), []string{"stay", "end1"}, crowd("bob", 40), []string{"end2"})...)
	code, out, errs := tabiSays(t, "migrate", "nudge", "--url", url, "--dry-run")
	if code != 1 || !strings.Contains(out, `it looks like answer: --step reply=answer`) ||
		!strings.Contains(out, "0 would move, 103 would stay") {
		t.Errorf("without the new name: exit %d\n%s%s", code, out, errs)
	}
	code, out, _ = tabiSays(t, "migrate", "nudge", "--url", url, "--dry-run", "--step", "reply=answer")
	if code != 0 || !strings.Contains(out, "moves to answer") || !strings.Contains(out, "103 would move, 0 would stay") ||
		len(g.orders) != 0 {
		t.Errorf("dry run: exit %d, orders %v\n%s", code, g.orders, out)
	}
	code, _, errs = tabiSays(t, "migrate", "nudge", "--url", url, "--step", "reply=answer")
	if code != 2 || !strings.Contains(errs, "--yes") || len(g.orders) != 0 {
		t.Errorf("without a terminal: exit %d, orders %v: %s", code, g.orders, errs)
	}
	code, out, errs = tabiSays(t, "migrate", "nudge", "--url", url, "--step", "reply=answer", "--yes", "--rate", "1000/s")
	if code != 1 || !strings.Contains(out, "100 of 103 moved in ") || !strings.Contains(out, ", 2 had already ended") ||
		!strings.Contains(out, "nudge/stay") ||
		!strings.Contains(out, "a send is in progress") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	// Again: who stayed is asked once more, nobody else.
	g.all[60].Customer, g.all[60].State = "ready", enrollment.MigrationRefused
	code, out, errs = tabiSays(t, "migrate", "nudge", "--url", url, "--step", "reply=answer", "--yes", "-o", "json")
	var report migration.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Moved != 1 || report.Ordered != 1 ||
		len(report.Stayed) != 0 || !strings.Contains(out, `"impact": [`) {
		t.Errorf("again: exit %d %v\n%s%s", code, err, out, errs)
	}
	for customer, n := range g.orders {
		if n != 1 {
			t.Errorf("%s was told %d times", customer, n)
		}
	}
	code, out, _ = tabiSays(t, "migrate", "nudge", "--url", url, "--yes")
	if code != 0 || !strings.Contains(out, "nothing to move") {
		t.Errorf("a third time: exit %d\n%s", code, out)
	}
}

func TestMigrateWithoutAnswers(t *testing.T) {
	t.Parallel()
	g, url := newMoveGateway(t, "mute1", "ana", "mute2")
	code, _, errs := tabiSays(t, "migrate", "nudge", "--url", url, "--step", "reply=answer", "--yes", "--patience", "10ms")
	if code != 1 || !strings.Contains(errs, "2 of 3 have not answered") || !strings.Contains(errs, "is a worker running?") {
		t.Errorf("exit %d: %s", code, errs)
	}
	code, out, errs := tabiSays(t, "migrate", "nudge", "--url", url, "--step", "reply=answer", "--yes", "--no-wait")
	if code != 0 || !strings.Contains(out, "0 of 2 moved in ") || !strings.Contains(out, "2 have not answered yet") ||
		g.orders["mute1"] != 1 {
		t.Errorf("exit %d, orders %v\n%s%s", code, g.orders, out, errs)
	}
}

func TestMigrateUsage(t *testing.T) {
	t.Parallel()
	_, url := newMoveGateway(t, "ana")
	for want, args := range map[string][]string{
		"no revision with open enrollments has a step": {"--step", "replay=answer"},
		"give OLD=NEW":           {"--step", "reply"},
		"is named twice":         {"--step", "reply=a", "--step", "reply=b"},
		"enrollments per second": {"--rate", "fast"},
		"text or json":           {"--output", "xml"},
	} {
		code, _, errs := tabiSays(t, append([]string{"migrate", "nudge", "--url", url}, args...)...)
		if code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}

func TestCompletionAsksTheGateway(t *testing.T) {
	t.Parallel()
	_, url := newMoveGateway(t, "ana")
	if code, out, errs := tabiSays(t, "__complete", "migrate", "--url", url, "nu"); code != 0 || !strings.HasPrefix(out, "nudge\n") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
