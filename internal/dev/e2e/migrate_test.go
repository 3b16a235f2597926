package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// wait is the journey whose enrollments are migrated; hours is its timeout. Its next revision has a mail before the
// step, and other names for the step, the timeout and the ends.
func waiting(hours int) (old, new string) {
	return lines(
			`journey: wait`,
			`entry: {event: Start}`,
			`goal: {event: Bought}`,
			`timeout: 90d`,
			`steps:`,
			`  - {id: hello, send: hello, via: email}`,
			`  - id: reply`,
			`    wait_for: {event: Answered}`,
			fmt.Sprintf(`    timeout: %dh`, hours),
			`    on_timeout:`,
			`      - {id: silent, exit: old-silent}`,
			`  - {id: thanks, send: again, via: email, data: {n: steps.reply.properties.n}}`,
			`  - {id: done, exit: old-answered}`,
		), lines(
			`journey: wait`,
			`entry: {event: Start}`,
			`goal: {event: Bought}`,
			`timeout: 90d`,
			`steps:`,
			`  - {id: hello, send: hello, via: email}`,
			`  - {id: extra, send: extra, via: email}`,
			`  - id: answer`,
			`    wait_for: {event: Answered}`,
			`    timeout: 80d`,
			`    on_timeout:`,
			`      - {id: silent, exit: silent}`,
			`  - {id: thanks, send: again, via: email, data: {n: steps.answer.properties.n}}`,
			`  - {id: done, exit: answered}`,
		)
}

// move is a migration under test.
type move struct {
	*install
	patience  time.Duration // grows with the crowd
	customers []string
	until     map[string]time.Time    // when each one's wait ends
	answered  map[string][2]time.Time // between which moments each one's answer arrived
}

// all returns the enrollments of the journey.
func (m *move) all() map[string]api.Enrollment {
	m.Helper()
	out := map[string]api.Enrollment{}
	for after := ""; ; {
		var list api.EnrollmentList
		m.ask(api.ListEnrollments.Path+"?limit=1000&journey=wait&after="+url.QueryEscape(after), &list)
		for _, e := range list.Enrollments {
			out[e.Customer] = e
		}
		if after = list.Next; after == "" {
			return out
		}
	}
}

// await is await with a patience that suits the number of customers.
func (m *move) await(what string, ok func() error) {
	m.Helper()
	if err := poll(m.patience, ok); err != nil {
		m.Fatalf("%s: %v", what, err)
	}
}

