package gateway

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

const (
	browserOne = `{"endpoint":"https://push.example.com/1","keys":{"p256dh":"BKey","auth":"auth"}}`
	browserTwo = `{"endpoint":"https://push.example.com/2","expirationTime":null,"keys":{"p256dh":"BKey","auth":"auth"}}`
)

// state returns what is known of a push token for a customer.
func (h *house) device(customer, token string) address.State {
	h.t.Helper()
	for _, d := range h.customer(customer).Addresses {
		if d.Address == token {
			return d.State
		}
	}
	return address.State{Reason: "the customer does not have it"}
}

// A device gets what is meant for the customer who has signed in on it last.
func TestDevicesMoveWithWhoSignsIn(t *testing.T) {
	eachHouse(t, func(h *house) {
		signIn := func(user string) {
			t.Helper()
			h.accepted(h.call("/v1/identify", `{"userId":"`+user+`","context":{"device":{"token":"t1","type":"ios"}}}`))
		}
		signIn("ana")
		if h.device("ana", "t1").Moved {
			t.Error("ana's device is another one's")
		}
		signIn("ben")
		if !h.device("ana", "t1").Moved || h.device("ben", "t1").Moved {
			t.Errorf("ben has signed in: ana %+v, ben %+v", h.device("ana", "t1"), h.device("ben", "t1"))
		}
		h.accepted(h.call("/v1/track", `{"userId":"ben","event":"X","context":{"device":{"token":"t1"}}}`))
		signIn("ana")
		if h.device("ana", "t1").Moved || !h.device("ben", "t1").Moved {
			t.Errorf("ana is back: ana %+v, ben %+v", h.device("ana", "t1"), h.device("ben", "t1"))
		}
		// A visitor's device follows the visitor.
		h.accepted(h.call("/v1/track", `{"anonymousId":"a7","event":"X","context":{"device":{"token":"t7"}}}`))
		h.accepted(h.call("/v1/alias", `{"userId":"cleo","previousId":"a7"}`))
		if s := h.device("cleo", "t7"); s.Moved || s.Reason != "" {
			t.Errorf("cleo's device: %+v", s)
		}
	})
}

func TestBrowsersRegisterForWebPush(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		key := c.Keys[webKey]
		key.Traits = append(key.Traits, "web_push", "push_token")
		c.Keys[webKey] = key
		c.WebPushKey = "BPublicKey"
	})
	web := func(body string) answer {
		t.Helper()
		got := h.web("/v1/identify", body)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
		return got
	}
	of := func(customer string) any { return h.customer(customer).Traits["web_push"] }

	web(`{"anonymousId":"a1","context":{"web_push":` + browserOne + `}}`)
	one := map[string]any{"endpoint": "https://push.example.com/1", "keys": map[string]any{"p256dh": "BKey", "auth": "auth"}}
	if diff := cmp.Diff(any(one), of("anon:a1")); diff != "" {
		t.Errorf("a visitor: %s", diff)
	}
	web(`{"anonymousId":"a1","context":{"web_push":` + browserTwo + `}}`)
	web(`{"anonymousId":"a1","context":{"web_push":` + browserTwo + `}}`)
	if list, _ := of("anon:a1").([]any); len(list) != 2 {
		t.Errorf("two browsers: %v", of("anon:a1"))
	}
	renewed := strings.Replace(browserOne, "BKey", "BOther", 1)
	web(`{"anonymousId":"a1","context":{"web_push":` + renewed + `}}`)
	if list, _ := of("anon:a1").([]any); len(list) != 2 || cmp.Equal(list[0], any(one)) {
		t.Errorf("a browser with new keys: %v", of("anon:a1"))
	}
	// Of a user only with a proof, and never in place of others.
	h.accepted(h.call("/v1/identify", `{"userId":"ana","anonymousId":"a2"}`))
	got := web(`{"anonymousId":"a2","context":{"web_push":` + browserOne + `}}`)
	if of("ana") != nil || !strings.Contains(got.body, "user_traits") {
		t.Errorf("without a proof ana has %v; the answer is %s", of("ana"), got.body)
	}
	web(`{"userId":"ana","anonymousId":"a2","userHash":"` + hash("ana") + `","context":{"web_push":` + browserOne + `}}`)
	if diff := cmp.Diff(any(one), of("ana")); diff != "" {
		t.Errorf("with a proof: %s", diff)
	}
	if got := h.web("/v1/identify", `{"anonymousId":"a3","traits":{"web_push":`+browserOne+`}}`); got.status != http.StatusForbidden {
		t.Errorf("in traits, where it would take the place of others: %d", got.status)
	}
	// What is no subscription is left out.
	web(`{"anonymousId":"a4","context":{"web_push":{"endpoint":"http://10.0.0.1/","keys":{"p256dh":"B","auth":"a"}}}}`)
	web(`{"anonymousId":"a4","context":{"web_push":{"endpoint":"https://x.example.com/"}}}`)
	if of("anon:a4") != nil {
		t.Errorf("got %v", of("anon:a4"))
	}
	if got := h.do("GET", "/web-push/page.js", ""); got.status != http.StatusOK || !strings.Contains(got.body, "BPublicKey") {
		t.Errorf("the script: %d", got.status)
	}
}

