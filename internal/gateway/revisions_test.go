package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// publishes publishes a journey named counted with these steps, and the messages a, b and c.
func (h *house) publishes(steps string) *journey.Definition {
	h.t.Helper()
	files := []lint.File{{Root: "j", Name: "j/counted.yaml",
		Data: []byte("journey: counted\nentry: {event: Counted, reentry: always}\ngoal: {event: Bought}\ntimeout: 1h\nsteps:\n" + steps)}}
	for _, name := range []string{"a", "b", "c"} {
		files = append(files, lint.File{Root: "j", Name: "j/messages/" + name + ".yaml",
			Data: []byte("message: " + name + "\nemail: {subject: s, html: <p>h</p>}\n")})
	}
	content, found := lint.Check(files, lint.Options{Channels: channels})
	if found.Failed(false) {
		h.t.Fatal(found)
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, content); err != nil {
		h.t.Fatal(err)
	}
	return content.Journeys["counted"]
}

// walks enters a customer of their own and reports that they passed steps; sends says what those sent.
func (h *house) walks(customer, outcome string, sends map[string]string, passed ...contract.StepVisit) contract.Ref {
	h.t.Helper()
	ctx := context.Background()
	h.call("/v1/identify", `{"userId":"`+customer+`","traits":{"email":"`+customer+`@example.com","consent":{"marketing":true}}}`)
	if got := h.call("/v1/track", `{"userId":"`+customer+`","event":"Counted"}`); got.status != http.StatusOK {
		h.t.Fatal(got.body)
	}
	rows, err := h.store.Enrollments.List(ctx, enrollment.Filter{Customer: customer})
	if err != nil || len(rows) == 0 {
		h.t.Fatal(err)
	}
	e := rows[0]
	ref := contract.Ref{Enrollment: e.ID, Chain: "run-" + e.ID, Journey: e.Journey, Revision: e.Revision}
	for step, said := range sends {
		r, err := h.store.Messages.Reserve(ctx, instant, instant, contract.Send{Ref: ref, Step: step,
			Key: e.ID + "/" + step + "/1", Visit: 1,
			EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent},
			Spec:        journey.Send{Message: said, Via: []string{"email"}, Category: journey.Transactional}}, time.Minute)
		if err != nil || r.Done != nil {
			h.t.Fatalf("%+v, %v", r, err)
		}
		if err := h.store.Messages.Settle(ctx, instant, r, message.Settlement{Status: contract.StatusSent}); err != nil {
			h.t.Fatal(err)
		}
	}
	for i := range passed {
		passed[i].Visit, passed[i].At = 1, instant
	}
	report := contract.Report{Ref: ref, Seq: 1, Passed: passed}
	if outcome != "" {
		report.Ended = &contract.Ended{Outcome: outcome, At: instant}
	}
	if err := h.store.Enrollments.Report(ctx, instant, report); err != nil {
		h.t.Fatal(err)
	}
	return ref
}

// rowOf returns the text of the table row of a drawn step.
func rowOf(t *testing.T, page, step string) string {
	t.Helper()
	_, row, ok := strings.Cut(page, `<tr id="step-`+step+`">`)
	if !ok {
		t.Fatalf("there is no row of %s", step)
	}
	row, _, _ = strings.Cut(row, "</tr>")
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(row, " ")), " ")
}

