package gateway

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/pages"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const framed = "style-src 'unsafe-inline'; frame-ancestors 'none'"

// showsAll is a gallery that shows what it was asked for.
func showsAll(_ context.Context, content *journey.Content, name, customer string, vars *expr.Vars) (pages.Shown, error) {
	out := pages.Shown{About: content.Messages[name].About, Policy: framed, Fragment: "samples"}
	if vars != nil {
		text := fmt.Sprintf("%s: %v of %v", customer, vars.Customer["city"], vars.Entry["order"])
		out.Fragment = template.HTML(template.HTMLEscapeString(text))
	}
	return out, nil
}

// A message is shown to everybody who sees journeys, for samples; and for a customer to those who may see personal data.
func TestMessagePages(t *testing.T) {
	t.Parallel()
	others := auth.Token{Value: "a-token-of-others-0000", Name: "Bo", Role: access.Agent, Queues: []string{"nobody's"}}
	reader := auth.Token{Value: "a-token-of-reader-0000", Name: "Rea", Role: access.Reader}
	h := newHouse(t, func(c *Config) {
		c.Gallery = showsAll
		c.Tokens = append(c.Tokens, others, reader)
	})
	e, _ := h.enter()
	h.identify(e.Customer, `{"city":"Porto"}`)

	got := h.do("GET", "/messages/sorry", "", "Authorization: Bearer "+reader.Value)
	if got.status != http.StatusOK || !strings.Contains(got.body, "samples") || !strings.Contains(got.body, "What came of it") ||
		strings.Contains(got.body, `name="customer"`) {
		t.Errorf("a reader: %d %s", got.status, got.body)
	}
	if csp := got.header.Get("Content-Security-Policy"); csp != framed {
		t.Errorf("its policy is %q", csp)
	}
	if csp := h.page("/journeys").header.Get("Content-Security-Policy"); csp != contentPolicy {
		t.Errorf("the policy of another page is %q", csp)
	}
	if got := h.page("/journeys/apology"); strings.Count(got.body, `href="/messages/sorry"`) < 2 {
		t.Errorf("the drawing and the table do not link to the message: %s", got.body)
	}
	who := "?customer=" + strings.ReplaceAll(e.Customer, "/", "%2F")
	if got := h.page("/messages/sorry" + who); !strings.Contains(got.body, "Porto of ") || strings.Contains(got.body, "of &lt;nil&gt;") {
		t.Errorf("for a customer: %d %s", got.status, got.body)
	}
	if what := strings.Join(h.audited(), "\n"); !strings.Contains(what, "message.read") {
		t.Errorf("the log lacks the look:\n%s", what)
	}
	for path, status := range map[string]int{
		"/messages/nothing": http.StatusNotFound, "/messages/sorry?customer=nobody": http.StatusNotFound,
	} {
		if got := h.page(path); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, token := range []auth.Token{others, reader} {
		known := h.do("GET", "/messages/sorry"+who, "", "Authorization: Bearer "+token.Value)
		unknown := h.do("GET", "/messages/sorry?customer=nobody", "", "Authorization: Bearer "+token.Value)
		if known.status != http.StatusForbidden || known.body != unknown.body {
			t.Errorf("%s: %d, %d", token.Name, known.status, unknown.status)
		}
	}
}

// A test goes to listed addresses alone, once for a request, and its row counts nowhere.
func TestTestSends(t *testing.T) {
	t.Parallel()
	var (
		mu      sync.Mutex
		started []string
	)
	h := newHouse(t, func(c *Config) {
		c.Tests.Start = func(_ context.Context, key string) error {
			mu.Lock()
			defer mu.Unlock()
			started = append(started, key)
			return nil
		}
		c.Tokens = append(c.Tokens, auth.Token{Value: "a-token-of-designer-00", Name: "Dot", Role: access.Designer},
			auth.Token{Value: "a-token-of-reader-0000", Name: "Rea", Role: access.Reader})
	})
	h.enter()
	send := func(token, request, to string) answer {
		return h.do("POST", "/v1/admin/messages/sorry/tests", fmt.Sprintf(`{"request":%q,"to":[%s],"channel":"email",`+
			`"fields":{"subject":"Sorry","html":"<p>Sorry</p>","text":"Sorry"}}`, request, to), "Authorization: Bearer "+token)
	}
	const designer = "a-token-of-designer-00"
	for _, to := range []string{
		`"eve@example.com"`, `"me@sub.testers.example"`, `"@testers.example"`, `"me@testers.example", "eve@example.com"`,
		`"me@testers.example\r\nBcc: eve@example.com"`,
	} {
		if got := send(designer, "refused", to); got.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", to, got.status, got.body)
		}
	}
	if got := send("a-token-of-reader-0000", "r", `"me@testers.example"`); got.status != http.StatusForbidden {
		t.Errorf("a reader: %d", got.status)
	}
	if len(started) > 0 {
		t.Fatalf("refused, and started: %v", started)
	}
	first := send(designer, "r1", `"me@testers.example", " KIM@example.com", "Me@Testers.example"`)
	if first.status != http.StatusOK || len(started) != 2 || strings.Count(first.body, `"status":"retry"`) != 2 {
		t.Fatalf("%d %s, started %v", first.status, first.body, started)
	}
	key := message.TrialKey("r1", "email", "me@testers.example")
	for range 2 { // a repeat, and another one after it was sent
		again := send(designer, "r1", `"me@testers.example"`)
		if again.status != http.StatusOK || strings.Contains(key, "me@") || started[len(started)-1] != key {
			t.Errorf("%d %s, %v", again.status, again.body, started)
		}
		trial, err := h.store.Messages.TakeTrial(t.Context(), instant, key, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if trial.Status == contract.StatusSent {
			if !strings.Contains(again.body, `"status":"sent"`) {
				t.Error(again.body)
			}
			continue
		}
		if trial.Fields["subject"] != "[test] Sorry" || trial.Fields["text"] != "Sorry" || trial.Address != "me@testers.example" {
			t.Errorf("what is sent: %+v", trial)
		}
		if _, err := h.store.Messages.TakeTrial(t.Context(), instant, key, time.Minute); !errors.Is(err, message.ErrBusy) {
			t.Errorf("leased twice: %v", err)
		}
		sent := message.Settlement{Status: contract.StatusSent, ProviderID: "p1"}
		if err := h.store.Messages.SettleTrial(t.Context(), instant, trial, sent); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := h.store.Messages.Sends(t.Context(), message.SendFilter{Channel: "email", Status: contract.StatusSent})
	if err != nil || len(rows) != 1 || rows[0].Category != message.CategoryTest || rows[0].Said != nil || rows[0].Customer != "" {
		t.Errorf("the ledger: %+v, %v", rows, err)
	}
	if _, err := h.store.Messages.SendByProvider(t.Context(), "email", "p1"); !errors.Is(err, sqldb.ErrNotFound) {
		t.Errorf("a report finds the test: %v", err)
	}
	counts, err := h.store.Analytics.Counts(t.Context())
	if err != nil || len(counts.Sends) != 0 {
		t.Errorf("counted: %+v, %v", counts.Sends, err)
	}
	h.track("ana/b", "Email Bounced", `{"type":"hard","address":"dead@testers.example"}`)
	if dead := send(designer, "r2", `"dead@testers.example"`); !strings.Contains(dead.body, "the address is dead") {
		t.Error(dead.body)
	}
	if got := strings.Join(h.audited(), "\n"); !strings.Contains(got, "Dot (designer) message.test ok") {
		t.Errorf("the log lacks the test:\n%s", got)
	}
}
