package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	lineAna  = "U4af4980629f0a1b2c3d4e5f60718293a"
	lineEve  = "U00000000000000000000000000000eee"
	phoneAna = "+819012345678"
)

// chatting is a house with a provider, and with LINE, which issues the link token of whom it is asked for.
func chatting(t *testing.T) *house {
	t.Helper()
	return newHouse(t, func(c *Config) {
		c.Receivers = map[string]webhook.Receiver{"fake": fakeReceiver{}}
		c.LineLinker = func(_ context.Context, lineID, nonce string) (string, error) {
			q := url.Values{"linkToken": {"of " + lineID}, "nonce": {nonce}}
			return "https://access.line.me/dialog/bot/accountLink?" + q.Encode(), nil
		}
	})
}

func followed(id, line string) channel.Report {
	return channel.Report{ID: id, Kind: channel.Followed, Channel: "line", Address: line, At: instant}
}

func wrote(id, line, text string) channel.Report {
	return channel.Report{ID: id, Kind: channel.Replied, Channel: "line", Address: line, Text: text, At: instant}
}

// said returns the events of a name that a customer has, oldest first, as JSON of their properties.
func (h *house) said(customer, name string) (out []string) {
	h.t.Helper()
	for _, e := range h.events(customer) {
		if e.Title == name {
			out = append([]string{mustJSON(h.t.(*testing.T), e.Detail)}, out...)
		}
	}
	return out
}