// Steps without an id are counted over revisions where they are the same, and never by their place alone: a message that was
// inserted has no sends of the one that stood there, nor has an exit or an arm.
func TestNumbersOfRevisionsAreNotMixed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.publishes("  - {send: a, via: email, category: transactional}\n" +
		"  - id: way\n    branch:\n      - {when: 'customer.vip == true', then: [{exit: vip}]}\n" +
		"      - {when: 'customer.old == true', then: [{exit: old}]}\n" +
		"  - {id: kept, send: b, via: email, category: transactional}\n  - {exit: done}\n")
	for i := range 3 {
		h.walks(fmt.Sprintf("old-%d", i), "done", map[string]string{"main.1": "a", "kept": "b"},
			contract.StepVisit{Step: "main.1", Kind: "send"}, contract.StepVisit{Step: "way", Kind: "branch", Arm: "else"},
			contract.StepVisit{Step: "kept", Kind: "send"}, contract.StepVisit{Step: "main.4", Kind: "exit"})
	}
	h.walks("vip", "vip", map[string]string{"main.1": "a"}, contract.StepVisit{Step: "main.1", Kind: "send"},
		contract.StepVisit{Step: "way", Kind: "branch", Arm: "1"}, contract.StepVisit{Step: "main.2.1.1", Kind: "exit"})

	moved := h.walks("moved", "", map[string]string{"main.1": "a"}, contract.StepVisit{Step: "main.1", Kind: "send"})

	edited := h.publishes("  - {send: c, via: email, category: transactional}\n  - {send: a, via: email, category: transactional}\n" +
		"  - id: way\n    branch:\n      - {when: 'customer.new == true', then: [{exit: new}]}\n" +
		"      - {when: 'customer.vip == true', then: [{exit: vip}]}\n      - {when: 'customer.old == true', then: [{exit: old}]}\n" +
		"  - {id: kept, send: c, via: email, category: transactional}\n  - {wait: 5m}\n  - {exit: done}\n")
	if _, err := h.store.Enrollments.RecordMigration(t.Context(), instant, contract.Move{
		Ref: moved, To: edited.Revision(), Step: "kept",
	}); err != nil {
		t.Fatal(err)
	}
	h.walks("fresh", "", map[string]string{"main.1": "c"}, contract.StepVisit{Step: "main.1", Kind: "send"})
	h.later(2 * time.Hour)

	page := h.page("/journeys/counted").body
	for step, want := range map[string]string{
		"main.1": "message c send 0 1 sent: 1 100 % blocked: 0 0 % failed: 0 0 % email sent: 1",
		"main.2": "message a send 0 5 sent: 5 100 % blocked: 0 0 % failed: 0 0 % email sent: 5",
		"way": "which is true first? branch 0 4 customer.new == true: 0 0 % customer.vip == true: 1 25 % customer.old == true: 0 0 % " +
			"else: 3 75 %",
		"main.3.1.1": "new exit 0 0",
		"main.3.2.1": "vip exit 0 1",
		"kept":       "message c send 1 3 sent: 3 100 % blocked: 0 0 % failed: 0 0 % b: email sent: 3",
		"main.5":     "for 5m wait 0 0",
		"main.6":     "done exit 0 3",
	} {
		if got := rowOf(t, page, step); got != step+" "+want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}

	var n api.JourneyNumbers
	got := h.do("GET", "/v1/admin/journeys/counted", "", "Authorization: Bearer "+adminToken)
	if err := json.Unmarshal([]byte(got.body), &n); err != nil {
		t.Fatal(err)
	}
	for _, m := range n.Funnel.Milestones {
		if want := map[string]int64{"main.1": 1, "main.2": 5, "kept": 0}[m.Step]; m.Customers != want {
			t.Errorf("the funnel says that %s of %s reached %d, want %d", m.Message, m.Step, m.Customers, want)
		}
	}
}

// A dry run says until when an enrollment would wait: as it does, or as the new revision says.
func TestMigrateDryRunSaysUntilWhen(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	const messages = "  - {send: a, via: email, category: transactional}\n  - {send: b, via: email, category: transactional}\n" +
		"  - {send: c, via: email, category: transactional}\n"
	h.publishes("  - {id: w, wait: 50m}\n" + messages)
	ref := h.walks("ana", "", nil)
	if err := h.store.Enrollments.Report(t.Context(), instant, contract.Report{Ref: ref, Seq: 2,
		Parked: &contract.Position{Step: "w", Kind: "wait", Since: instant, Until: instant.Add(50 * time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	h.publishes("  - {id: w, wait: 20m}\n" + messages)
	for body, want := range map[string]time.Duration{
		`{"journey":"counted","dry_run":true}`: 50 * time.Minute, `{"journey":"counted","dry_run":true,"retime":true}`: 20 * time.Minute,
	} {
		got := h.do("POST", "/v1/admin/migrations", body, "Authorization: Bearer "+adminToken, "Content-Type: application/json")
		var page api.MigratePage
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || len(page.Migrations) != 1 {
			t.Fatalf("%v: %s", err, got.body)
		}
		if one := page.Migrations[0]; !one.Until.Equal(instant.Add(want)) || !one.Was.Equal(instant.Add(50*time.Minute)) {
			t.Errorf("%s: until %s, now %s", body, one.Until, one.Was)
		}
	}
}

// A misspelled event is said so, also where a rule without a name hears it.
func TestUnnamedEventIsSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	content, found := lint.Check([]lint.File{{Name: "hears.yaml", Data: []byte("journey: hears\nentry: {event: Counted}\n" +
		"exit: [{when: 'count(\"Order Completed\", \"1d\") > 0', outcome: bought}]\nsteps: [{wait: 1h}]\n")}},
		lint.Options{Channels: channels})
	if found.Failed(false) {
		h.t.Fatal(found)
	}
	if _, err := h.store.Catalog.Publish(t.Context(), instant, content); err != nil {
		t.Fatal(err)
	}
	for name, unnamed := range map[string]bool{
		"Order Complted": true, "Order Completed": false, "Counted": false, "Email Opened": false,
	} {
		got := h.call("/v1/track", `{"userId":"ana","event":"`+name+`"}`)
		if got.status != http.StatusOK || strings.Contains(got.body, `"unnamed":true`) != unnamed {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}
