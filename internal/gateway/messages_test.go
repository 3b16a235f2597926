package gateway

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/pages"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
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
	if got.status != http.StatusOK || !strings.Contains(got.body, "samples") || !strings.Contains(got.body, "What came of it") || strings.Contains(got.body, `name="customer"`) {
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
