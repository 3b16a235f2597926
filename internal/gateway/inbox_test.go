package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/inbound"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const apologyYAML = `journey: apology
entry: {event: Delivery Failed}
goal: {event: Order Completed}
steps:
  - {id: note, send: sorry, via: email}
  - id: call
    handoff: support
    priority: high
    timeout: 4h
    outcomes: {refunded: [], resolved: []}
`

const sorryYAML = `message: sorry
email: {subject: Sorry, html: <p>Sorry</p>}
app: {title: Sorry, body: We are sorry, link: /help}
sms: {text: Sorry}
whatsapp: {template: sorry}
`

var channels = []channel.Spec{
	{Name: "email", Address: "email", Fields: []channel.Field{{Name: "subject"}, {Name: "html", HTML: true}}},
	{Name: "app", KeepsContent: true, Fields: []channel.Field{{Name: "title"}, {Name: "body"}, {Name: "link"}}},
	{Name: "sms", Address: "phone", Fields: []channel.Field{{Name: "text"}}},
	{Name: "line", Address: "line_id", Fields: []channel.Field{{Name: "text"}}},
	{Name: "whatsapp", Address: "phone", Fields: []channel.Field{{Name: "template"}}},
}

// enter publishes the journey and enters ana; it gives the enrollment and on whose behalf its activities act.
func (h *house) enter() (unit.Enrollment, contract.Ref) {
	h.t.Helper()
	ctx := context.Background()
	content, diagnostics := lint.Check([]lint.File{
		{Root: "j", Name: "j/apology.yaml", Data: []byte(apologyYAML)}, {Root: "j", Name: "j/messages/sorry.yaml", Data: []byte(sorryYAML)},
	}, lint.Options{Channels: channels})
	if diagnostics.Failed(false) {
		h.t.Fatal(diagnostics)
	}
	if _, err := h.store.Catalog.Publish(ctx, instant, content); err != nil {
		h.t.Fatal(err)
	}
	h.call("/v1/identify", `{"userId":"ana/b","traits":{"email":"ana@example.com","first_name":"Ana <b>","consent":{"marketing":true}}}`)
	if got := h.call("/v1/track", `{"userId":"ana/b","event":"Delivery Failed","messageId":"e1",`+
		`"properties":{"order":"o1"}}`); got.status != http.StatusOK {
		h.t.Fatal(got.body)
	}
	rows, err := h.store.Enrollments.List(ctx, enrollment.Filter{Customer: "ana/b"})
	if err != nil || len(rows) != 1 {
		h.t.Fatalf("%v, %v", rows, err)
	}
	return rows[0], refOf(rows[0])
}

func refOf(e unit.Enrollment) contract.Ref {
	return contract.Ref{Enrollment: e.ID, Chain: "run-1", Journey: e.Journey, Revision: e.Revision}
}

// handoff opens one for ana and gives its id.
func (h *house) handoff() (string, contract.Ref) {
	h.t.Helper()
	e, ref := h.enter()
	id := e.ID + "/call/1"
	err := h.store.Handoffs.Open(context.Background(), instant.Add(-90*time.Minute), contract.OpenHandoff{
		Ref: ref, ID: id, Step: "call", Until: instant.Add(150 * time.Minute),
		Spec: journey.Handoff{Queue: "support", Priority: "high", Outcomes: map[string]*int{"refunded": new(int), "resolved": new(int)}},
	}, "The parcel <never> came.")
	if err != nil {
		h.t.Fatal(err)
	}
	return id, ref
}

// signedIn is an agent's browser.
func (h *house) signedIn(name string) *http.Client {
	h.t.Helper()
	client := h.browser()
	if got := h.post(client, "/login", url.Values{"token": {agentToken}, "name": {name}}); got.status != http.StatusSeeOther {
		h.t.Fatalf("login: %d", got.status)
	}
	return client
}

func (h *house) get(client *http.Client, path string) answer {
	h.t.Helper()
	return h.with(client, "GET", path, strings.NewReader(""))
}

func TestAgentResolvesAHandoff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id, _ := h.handoff()
	page := "/inbox/" + url.PathEscape(id)
	aiko, ben := h.signedIn("Aiko"), h.signedIn("Ben")

	list := h.get(aiko, "/inbox")
	for _, want := range []string{`href="` + page + `"`, "ana/b", "support", "high", "1 h 30 min ago", "in 2 h 30 min",
		"The parcel &lt;never&gt; came."} {
		if !strings.Contains(list.body, want) {
			t.Errorf("the list lacks %q: %s", want, list.body)
		}
	}
	if got := h.get(aiko, "/inbox?queue=sales"); strings.Contains(got.body, "ana/b") ||
		!strings.Contains(got.body, "No hand-offs match") {
		t.Errorf("another queue shows it")
	}
	one := h.get(aiko, page)
	for _, want := range []string{"ana@example.com", "Ana &lt;b&gt;", "The parcel &lt;never&gt; came.", "waiting for an agent",
		"Delivery Failed", `<option value="refunded">`, "apology"} {
		if !strings.Contains(one.body, want) {
			t.Errorf("the page lacks %q: %s", want, one.body)
		}
	}
	for what, want := range map[string]int{`The parcel &lt;never&gt; came.`: 1, "workflow_id": 0, "<dd>" + id: 0, `name="agent"`: 0,
		"Optional: shows your colleagues": 1, `http-equiv="refresh"`: 0, `formaction="` + page + `/claim"`: 1} {
		if got := strings.Count(one.body, what); got != want {
			t.Errorf("the page has %q %d times, want %d: %s", what, got, want, one.body)
		}
	}
	if !strings.Contains(list.body, `http-equiv="refresh" content="15; url=/inbox?reload=1"`) {
		t.Error("the list does not look again by itself")
	}
	if got := h.post(aiko, page+"/claim", url.Values{}, "Sec-Fetch-Site: cross-site"); got.status != http.StatusForbidden {
		t.Errorf("claim from another site: %d", got.status)
	}
	if got := h.post(aiko, page+"/claim", url.Values{"agent": {"Mallory"}}); got.status != http.StatusSeeOther ||
		got.header.Get("Location") != page {
		t.Fatalf("claim: %d %s", got.status, got.body)
	}
	if got := h.get(aiko, page); !strings.Contains(got.body, "with Aiko") {
		t.Errorf("it is not with Aiko")
	}
	if got := h.post(ben, page+"/claim", url.Values{}); got.status != http.StatusConflict ||
		!strings.Contains(got.body, "Another agent") {
		t.Errorf("claimed twice: %d", got.status)
	}
	if got := h.post(ben, page+"/resolve", url.Values{"outcome": {"refunded"}},
		"Sec-Fetch-Site: cross-site"); got.status != http.StatusForbidden {
		t.Errorf("resolved from another site: %d", got.status)
	}
	form := url.Values{"note": {"sent € 20"}}
	if got := h.post(aiko, page+"/resolve", form); got.status != http.StatusBadRequest ||
		!strings.Contains(got.body, "select an outcome") ||
		!strings.Contains(got.body, "sent € 20") {
		t.Errorf("no outcome: %d", got.status)
	}
	form.Set("outcome", "refunded")
	if got := h.post(aiko, page+"/resolve", form); got.status != http.StatusSeeOther {
		t.Fatalf("resolve: %d %s", got.status, got.body)
	}
	if got := h.get(aiko, page); !strings.Contains(got.body, "Aiko resolved it as <strong>refunded</strong>") ||
		!strings.Contains(got.body, "sent € 20") {
		t.Errorf("after: %s", got.body)
	}
	if got := h.post(aiko, page+"/resolve", form); got.status != http.StatusConflict || !strings.Contains(got.body, "Too late") {
		t.Errorf("too late: %d", got.status)
	}
	if got := h.get(aiko, "/inbox"); !strings.Contains(got.body, "No customers are waiting") {
		t.Errorf("it still waits")
	}
	kept, err := h.store.Handoffs.Get(context.Background(), id)
	if err != nil || kept.Agent != "Aiko" || kept.Outcome != "refunded" {
		t.Errorf("%+v, %v", kept, err)
	}
	if got := h.get(aiko, "/inbox/nothing"); got.status != http.StatusNotFound {
		t.Errorf("unknown: %d", got.status)
	}
}

func TestAClaimedHandoffIsReleasedTakenOverAndAssigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id, _ := h.handoff()
	page := "/inbox/" + url.PathEscape(id)
	mia, tom, admin := h.signedIn("Mia"), h.signedIn("Tom"), h.browser()
	if got := h.post(admin, "/login", url.Values{"token": {adminToken}}); got.status != http.StatusSeeOther {
		t.Fatal(got.status)
	}
	act := func(client *http.Client, what string, want int) {
		t.Helper()
		if got := h.post(client, page+"/"+what, url.Values{"outcome": {"refunded"}}); got.status != want {
			t.Fatalf("%s: %d %s", what, got.status, got.body)
		}
	}
	shows := func(client *http.Client, wants ...string) {
		t.Helper()
		got := h.get(client, page).body
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("the page lacks %q: %s", want, got)
			}
		}
	}
	act(mia, "claim", 303)
	shows(mia, page+`/release"`, "claimed by Mia")
	shows(tom, page+`/take-over"`, "take it over to resolve it")
	act(tom, "release", 409)
	act(tom, "resolve", 409)
	act(tom, "take-over", 303)
	shows(mia, "taken over by Tom", page+`/take-over"`)
	act(tom, "release", 303)
	shows(mia, "waiting for an agent", "returned to the queue; Tom had it")
	if got := h.get(mia, "/inbox"); !strings.Contains(got.body, "Tom had it") {
		t.Errorf("the list does not say who had it: %s", got.body)
	}
	acts := "/v1/admin/handoffs/" + url.PathEscape(id) + "/acts"
	json := []string{"Authorization: Bearer " + adminToken, "Content-Type: application/json"}
	for body, want := range map[string]int{
		`{"kind":"assign"}`: 400, `{"kind":"resolve"}`: 400, `{"kind":"dance"}`: 400, `{"kind":"assign","agent":"Mia"}`: 200,
	} {
		if got := h.do("POST", acts, body, json...); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.do("POST", acts, `{"kind":"release"}`, "Authorization: Bearer "+agentToken); got.status != 403 {
		t.Errorf("an agent at the admin API: %d", got.status)
	}
	got := h.do("GET", "/v1/admin/handoffs?state=claimed", "", json...)
	for _, want := range []string{`"agent":"Mia"`, `"by":"Olga"`, `"kind":"taken over"`, `"kind":"released"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the list lacks %s: %s", want, got.body)
		}
	}
	act(admin, "resolve", 303) // an admin may, whoever has it
	kept, err := h.store.Handoffs.Get(context.Background(), id)
	if err != nil || kept.Agent != "Olga" || kept.Outcome != "refunded" {
		t.Errorf("%+v, %v", kept, err)
	}
	if got := h.do("POST", acts, `{"kind":"release"}`, json...); got.status != http.StatusConflict {
		t.Errorf("too late: %d %s", got.status, got.body)
	}
	if got := h.do("POST", "/v1/admin/handoffs/none/acts", `{"kind":"release"}`, json...); got.status != http.StatusNotFound {
		t.Errorf("unknown: %d %s", got.status, got.body)
	}
}

func TestWithdrawnHandoffShowsItsReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id, ref := h.handoff()
	if err := h.store.Handoffs.Withdraw(context.Background(), instant,
		contract.WithdrawHandoff{Ref: ref, ID: id, Reason: "the customer bought"}); err != nil {
		t.Fatal(err)
	}
	aiko, page := h.signedIn("Aiko"), "/inbox/"+url.PathEscape(id)
	got := h.get(aiko, page)
	if !strings.Contains(got.body, "was withdrawn") || !strings.Contains(got.body, "the customer bought") ||
		strings.Contains(got.body, "<select id=\"outcome\"") {
		t.Errorf("%s", got.body)
	}
	form := url.Values{"outcome": {"refunded"}}
	if got := h.post(aiko, page+"/resolve", form); got.status != http.StatusConflict || !strings.Contains(got.body, "Too late") ||
		!strings.Contains(got.body, "the customer bought") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDevAgentsNameThemselves(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Dev = true })
	id, _ := h.handoff()
	client, page := h.browser(), "/inbox/"+url.PathEscape(id)
	if got := h.post(client, page+"/claim", url.Values{"agent": {"Chie"}}); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := h.post(client, page+"/resolve", url.Values{"other": {"gifted"}}); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	kept, err := h.store.Handoffs.Get(context.Background(), id)
	if err != nil || kept.Agent != "Chie" || kept.Outcome != "gifted" {
		t.Errorf("%+v, %v", kept, err)
	}
}

// sent puts a settled send of the journey's message into the ledger and gives its key.
func (h *house) sent(ref contract.Ref, channel string, o message.Settlement) string {
	h.t.Helper()
	key := ref.Enrollment + "/note/" + channel
	r, err := h.store.Messages.Reserve(context.Background(), instant, instant, contract.Send{
		Ref: ref, EvalContext: contract.EvalContext{EntryEvent: "e1"}, Key: key, Step: "note", Visit: 1,
		Spec: journey.Send{Message: "sorry", Via: []string{channel}, Category: journey.Marketing},
	}, time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.store.Messages.Settle(context.Background(), instant, r, o); err != nil {
		h.t.Fatal(err)
	}
	return key
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	address := h.g.auth.Links.Unsubscribe(
		signedlink.Mail{Customer: "ana/b", Journey: "apology", Step: "note", Message: "sorry", Key: ref.Enrollment + "/note/1"},
	)
	path := strings.TrimPrefix(address, "http://tabi.example.com")
	consent := func() any {
		c, _ := h.customer("ana/b").Traits["consent"].(map[string]any)
		return c["marketing"]
	}
	if got := h.do("GET", path, ""); got.status != http.StatusOK || !strings.Contains(got.body, "Unsubscribe?") || consent() != true {
		t.Fatalf("GET: %d, consent %v", got.status, consent())
	}
	before := h.stored()
	for range 2 { // a repeat changes nothing
		got := h.do("POST", path, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded")
		if got.status != http.StatusOK || !strings.Contains(got.body, "You are unsubscribed") || consent() != false ||
			h.stored() != before+1 {
			t.Fatalf("POST: %d, consent %v, %d events", got.status, consent(), h.stored()-before)
		}
	}
	if e := h.events("ana/b")[0]; e.Title != event.Unsubscribed || !strings.Contains(mustJSON(t, e.Detail), `"journey":"apology"`) {
		t.Errorf("event %+v", e)
	}
	h.call("/v1/identify", `{"userId":"ana/b","traits":{"consent":{"marketing":true}}}`)
	if h.do("POST", path, ""); consent() != false {
		t.Error("an old link does not work again after the customer came back")
	}
	if got := h.do("POST", path[:len(path)-1], ""); got.status != http.StatusNotFound {
		t.Errorf("a broken link: %d", got.status)
	}
}

func TestMailEvents(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent, ProviderID: "4F00A1"})
	body := `[{"type":"delivered","key":"` + key + `","id":"p1"},{"type":"opened","message_id":"<4F00A1@mail.example.com>","id":"p2"},
		{"type":"click","message_id":"4F00A1","url":"https://x.example","id":"p3"},{"type":"processed","key":"` + key +
		`"},{"type":"open","key":"not/mine/1"}]`
	before := h.stored()
	for range 2 { // providers repeat
		got := h.call("/v1/mail/events", body)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"accepted":3`) || strings.Count(got.body, `"index"`) != 2 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if n := h.stored() - before; n != 3 {
			t.Errorf("%d events", n)
		}
	}
	detail := mustJSON(t, h.events("ana/b")[0].Detail)
	for _, want := range []string{`"message":"sorry"`, `"step":"note"`, `"journey":"apology"`, `"channel":"email"`} {
		if !strings.Contains(detail, want) {
			t.Errorf("the event lacks %s: %s", want, detail)
		}
	}
	h.call("/v1/mail/events", `{"type":"soft_bounce","key":"`+key+`","id":"b1"}`)
	if c := h.customer("ana/b"); len(c.Bounced) != 0 {
		t.Errorf("a soft bounce marks the address: %v", c.Bounced)
	}
	h.call(
		"/v1/mail/events",
		`{"type":"bounce","bounce_type":"Permanent","message_id":"<`+signedlink.MessageID(key, "shop.example.com")+`>","id":"b2"}`,
	)
	if c := h.customer("ana/b"); c.Bounced["ana@example.com"] == "" {
		t.Errorf("a hard bounce does not: %v", c.Bounced)
	}
	for name, c := range map[string][2]string{
		"no type": {`{"key":"k"}`, "type"}, "no key": {`{"type":"open"}`, "key"},
		"no object": {`7`, ""},
		"no time":   {`{"type":"open","key":"k","timestamp":"x"}`, "timestamp"},
	} {
		got := h.call("/v1/mail/events", c[0])
		if _, field, _ := got.problem(); got.status != http.StatusBadRequest || field != c[1] {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestAppMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	h.sent(
		ref,
		"app",
		message.Settlement{Status: contract.StatusSent, Said: map[string]string{"title": "Sorry", "body": "We are sorry", "link": "/help"}},
	)
	var made struct{ Token string }
	got := h.call("/v1/inbox/ana%2Fb/token", `{}`)
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || made.Token == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, token := range map[string]string{"server key": serverKey, "user token": made.Token} {
		got := h.do("GET", "/v1/inbox/ana%2Fb", "", "Authorization: Bearer "+token)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"title":"Sorry"`) || !strings.Contains(got.body, `"link":"/help"`) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := h.do("GET", "/v1/inbox/ben", "", "Authorization: Bearer "+made.Token); got.status != http.StatusUnauthorized {
		t.Errorf("another user's token: %d", got.status)
	}
	h.g.Wall = func() time.Time { return instant.Add(inbound.UserTokenLife) }
	if got := h.do("GET", "/v1/inbox/ana%2Fb", "", "Authorization: Bearer "+made.Token); got.status != http.StatusUnauthorized ||
		!strings.Contains(got.body, "expired") {
		t.Errorf("an old token: %d %s", got.status, got.body)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.enter()
	admin := func(method, path, body string) answer {
		return h.do(method, path, body, "Authorization: Bearer "+adminToken)
	}
	got := admin("POST", api.Enroll.Path, `{"journey":"apology","customer":"ben","properties":{"order":"o2"},"id":"s1"}`)
	var started api.EnrollResponse
	if err := json.Unmarshal([]byte(got.body), &started); err != nil || started.WorkflowID != "apology/ben" {
		t.Fatalf("start: %d %s", got.status, got.body)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", api.Enroll.Path, `{"journey":"apology","customer":"ben"}`, 409, "refused"},
		{"POST", api.Enroll.Path, `{"journey":"nothing","customer":"ben"}`, 404, "unknown_journey"},
		{"POST", api.Enroll.Path, `{"journey":"apology"}`, 400, "customer"},
		{"POST", api.Enroll.Path, `{"journey":"apology","customer":"anon:undefined"}`, 400, "customer"},
		{"POST", api.Enroll.Path, `{"jorney":"apology"}`, 400, "unknown_key"},
		{"GET", "/v1/admin/enrollments/apology%2Fben", "", 200, `"entry_name":"Journey Started"`},
		{"GET", "/v1/admin/enrollments/apology%2Fnobody", "", 404, "not_found"},
		{"GET", api.ListEnrollments.Path + "?journey=apology&state=open", "", 200, `"customer":"ben"`},
		{"GET", api.ListEnrollments.Path + "?journey=apology&customer=nobody", "", 200, `"enrollments":[]`},
		{"GET", api.ListEnrollments.Path + "?journey=nothing", "", 404, "unknown_journey"},
		{"GET", api.ListEnrollments.Path + "?limit=1", "", 200, `"next":`},
		{"GET", api.ListEnrollments.Path + "?state=odd", "", 400, "state"},
		{"GET", api.ListEnrollments.Path + "?limit=0", "", 400, "limit"},
		{"POST", "/v1/admin/enrollments/apology%2Fben/commands", `{"kind":"pause"}`, 200, "true"},
		{"POST", "/v1/admin/enrollments/apology%2Fnobody/commands", `{"kind":"cancel"}`, 404, "not_found"},
		{"POST", "/v1/admin/enrollments/apology%2Fben/commands", `{"kind":"explode"}`, 400, "kind"},
		{"POST", api.PauseJourney.Path, `{"journey":"apology","paused":true}`, 200, `"enrollments":2`},
		{"GET", api.GetCounts.Path, "", 200, `"paused_journeys":["apology"]`},
		{"POST", api.PauseJourney.Path, `{"paused":true}`, 400, "journey"},
	} {
		if got := admin(c.method, c.path, c.body); got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.body)
		}
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
	for _, want := range []string{`tabi_enrollments_open{journey="apology"} 2`, "tabi_store_up 1",
		"tabi_http_request_duration_seconds_bucket", `tabi_segment_calls_total{type="track"} 1`, "tabi_journeys_paused 1"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
}

func TestUnsubscribeMeansTheCustomerOfTheSend(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.enter()
	h.call("/v1/identify", `{"anonymousId":"d1","traits":{"email":"ana@example.com","consent":{"marketing":true}}}`)
	h.call("/v1/track", `{"anonymousId":"d1","event":"Delivery Failed","properties":{"order":"o2"}}`)
	rows, err := h.store.Enrollments.List(context.Background(), enrollment.Filter{Customer: "anon:d1"})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	key := h.sent(refOf(rows[0]), "email", message.Settlement{Status: contract.StatusSent})
	h.call("/v1/identify", `{"userId":"ana","anonymousId":"d1"}`)
	h.call("/v1/identify", `{"userId":"ben","anonymousId":"d1","traits":{"consent":{"marketing":true}}}`) // the device is his by now
	marketing := func(id string) any { return h.customer(id).Traits["consent"].(map[string]any)["marketing"] }
	click := func(m signedlink.Mail) {
		t.Helper()
		path := strings.TrimPrefix(h.g.auth.Links.Unsubscribe(m), "http://tabi.example.com")
		if got := h.do("POST", path, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded"); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	click(signedlink.Mail{Customer: "anon:d1", Key: key})
	if marketing("ana") != false || marketing("ben") != true {
		t.Errorf("ana %v, ben %v", marketing("ana"), marketing("ben"))
	}
	click(signedlink.Mail{Customer: "ben", Key: "lost/with the/ledger"})
	if marketing("ben") != false {
		t.Error("a link to a send that the ledger lost does nothing")
	}
}