// ask reads from the admin API.
func (in *install) ask(path string, into any) {
	in.Helper()
	req, err := http.NewRequest(http.MethodGet, in.url+path, nil)
	if err != nil {
		in.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if status, data := do(in, req); status != http.StatusOK || json.Unmarshal(data, into) != nil {
		in.Fatalf("GET %s: %d %s", path, status, data)
	}
}

// post sends calls for these customers, in batches.
func (m *move) batch(customers []string, call func(customer string) map[string]any) {
	m.Helper()
	for part := range slices.Chunk(customers, 200) {
		var calls []map[string]any
		for _, c := range part {
			calls = append(calls, call(c))
		}
		post(m, m.url, "batch", map[string]any{"batch": calls})
	}
}

// answer lets some answer.
func (m *move) answer(customers []string) {
	m.Helper()
	from := clock.Now(m.clock)
	m.batch(customers, anAnswer)
	if m.answered == nil {
		m.answered = map[string][2]time.Time{}
	}
	for _, c := range customers {
		m.answered[c] = [2]time.Time{from, clock.Now(m.clock)}
	}
}

// enter enrolls all of them, and waits until each has had its mail and waits.
func (m *move) enter() {
	m.Helper()
	m.batch(m.customers, func(c string) map[string]any {
		return map[string]any{"type": "identify", "userId": c, "traits": map[string]any{"email": c + "@example.com", "first_name": c}}
	})
	m.batch(m.customers, func(c string) map[string]any {
		return map[string]any{"type": "track", "userId": c, "event": "Start", "messageId": "start-" + c}
	})
	m.await("all wait for an answer", func() error {
		var s api.StepCounts
		m.ask(api.GetStepCounts.Path+"?journey=wait", &s)
		for _, step := range s.Journeys[0].Revisions[0].Steps {
			if step.Step == "reply" && step.Enrollments == int64(len(m.customers)) {
				return nil
			}
		}
		return fmt.Errorf("%+v", s.Journeys[0].Revisions)
	})
	m.until = map[string]time.Time{}
	for c, e := range m.all() {
		m.until[c] = e.Until
	}
}

// liveDiff runs `tabi diff --live` until Temporal counts as many as the store.
func (m *move) liveDiff(code int, steps ...string) string {
	m.Helper()
	args := append([]string{"diff", "--live", "--data-dir", filepath.Join(m.dir, "data"), "-o", "json"}, steps...)
	args = append(args, filepath.Join(m.dir, "old"), filepath.Join(m.dir, "journeys"))
	var out string
	await(m, "Temporal counts what the store counts", func() error {
		var got int
		if got, out = runProcess(m, time.Minute, m.env, tabi(m), args...); got != code {
			m.Fatalf("tabi %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
		}
		var report struct {
			Live []struct {
				Enrollments int64
				Revisions   []struct {
					Enrollments int64
					Temporal    *int64
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			return err
		}
		for _, rev := range report.Live[0].Revisions {
			if rev.Temporal == nil || *rev.Temporal != rev.Enrollments {
				return errors.New(out)
			}
		}
		return nil
	})
	return out
}

// moved returns how many the store has migrated so far.
func (m *move) moved() (n int) {
	m.Helper()
	for after := ""; ; {
		var page api.MigrationList
		m.ask(api.ListMigrations.Path+"?journey=wait&after="+url.QueryEscape(after), &page)
		for _, one := range page.Migrations {
			if one.State == enrollment.MigrationDone {
				n++
			}
		}
		if after = page.Next; after == "" {
			return n
		}
	}
}

// Waiting enrollments migrate to a revision with a step inserted before theirs and theirs renamed, while answers
// arrive and the worker is killed: none is lost, each continues at its step with the deadline it had, and nothing is
// sent twice. TABI_MIGRATE_INSTANCES sets their number.
func TestMigrateCrowd(t *testing.T) {
	t.Parallel()
	n := 100
	if text := os.Getenv("TABI_MIGRATE_INSTANCES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	before, after := waiting(30 + n/8)
	database := pgtest.URL(t)
	m := &move{
		install:  newInstall(t, folder(map[string]string{"wait.yaml": before})),
		patience: patience + time.Duration(n)*300*time.Millisecond,
	}
	for i := range n {
		m.customers = append(m.customers, fmt.Sprintf("c%04d", i))
	}
	m.deploy(database)
	began := clock.Wall()
	m.enter()
	t.Logf("%d enrollments began, had their mail and wait: %.1f s", n, clock.Wall().Sub(began).Seconds())

	m.write("wait.yaml", after)
	m.write("messages/extra.yaml", lines(`message: extra`, `email: {subject: Extra, html: "<p>Extra</p>"}`))
	m.snapshotOld(before)
	if out := m.liveDiff(1); !strings.Contains(out, `"suggest": "answer"`) || !strings.Contains(out, fmt.Sprintf(`"enrollments": %d`, n)) {
		t.Errorf("diff --live says\n%s", out)
	}
	if out := m.liveDiff(0, "--step", "reply=answer"); !strings.Contains(out, `"target": "answer"`) {
		t.Errorf("diff --live with the new name says\n%s", out)
	}
	m.cli("publish", filepath.Join(m.dir, "journeys"))

	// A third answers while the others migrate; the worker dies in the middle and returns.
	third := n / 3
	migrating := m.run("migrate", tabi(m), "migrate", "wait", "--step", "reply=answer", "--yes", "--rate", "500", "-o", "json")
	m.answer(m.customers[:third/2])
	m.await("some have moved", func() error {
		if got := m.moved(); got < n/10 {
			return fmt.Errorf("%d have", got)
		}
		return nil
	})
	m.procs["worker"].Kill()
	m.answer(m.customers[third/2 : third])
	m.startWorker()
	m.await("the migration ends", func() error {
		if migrating.Running() {
			return fmt.Errorf("%d have moved", m.moved())
		}
		return nil
	})
	var report struct {
		Ordered, Moved, Ended, Waiting int
		Stayed                         []api.MigrationStatus
		Seconds                        float64
	}
	if err := json.Unmarshal(object(migrating.out.String()), &report); err != nil || migrating.code() != 0 {
		t.Fatalf("tabi migrate: exit %d, %v\n%s", migrating.code(), err, &migrating.out)
	}
	t.Logf(
		"%d moved in %.1f s, with a worker killed in the middle: %.0f enrollments/s; %d had answered before",
		report.Moved,
		report.Seconds,
		float64(report.Moved)/report.Seconds,
		report.Ended,
	)
	if report.Waiting != 0 || len(report.Stayed) != 0 || report.Moved < n/4 || report.Ordered != report.Moved+report.Ended {
		t.Errorf("the migration says %+v", report)
	}
	m.ends(third)
	m.replays()
}

// object returns the JSON that a command prints after its progress.
func object(out string) []byte {
	return []byte(out[max(strings.Index(out, "{"), 0):])
}

func anAnswer(c string) map[string]any {
	return map[string]any{
		"type":       "track",
		"userId":     c,
		"event":      "Answered",
		"messageId":  "answer-" + c,
		"properties": map[string]any{"n": 1},
	}
}

// snapshotOld keeps the folder as it was before the edit.
func (m *move) snapshotOld(journey string) {
	m.Helper()
	for name, text := range folder(map[string]string{"wait.yaml": journey}) {
		path := filepath.Join(m.dir, "old", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			m.Fatal(err)
		}
	}
}

// ends lets all of them end and checks their mails: the first third answered, half of the others answer now, and the
// rest stay silent until the deadline they had before they migrated.
func (m *move) ends(first int) {
	m.Helper()
	late := first + (len(m.customers)-first)/2
	now := m.all()
	for _, c := range m.customers[first:] {
		if e := now[c]; e.State == unit.StateOpen && (e.Step != "answer" || !e.Until.Equal(m.until[c])) {
			m.Errorf("%s is at %q until %s; it was to be at answer until %s", c, e.Step, e.Until, m.until[c])
		}
	}
	m.answer(m.customers[first:late])
	m.await("all have ended", func() error {
		open := 0
		now = m.all()
		for _, e := range now {
			if e.State != unit.StateClosed {
				open++
			}
		}
		if open > 0 {
			return fmt.Errorf("%d are open", open)
		}
		return nil
	})
	if len(now) != len(m.customers) {
		m.Errorf("%d entered, %d enrollments", len(m.customers), len(now))
	}
	outcomes := map[string]int{}
	for i, c := range m.customers {
		e := now[c]
		outcomes[e.Outcome]++
		want := []string{"silent", "old-silent"}
		arrived, answered := m.answered[c]
		switch { // a slow machine ends them long after their deadline, or lets them answer after it
		case !answered || !arrived[0].Before(m.until[c]):
		case arrived[1].Before(m.until[c]):
			want = want[:0]
			fallthrough
		default:
			want = append(want, "answered")
			if i < first {
				want = append(want, "old-answered") // it had answered before it migrated
			}
		}
		mails := []string{"Hello " + c, "Again"}
		if strings.HasSuffix(e.Outcome, "silent") {
			mails = mails[:1]
		}
		if !slices.Contains(want, e.Outcome) {
			m.Errorf(
				"%s ended %s (%s) at %s, its deadline being %s; want %v; its run says %+v",
				c,
				e.Outcome,
				e.Reason,
				e.ClosedAt,
				m.until[c],
				want,
				m.result("wait/"+c),
			)
		}
		if e.ClosedAt.After(m.until[c].Add(10 * 24 * time.Hour)) {
			m.Errorf("%s waited until %s; its deadline was %s", c, e.ClosedAt, m.until[c])
		}
		m.said(c, mails)
	}
	if outcomes["answered"] == 0 || outcomes["silent"] < len(m.customers)-late {
		m.Errorf("they ended %v: nobody went on by the new revision", outcomes)
	}
}

// said checks the mails of a customer: each once. One with an unknown outcome may be missing, and is marked.
func (m *move) said(c string, want []string) {
	m.Helper()
	got := m.mail.subjects(c + "@example.com")
	if slices.Equal(got, want) {
		return
	}
	s, err := m.status("wait/" + c)
	if err != nil {
		m.Fatal(err)
	}
	doubt := slices.ContainsFunc(s.Sends, func(row api.Send) bool { return row.Unknown })
	if !doubt || len(got) > len(want) {
		m.Errorf("%s got %q, want %q", c, got, want)
	}
}

// replays replays every run, from before the migration and after it, on this build.
func (m *move) replays() {
	m.Helper()
	out := m.cli("replay", "--from-server", "--query", `Journey="wait"`, "--limit", "200", "-o", "json")
	var report struct{ Passed, Failed int }
	if err := json.Unmarshal(object(out), &report); err != nil || report.Failed != 0 || report.Passed < 100 {
		m.Errorf("replay of what ran: %+v %v\n%s", report, err, out)
	}
}
