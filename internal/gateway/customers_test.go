package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// holds fails for what a page lacks.
func holds(t *testing.T, page answer, wants ...string) {
	t.Helper()
	if page.status != http.StatusOK {
		t.Fatalf("%d %s", page.status, page.body)
	}
	text := strings.Join(strings.Fields(page.body), " ")
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, page.body)
		}
	}
}

// A customer's page shows intents with their evidence, decisions with their reasons, sends and the conversation.
func TestCustomerPage(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	_, content, err := h.store.Catalog.Content(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	more := *content
	more.Intents = map[string]*journey.Intent{
		"keen": {Name: "keen", HalfLife: time.Hour, Evidence: []journey.Evidence{{Events: []string{"Product Viewed"}, Weight: 0.9}}},
		"sad":  {Name: "sad", HalfLife: time.Hour},
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, &more); err != nil {
		t.Fatal(err)
	}
	h.call("/v1/track", `{"userId": "ana", "event": "Product Viewed"}`)
	h.call("/v1/track", `{"userId": "ana", "event": "Message Received", "properties": {"text": "<b>Hello?</b>", "channel": "app"}}`)
	h.decides(`{"userId": "ana", "group": "offers"}`)
	h.decides(`{"userId": "ana", "actions": ["upgrade"]}`)
	holds(
		t,
		h.page("/customers/ana"),
		`<h1>Ana <small>ana</small></h1>`,
		`<span class="intent">keen</span> <strong>59.3 %</strong>`,
		`<td>Product Viewed</td>`,
		`No evidence yet.`, // 1 − e^(−0.9)
		`<strong>gift by app</strong>`,
		`<strong>2</strong> considered → <strong>2</strong> eligible → <strong>1</strong> applicable`,
		`NOT_APPLICABLE`,
		`class="won"`,
		`<strong>no action: NOT_APPLICABLE</strong>`,
		`they wrote by app`,
		`&lt;b&gt;Hello?&lt;/b&gt;`,
		`<td>gift</td><td>app</td>`,
		`<dt>plan</dt><dd>basic</dd>`,
	)
	if got := h.page("/customers/nobody"); got.status != http.StatusNotFound || !strings.Contains(got.body, "No such customer") {
		t.Errorf("%d %s", got.status, got.body)
	}
	holds(t, h.page("/customers"), `name="id"`)
}

func TestReport(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	holds(t, h.page("/report"), "No action was offered in this period")
	h.decides(`{"userId": "ana", "group": "offers"}`)
	h.call("/v1/track", `{"userId": "ana", "event": "Product Viewed"}`)
	holds(
		t,
		h.page("/report?since=all"),
		`<th scope="row">gift</th><td>app</td>`,
		`nothing is counted or learned: upgrade.`,
		"Maturing",
		"requested by channels",
		"full arbitration",
		`100.0 %`,
	)
	got := h.do("GET", api.GetReport.Path+"?since=7d", "", "Authorization: Bearer "+adminToken)
	var report api.Report
	if err := json.Unmarshal([]byte(got.body), &report); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if v := report.Controls[0].ValuePerOffer; v.Estimate != 10 || v.Low > 5 {
		t.Errorf("of one offer: %+v", v)
	}
	if len(report.NoAccept) != 1 || report.NoAccept[0] != "upgrade" {
		t.Errorf("without accept: %v", report.NoAccept)
	}
	if len(report.Actions) != 1 || report.Actions[0].Accepted != 1 || report.Actions[0].Value != 10 || report.Actions[0].Net != 10 {
		t.Errorf("%+v", report.Actions)
	}
	for _, since := range []string{"-1d", "0s", "yesterday"} {
		if got := h.do("GET", api.GetReport.Path+"?since="+since, "",
			"Authorization: Bearer "+adminToken); got.status != http.StatusBadRequest ||
			!strings.Contains(got.body, `"field":"since"`) {
			t.Errorf("since=%s: %d %s", since, got.status, got.body)
		}
	}
}

func TestSplitCustomer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.call("/v1/track", `{"anonymousId":"d1","event":"Seen"}`)
	h.call("/v1/identify", `{"userId":"ana","anonymousId":"d1","traits":{"name":"Ana"}}`)
	h.call("/v1/track", `{"anonymousId":"d1","event":"Seen"}`)
	header := []string{"Authorization: Bearer " + adminToken, "Content-Type: application/json"}
	for body, want := range map[string]int{`{}`: 400, `{"anonymous_id":"d2"}`: 404, `{"anonymous_id":"d1","user_id":"d1"}`: 400} {
		if got := h.do("POST", "/v1/admin/customers/ana/split", body, header...); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	got := h.do("POST", "/v1/admin/customers/ana/split", `{"anonymous_id":"d1"}`, header...)
	for _, want := range []string{`"customer":"ana"`, `"split":"anon:d1"`, `"events":2`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the answer lacks %s: %d %s", want, got.status, got.body)
		}
	}
	if c := h.customer("d1"); c.ID != "anon:d1" || len(c.Traits) != 0 {
		t.Errorf("%+v", c)
	}
}

