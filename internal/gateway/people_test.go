package gateway

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/audit"
)

// Who works with tabi is named in the audit log, and only by the subject in the log of the process: also where the name would be another
// line, or another person.
func TestNamesOfPeople(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zapcore.DebugLevel)
	p := newProvider(t)
	groups := []string{"support"}
	p.lies = func(claims map[string]any) {
		claims["name"], claims["email"], claims["groups"] = "Aiko\nadmin \u202etabi", "aiko@example.com", groups
	}
	h := withProvider(t, p, func(c *Config) { c.Logger = zap.New(core) })
	client := h.browser()
	h.get(client, p.approve(h.begin(client, "/inbox")))
	h.get(client, "/inbox")
	h.post(client, "/logout", url.Values{})
	groups = nil
	h.get(h.browser(), p.approve(h.begin(h.browser(), "/")))
	stranger := h.browser()
	h.get(stranger, p.approve(h.begin(stranger, "/")))

	list, err := h.store.Audit.List(t.Context(), audit.Filter{OldestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, e := range list {
		if e.Subject != "oidc:u-1" {
			continue
		}
		if named++; e.Who != "aiko@example.com" || // the name is no name
			e.Role == "admin" {
			t.Errorf("%+v", e)
		}
	}
	if named < 3 {
		t.Errorf("%d entries of the person in %+v", named, list)
	}
	if found, err := h.store.Audit.List(t.Context(), audit.Filter{Who: "aiko@example.com"}); err != nil || len(found) != named {
		t.Errorf("%d found, %v", len(found), err)
	}
	subjects := 0
	for _, line := range lines.All() {
		text := line.Message + fmt.Sprint(line.ContextMap())
		if strings.Contains(strings.ToLower(text), "aiko") {
			t.Errorf("the log names a person: %s", text)
		}
		if strings.Contains(text, "oidc:u-1") {
			subjects++
		}
	}
	if subjects == 0 {
		t.Error("the log does not say who signed in")
	}
}

// Pages that ask again and again write one entry, not one for each time.
func TestPollingIsOneLook(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.handoff()
	client := h.signedIn("Lea")
	for range 50 {
		h.get(client, "/inbox")
		h.get(client, "/customers/ana%2Fb")
		h.do("GET", "/v1/admin/handoffs", "", "Authorization: Bearer "+agentToken)
	}
	counts := map[string]int{}
	for _, e := range h.entries() {
		counts[e.What+" "+e.Door]++
	}
	if counts["handoff.list page"] != 1 || counts["customer.read page"] != 1 || counts["handoff.list api"] != 1 {
		t.Errorf("%v", counts)
	}
}
