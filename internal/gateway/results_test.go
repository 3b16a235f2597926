package gateway

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestResultsOfAMail: a provider and the customer's own call both report an open of the same send, a machine opens it too, and a click
// follows. The page, the JSON and the CSV count each once.
func TestResultsOfAMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	admin := "Authorization: Bearer " + adminToken
	h.call("/v1/mail/events", `[{"type":"open","key":"`+key+`","id":"p1"},
		{"type":"click","key":"`+key+`","id":"p2","url":"https://x.example"}]`)
	h.call("/v1/track", `{"userId":"ana","event":"Email Opened","properties":{"key":"`+key+`"}}`)
	h.call("/v1/track", `{"userId":"ana","event":"Email Bounced","properties":{"key":"`+key+`","type":"soft","machine":true}}`)
	h.later(10 * time.Second)

	var got api.MessageResults
	sent := h.do("GET", "/v1/admin/results/messages", "", admin)
	var list api.MessageList
	if err := json.Unmarshal([]byte(sent.body), &list); err != nil || len(list.Messages) == 0 {
		t.Fatalf("%d %s", sent.status, sent.body)
	}
	name := list.Messages[0].Name
	one := h.do("GET", "/v1/admin/results/messages/"+name, "", admin)
	if err := json.Unmarshal([]byte(one.body), &got); err != nil || one.status != http.StatusOK {
		t.Fatalf("%d %s", one.status, one.body)
	}
	if n := got.Total; n.Sent != 1 || n.Opened.Count != 1 || n.Clicked.Count != 1 || n.Bounced.Count != 0 || n.Opened.Rate.High != 1 ||
		n.Opened.Rate.Low < 0.2 || n.Opened.Rate.Low > 0.21 {
		t.Errorf("total %+v", n)
	}
	if len(got.Channels) != 1 || got.Channels[0].Name != "email" || len(got.Days) != 1 || got.Window != 7*24*3600 {
		t.Errorf("parts: %+v", got)
	}
	table := h.do("GET", "/v1/admin/results/messages/"+name+"?format=csv", "", admin)
	rows, err := csv.NewReader(strings.NewReader(table.body)).ReadAll()
	if err != nil || table.header.Get("Content-Type") != "text/csv" || len(rows) < 4 {
		t.Fatalf("%v %v\n%s", err, table.header, table.body)
	}
	for i, want := range map[int]string{0: "total", 2: "1", 7: "1"} {
		if rows[1][i] != want {
			t.Errorf("column %s is %q, want %q", rows[0][i], rows[1][i], want)
		}
	}
	for _, path := range []string{"/messages", "/channels", "/messages/" + name} {
		holds(t, h.page(path), "Clicked", "<strong>100.0 %</strong>", "20.7–100.0 %")
		if file := h.page(path + "?format=csv"); !strings.HasPrefix(file.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s: %v", path, file.header)
		}
		if bad := h.do("GET", path+"?window=none", "", admin); bad.status/100 != 4 {
			t.Errorf("%s with a window that is none: %d", path, bad.status)
		}
	}
}

// What an app tracks with the key of a push counts for that send.
func TestResultsOfAnAppsClick(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "app", message.Settlement{Status: contract.StatusSent})
	other := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	for _, id := range []string{"tap-1", "tap-1", "tap-2"} {
		got := h.call("/v1/track", `{"userId":"ana/b","event":"Push Clicked","messageId":"`+id+`","properties":{"key":"`+key+`"}}`)
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	h.track("eve", "Push Clicked", `{"key":"`+other+`"}`) // not her message
	var got api.MessageResults
	h.asks("GET", "/v1/admin/results/messages/sorry", "", &got)
	clicks := map[string]int64{}
	for _, c := range got.Channels {
		clicks[c.Name] = c.Clicked.Count
	}
	if got.Total.Sent != 2 || got.Total.Clicked.Count != 1 || clicks["app"] != 1 || clicks["email"] != 0 {
		t.Errorf("total %+v, clicks %v", got.Total, clicks)
	}
}

// Sends of tests and reactions of machines are in no figure.
func TestResultsLeaveOutTestsAndMachines(t *testing.T) {
	t.Parallel()
	h := providing(t)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	trial := message.Trial{Key: "test-1", Message: "sorry", Channel: "email", Address: "me@testers.example",
		Fields: map[string]string{"subject": "Sorry"}, Status: contract.StatusRetry}
	if err := h.store.Messages.AddTrials(t.Context(), instant, 1, []message.Trial{trial}); err != nil {
		t.Fatal(err)
	}
	leased, err := h.store.Messages.TakeTrial(t.Context(), instant, trial.Key, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.Messages.SettleTrial(t.Context(), instant, leased, message.Settlement{Status: contract.StatusSent}); err != nil {
		t.Fatal(err)
	}
	h.report(channel.Report{Kind: channel.Opened, Key: key, ID: "p1", Machine: true},
		channel.Report{Kind: channel.Opened, Key: trial.Key, ID: "p2"})
	h.track("ana/b", "Email Opened", `{"key":"`+key+`","machine":true}`)
	h.track("ana/b", "Email Link Clicked", `{"key":"`+trial.Key+`"}`)

	var all api.MessageList
	h.asks("GET", "/v1/admin/results/messages", "", &all)
	var one api.MessageResults
	h.asks("GET", "/v1/admin/results/messages/sorry", "", &one)
	var channels api.ChannelList
	h.asks("GET", "/v1/admin/results/channels", "", &channels)
	if len(channels.Channels) != 1 || len(one.Days) != 1 {
		t.Fatalf("%+v, %+v", channels, one)
	}
	for what, n := range map[string]api.ResultNumbers{"all": all.Total, "the message": one.Total, "the day": one.Days[0],
		"the channel": channels.Channels[0].ResultNumbers} {
		if n.Sent != 1 || n.Opened.Count != 0 || n.Clicked.Count != 0 {
			t.Errorf("%s: %+v", what, n)
		}
	}
}