// An agent has an address or a number, not an id. What is searched for is in no address of a page.
func TestCustomerIsFoundByAddress(t *testing.T) {
	t.Parallel()
	const readerToken = "reader-token-0123456789"
	h := newHouse(t, func(c *Config) { c.Tokens = append(c.Tokens, auth.Token{Value: readerToken, Role: access.Reader}) })
	h.call("/v1/identify", `{"userId":"u1","traits":{"email":"Ana.Silva@example.com","phone":"+81 90-1234-5678","first_name":"Ana"}}`)
	h.call("/v1/identify", `{"userId":"u/2 x","traits":{"email":"anaXsilva@example.com"}}`)
	h.call("/v1/identify", `{"userId":"u3","traits":{"email":"both@example.com"}}`)
	h.call("/v1/identify", `{"userId":"u4","traits":{"email":"both@example.com"}}`)
	find := func(token, text string) answer {
		return h.post(http.DefaultClient, "/customers", url.Values{"id": {text}}, "Authorization: Bearer "+token)
	}
	for text, want := range map[string]string{
		"ana.silva@example.com": "/customers/u1", "+819012345678": "/customers/u1", "+81 90 1234 5678": "/customers/u1",
		"u/2 x": "/customers/u%2F2%20x", "nobody@example.com": "", "%": "",
	} {
		got := find(agentToken, text)
		if want == "" && (got.status != http.StatusNotFound || !strings.Contains(got.body, "There is no customer")) ||
			want != "" && got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want %q", text, got.status, got.header.Get("Location"), want)
		}
	}
	got := find(agentToken, "both@example.com")
	if got.status != http.StatusOK || !strings.Contains(got.body, `href="/customers/u3"`) ||
		!strings.Contains(got.body, `href="/customers/u4"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	// Who may not see an address does not find out whose it is.
	if got := find(readerToken, "u3"); got.header.Get("Location") != "/customers/u3" {
		t.Errorf("a reader, by an id: %d", got.status)
	}
	known, unknown := find(readerToken, "both@example.com"), find(readerToken, "none@example.com")
	if known.status != http.StatusNotFound || strings.ReplaceAll(known.body, "both@", "none@") != unknown.body {
		t.Errorf("a reader, by an address: %d %s", known.status, known.body)
	}
	// A query finds nobody, and a form of another site neither.
	if got := h.page("/customers?id=u1"); got.status != http.StatusOK || strings.Contains(got.body, "u1") {
		t.Errorf("by a query: %d %s", got.status, got.body)
	}
	client := h.signedIn("Aiko")
	if got := h.post(client, "/customers", url.Values{"id": {"u1"}}, "Sec-Fetch-Site: cross-site"); got.status != http.StatusForbidden {
		t.Errorf("by a form of another site: %d", got.status)
	}
}
