package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/inbound"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// deciding is a house with a group of two actions, for customers who are here, and a renderer.
func deciding(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, func(c *Config) {
		c.Render = func(_ context.Context, r inbound.Rendering) (map[string]string, error) {
			if r.Message.Treatments[r.Channel] == nil {
				return nil, nil
			}
			name, _ := r.Vars.Customer["first_name"].(string)
			return map[string]string{"title": r.Message.Name + " for " + name}, nil
		}
	})
	content := &journey.Content{
		Journeys: map[string]*journey.Definition{},
		Messages: map[string]*journey.Message{
			"gift": {Name: "gift", Treatments: map[string]journey.Treatment{"app": {"title": "x", "body": "x"}}},
		},
		Rules: journey.Rules{
			Groups: map[string][]string{"offers": {"gift", "upgrade"}},
			Actions: map[string]*journey.Action{
				"gift": {
					Name:       "gift",
					Group:      "offers",
					Message:    "gift",
					Value:      "10",
					Propensity: 0.5,
					Accept:     &journey.Accept{Events: []string{"Product Viewed"}, Within: time.Hour},
				},
				"upgrade": {
					Name:       "upgrade",
					Group:      "offers",
					Value:      "customer.plan == 'basic' ? 5 : 0",
					Applicable: `event.page == "account"`,
					Propensity: 0.5,
				},
			},
			Policy: &journey.Policy{Limits: []journey.Limit{{Max: 3, Per: time.Hour}}},
		},
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, content); err != nil {
		t.Fatal(err)
	}
	h.call("/v1/identify", `{"userId": "ana", "traits": {"first_name": "Ana", "plan": "basic"}}`)
	return h
}

func (h *house) decides(body string) api.DecideResponse {
	h.t.Helper()
	got := h.call("/v1/decide", body)
	var out api.DecideResponse
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
		h.t.Fatalf("%d %s", got.status, got.body)
	}
	return out
}

func shows(d api.DecideResponse) string {
	var out []string
	for _, a := range d.Actions {
		out = append(out, strings.TrimSpace(a.Action+" by "+a.Channel+" "+a.Content["title"]))
	}
	if d.Reason != "" {
		out = append(out, d.Reason)
	}
	return strings.Join(out, "; ")
}

