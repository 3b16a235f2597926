package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/gateway/segment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// web posts JSON with the web key.
func (h *house) web(path, body string, header ...string) answer {
	h.t.Helper()
	return h.do("POST", path, body, append([]string{"Authorization: Bearer " + webKey}, header...)...)
}

// Calls of a web key are limited, by key and by address, and nobody else is.
func TestWebKeysAreLimited(t *testing.T) {
	t.Parallel()
	now := instant
	h := newHouse(t, func(c *Config) {
		c.Limits.Batch = 20
		c.WebRates = segment.Rates{Key: 2, Peer: 1} // 40 and 20 calls saved up
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	h.g.Wall = func() time.Time { return now }
	from := func(n int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", n) }
	batch := `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"type":"page","anonymousId":"a1"},`, 20), ",") + `]}`
	page := `{"anonymousId":"a1"}`
	if got := h.web("/v1/batch", batch, from(1)); got.status != http.StatusOK {
		t.Fatalf("a batch: %d %s", got.status, got.body)
	}
	stored := h.stored()
	got := h.web("/v1/page", page, from(1))
	if code, _, _ := got.problem(); got.status != http.StatusTooManyRequests || code != "rate_limited" ||
		got.header.Get("Retry-After") != "1" {
		t.Errorf("one more: %d %s, Retry-After %s", got.status, got.body, got.header.Get("Retry-After"))
	}
	if got := h.web("/v1/batch", batch, from(1)); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
		t.Errorf("before its body is read: %d, Retry-After %s", got.status, got.header.Get("Retry-After"))
	}
	if h.stored() != stored {
		t.Errorf("%d events are stored, want %d", h.stored(), stored)
	}
	if got := h.do("POST", "/v1/page", `{"userId":"ana"}`, "Authorization: Bearer "+serverKey, from(1)); got.status != http.StatusOK {
		t.Errorf("a server key at this address: %d", got.status)
	}
	if got := h.web("/v1/batch", batch, from(2)); got.status != http.StatusOK {
		t.Errorf("another address: %d", got.status)
	}
	got = h.web("/v1/page", page, from(3))
	if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "this web key") {
		t.Errorf("the key has sent 40 calls: %d %s", got.status, got.body)
	}
	now = now.Add(time.Second)
	if got := h.web("/v1/page", page, from(1)); got.status != http.StatusOK {
		t.Errorf("a second later: %d %s", got.status, got.body)
	}
	for i := range 21 {
		want := http.StatusUnauthorized
		if i == 20 {
			want = http.StatusTooManyRequests
		}
		if got := h.do("POST", "/v1/page", page, "Authorization: Bearer no-such-key", from(4)); got.status != want {
			t.Fatalf("guess %d of a key: %d", i, got.status)
		}
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
	for _, line := range []string{`tabi_web_key_rejections_total{limit="key"} 1`, `tabi_web_key_rejections_total{limit="peer"} 3`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// proven is the end of a call's JSON, with the proof of its user.
func proven(user string) string { return `,"userHash":"` + hash(user) + `"}` }

// traits returns those of a customer, nil for nobody.
func (h *house) traits(id string) map[string]any {
	h.t.Helper()
	c, err := h.store.Customers.Get(context.Background(), id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return c.Traits
}

// A merge by a web key carries over no address and no refusal, not even with a proof: a page chooses its visitor's id. Without a proof
// there is no merge. The history follows, and a server's merge carries over everything.
func TestWebKeysCarryNoAddressOver(t *testing.T) {
	eachHouse(t, func(h *house) {
		visitor := func(id string) {
			h.accepted(h.call("/v1/identify", `{"anonymousId":"`+id+`","traits":{"email":"mallory@evil.example","phone":"+8190",
				"push_token":"t","consent":{"marketing":false},"color":"red"}}`))
			h.accepted(h.web("/v1/track", `{"anonymousId":"`+id+`","event":"Product Viewed"}`))
		}
		for i, c := range []struct {
			name, path, body string
			status           int
			follows          bool
		}{
			{"identify", "/v1/identify", `{"userId":"USER","anonymousId":"VISITOR"}`, 200, false},
			{"alias", "/v1/alias", `{"userId":"USER","previousId":"VISITOR"}`, 403, false},
			{"alias with a visitor", "/v1/alias", `{"userId":"USER","anonymousId":"VISITOR","previousId":"VISITOR"}`, 403, false},
			{"a user's page", "/v1/page", `{"userId":"USER","anonymousId":"VISITOR"}`, 200, false},
			{"identify with a proof", "/v1/identify", `{"userId":"USER","anonymousId":"VISITOR"` + "PROOF", 200, true},
			{"alias with a proof", "/v1/alias", `{"userId":"USER","previousId":"VISITOR"` + "PROOF", 200, true},
			{"a proof of another", "/v1/identify", `{"userId":"USER","anonymousId":"VISITOR"` + proven("mallory"), 403, false},
		} {
			user, mal := fmt.Sprintf("v%d", i), fmt.Sprintf("mal%d", i)
			visitor(mal)
			h.accepted(h.call("/v1/identify", `{"userId":"`+user+`","traits":{"first_name":"V"}}`))
			body := strings.NewReplacer("USER", user, "VISITOR", mal, "PROOF", proven(user)).Replace(c.body)
			got := h.web(c.path, body)
			if got.status != c.status {
				t.Fatalf("%s: %d %s", c.name, got.status, got.body)
			}
			want := map[string]any{"first_name": "V"}
			change := `"adjusted":[{"index":0,"field":"userId","change":"unproven_user"}]`
			if c.follows {
				want["color"] = "red"
				change = `"adjusted":[{"index":0,"field":"anonymousId","change":"traits_stay"}]`
			}
			if c.status == 200 && !strings.Contains(got.body, change) {
				t.Errorf("%s: %s, want %s", c.name, got.body, change)
			}
			if diff := cmp.Diff(want, h.customer(user).Traits); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if events := len(h.events(user)); (events > 2) != c.follows {
				t.Errorf("%s: %d events", c.name, events)
			}
		}
		visitor("own")
		h.accepted(h.call("/v1/identify", `{"userId":"ana","anonymousId":"own"}`))
		if got := h.customer("ana").Traits; got["email"] != "mallory@evil.example" || got["consent"] == nil {
			t.Errorf("a server's merge: %v", got)
		}
	})
}

// What did not follow at the merge does not follow when another merge is undone either.
func TestASplitCarriesNoAddressOver(t *testing.T) {
	eachHouse(t, func(h *house) {
		var second atomic.Int64
		h.g.Now = func() time.Time { return instant.Add(time.Duration(second.Add(1)) * time.Second) }
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"first_name":"Ana"}}`))
		h.accepted(h.call("/v1/identify", `{"anonymousId":"phone","traits":{"color":"red"}}`))
		h.accepted(h.call("/v1/identify", `{"userId":"ana","anonymousId":"phone"}`))
		h.accepted(h.call("/v1/identify", `{"anonymousId":"mal","traits":{"email":"mallory@evil.example"}}`))
		h.accepted(h.web("/v1/identify", `{"userId":"ana","anonymousId":"mal"`+proven("ana")))
		h.accepted(h.call("/v1/identify", `{"anonymousId":"mal","traits":{"tier":"gold"}}`))
		got := h.do("POST", "/v1/admin/customers/ana/split", `{"anonymous_id":"phone"}`, "Authorization: Bearer "+adminToken)
		if got.status != http.StatusOK {
			t.Fatal(got)
		}
		if diff := cmp.Diff(map[string]any{"first_name": "Ana", "tier": "gold"}, h.customer("ana").Traits); diff != "" {
			t.Error(diff)
		}
		got = h.do("POST", "/v1/admin/customers/ana/split", `{"anonymous_id":"mal"}`, "Authorization: Bearer "+adminToken)
		if mal := h.traits("anon:mal"); got.status != http.StatusOK || mal["email"] != "mallory@evil.example" {
			t.Errorf("%d: the visitor has %v", got.status, mal)
		}
	})
}

// An unproven call does not re-point a visitor that is bound, and moves nobody else.
func TestWebKeysDoNotRepointVisitors(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.accepted(h.call("/v1/identify", `{"userId":"victim","anonymousId":"browser"}`))
		for _, path := range []string{"/v1/identify", "/v1/page"} {
			out := h.accepted(h.web(path, `{"userId":"mallory","anonymousId":"browser"}`))
			if len(out.Adjusted) != 1 || out.Adjusted[0].Change != "unproven_user" {
				t.Errorf("%s: %+v", path, out)
			}
		}
		h.accepted(h.web("/v1/track", `{"anonymousId":"browser","event":"Product Viewed"}`))
		if got := h.customer("anon:browser").ID; got != "victim" {
			t.Errorf("the browser became that of %s", got)
		}
		if h.traits("mallory") != nil {
			t.Error("mallory is a customer")
		}
		got := h.web("/v1/page", `{"userId":"victim2","name":"Cancel Contract"}`)
		if _, field, message := got.problem(); got.status != http.StatusForbidden || field != "userId" ||
			!strings.Contains(message, "userHash") || h.traits("victim2") != nil {
			t.Errorf("a page in another's name: %d %s", got.status, got.body)
		}
		// Somebody else signs in at the same browser, and proves it.
		h.accepted(h.web("/v1/identify", `{"userId":"ben","anonymousId":"browser"`+proven("ben")))
		if got := h.customer("anon:browser").ID; got != "ben" {
			t.Errorf("after a proof the browser is that of %s", got)
		}
	})
}

// A web key's message ids take no id of a server, nor of another web key; and an id that is used for something else is told.
func TestMessageIDsOfWebKeys(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.accepted(h.web("/v1/page", `{"anonymousId":"m","messageId":"order-1"}`))
		order := `{"userId":"ana","event":"Order Completed","properties":{"total":99},"messageId":"order-1"}`
		out := h.accepted(h.call("/v1/track", order))
		if len(out.Receipts) != 1 || out.Receipts[0].Duplicate || out.MessageIDs[0] != "order-1" || len(h.events("ana")) != 1 {
			t.Errorf("the order: %+v", out)
		}
		if out := h.accepted(h.call("/v1/track", order)); !out.Receipts[0].Duplicate {
			t.Errorf("its repeat: %+v", out)
		}
		out = h.accepted(h.do("POST", "/v1/page", `{"anonymousId":"other","messageId":"order-1"}`, "Authorization: Bearer "+otherWebKey))
		if out.MessageIDs[0] != "order-1" || len(h.events("anon:other")) != 1 {
			t.Errorf("another web key: %+v", out)
		}
		stored := h.stored()
		if out := h.accepted(h.web("/v1/page", `{"anonymousId":"m","messageId":"order-1"}`)); out.MessageIDs[0] != "order-1" {
			t.Errorf("a repeat of a page: %+v", out)
		}
		for name, c := range map[string][2]string{
			"another event":            {serverKey, `{"type":"track","userId":"ana","event":"Order Refunded","messageId":"order-1"}`},
			"another type":             {serverKey, `{"type":"page","userId":"ana","messageId":"order-1"}`},
			"another customer":         {serverKey, `{"type":"track","userId":"ben","event":"Order Completed","messageId":"order-1"}`},
			"another visitor":          {webKey, `{"type":"page","anonymousId":"n","messageId":"order-1"}`},
			"another visitor's event":  {webKey, `{"type":"track","anonymousId":"m","event":"Product Viewed","messageId":"order-1"}`},
			"another customer, proven": {webKey, `{"type":"page","userId":"ana","messageId":"order-1"` + proven("ana")},
			"in a row":                 {serverKey, `{"type":"track","userId":"ben","event":"Order Completed","messageId":"row-1"}`},
		} {
			auth := "Authorization: Bearer " + c[0]
			batch := `{"batch":[` + c[1] + `]}`
			if strings.Contains(c[1], "row-1") {
				batch = `{"batch":[{"type":"track","userId":"ana","event":"Order Completed","messageId":"row-1"},` + c[1] + `]}`
				stored++
			}
			out := h.accepted(h.do("POST", "/v1/batch", batch, auth))
			if len(out.Rejected) != 1 || out.Rejected[0].Code != "message_id_taken" ||
				strings.Contains(out.Rejected[0].Message, "order-1") ||
				out.Rejected[0].Field != fmt.Sprintf("batch[%d].messageId", out.Rejected[0].Index) {
				t.Errorf("%s: %+v", name, out)
			}
			path := "/v1/track"
			if strings.Contains(c[1], `"page"`) {
				path = "/v1/page"
			}
			got := h.do("POST", path, c[1], auth)
			if code, field, _ := got.problem(); got.status != http.StatusConflict || code != "message_id_taken" || field != "messageId" {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		if h.stored() != stored {
			t.Errorf("%d events are stored, want %d", h.stored(), stored)
		}
		// A repeat after the visitor has become a user is a repeat.
		h.accepted(h.web("/v1/identify", `{"userId":"cleo","anonymousId":"m"`+proven("cleo")))
		h.accepted(h.web("/v1/page", `{"anonymousId":"m","messageId":"order-1"}`))
		if n := len(h.events("cleo")); n != 2 {
			t.Errorf("cleo has %d events", n)
		}
	})
}

// Who holds the token of a visitor reads nothing of the user with whom a page joins that visitor.
func TestATokenOfAVisitorFollowsNoPage(t *testing.T) {
	eachHouse(t, func(h *house) {
		token := func(id string) string {
			var out struct{ Token string }
			got := h.call("/v1/inbox/"+id+"/token", "")
			if err := json.Unmarshal([]byte(got.body), &out); err != nil || out.Token == "" {
				t.Fatalf("%s: %d %s", id, got.status, got.body)
			}
			return out.Token
		}
		read := func(id, token string) int {
			return h.do("GET", "/v1/inbox/"+id, "", "Authorization: Bearer "+token).status
		}
		mallory, own := token("anon:mal"), token("anon:own")
		h.accepted(h.web("/v1/page", `{"anonymousId":"mal"}`))
		if got := read("anon:mal", mallory); got != http.StatusOK {
			t.Errorf("the visitor's own messages: %d", got)
		}
		h.accepted(h.web("/v1/identify", `{"anonymousId":"mal","userId":"victim"}`)) // without a proof, nothing is joined
		if got := h.traits("anon:mal"); got == nil || h.customer("anon:mal").ID != "anon:mal" {
			t.Errorf("the visitor became %s", h.customer("anon:mal").ID)
		}
		h.accepted(h.web("/v1/identify", `{"anonymousId":"mal","userId":"victim"`+proven("victim")))
		if got := read("anon:mal", mallory); got != http.StatusForbidden {
			t.Errorf("after the victim signed in with mallory's visitor id: %d", got)
		}
		if got := h.call("/v1/inbox/anon:mal/token", ""); got.status != http.StatusForbidden {
			t.Errorf("a new token: %d %s", got.status, got.body)
		}
		if got := read("victim", token("victim")); got != http.StatusOK {
			t.Errorf("the user: %d", got)
		}
		h.accepted(h.call("/v1/identify", `{"anonymousId":"own","userId":"ana"}`))
		if got := read("anon:own", own); got != http.StatusOK {
			t.Errorf("after a server joined them: %d", got)
		}
		h.accepted(h.call("/v1/alias", `{"userId":"anna","previousId":"ana"}`))
		if got := read("anon:own", own); got != http.StatusOK {
			t.Errorf("after a server joined them twice: %d", got)
		}
	})
}

// The proof of a user is not kept with a refused call.
func TestProofsAreNotKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.web("/v1/track", `{"userId":"ana","event":"No Such Event","context":{"userHash":"`+hash("ana")+`"}`+proven("ana"))
	h.web("/v1/batch", `{"batch":[{"type":"track","userId":"ana","event":"No Such Event"`+proven("ana")+`]}`)
	got := h.do("GET", "/v1/admin/rejected-calls", "", "Authorization: Bearer "+adminToken)
	var page struct {
		Calls []struct{ ID any }
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || !strings.Contains(got.body, "forbidden") {
		t.Fatal(err, got.body)
	}
	for _, one := range page.Calls {
		got := h.do("GET", fmt.Sprintf("/v1/admin/rejected-calls/%v", one.ID), "", "Authorization: Bearer "+adminToken)
		if strings.Contains(got.body, hash("ana")) || !strings.Contains(got.body, "No Such Event") {
			t.Errorf("%s", got.body)
		}
	}
}

// No door takes an id with a character that controls a terminal or turns text around.
func TestIDsHaveNoControlCharacters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, c := range []rune{0, '\n', '\r', '\t', 0x1b, 0x7f, 0x85, 0x9b, 0x061c, 0x200e, 0x200f, 0x2028, 0x202e, 0x2066, 0x2069} {
		id := fmt.Sprintf(`a\u%04xb`, c)
		path := "a" + url.PathEscape(string(c)) + "b"
		for _, door := range [][2]string{
			{"/v1/track", `{"userId":"` + id + `","event":"X"}`}, {"/v1/track", `{"anonymousId":"` + id + `","event":"X"}`},
			{"/v1/track", `{"userId":"ana","event":"X","messageId":"` + id + `"}`},
			{"/v1/alias", `{"userId":"ana","previousId":"` + id + `"}`},
			{"/v1/group", `{"userId":"ana","groupId":"` + id + `"}`}, {"/v1/inbox/" + path + "/token", ""},
			{"/v1/decide", `{"userId":"` + id + `","group":"g","channel":"app"}`},
			{"/v1/decide", `{"userId":"ana","group":"g","channel":"app","requestId":"` + id + `"}`},
		} {
			if got := h.call(door[0], door[1]); got.status != http.StatusBadRequest || !strings.Contains(got.body, "control character") {
				t.Errorf("%U at %s: %d %s", c, door[0], got.status, got.body)
			}
		}
		for _, body := range []string{`{"journey":"j","customer":"` + id + `"}`, `{"journey":"j","customer":"ana","id":"` + id + `"}`} {
			got := h.do("POST", "/v1/admin/enrollments", body, "Authorization: Bearer "+adminToken)
			if got.status != http.StatusBadRequest || !strings.Contains(got.body, "control character") {
				t.Errorf("%U, enroll: %d %s", c, got.status, got.body)
			}
		}
	}
	if h.stored() != 0 {
		t.Errorf("%d events are stored", h.stored())
	}
}

// A merge by a web key makes no entry condition true by an address or a permission; what the visitor did goes on for the user.
func TestAWebKeysMergeEntersNobodyByAnAddress(t *testing.T) {
	eachHouse(t, func(h *house) {
		reached := enginetest.Cart(enginetest.Named("reached"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When, d.Goal = nil, `has(customer.email)`, nil
		})
		content := enginetest.Content([]*journey.Definition{enginetest.Cart(), reached}, enginetest.Reminder())
		if _, err := h.store.Catalog.Publish(t.Context(), instant, content); err != nil {
			t.Fatal(err)
		}
		h.accepted(h.call("/v1/identify", `{"userId":"ana"}`))
		h.accepted(h.call("/v1/track", `{"anonymousId":"a1","event":"Cart Updated"}`))
		h.accepted(h.call("/v1/identify", `{"anonymousId":"a1","traits":{"email":"mallory@evil.example"}}`))
		h.accepted(h.web("/v1/identify", `{"userId":"ana","anonymousId":"a1"`+proven("ana")))
		open, err := h.store.Enrollments.List(t.Context(), enrollment.Filter{Customer: "ana"})
		var names []string
		for _, one := range open {
			names = append(names, one.WorkflowID)
		}
		slices.Sort(names)
		if diff := cmp.Diff([]string{"cart/anon:a1", "reached/anon:a1"}, names); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

// A visitor that becomes a user's between the check of an alias and its transaction is not merged as that user.
func TestAnAliasOfAWebKeyJoinsVisitorsOnly(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"first_name":"Ana"}}`))
		h.accepted(h.call("/v1/identify", `{"userId":"mallory"}`))
		out := h.accepted(h.web("/v1/batch", `{"batch":[{"type":"identify","userId":"ana","anonymousId":"a1"`+proven("ana")+`,
			{"type":"alias","userId":"mallory","previousId":"a1"`+proven("mallory")+`]}`))
		if len(out.Rejected) != 1 || out.Rejected[0].Index != 1 {
			t.Errorf("%+v", out)
		}
		if got := h.customer("ana").ID; got != "ana" {
			t.Errorf("ana became %s", got)
		}
	})
}

// A key with a control character opens no enrollment, and the sender is told.
func TestKeysHaveNoControlCharacters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	content := enginetest.Content([]*journey.Definition{enginetest.Cart(enginetest.Keyed)}, enginetest.Reminder())
	if _, err := h.store.Catalog.Publish(t.Context(), instant, content); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`k\u202e1`, `k\n1`, `k\u20281`} {
		out := h.accepted(h.call("/v1/track", `{"userId":"ana","event":"Cart Updated","properties":{"cart_id":"`+key+`"}}`))
		if r := out.Receipts[0]; len(r.Entered) != 0 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "event.cart_id") {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// An unproven call changes no trait of a user, also if it knows the user's visitor; it fills what the profile lacks.
func TestUnprovenCallsOverwriteNothing(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.accepted(h.call("/v1/identify", `{"userId":"ana","anonymousId":"a1","traits":{"first_name":"Ana"}}`))
		h.accepted(h.call("/v1/identify", `{"userId":"ben","anonymousId":"b1"}`))
		for _, c := range []struct{ visitor, traits, adjusted, want string }{
			{"a1", `{"first_name":"Mallory"}`, "user_traits", "Ana"}, {"a1", `{"first_name":null}`, "user_traits", "Ana"},
			{"a1", `{"first_name":{"a":1}}`, "user_traits", "Ana"},
			{"a1", `{"first_name":"Ana"}`, "", "Ana"}, {"b1", `{"first_name":"Ben"}`, "", "Ben"},
		} {
			out := h.accepted(h.web("/v1/identify", `{"anonymousId":"`+c.visitor+`","traits":`+c.traits+`}`))
			change := ""
			for _, one := range out.Adjusted {
				change += one.Change
			}
			if got := h.customer("anon:" + c.visitor).Traits["first_name"]; change != c.adjusted || got != c.want {
				t.Errorf("%s: %v, %q", c.traits, got, change)
			}
		}
		h.accepted(h.web("/v1/identify", `{"userId":"ana","traits":{"first_name":"Anna"}`+proven("ana")))
		if got := h.customer("ana").Traits["first_name"]; got != "Anna" {
			t.Errorf("with a proof: %v", got)
		}
	})
}
