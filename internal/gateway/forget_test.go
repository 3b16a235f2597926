package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
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
