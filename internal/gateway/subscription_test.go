package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// The form of a newsletter, sent by a web key, is an event of the owner of the address: once a day, and it subscribes nobody.
func TestNewsletterForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Keys[webKey] = auth.Key{Kind: auth.WebKey, Events: []string{"Subscription Requested"}}
	})
	h.identify("ana", `{"email":"ana@example.com","consent":{"marketing":false}}`)
	form := func(visitor, mail string) answer {
		return h.web("/v1/track", `{"anonymousId":"`+visitor+`","event":"Subscription Requested","properties":{"email":"`+mail+
			`","topic":"newsletter","wording":"Send me the newsletter","language":"ja"}}`)
	}
	before := h.stored()
	for visitor, mail := range map[string]string{"v1": "ana@example.com", "v2": " Ana@EXAMPLE.com", "v3": "ana@example.com"} {
		if got := form(visitor, mail); got.status != http.StatusOK || strings.Contains(got.body, "subscriber-") {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if n := h.stored() - before; n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	key, err := address.Judge(address.Mailbox, "ana@example.com")
	if err != nil {
		t.Fatal(err)
	}
	owner := "anon:" + h.store.Customers.Subscriber(key.Key)
	got := h.traits(owner)
	if got["email"] != "ana@example.com" || got["language"] != "ja" || got["consent"] != nil || got["topics"] != nil {
		t.Errorf("got %v", got)
	}
	if detail := mustJSON(t, h.events(owner)[0].Detail); strings.Contains(detail, "ana@") || !strings.Contains(detail, "newsletter") {
		t.Errorf("the event: %s", detail)
	}
	other := map[string]any{"email": "ana@example.com", "consent": map[string]any{"marketing": false}}
	if diff := cmp.Diff(other, h.traits("ana")); diff != "" {
		t.Errorf("another customer with the address has changed: %s", diff)
	}
	h.g.Now = func() time.Time { return instant.Add(24 * time.Hour) }
	if form("v1", "ana@example.com"); h.stored() != before+2 {
		t.Error("the next day counts again")
	}
	if got := form("v1", "no address"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "properties.email") {
		t.Errorf("no address: %d %s", got.status, got.body)
	}
}