// A web key that does not list the trait registers nothing.
func TestDevicesNeedAListedTrait(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	got := h.web("/v1/identify", `{"anonymousId":"a1","context":{"web_push":`+browserOne+`,"device":{"token":"t1"}}}`)
	if traits := h.customer("anon:a1").Traits; got.status != http.StatusOK || traits["web_push"] != nil || traits["push_token"] != nil ||
		!strings.Contains(got.body, "context.web_push") {
		t.Errorf("got %d %s, traits %v", got.status, got.body, traits)
	}
	if _, err := New(Config{Rooms: roomsOf(h.store), Secrets: secrets, LinkSecrets: secrets, PublicURL: "http://tabi.example.com",
		Keys: map[string]auth.Key{webKey: {Kind: auth.WebKey, Traits: []string{"email"}}}}); err == nil {
		t.Error("a web key may set mail addresses")
	}
}

func TestCampaignsBecomeTheAcquisition(t *testing.T) {
	eachHouse(t, func(h *house) {
		page := func(id, at, campaign string) {
			t.Helper()
			h.accepted(h.call("/v1/page", `{`+id+`,"timestamp":"`+at+`","context":{"campaign":`+campaign+`}}`))
		}
		of := func(customer string) any { return h.customer(customer).Traits["acquisition"] }
		const ana, visitor = `"userId":"ana"`, `"anonymousId":"a9"`
		page(ana, "2026-02-01T10:00:00Z", `{"source":"google","medium":"cpc","name":"spring","term":"cups","content":"b","other":"x"}`)
		page(ana, "2026-02-01T10:05:00Z", `{"source":"google","medium":"cpc","name":"spring","term":"cups","content":"b"}`)
		page(ana, "2026-02-03T10:00:00Z", `{"source":"mail","name":"news"}`)
		page(ana, "2026-02-02T10:00:00Z", `{"source":"late"}`)
		page(ana, "2026-02-04T10:00:00Z", `{}`)
		first := map[string]any{"source": "google", "medium": "cpc", "name": "spring", "term": "cups", "content": "b",
			"at": "2026-02-01T10:00:00Z"}
		last := map[string]any{"source": "mail", "name": "news", "at": "2026-02-03T10:00:00Z"}
		if diff := cmp.Diff(any(map[string]any{"first": first, "last": last}), of("ana")); diff != "" {
			t.Error(diff)
		}
		// A visitor who turns out to be ana: the earliest and the latest of both.
		page(visitor, "2026-01-01T10:00:00Z", `{"source":"friend"}`)
		page(visitor, "2026-02-02T12:00:00Z", `{"source":"banner"}`)
		h.accepted(h.call("/v1/alias", `{"userId":"ana","previousId":"a9"}`))
		friend := map[string]any{"source": "friend", "at": "2026-01-01T10:00:00Z"}
		if diff := cmp.Diff(any(map[string]any{"first": friend, "last": last}), of("ana")); diff != "" {
			t.Errorf("merged: %s", diff)
		}
		// What a server sets, wins.
		h.accepted(h.call("/v1/identify", `{"userId":"ben","traits":{"acquisition":{"first":{"source":"crm"}}},
			"context":{"campaign":{"source":"google"}}}`))
		if diff := cmp.Diff(any(map[string]any{"first": map[string]any{"source": "crm"}}), of("ben")); diff != "" {
			t.Error(diff)
		}
	})
}

