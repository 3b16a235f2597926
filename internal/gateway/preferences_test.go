package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const topicsYAML = `topics:
  offers:
    name: {en: Offers, ja: お得な情報}
    about: {en: Sales and new products, ja: セールと新商品}
    channels: [email, app]
    default: true
  newsletter: {name: {en: Newsletter, ja: ニュースレター, sv: Nyhetsbrev}, channels: email}
`

// mailed publishes topics, and mails ana about one; it gives the mail of its links.
func (h *house) mailed(topic, category string) signedlink.Mail {
	h.t.Helper()
	_, ref := h.enter()
	return h.mailedTo("ana/b", ref, topic, category)
}

// mailedTo publishes topics, and mails a customer about one.
func (h *house) mailedTo(who string, ref contract.Ref, topic, category string) signedlink.Mail {
	h.t.Helper()
	content, found := lint.Check([]lint.File{
		{Root: "j", Name: "j/apology.yaml", Data: []byte(apologyYAML)},
		{Root: "j", Name: "j/messages/sorry.yaml", Data: []byte(sorryYAML)},
		{Root: "j", Name: "j/topics.yaml", Data: []byte(topicsYAML)},
	}, lint.Options{Channels: channels})
	if found.Failed(false) {
		h.t.Fatal(found)
	}
	if _, err := h.store.Catalog.Publish(context.Background(), instant, content); err != nil {
		h.t.Fatal(err)
	}
	m := signedlink.Mail{Customer: who, Journey: "apology", Step: "note", Message: "sorry", Key: ref.Enrollment + "/note/1"}
	r, err := h.store.Messages.Reserve(context.Background(), instant, instant, contract.Send{
		Ref: ref, EvalContext: contract.EvalContext{EntryEvent: "e1"}, Key: m.Key, Step: "note", Visit: 1,
		Spec: journey.Send{Message: "sorry", Via: []string{"email"}, Category: category, Topic: topic},
	}, time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.store.Messages.Settle(context.Background(), instant, r, message.Settlement{Status: contract.StatusSent}); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// linkPath returns the path of a link.
func linkPath(link string) string { return strings.TrimPrefix(link, "http://tabi.example.com") }

// proofs returns what is recorded of ana's consent, newest first: event topic channel value source.
func (h *house) proofs() (out []string) {
	h.t.Helper()
	all, err := h.store.Customers.Consents(context.Background(), "ana/b", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range all {
		if c.Text("wording") == "" || c.Text("language") == "" || !c.At.Equal(instant) {
			h.t.Errorf("a proof lacks its wording, language or time: %+v", c)
		}
		said := "no"
		if c.Yes() {
			said = "yes"
		}
		out = append(out, strings.Join([]string{c.Event, c.Text("topic"), c.Text("channel"), said, c.Text("source")}, "|"))
	}
	return out
}

// ticks is a form of the page of preferences on which these boxes are ticked.
func ticks(on ...string) url.Values {
	return url.Values{"do": {"save"}, "shown": {"newsletter/email", "offers/email", "offers/app"}, "on": on}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	page := linkPath(h.g.auth.Links.Preferences(h.mailed("offers", journey.Marketing)))
	type m = map[string]any
	expect := func(what string, topics any, proofs ...string) {
		t.Helper()
		if diff := cmp.Diff(topics, h.customer("ana/b").Traits["topics"]); diff != "" {
			t.Errorf("%s: topics (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(proofs, h.proofs()); diff != "" {
			t.Errorf("%s: proofs (-want +got):\n%s", what, diff)
		}
	}
	for _, method := range []string{"GET", "HEAD", "GET"} { // scanners
		if got := h.do(method, page, ""); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", method, got.status, got.body)
		}
	}
	expect("looks change nothing", nil)
	got := h.do("GET", page, "")
	for _, want := range []string{
		`<html lang="en">`, "Your preferences", `<span lang="en" dir="ltr">Offers</span>`, "Sales and new products", "a…@example.com",
		`value="offers/email" checked`, `value="offers/app" checked`, `name="on" value="newsletter/email">`, "Unsubscribe from all",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, got.body)
		}
	}
	for _, secret := range []string{"ana/b", "ana@example.com", "apology"} {
		if strings.Contains(page+got.body, secret) {
			t.Errorf("the page or its address tells %s", secret)
		}
	}
	const saved, page1 = "Your choices are saved.", "|preference page"
	chosen := []string{"Preference Updated|offers|email|no" + page1, "Preference Updated|offers|app|yes" + page1,
		"Preference Updated|newsletter|email|yes" + page1}
	for range 2 { // a repeat changes nothing
		if got := h.post(http.DefaultClient, page, ticks("newsletter/email", "offers/app")); !strings.Contains(got.body, saved) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		all := h.proofs()
		if len(all) != 3 || !cmp.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(chosen))) {
			t.Fatalf("got %v", all)
		}
	}
	if diff := cmp.Diff(m{"offers": m{"email": false, "app": true}, "newsletter": m{"email": true}},
		h.customer("ana/b").Traits["topics"]); diff != "" {
		t.Error(diff)
	}

	if got := h.post(http.DefaultClient, page, url.Values{"do": {"all"}}); !strings.Contains(got.body, "You get no marketing messages") ||
		strings.Contains(got.body, " checked") {
		t.Errorf("unsubscribed from all: %s", got.body)
	}
	if got := h.proofs(); !slices.Contains(got, "Unsubscribed|||no|preference page") {
		t.Errorf("got %v", got)
	}
	if c := h.customer("ana/b"); c.Traits["consent"].(m)["marketing"] != false || len(c.OptedOut) != 1 {
		t.Errorf("got %v, %v", c.Traits["consent"], c.OptedOut)
	}
	// One box ticked again means marketing again, also for the mailbox.
	h.post(http.DefaultClient, page, ticks("offers/email"))
	if c := h.customer("ana/b"); c.Traits["consent"].(m)["marketing"] != true || len(c.OptedOut) != 0 ||
		!cmp.Equal(c.Traits["topics"], any(m{"offers": m{"email": true, "app": false}, "newsletter": m{"email": false}})) {
		t.Errorf("got %v, %v", c.Traits, c.OptedOut)
	}

	h.identify("ana/b", `{"language":"ja-JP"}`)
	if got := h.do("GET", page, ""); !strings.Contains(got.body, `<html lang="ja">`) || !strings.Contains(got.body, "お得な情報") {
		t.Errorf("in Japanese: %s", got.body)
	}
	h.identify("ana/b", `{"language":"sv"}`)
	if got := h.do("GET", page, ""); !strings.Contains(got.body, `<html lang="en">`) ||
		!strings.Contains(got.body, `<span lang="sv" dir="ltr">Nyhetsbrev`) {
		t.Errorf("in a language that the page does not have: %s", got.body)
	}
	h.identify("ana/b", `{"language":"ar"}`)
	if got := h.do("GET", page, ""); !strings.Contains(got.body, `<html lang="ar" dir="rtl">`) {
		t.Errorf("in Arabic: %s", got.body)
	}
	before := h.stored()
	for _, broken := range []string{page[:len(page)-1], page + "x", strings.Replace(page, "/p/", "/u/", 1)} {
		if got := h.do("GET", broken, "", "Accept-Language: ja"); got.status != http.StatusNotFound ||
			!strings.Contains(got.body, "このリンクは使えません") {
			t.Errorf("a broken link: %d %s", got.status, got.body)
		}
	}
	strange := url.Values{"shown": {"no/email", "offers/fax"}, "on": {"no/email", "offers/email"}}
	if got := h.post(http.DefaultClient, page, strange); got.status != http.StatusOK || h.stored() != before {
		t.Errorf("boxes that the page does not have: %d", got.status)
	}
}

