package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/address"
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
