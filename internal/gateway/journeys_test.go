package gateway

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// page loads one with the agent's token.
func (h *house) page(path string) answer {
	h.t.Helper()
	return h.do("GET", path, "", "Authorization: Bearer "+agentToken, "Accept: text/html")
}

// later lets time pass, so that numbers are read again.
func (h *house) later(d time.Duration) {
	at := h.g.Now().Add(d)
	h.g.Now = func() time.Time { return at }
	h.g.Wall = h.g.Now
}

func TestJourneyPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if got := h.page("/journeys"); got.status != http.StatusOK || !strings.Contains(got.body, "There are no journeys yet") {
		t.Errorf("no journey: %d %s", got.status, got.body)
	}
	e, ref := h.enter()
	h.later(time.Minute)
	ctx := context.Background()
	if err := h.store.Customers.SetTraits(ctx, instant, e.Customer,
		map[string]any{"consent": map[string]any{"marketing": false}}); err != nil {
		t.Fatal(err)
	}
	r, err := h.store.Messages.Reserve(
		ctx,
		instant,
		instant,
		contract.Send{Ref: ref, EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent}, Key: "k", Step: "note", Visit: 1,
			Spec: journey.Send{Message: "sorry", Via: []string{"email"}, Category: journey.Marketing}},
		time.Minute,
	)
	if err != nil || r.Done == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := h.store.Enrollments.Report(ctx, instant, contract.Report{Ref: ref, Seq: 1,
		Parked: &contract.Position{Step: "call", Kind: "handoff", Since: instant},
		Passed: []contract.StepVisit{{Step: "note", Kind: "send", Visit: 1, At: instant, Arm: journey.ArmBlocked}}}); err != nil {
		t.Fatal(err)
	}

	list := h.page("/journeys")
	for _, want := range []string{`href="/journeys/apology"`, `<td class="num">1</td>`, "Reached the goal"} {
		if !strings.Contains(list.body, want) {
			t.Errorf("the list lacks %q:\n%s", want, list.body)
		}
	}
	got := h.page("/journeys/apology")
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, want := range []string{`class="tabi-graph"`, "1 here now", "1 passed", "1 entered", "NO_CONSENT", "other outcome",
		"There is no control group", `id="step-call"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, got.body)
		}
	}
	if strings.Contains(got.body, "style=") || strings.Contains(got.body, "<style") || strings.Contains(got.body, "<script") {
		t.Error("the page has what its content security policy forbids")
	}
	if strings.Contains(got.body, `http-equiv="refresh"`) ||
		!strings.Contains(h.page("/journeys/apology?live=1").body,
			`http-equiv="refresh" content="30; url=/journeys/apology?live=1&amp;reload=1"`) {
		t.Error("the page loads itself again, or does not where it was asked to")
	}
	if css := h.do("GET", "/static/style.css", ""); !strings.Contains(css.body, ".tabi-graph ") {
		t.Error("the styles of the drawing are missing")
	}
	wellFormed(t, got.body)

	// Another revision: the old one's enrollments are told of, and can be looked at.
	edited := strings.Replace(apologyYAML, "id: call", "id: phone", 1)
	content, diagnostics := lint.Check(
		[]lint.File{
			{Root: "j", Name: "j/apology.yaml", Data: []byte(edited)},
			{Root: "j", Name: "j/messages/sorry.yaml", Data: []byte(sorryYAML)},
		},
		lint.Options{Channels: channels},
	)
	if diagnostics.Failed(false) {
		t.Fatal(diagnostics)
	}
	if _, err := h.store.Catalog.Publish(ctx, instant, content); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(h.page("/journeys/apology").body, "id=\"step-phone\"") {
		t.Error("the numbers are read at every look")
	}
	h.later(time.Minute)
	got = h.page("/journeys/apology")
	for _, want := range []string{"1 enrollment is at a step that this drawing does not have", `id="step-phone"`,
		`id="step-call-` + e.Revision[:10],
		"Not in this drawing", e.Revision[:10]} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page of the new revision lacks %q:\n%s", want, got.body)
		}
	}
	got = h.page("/journeys/apology?revision=" + e.Revision)
	if !strings.Contains(got.body, "1 here now") || strings.Contains(got.body, "step-phone") ||
		strings.Contains(got.body, "does not have") {
		t.Errorf("the page of the old revision:\n%s", got.body)
	}
	for path, status := range map[string]int{
		"/journeys/nowhere": http.StatusNotFound, "/journeys/apology?revision=zzz": http.StatusNotFound,
		"/journeys/apology?revision=" + content.Journeys["apology"].Revision(): http.StatusOK,
		"/journeys/%3Cscript%3E": http.StatusNotFound,
	} {
		if got := h.page(path); got.status != status || strings.Contains(got.body, "<script") {
			t.Errorf("%s: %d, want %d\n%s", path, got.status, status, got.body)
		}
	}
	if got := h.do("GET", "/journeys/apology", "", "Accept: text/html"); got.status != http.StatusSeeOther {
		t.Errorf("a stranger gets %d", got.status)
	}
}

// wellFormed reads the drawing of a page as XML.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	from, to := strings.Index(page, "<svg xmlns"), strings.Index(page, "</svg>")
	reader := xml.NewDecoder(strings.NewReader(page[from : to+len("</svg>")]))
	for {
		if _, err := reader.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the drawing: %v", err)
		}
	}
}

func TestJourneyNumbersAsJSON(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	e, ref := h.enter()
	if err := h.store.Enrollments.Report(context.Background(), instant, contract.Report{Ref: ref, Seq: 1,
		Parked: &contract.Position{Step: "call", Kind: "handoff"},
		Passed: []contract.StepVisit{{Step: "note", Kind: "send", Visit: 1, At: instant}}}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{serverKey, "nobody"} {
		if got := h.do("GET", "/v1/admin/journeys/apology", "", "Authorization: Bearer "+token); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", token, got.status)
		}
	}
	if got := h.do("GET", "/v1/admin/journeys/nowhere", "", "Authorization: Bearer "+adminToken); got.status != http.StatusNotFound {
		t.Errorf("no such journey: %d %s", got.status, got.body)
	}
	got := h.do("GET", "/v1/admin/journeys/apology", "", "Authorization: Bearer "+adminToken)
	var n api.JourneyNumbers
	if err := json.Unmarshal([]byte(got.body), &n); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	if n.Journey != "apology" || n.Revision != e.Revision || n.Entries != 1 || len(n.Revisions) != 1 || n.Revisions[0].Open != 1 ||
		len(n.Steps) != 2 ||
		n.Steps[0].Step != "call" || n.Steps[0].Here != 1 || n.Steps[1].Arms[""] != 1 ||
		!n.Funnel.Goal ||
		n.Funnel.Treated.Maturing != 1 ||
		n.Funnel.Difference != nil {
		t.Errorf("%s", got.body)
	}
}