func TestUnsubscribeFromATopic(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	m := h.mailed("offers", journey.Marketing)
	page := linkPath(h.g.auth.Links.Unsubscribe(m))
	got := h.do("GET", page, "", "Accept-Language: ja")
	for _, want := range []string{"配信を停止しますか？", "お得な情報", "すべての配信を停止する", `href="/p/`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %s: %s", want, got.body)
		}
	}
	before := h.stored()
	for range 2 {
		h.do("POST", page, "List-Unsubscribe=One-Click", "Content-Type: application/x-www-form-urlencoded")
	}
	traits := h.customer("ana/b").Traits
	if !cmp.Equal(traits["topics"], any(map[string]any{"offers": map[string]any{"email": false}})) ||
		traits["consent"].(map[string]any)["marketing"] != true || h.stored() != before+2 {
		t.Errorf("one click: %v, %d events", traits, h.stored()-before)
	}
	h.post(http.DefaultClient, page, url.Values{"scope": {"all"}})
	if h.customer("ana/b").Traits["consent"].(map[string]any)["marketing"] != false {
		t.Error("all of it is not refused")
	}
	if got := h.proofs(); len(got) != 2 || !slices.Contains(got, "Preference Updated|offers|email|no|one click") ||
		!slices.Contains(got, "Unsubscribed|||no|unsubscribe page") {
		t.Errorf("got %v", got)
	}
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	m := h.mailed("newsletter", journey.Transactional)
	link := func(until time.Time) string {
		return linkPath(h.g.auth.Links.Confirm(signedlink.Confirmation{Mail: m, Topic: "newsletter", Channel: "email", Until: until}))
	}
	page := link(instant.Add(time.Hour))
	before := h.stored()
	for range 2 {
		if got := h.do("GET", page, ""); got.status != http.StatusOK || !strings.Contains(got.body, "Yes, subscribe me") ||
			h.stored() != before {
			t.Fatalf("GET: %d %s", got.status, got.body)
		}
	}
	for range 2 {
		if got := h.do("POST", page, ""); got.status != http.StatusOK || !strings.Contains(got.body, "you are subscribed") {
			t.Fatalf("POST: %d %s", got.status, got.body)
		}
	}
	if got := h.customer("ana/b").Traits["topics"]; !cmp.Equal(got, any(map[string]any{"newsletter": map[string]any{"email": true}})) {
		t.Errorf("got %v", got)
	}
	if got := h.proofs(); len(got) != 2 || !slices.Contains(got, event.SubscriptionConfirmed+"|newsletter|email|yes|confirmation page") {
		t.Errorf("got %v", got)
	}
	for _, late := range []string{link(instant), link(instant.Add(-time.Hour))} {
		if got := h.do("POST", late, ""); got.status != http.StatusGone || !strings.Contains(got.body, "This link has expired") {
			t.Errorf("expired: %d %s", got.status, got.body)
		}
	}
	// The customer's page and the copy for the customer show the proof: wording, source, time, topic and channel.
	const wording = "Press the button if you would like to get this from us: Newsletter (Email) Yes, subscribe me"
	got := h.do("GET", "/customers/ana%2Fb", "", "Authorization: Bearer "+adminToken)
	for _, want := range []string{
		"yes: newsletter, email", "confirmation page", "<q>" + wording + "</q>", instant.UTC().Format(time.RFC3339),
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the customer's page lacks %s: %s", want, got.body)
		}
	}
	var copied strings.Builder
	for next := "first"; next != ""; {
		path := "/v1/admin/customers/ana%2Fb/export"
		if next != "first" {
			path += "?after=" + url.QueryEscape(next)
		}
		var page api.ExportPage
		h.asks("GET", path, "", &page)
		copied.WriteString(mustJSON(t, page.Rows))
		next = page.Next
	}
	for _, want := range []string{wording, `"topic":"newsletter"`, `"channel":"email"`, `"source":"confirmation page"`, `"language":"en"`} {
		if !strings.Contains(copied.String(), want) {
			t.Errorf("the export lacks %s: %s", want, copied.String())
		}
	}
}