// Who adds the account of LINE and is not known becomes a visitor with an address, so that a journey can welcome them. What they did
// becomes the user's when a server says who they are, and so does what they write later.
func TestFollowersBecomeVisitorsAndThenUsers(t *testing.T) {
	t.Parallel()
	h := chatting(t)
	visitor := "anon:line:" + lineAna
	h.report(followed("f1", lineAna))
	h.report(followed("f1", lineAna)) // delivered again
	c := h.customer(visitor)
	if consent, _ := c.Traits["consent"].(map[string]any); c.Traits["line_id"] != lineAna || consent["line"] != true {
		t.Errorf("the visitor has %v", c.Traits)
	}
	if got := h.said(visitor, "Channel Followed"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	photo := wrote("m2", lineAna, "")
	photo.Form, photo.Data = "image", "x"
	h.report(wrote("m1", lineAna, "Hello"), photo)
	if got := strings.Join(h.said(visitor, "Message Received"), " "); !strings.Contains(got, `"text":"Hello"`) ||
		!strings.Contains(got, `"form":"image"`) || !strings.Contains(got, `"data":"x"`) || strings.Contains(got, "address") {
		t.Errorf("got %s", got)
	}
	h.identify("ana", `{"line_id":"`+lineAna+`","first_name":"Ana"}`)
	h.identify("ana", `{"line_id":"`+lineAna+`"}`)
	if c = h.customer(visitor); c.ID != "ana" || c.Traits["first_name"] != "Ana" {
		t.Errorf("the visitor is %+v", c)
	}
	h.report(wrote("m3", lineAna, "It is me"))
	if got := h.said("ana", "Message Received"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	// Another user has the account now.
	h.identify("bea", `{"line_id":"`+lineAna+`"}`)
	h.report(wrote("m4", lineAna, "And now it is bea"))
	if got := h.said("bea", "Message Received"); len(got) != 1 || len(h.said("ana", "Message Received")) != 3 {
		t.Errorf("got %v", got)
	}
}

// A web key cannot say whose account of LINE it is, nor take a visitor of LINE over.
func TestStrangersTakeNoAccountOfLine(t *testing.T) {
	t.Parallel()
	h := chatting(t)
	h.report(followed("f1", lineAna))
	got := h.do("POST", "/v1/identify", `{"userId":"eve","userHash":"`+hash("eve")+`","traits":{"line_id":"`+lineAna+`"}}`,
		"Authorization: Bearer "+webKey, "Content-Type: application/json")
	if got.status == http.StatusOK && h.customer("anon:line:"+lineAna).ID == "eve" {
		t.Errorf("a web key took the account: %s", got.body)
	}
}

// A message goes to the customer's account: who answers is that customer, whether or not the id was linked; a block is an opt-out of this
// channel alone, and who comes back has opted in.
func TestAnswersAreOfWhoGotTheMessage(t *testing.T) {
	t.Parallel()
	h := chatting(t)
	_, ref := h.enter()
	h.identify("ana/b", `{"phone":"`+phoneAna+`"}`)
	h.sent(ref, "whatsapp", message.Settlement{Status: contract.StatusSent, ProviderID: "wamid.1"})
	at := instant
	h.report(
		channel.Report{ID: "w1", Kind: channel.Replied, Channel: "whatsapp", Address: phoneAna, Text: "Yes", At: at},
		channel.Report{ID: "w2", Kind: channel.Read, Channel: "whatsapp", ProviderID: "wamid.1", At: at},
		channel.Report{ID: "w3", Kind: channel.Replied, Channel: "whatsapp", Address: "+819000000000", Text: "Who is this?", At: at},
		channel.Report{ID: "w4", Kind: channel.Blocked, Channel: "whatsapp", Address: phoneAna, Text: "STOP", At: at},
	)
	if got := h.said("ana/b", "Message Received"); len(got) != 1 || !strings.Contains(got[0], "Yes") ||
		!strings.Contains(got[0], `"address":"`+phoneAna+`"`) { // which of their numbers may be answered freely
		t.Errorf("got %v", got)
	}
	if got := h.said("ana/b", "Message Read"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if c := h.customer("anon:whatsapp:+819000000000"); c.Traits["phone"] != "+819000000000" {
		t.Errorf("a stranger who writes has %v", c.Traits)
	}
	consent, _ := h.customer("ana/b").Traits["consent"].(map[string]any)
	if consent["whatsapp"] != false || consent["marketing"] != true {
		t.Errorf("after STOP: %v", consent)
	}
	h.report(channel.Report{ID: "w1", Kind: channel.Replied, Channel: "whatsapp", Address: phoneAna, Text: "Yes", At: at})
	if got := h.said("ana/b", "Message Received"); len(got) != 1 {
		t.Errorf("a repeat counts: %v", got)
	}
}

// A user who has signed in links their account of LINE: LINE asks them, and reports a nonce that only this gateway makes, for this account,
// for a short time.
func TestLinkingAnAccountOfLine(t *testing.T) {
	t.Parallel()
	h := chatting(t)
	h.report(followed("f1", lineAna))
	got := h.call("/v1/line/link", `{"userId":"ana","lineId":"`+lineAna+`"}`)
	var answer struct{ URL string }
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	link, err := url.Parse(answer.URL)
	if err != nil {
		t.Fatal(err)
	}
	nonce := link.Query().Get("nonce")
	if link.Query().Get("linkToken") != "of "+lineAna || len(nonce) < 10 || len(nonce) > 255 || strings.Contains(nonce, "ana") {
		t.Errorf("got %s", answer.URL)
	}
	linked := func(id, line, nonce string) channel.Report {
		return channel.Report{ID: id, Kind: channel.Linked, Channel: "line", Address: line, Data: nonce, At: instant}
	}
	for why, report := range map[string]channel.Report{
		"another user of LINE": linked("l1", lineEve, nonce), "none of this gateway's": linked("l2", lineAna, "a"+nonce[1:]+"A"),
	} {
		if got := h.report(report); !strings.Contains(got.body, why) || !strings.Contains(got.body, `"accepted":0`) {
			t.Errorf("%s: %s", why, got.body)
		}
	}
	h.report(linked("l3", lineAna, nonce))
	h.report(linked("l3", lineAna, nonce))
	if c := h.customer("anon:line:" + lineAna); c.ID != "ana" || c.Traits["line_id"] != lineAna {
		t.Errorf("linked: %+v", c)
	}
	h.g.Wall = func() time.Time { return instant.Add(time.Hour) }
	if got := h.report(linked("l4", lineAna, nonce)); !strings.Contains(got.body, "expired") {
		t.Errorf("an hour later: %s", got.body)
	}

	for body, field := range map[string]string{
		`{"lineId":"` + lineAna + `"}`: "userId", `{"userId":"ana","lineId":"@ana"}`: "lineId", `{"userId":"ana"}`: "lineId",
		`{"userId":"anon:x","lineId":"` + lineAna + `"}`: "userId", `{"userId":"` + pad(250) + `","lineId":"` + lineAna + `"}`: "userId",
	} {
		got := h.call("/v1/line/link", body)
		if _, f, _ := got.problem(); got.status != http.StatusBadRequest || f != field {
			t.Errorf("%.60s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.do("POST", "/v1/line/link", `{}`, "Authorization: Bearer "+webKey); got.status != http.StatusForbidden {
		t.Errorf("a web key: %d %s", got.status, got.body)
	}
	if got := providing(t).call("/v1/line/link", `{"userId":"ana","lineId":"`+lineAna+`"}`); got.status != http.StatusNotFound ||
		!strings.Contains(got.body, "TABI_LINE_TOKEN") {
		t.Errorf("without LINE: %d %s", got.status, got.body)
	}
}
