package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// An admin exports a customer and forgets it: late calls are accepted and dropped, and the audit log no longer says who it was.
func TestForgetCustomer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.call("/v1/track", `{"anonymousId":"d1","event":"Seen"}`)
	h.call("/v1/identify", `{"userId":"zaphod","anonymousId":"d1","traits":{"email":"zaphod@example.com"}}`)
	tables := map[string]int{}
	for after := ""; ; {
		var page api.ExportPage
		got := h.admin("GET", "/v1/admin/customers/zaphod/export?after="+after, "")
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
			t.Fatal(got.status, got.body, err)
		}
		tables[page.List] += len(page.Rows)
		if after = strings.NewReplacer(`{`, "%7B", `}`, "%7D", `"`, "%22").Replace(page.Next); after == "" {
			break
		}
	}
	if tables["customers"] != 2 || tables["events"] != 2 || tables["merges"] != 1 {
		t.Errorf("exported: %v", tables)
	}
	if got := h.admin("POST", "/v1/admin/customers/zaphod/forget", `{"reason":"Zaphod wrote"}`); got.status != 400 {
		t.Errorf("a reason that names the customer: %d %s", got.status, got.body)
	}
	var asked api.ForgetStatus
	got := h.admin("POST", "/v1/admin/customers/zaphod/forget", `{"reason":"ticket 1"}`)
	if err := json.Unmarshal([]byte(got.body), &asked); err != nil || got.status != 200 || asked.State != "ending" {
		t.Fatal(got.status, got.body, err)
	}
	got = h.call("/v1/track", `{"userId":"zaphod","event":"Seen"}`)
	if got.status != 200 || !strings.Contains(got.body, `"forgotten":true`) {
		t.Errorf("a late event: %d %s", got.status, got.body)
	}
	if got := h.admin("POST", "/v1/admin/customers/zaphod/forget", `{"reason":"ticket 1"}`); got.status != 410 {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	for more := true; more; {
		var err error
		if more, err = h.store.Erasure.Erase(t.Context(), clock.Wall(), asked.Request); err != nil {
			t.Fatal(err)
		}
	}
	got = h.admin("GET", "/v1/admin/forget-requests/"+asked.Request, "")
	if !strings.Contains(got.body, `"state":"done"`) || strings.Contains(got.body, "zaphod") {
		t.Errorf("the report: %s", got.body)
	}
	for _, line := range h.audited() {
		if strings.Contains(line, "zaphod") {
			t.Errorf("the audit log has: %s", line)
		}
	}
	all := strings.Join(h.audited(), "\n")
	if !strings.Contains(all, "customer.export ok") || !strings.Contains(all, "customer.forget ok") {
		t.Errorf("the audit log lacks the export, or the forgetting: %s", all)
	}
	if got := h.admin("POST", "/v1/admin/customers/zaphod/remember", ""); got.status != 200 {
		t.Errorf("remembering: %d %s", got.status, got.body)
	}
	if got := h.call("/v1/track", `{"userId":"zaphod","event":"Seen"}`); strings.Contains(got.body, "forgotten") {
		t.Errorf("after that: %s", got.body)
	}
}

// What providers and readers do with the mail of a forgotten customer changes nothing: a report is accepted and ignored, and an unsubscribe
// link says that it is done. None of them is refused, which would be repeated, and kept with its words.
func TestLateReportsOfForgottenCustomers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent, ProviderID: "4F00A1"})
	link := strings.TrimPrefix(h.g.auth.Links.Unsubscribe(
		signedlink.Mail{Customer: "ana/b", Journey: "apology", Step: "note", Message: "sorry", Key: key},
	), "http://tabi.example.com")
	asked, err := h.store.Erasure.Start(t.Context(), clock.Wall(), "ana/b", "ticket 1", "sam", false)
	if err != nil {
		t.Fatal(err)
	}
	late := func() {
		t.Helper()
		for n, report := range []string{
			`{"type":"bounce","bounce_type":"hard","reason":"550 ana@example.com is unknown","key":"` + key + `"}`,
			`{"type":"complaint","message_id":"<` + signedlink.MessageID(key, "x.example.com") + `>"}`,
			`{"type":"open","message_id":"4F00A1"}`,
		} {
			if got := h.call("/v1/mail/events", report); got.status != 200 || strings.Contains(got.body, `"rejected"`) {
				t.Errorf("report %d: %d %s", n, got.status, got.body)
			}
		}
		if got := h.do("POST", link, "List-Unsubscribe=One-Click"); got.status != 200 {
			t.Errorf("an unsubscribe link: %d %s", got.status, got.body)
		}
	}
	late()
	if err := h.store.Erasure.CloseEnrollment(t.Context(), clock.Wall(), asked.ID, ref.Enrollment); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = h.store.Erasure.Erase(t.Context(), clock.Wall(), asked.ID); err != nil {
			t.Fatal(err)
		}
	}
	late()
	var n int
	if err := h.store.Database.Reader.QueryRowContext(t.Context(), `select (select count(*) from addresses where address like '%@%') +
		(select count(*) from customers) + (select count(*) from rejected_calls)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows of addresses, customers and refused calls are left, %v", n, err)
	}
}