func TestDecide(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	both := `{"userId": "ana", "group": "offers", "slots": 2, "context": {"page": "account"}`
	for _, c := range []struct{ body, want string }{
		{both + `, "preview": true}`, "gift by app gift for Ana; upgrade by app"},
		{both + `, "requestId": "r1"}`, "gift by app gift for Ana; upgrade by app"},
		{both + `, "requestId": "r1"}`, "gift by app gift for Ana; upgrade by app"}, // counts once
		{`{"userId": "ana", "actions": ["upgrade"]}`, "NOT_APPLICABLE"},
		{`{"userId": "ana", "actions": ["gift"], "channel": "phone"}`, "gift by phone"},
		{`{"userId": "ana", "actions": ["gift"]}`, "CAP_REACHED"},
		{`{"anonymousId": "a1", "group": "offers"}`, "gift by app gift for"},
		// of two the last
		{`{"anonymousId": "a2", "group": "others", "group": "offers", "context": {"page": "account"}, "context": {}}`,
			"gift by app gift for"},
		{`{"anonymousId": "a3", "actions": ["gift"], "channel": "email"}`, "NO_TREATMENT"},
	} {
		if got := shows(h.decides(c.body)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
	contacts, err := h.store.Messages.Sends(context.Background(), message.SendFilter{Customer: "ana", Status: "sent"})
	if err != nil || len(contacts) != 3 {
		t.Errorf("%d contacts (%v), want 3", len(contacts), err)
	}
	// What was shown is accepted by an event, through the same door as any other.
	h.call("/v1/track", `{"userId": "ana", "event": "Product Viewed"}`)
	if n, err := h.store.Offers.Learn(context.Background(), instant, 0); err != nil || n != 1 {
		t.Errorf("learned %d (%v), want 1", n, err)
	}
	view := h.do("GET", "/v1/admin/decide?customer=ana&group=offers", "", "Authorization: Bearer "+adminToken)
	if view.status != http.StatusOK || !strings.Contains(view.body, `"reason":"CAP_REACHED"`) {
		t.Errorf("%d %s", view.status, view.body)
	}
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	for _, c := range []struct {
		body, code, field string
		status            int
	}{
		{`{"group": "offers"}`, "missing", "userId", 400},
		{`{"userId": "ana"}`, "missing", "group", 400},
		{`{"userId": "ana", "anonymousId": "a1", "group": "offers"}`, "bad_value", "anonymousId", 400},
		{`{"userId": "ana", "group": "offers", "actions": ["gift"]}`, "bad_value", "actions", 400},
		{`{"userId": "ana", "group": "others"}`, "unknown_group", "group", 404},
		{`{"userId": "ana", "actions": ["gift", "rift"]}`, "unknown_action", "actions[1]", 404},
		{`{"userId": "ana", "group": "offers", "slots": 21}`, "bad_value", "slots", 400},
		{`{"userId": "ana", "group": "offers", "slots": "many"}`, "bad_value", "slots", 400},
		{`{"userId": "ana", "group": "offers", "slots": 0}`, "bad_value", "slots", 400},
		{`{"userId": "ana", "group": "offers", "slots": [1]}`, "bad_value", "slots", 400},
		{`{"userId": "ana", "group": "offers", "channel": "fone"}`, "bad_value", "channel", 400},
		{`{"userId": "ana", "group": "offers", "channel": "App"}`, "bad_value", "channel", 400},
		{`{"userid": "ana", "group": "offers"}`, "unknown_key", "userid", 400},
		{`["ana"]`, "bad_value", "", 400},
		{`{"userId": "ana", "group": "offers", "context": {"a": "` + pad(33<<10) + `"}}`, "too_large", "", 413},
		{`{"userId": "anon:ana", "group": "offers"}`, "bad_value", "userId", 400},
		{`{"userId": "ana", "group": "offers", "kontext": {}}`, "unknown_key", "kontext", 400},
		{`{"userId": "ana", "group": `, "malformed_json", "", 400},
		{`{"userId": "ana", "group": "offers", "context": {"a": "` + pad(600<<10) + `"}}`, "too_large", "", 413},
	} {
		got := h.call("/v1/decide", c.body)
		if code, field, message := got.problem(); got.status != c.status || code != c.code || field != c.field || message == "" {
			t.Errorf("%.80s: got %d %s", c.body, got.status, got.body)
		}
	}
	all, err := h.store.Offers.Decisions(context.Background(), offer.DecisionFilter{})
	if err != nil || len(all) != 0 {
		t.Errorf("%d decisions (%v): nothing of a refused body is stored", len(all), err)
	}
}

// A refusal names what stands there, what belongs there, and what there is to choose from.
func TestDecideErrorMessages(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	for body, want := range map[string]string{
		`{"userId": "ana", "group": "offers", "slots": [1]}`: "expected a whole number, got an array",
		`{"userId": "ana", "group": "offers", "slots": 1.5}`: "expected a whole number, got a number",
		`{"userId": "ana", "group": {}}`:                     "expected a string, got an object",
		`{"userId": "ana", "group": "offers", "channel": "fone"}`: "" +
			"channel must be one of app, chat, email, kiosk, line, phone, sms, store, web, whatsapp",
		`{"userId": "ana", "group": "offers", "preview": "never"}`: "expected a boolean, got a string",
	} {
		if _, _, message := h.call("/v1/decide", body).problem(); message != want {
			t.Errorf("%s: got %q, want %q", body, message, want)
		}
	}
}

func TestDecideAccess(t *testing.T) {
	t.Parallel()
	h := deciding(t)
	token := func(user string) string {
		links := signedlink.Links{Users: h.g.cfg.Secrets}
		return links.UserToken(user, instant.Add(time.Hour))
	}
	body := `{"userId": "ana", "group": "offers"}`
	for _, c := range []struct {
		name, header, body string
		status             int
	}{
		{"no key", "X-Nothing: 1", body, 401},
		{"no key, and a bad body", "X-Nothing: 1", `{`, 401},
		{"a web key", "Authorization: Bearer " + webKey, body, 403},
		{"a server key", "Authorization: Bearer " + serverKey, body, 200},
		{"the user's own token", "Authorization: Bearer " + token("ana"), body, 200},
		{"another user's token", "Authorization: Bearer " + token("ben"), body, 401},
		{"a user's token for somebody anonymous", "Authorization: Bearer " + token("ana"), `{"anonymousId": "a1", "group": "offers"}`, 401},
	} {
		if got := h.do("POST", "/v1/decide", c.body, c.header); got.status != c.status {
			t.Errorf("%s: got %d %s, want %d", c.name, got.status, got.body, c.status)
		}
	}
}
