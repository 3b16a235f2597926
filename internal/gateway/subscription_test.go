package gateway

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/signedlink"
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
	for i, mail := range []string{"ana@example.com", " Ana@EXAMPLE.com", "ana@example.com"} { // the first is the one that is kept
		if got := form(fmt.Sprint("v", i+1), mail); got.status != http.StatusOK || strings.Contains(got.body, "subscriber-") {
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

// A subscriber of the form who has the mailbox of a user is joined with that user by the confirmation, and by nothing before. If two users
// have the mailbox, the subscriber stays a customer of its own.
func TestConfirmationReachesTheUser(t *testing.T) {
	t.Parallel()
	databases := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "tabi.db") },
		"postgres": func(t *testing.T) string { t.Helper(); return pgtest.URL(t) },
	}
	for database, url := range databases {
		for _, shared := range []bool{false, true} {
			name := database
			if shared {
				name += " shared"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := houseOn(t, url(t), func(c *Config) {
					c.Keys[webKey] = auth.Key{Kind: auth.WebKey, Events: []string{"Subscription Requested"}}
				})
				h.enter() // ana/b
				h.identify("ana/b", `{"email":"Ana@Example.com","consent":{"marketing":false},"topics":{"newsletter":{"email":false}}}`)
				h.identify("diana", `{"email":"diana@example.com","note":"of ana@example.com"}`)
				if shared {
					h.identify("ben", `{"email":["ana@example.com","b@example.com"]}`)
				}
				h.web("/v1/track", `{"anonymousId":"v1","event":"Subscription Requested","properties":{"email":"ana@example.com",`+
					`"topic":"newsletter","language":"ja"}}`)
				id := h.store.Customers.Subscriber("ana@example.com")
				h.call("/v1/track", `{"anonymousId":"`+id+`","event":"Delivery Failed","messageId":"s1","properties":{"order":"o2"}}`)
				rows, err := h.store.Enrollments.List(context.Background(), enrollment.Filter{Customer: "anon:" + id})
				if err != nil || len(rows) != 1 {
					t.Fatalf("%v, %v", rows, err)
				}
				mail := h.mailedTo("anon:"+id, refOf(rows[0]), "newsletter", journey.Transactional)
				page := linkPath(h.g.auth.Links.Confirm(signedlink.Confirmation{
					Mail: mail, Topic: "newsletter", Channel: "email", Until: instant.Add(time.Hour),
				}))
				h.do("GET", page, "")
				if got := h.customer("anon:" + id).ID; got != "anon:"+id {
					t.Fatalf("joined with %s before the address is confirmed", got)
				}
				for range 2 {
					if got := h.do("POST", page, ""); got.status != http.StatusOK || !strings.Contains(got.body, "登録が完了しました") {
						t.Fatalf("%d %s", got.status, got.body)
					}
				}
				subscriber, ana := h.customer("anon:"+id), h.customer("ana/b")
				wanted := map[string]any{"newsletter": map[string]any{"email": true}}
				if diff := cmp.Diff(any(wanted), subscriber.Traits["topics"]); diff != "" {
					t.Error(diff)
				}
				if shared {
					if subscriber.ID != "anon:"+id || ana.Traits["consent"].(map[string]any)["marketing"] != false || len(h.proofs()) != 0 {
						t.Errorf("two users have the mailbox: %v, %v", subscriber, ana)
					}
					return
				}
				if subscriber.ID != "ana/b" || ana.Traits["email"] != "Ana@Example.com" ||
					ana.Traits["consent"].(map[string]any)["marketing"] != true {
					t.Errorf("got %v", ana)
				}
				const by = "|yes|confirmation page"
				want := []string{"Marketing Opted In||" + by, "Preference Updated|newsletter|email" + by,
					"Subscription Confirmed|newsletter|email" + by}
				if diff := cmp.Diff(want, slices.Sorted(slices.Values(h.proofs()))); diff != "" {
					t.Error(diff)
				}
				if diana := h.customer("diana"); diana.Traits["topics"] != nil {
					t.Errorf("another customer: %v", diana.Traits)
				}
			})
		}
	}
}
