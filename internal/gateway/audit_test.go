package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// TestEveryRouteIsAudited: a new route needs a row in audits, with the name of what is done or the reason why nothing is recorded.
func TestEveryRouteIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	served := map[string]bool{}
	for _, r := range h.g.routes() {
		name := r.Method + " " + r.Path
		served[name] = true
		row, ok := audits[name]
		if !ok {
			t.Errorf("%s: say in audits what the audit log has of it, or why nothing", name)
			continue
		}
		words := strings.Split(row.what, ".")
		if row.how != none && (len(words) != 2 || strings.ContainsAny(row.what, " /{}")) {
			t.Errorf("%s: the act %q is not named as handoff.claim is", name, row.what)
		}
		changes := r.Method != http.MethodGet && !strings.HasPrefix(r.Path, "/v1/codec/") && // the codec server only computes
			name != "POST /customers" // a search: what is searched for must not be in an address
		if row.how == none && r.Needs != "" && changes {
			t.Errorf("%s: people change something by it, so it is recorded", name)
		}
		if row.how == looks && changes {
			t.Errorf("%s: it changes something, so it is an act", name)
		}
	}
	for name := range audits {
		if !served[name] {
			t.Errorf("%s: there is no such route", name)
		}
	}
}

// entries returns what the audit log has, oldest first.
func (h *house) entries() []audit.Entry {
	h.t.Helper()
	list, err := h.store.Audit.List(h.t.Context(), audit.Filter{OldestFirst: true, Limit: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// audited returns what the audit log has, in words.
func (h *house) audited() (out []string) {
	h.t.Helper()
	for _, e := range h.entries() {
		line := fmt.Sprintf("%s (%s) %s %s", e.Who, e.Role, e.What, e.Result)
		if e.Reason != "" {
			line += ": " + e.Reason
		}
		if e.Customer != "" {
			line += ", on " + e.Customer
		}
		if e.Journey != "" {
			line += ", in " + e.Journey
		}
		out = append(out, line)
	}
	return out
}

// What an agent does and sees is recorded, with who it was, on whom, and the result.
func TestAgentIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	handoff, _ := h.handoff()
	id := url.PathEscape(handoff)
	client := h.signedIn("Lea")
	for range 2 {
		h.get(client, "/inbox/"+id)
		h.get(client, "/customers/ana%2Fb")
	}
	h.post(client, "/inbox/"+id+"/claim", url.Values{})
	h.post(client, "/inbox/"+id+"/resolve", url.Values{"outcome": {""}})
	h.post(client, "/inbox/"+id+"/resolve", url.Values{"outcome": {"refunded"}, "note": {"a secret note"}})
	h.post(client, "/inbox/"+id+"/claim", url.Values{})
	h.post(client, "/logout", url.Values{})
	want := []string{
		"Lea (agent) session.sign_in ok",
		"Lea (agent) handoff.read ok, on ana/b, in apology",
		"Lea (agent) customer.read ok, on ana/b",
		"Lea (agent) handoff.claim ok, on ana/b, in apology",
		"Lea (agent) handoff.resolve refused: bad_request, on ana/b, in apology",
		"Lea (agent) handoff.resolve ok, on ana/b, in apology",
		"Lea (agent) handoff.claim refused: conflict, on ana/b, in apology",
		"Lea (agent) session.sign_out ok",
	}
	if got := h.audited(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, e := range h.entries() {
		if e.Peer != "127.0.0.1" || e.Door != audit.Page || strings.Contains(fmt.Sprint(e), "secret note") {
			t.Errorf("%+v", e)
		}
	}
	page := h.do("GET", "/customers/ana%2Fb", "", "Authorization: Bearer "+adminToken)
	if !strings.Contains(page.body, "handoff.claim") || !strings.Contains(page.body, "Lea") {
		t.Error("the customer's page does not show who did what to an admin")
	}
	if page = h.do("GET", "/customers/ana%2Fb", "", "Authorization: Bearer "+agentToken); strings.Contains(page.body, "handoff.claim") {
		t.Error("the customer's page shows the audit log to an agent")
	}
}

// What is done by the admin API is recorded, also what is refused; strangers are bounded.
func TestAdminAPIIsAudited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.handoff()
	h.admin("POST", "/v1/admin/pause", `{"journey":"apology","paused":true}`)
	h.admin("POST", "/v1/admin/pause", `{"journey":"nowhere","paused":true}`)
	h.admin("GET", "/v1/admin/enrollments?customer=ana%2Fb", "")
	h.do("POST", "/v1/admin/pause", `{"journey":"apology","paused":false}`, "Authorization: Bearer "+agentToken)
	for range 5 {
		h.do("GET", "/v1/admin/enrollments", "", "Authorization: Bearer wrong")
	}
	h.admin("POST", "/v1/admin/addresses/revive", `{"address":"ana@example.com"}`)
	want := []string{
		"Olga (admin) journey.pause ok, in apology",
		"Olga (admin) journey.pause refused: unknown_journey, in nowhere",
		"Olga (admin) enrollment.list ok, on ana/b",
		"agent token (agent) journey.pause refused: forbidden",
		" () enrollment.list refused: unauthorized",
		"Olga (admin) address.revive refused: not_found",
	}
	if got := h.audited(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list := h.entries(); list[5].ID != "a…@example.com" {
		t.Errorf("the address is recorded as %q", list[5].ID)
	}

	var got api.AuditList
	answer := h.admin("GET", "/v1/admin/audit?journey=apology&order=oldest", "")
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil || len(got.Entries) != 1 || got.Entries[0].Who != "Olga" {
		t.Errorf("%s", answer.body)
	}
	if f := h.do("GET", "/v1/admin/audit", "", "Authorization: Bearer "+agentToken); f.status != http.StatusForbidden {
		t.Errorf("an agent reads the audit log: %d", f.status)
	}
	page := h.do("GET", "/journeys/apology", "", "Authorization: Bearer "+adminToken)
	if !strings.Contains(page.body, "journey.pause") {
		t.Error("the journey's page does not show who paused it")
	}
}

// Whoever begins in the middle of a list is recorded too: later pages count as part of an act only after its first one.
func TestLaterPagesAreNoWayAround(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.handoff()
	for range 2 {
		h.admin("GET", "/v1/admin/customers/ana%2Fb/export?after=1.1", "")
		h.admin("GET", "/v1/admin/audit?order=oldest&after=1", "")
		h.admin("POST", "/v1/admin/restart", `{"journey":"apology","after":"0","dry_run":true}`)
		h.admin("POST", "/v1/admin/restart", `{"journey":"apology","after":"0"}`)
		h.admin("POST", "/v1/admin/migrations", `{"journey":"apology","after":"0"}`)
	}
	var got []string
	for _, line := range h.audited() {
		if !strings.Contains(line, "refused") {
			got = append(got, line)
		}
	}
	want := []string{"Olga (admin) audit.read ok", "Olga (admin) enrollment.restart ok, in apology",
		"Olga (admin) journey.migrate ok, in apology"}
	if !slices.Equal(slices.DeleteFunc(slices.Clone(got), func(line string) bool { return strings.Contains(line, "export") }), want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if n := strings.Count(strings.Join(h.audited(), "\n"), "customer.export"); n == 0 {
		t.Errorf("the export is not recorded:\n%s", strings.Join(h.audited(), "\n"))
	}
}

// What cannot be recorded is neither done nor shown.
func TestNothingIsDoneUnrecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.handoff()
	ctx := t.Context()
	if err := h.store.Database.Write(ctx, func(tx sqldb.Conn) error {
		return sqldb.SetSetting(ctx, tx, "audit", "broken")
	}); err != nil {
		t.Fatal(err)
	}
	h.admin("POST", "/v1/admin/pause", `{"journey":"apology","paused":true}`)
	counts, err := h.store.Analytics.Counts(ctx)
	if err != nil || len(counts.PausedJourneys) > 0 {
		t.Errorf("paused: %v, %v", counts.PausedJourneys, err)
	}
	page := h.do("GET", "/customers/ana%2Fb", "", "Authorization: Bearer "+adminToken)
	if page.status != http.StatusServiceUnavailable || strings.Contains(page.body, "ana@") {
		t.Errorf("%d %s", page.status, page.body)
	}
}