// A customer's page and export have the addresses by channel with what is known of each; who may not see personal data sees none; and
// forgetting leaves nothing of a device.
func TestAddressesByChannel(t *testing.T) {
	const (
		iPhone  = "00112233445566778899aabbccddeeff00112233445566778899aabbccddee01"
		android = "fcm-token-of-ana-0123456789"
		moved   = "fcm-token-of-two-0123456789"
		reader  = "a-token-of-reader-0000"
	)
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Channels = append(slices.Clone(s.Units.Channels), channel.Spec{Name: "web_push", Address: "web_push"})
		h := newHouse(s.T, func(c *Config) {
			c.Rooms, c.Ping = roomsOf(s.Engine), s.Database.Ping
			c.Tokens = append(c.Tokens, auth.Token{Value: reader, Name: "Rea", Role: access.Reader})
		})
		h.store = s.Engine
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"email":"ana@example.com","phone":"+819012345678",
			"push_token":[{"token":"`+iPhone+`","platform":"ios"},"`+android+`","`+moved+`"],
			"web_push":[`+browserOne+`,"not a browser"]}}`))
		h.accepted(h.call("/v1/identify", `{"userId":"ana","context":{"device":{"token":"`+iPhone+`","type":"ios"}}}`))
		h.accepted(h.call("/v1/identify", `{"userId":"ben","context":{"device":{"token":"`+moved+`","type":"android"}}}`))
		h.accepted(h.call("/v1/track", `{"userId":"ana","event":"Email Bounced","properties":{"type":"hard","email":"ana@example.com"}}`))

		holds(
			s.T,
			h.page("/customers/ana"),
			`<td>email</td><td>ana@example.com</td><td>dead: bounced: hard <time class="dim" datetime="`,
			`<td>sms</td><td>&#43;819012345678</td><td>alive</td>`,
			`<td>push</td><td>`+iPhone+`<div class="dim">an Apple device</div></td><td>alive</td>`,
			`<td>push</td><td>`+android+`<div class="dim">a device, by Firebase</div></td><td>alive</td>`,
			`<td>push</td><td>`+moved+`<div class="dim">a device, by Firebase</div></td><td>of another customer, who has signed in`,
			`<td>web_push</td><td>https://push.example.com/1<div class="dim">a browser, by push.example.com</div></td><td>alive</td>`,
			`cannot be used: the web_push is not a subscription of a browser`,
		)
		masked := h.do("GET", "/customers/ana", "", "Authorization: Bearer "+reader, "Accept: text/html")
		if masked.status != http.StatusOK || !strings.Contains(masked.body, "or your role does not show it") {
			s.T.Errorf("a reader: %d %s", masked.status, masked.body)
		}
		for _, secret := range []string{"ana@example.com", "9012345678", iPhone, android, moved, "push.example.com", "bounced: hard"} {
			if strings.Contains(masked.body, secret) {
				s.T.Errorf("a reader sees %s", secret)
			}
		}

		exported := func(customer string) map[string]map[string]any {
			s.T.Helper()
			out := map[string]map[string]any{}
			for after := ""; ; {
				var page api.ExportPage
				got := h.admin("GET", "/v1/admin/customers/"+customer+"/export?after="+url.QueryEscape(after), "")
				if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
					s.T.Fatal(got.status, got.body, err)
				}
				for _, row := range page.Rows {
					if page.List == "addresses" {
						since, has := row["since"].(string)
						if has && since != "" {
							row["since"] = "a time"
						}
						out[row["channel"].(string)+" "+row["address"].(string)] = row
					}
				}
				if after = page.Next; after == "" {
					return out
				}
			}
		}
		row := func(channel, address string, more map[string]any) map[string]any {
			out := map[string]any{"channel": channel, "address": address, "dead": false, "opted_out": false}
			maps.Copy(out, more)
			return out
		}
		want := map[string]map[string]any{}
		for _, one := range []map[string]any{
			row("email", "ana@example.com", map[string]any{"dead": true, "reason": "bounced: hard", "since": "a time"}),
			row("sms", "+819012345678", nil), row("push", iPhone, nil), row("push", android, nil),
			row("push", moved, map[string]any{"device_of_another_customer": true}), row("web_push", "https://push.example.com/1", nil),
		} {
			want[one["channel"].(string)+" "+one["address"].(string)] = one
		}
		if diff := cmp.Diff(want, exported("ana")); diff != "" {
			s.T.Errorf("the export (-want +got):\n%s", diff)
		}

		var asked api.ForgetStatus
		got := h.admin("POST", "/v1/admin/customers/ana/forget", `{"reason":"ticket 1"}`)
		if err := json.Unmarshal([]byte(got.body), &asked); err != nil || got.status != http.StatusOK {
			s.T.Fatal(got.status, got.body, err)
		}
		for more := true; more; {
			var err error
			more, err = h.store.Erasure.Erase(s.Ctx, clock.Wall(), asked.Request)
			s.Must(err)
		}
		known, err := h.store.Customers.KnownAddresses(s.Ctx, customer.AddressFilter{Limit: 100})
		s.Must(err)
		for _, one := range known {
			for _, secret := range []string{"ana@example.com", "9012345678", iPhone, android, "push.example.com"} {
				if strings.Contains(one.Address+one.Reason, secret) {
					s.T.Errorf("after forgetting is known: %+v", one)
				}
			}
		}
		// The device that ben signed in on stays ben's, with marketing; those that were ana's refuse it, whoever has them.
		h.accepted(h.call("/v1/identify", `{"userId":"cleo","traits":{"push_token":["`+iPhone+`","`+moved+`"]}}`))
		if got := h.device("ben", moved); got != (address.State{}) {
			s.T.Errorf("ben's device: %+v", got)
		}
		if !h.device("cleo", moved).Moved {
			s.T.Errorf("ben's device, named by cleo: %+v", h.device("cleo", moved))
		}
		if got := h.device("cleo", iPhone); got.Moved || !got.OptedOut {
			s.T.Errorf("ana's device, of cleo now: %+v", got)
		}
	})
}
