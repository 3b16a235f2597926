package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// eachHouse runs f on a gateway over SQLite, and over PostgreSQL if it is available.
func eachHouse(t *testing.T, f func(h *house)) {
	t.Helper()
	enginetest.Each(t, func(s *enginetest.Suite) {
		h := newHouse(s.T, func(c *Config) { c.Rooms, c.Ping = roomsOf(s.Engine), s.Database.Ping })
		h.store = s.Engine
		f(h)
	})
}

func (h *house) accepted(a answer) (out api.Accepted) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK {
		h.t.Fatalf("%d %s", a.status, a.body)
	}
	return out
}

// refusedElements are elements of a batch that are refused, each alone.
var refusedElements = []struct{ name, element, code, field string }{
	{"nobody", `{"type":"track","userId":"","anonymousId":null,"event":"X"}`, "missing", ".userId"},
	{"a placeholder", `{"type":"track","userId":"undefined","event":"X"}`, "placeholder_id", ".userId"},
	{"an anonymous id as user id", `{"type":"track","userId":"anon:1","event":"X"}`, "bad_value", ".userId"},
	{"a long name", `{"type":"track","userId":"a","event":"` + pad(256) + `"}`, "bad_value", ".event"},
	{"a long id", `{"type":"track","userId":"` + pad(256) + `","event":"X"}`, "bad_value", ".userId"},
	{"NUL in an id", `{"type":"track","userId":"a\u0000b","event":"X"}`, "bad_value", ".userId"},
	{"a line break in a message id", `{"type":"track","userId":"a","event":"X","messageId":"a\r\nb"}`, "bad_value", ".messageId"},
	{"a lone surrogate in an id", `{"type":"track","userId":"a\ud800","event":"X"}`, "bad_value", ".userId"},
	{"too large", `{"type":"track","userId":"a","event":"X","properties":{"p":"` + pad(33<<10) + `"}}`, "too_large", ""},
	{"too deep", `{"type":"track","userId":"a","event":"X","properties":{"p":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`,
		"too_deep", ".properties.p" + strings.Repeat("[0]", 33) + "…"},
	{"no type", `{"userId":"a","event":"X"}`, "missing", ".type"},
	{"an unknown type", `{"type":"delete","userId":"a"}`, "bad_value", ".type"},
	{"no event", `{"type":"track","userId":"a"}`, "missing", ".event"},
	{"null", `null`, "bad_value", ""},
	{"a number", `7`, "bad_value", ""},
	{"properties are a text", `{"type":"track","userId":"a","event":"X","properties":"x"}`, "bad_value", ".properties"},
	{"properties are a full list", `{"type":"track","userId":"a","event":"X","properties":[1]}`, "bad_value", ".properties"},
	{"a year", `{"type":"track","userId":"a","event":"X","timestamp":"2026"}`, "bad_time", ".timestamp"},
	{"no time", `{"type":"track","userId":"a","event":"X","timestamp":"yesterday"}`, "bad_time", ".timestamp"},
	{"before 1970", `{"type":"track","userId":"a","event":"X","timestamp":"1969-12-31T00:00:00Z"}`, "bad_time", ".timestamp"},
	{"an endless number", `{"type":"track","userId":"a","event":"X","properties":{"n":1e999}}`, "bad_value", ".properties.n"},
	{"history that is neither", `{"type":"track","userId":"a","event":"X","context":{"backfill":"maybe"}}`, "bad_value",
		".context.backfill"},
	{"a reserved name", `{"type":"track","userId":"a","event":"tabi.x"}`, "bad_value", ".event"},
}

func TestOneBadCallCostsNoOther(t *testing.T) {
	eachHouse(t, func(h *house) {
		for i, c := range refusedElements {
			user := fmt.Sprintf("u%d", i)
			good := func(n int) string {
				return fmt.Sprintf(`{"type":"track","userId":%q,"event":"Ping","messageId":"m%d-%d"}`, user, i, n)
			}
			out := h.accepted(h.call("/v1/batch", `{"batch":[`+good(0)+`,`+c.element+`,`+good(2)+`]}`))
			if len(out.Rejected) != 1 || out.Rejected[0].Index != 1 || out.Rejected[0].Code != c.code || out.Rejected[0].Message == "" ||
				!strings.HasPrefix(out.Rejected[0].Field, "batch[1]"+strings.TrimSuffix(c.field, "…")[:min(len(c.field), 60)]) {
				t.Errorf("%s: refused %+v", c.name, out.Rejected)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("m%d-0", i), "", fmt.Sprintf("m%d-2", i)}, out.MessageIDs); diff != "" {
				t.Errorf("%s: ids %s", c.name, diff)
			}
			if n := len(h.events(user)); n != 2 {
				t.Errorf("%s: %d of 2 good calls are stored", c.name, n)
			}
			if single := h.call("/v1/track", c.element); c.name != "no type" && c.name != "an unknown type" && single.status/100 != 4 {
				t.Errorf("%s alone: %d %s", c.name, single.status, single.body)
			}
		}
		metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+agentToken).body
		for _, line := range []string{
			`tabi_rejected_calls_total{door="http",reason="bad_time"} 6`, `tabi_rejected_calls_total{door="http",reason="too_large"} 2`,
		} {
			if !strings.Contains(metrics, line+"\n") {
				t.Errorf("the metrics lack %s", line)
			}
		}
		admin := "Authorization: Bearer " + adminToken
		var list api.RejectedCallList
		got := h.do("GET", "/v1/admin/rejected-calls?code=bad_time&limit=3", "", admin)
		if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list.RejectedCalls) != 3 || list.Next == "" {
			t.Fatalf("%v: %s", err, got.body)
		}
		var one api.RejectedCallDetail
		got = h.do("GET", "/v1/admin/rejected-calls/"+list.RejectedCalls[0].ID, "", admin)
		if err := json.Unmarshal([]byte(got.body), &one); err != nil || one.Code != "bad_time" ||
			!strings.Contains(one.Payload, "1969-12-31") {
			t.Errorf("%v: %s", err, got.body)
		}
		got = h.do("GET", "/v1/admin/rejected-calls?code=too_large", "", admin)
		if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list.RejectedCalls) != 2 {
			t.Fatalf("%v: %s", err, got.body)
		}
		got = h.do("GET", "/v1/admin/rejected-calls/"+list.RejectedCalls[0].ID, "", admin)
		if err := json.Unmarshal([]byte(got.body), &one); err != nil || len(one.Payload) > 5<<10 || one.Bytes < 33<<10 {
			t.Errorf("a large call is kept whole: %d bytes of %d", len(one.Payload), one.Bytes)
		}
		if got := h.do("POST", "/v1/admin/rejected-calls/drop", "", admin); !strings.Contains(got.body, `"count":`) {
			t.Error(got.body)
		}
		if got := h.do("GET", "/v1/admin/counts", "", admin); !strings.Contains(got.body, `"rejected_calls":0`) {
			t.Error(got.body)
		}
	})
}

// TestCallsOfClients sends what clients really send.
func TestCallsOfClients(t *testing.T) {
	eachHouse(t, func(h *house) {
		for i, c := range []struct{ path, body, event string }{
			{"/v1/identify", `{"userId":"USER","traits":[]}`, "Customer Updated"},
			{"/v1/identify", `{"userId":"USER","context":[]}`, "Customer Updated"},
			{"/v1/identify", `{"userId":"USER","context":{"traits":[],"device":[]}}`, "Customer Updated"},
			{"/v1/identify", `{"userId":"USER","integrations":[]}`, "Customer Updated"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":[],"context":[]}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":null}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":""}`, "X"},
			{"/v1/group", `{"userId":"USER","groupId":7,"traits":[]}`, "Group Joined"},
			{"/v1/page", `{"userId":"USER","name":"Home","properties":[]}`, "Page Viewed"},
			{"/v1/track", `{"userId":"USER","event":5}`, "5"},
			{"/v1/track", `{"userId":"USER","event":" Signed\u0000 Up\n"}`, "Signed Up"},
			{"/v1/track", `{"userId":" USER\n","event":"X"}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":{"q":"a\u0000b\u0007","a\u0000":[["\u0000"]]}}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":{"q":"\ud800"}}`, "X"},
			{"/v1/track", "{\"userId\":\"USER\",\"event\":\"X\",\"properties\":{\"q\":\"raw\nline\x00\"}}", "X"},
			{"/v1/track", "{\"userId\":\"USER\",\"event\":\"X\",\"properties\":{\"q\":\"caf\xe9\"}}", "X"},
			{"/v1/track", "\xef\xbb\xbf{\"userId\":\"USER\",\"event\":\"X\"}\r\n", "X"},
			{"/v1/track", `{"userId":"USER","event":"X","timestamp":1772445599,"sentAt":"soon"}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","timestamp":"0001-01-01T00:00:00Z"}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","originalTimestamp":"2026-03-02 09:59:59"}`, "X"},
			{"/v1/track", `{"userId":"USER","event":"X","properties":{"score":NaN,"max":-Infinity,"list":[Infinity,1],"NaN":"NaN"}}`, "X"},
			{"/v1/batch", `{"batch":[{"type":"track","userId":"USER","event":"X","timestamp":NaN,"anonymousId":NaN}],"sentAt":NaN}`, "X"},
			{"/v1/batch", `{"batch":[{"type":"Track","userId":"USER","event":"X"}],"sentAt":7}`, "X"},
			{"/v1/batch", `{"batch":{"0":{"type":"TRACK ","userId":"USER","event":"X"}}}`, "X"},
			{"/v1/batch", `{"batch":[{"type":"track","userId":"USER","event":"X"}],"sentAt":null,"context":{"library":{"name":"x"}}}`, "X"},
		} {
			user := fmt.Sprintf("u%d", i)
			got := h.call(c.path, strings.ReplaceAll(c.body, "USER", user))
			if got.status != http.StatusOK {
				t.Errorf("%s: %d %s", c.body, got.status, got.body)
				continue
			}
			if e := h.events(user); len(e) != 1 || e[0].Title != c.event || !e[0].At.Before(instant.Add(1)) {
				t.Errorf("%s: events %+v", c.body, e)
			} else if text := fmt.Sprint(e[0].Detail); strings.ContainsAny(text, "\x00\x07") || !utf8.ValidString(text) {
				t.Errorf("%s: stored %q", c.body, text)
			}
		}
		if out := h.accepted(h.call("/v1/batch", `{"batch":[]}`)); len(out.MessageIDs) != 0 || len(out.Rejected) != 0 {
			t.Errorf("an empty batch: %+v", out)
		}
		out := h.accepted(h.call("/v1/track",
			`{"userId":"said","event":"X","properties":{"q":"a\u0000"},"timestamp":"0001-01-01T00:00:00Z"}`))
		want := []api.AdjustedCall{{Field: "properties.q", Change: "control_characters"}, {Field: "timestamp", Change: "no_time"}}
		if diff := cmp.Diff(want, out.Adjusted); diff != "" {
			t.Errorf("what was changed is not said: %s", diff)
		}
		out = h.accepted(h.call("/v1/track", `{"userId":"score","event":"X","properties":{"score":NaN,"n":7}}`))
		want = []api.AdjustedCall{{Field: "properties.score", Change: "not_a_number"}}
		if diff := cmp.Diff(want, out.Adjusted); diff != "" {
			t.Errorf("what was changed is not said: %s", diff)
		}
		h.call("/v1/identify", `{"userId":"kept","traits":{"consent":{"marketing":false}}}`)
		h.call("/v1/identify", `{"userId":"kept","traits":{"consent":[]}}`)
		if diff := cmp.Diff(map[string]any{"consent": map[string]any{"marketing": false}}, h.customer("kept").Traits); diff != "" {
			t.Errorf("PHP's empty object took a refused consent away: %s", diff)
		}
	})
}

// TestBodiesOfClients sends bodies under the headers that clients really send.
func TestBodiesOfClients(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	zipped := func(text string) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return out.String()
	}
	const call = `{"userId":"USER","event":"X","properties":{"q":"café"}}`
	for i, c := range []struct {
		name, body string
		header     []string
	}{
		{"RudderStack's gzip as a form", zipped(call),
			[]string{"Content-Type: application/x-www-form-urlencoded", "Content-Encoding: gzip"}},
		{"gzip that nothing announces", zipped(call), []string{"Content-Type: application/json"}},
		{"gzip announced, unpacked by a proxy", call, []string{"Content-Type: application/json", "Content-Encoding: gzip"}},
		{"a beacon", call, []string{"Content-Type: text/plain;charset=UTF-8"}},
		{"a charset without its hyphen", call, []string{"Content-Type: application/json; charset=UTF8"}},
		{"latin1", strings.ReplaceAll(call, "é", "\xe9"), []string{"Content-Type: application/json; charset=ISO-8859-1"}},
		{"no content type", call, nil},
		{"a broken content type", call, []string{"Content-Type: ;;"}},
		{"JSON of another name", call, []string{"Content-Type: application/vnd.api+json"}},
		{"bytes", call, []string{"Content-Type: application/octet-stream"}},
		{"an encoding that is none", call, []string{"Content-Type: application/json", "Content-Encoding: utf-8"}},
	} {
		user := fmt.Sprintf("u%d", i)
		body := strings.ReplaceAll(c.body, "USER", user)
		if strings.HasPrefix(c.body, "\x1f\x8b") {
			body = zipped(strings.ReplaceAll(call, "USER", user))
		}
		got := h.do("POST", "/v1/track", body, append(c.header, "Authorization: Bearer "+serverKey)...)
		e := h.events(user)
		if got.status != http.StatusOK || len(e) != 1 || !strings.Contains(fmt.Sprint(e[0].Detail), "café") {
			t.Errorf("%s: %d %s %v", c.name, got.status, got.body, e)
		}
	}
}

func TestFixturesOfClients(t *testing.T) {
	eachHouse(t, func(h *house) {
		for name, want := range map[string]int{"analytics-php": 3, "rudderstack-node": 2, "analytics-ios": 3, "odd-batch": 2} {
			body, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			out := h.accepted(h.call("/v1/batch", string(body)))
			if n := len(h.events(name)); n != want || len(out.Rejected) != strings.Count(string(body), `"refused": true`) {
				t.Errorf("%s: %d events, want %d; refused %+v", name, n, want, out.Rejected)
			}
		}
		want := map[string]any{
			"push_token": "ff15bc0c20c4aa6cd50854ff165fd265c838e5405bfeb9571066395b8c9da449", "timezone": "Europe/Amsterdam",
			"language": "nl-NL", "from_device": map[string]any{"timezone": "Europe/Amsterdam", "language": "nl-NL"},
			"email": "ana@example.com",
		}
		if diff := cmp.Diff(want, h.customer("analytics-ios").Traits); diff != "" {
			t.Errorf("traits of the context: %s", diff)
		}
	})
}

func TestWebKeyInABatchIsRefusedAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	got := h.do("POST", "/v1/batch", `{"batch":[{"type":"page","userId":"ana"},{"type":"track","userId":"ana","event":"Order Completed"},
		{"type":"identify","userId":"ana","traits":{"email":"eve@example.com"}},
		{"type":"page","userId":"ana","context":{"backfill":true}},
		{"type":"track","userId":"ana","event":"Product Viewed","context":{"device":{"token":"t1"},"traits":{"email":"e@example.com",
			"first_name":"Ana"}}}],"context":{"userHash":"`+hash("ana")+`"}}`, "Authorization: Bearer "+webKey)
	out := h.accepted(got)
	var refused []string
	for _, r := range out.Rejected {
		refused = append(refused, r.Code+" "+r.Field)
	}
	want := []string{"forbidden batch[1].event", "forbidden batch[2].traits.email", "forbidden batch[3].context.backfill"}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Error(diff)
	}
	changes := []api.AdjustedCall{{Index: 4, Field: "batch[4].context.email", Change: "context_trait"},
		{Index: 4, Field: "batch[4].context.push_token", Change: "context_trait"}}
	if diff := cmp.Diff(changes, out.Adjusted); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"first_name": "Ana"}, h.customer("ana").Traits); diff != "" {
		t.Error(diff)
	}
	if n := len(h.events("ana")); n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestContextFillsWhatTheProfileLacks(t *testing.T) {
	eachHouse(t, func(h *house) {
		track := func(context string) {
			t.Helper()
			h.accepted(h.call("/v1/track", `{"userId":"ana","event":"Application Opened","context":`+context+`}`))
		}
		track(`{"device":{"token":"t1"},"timezone":"Asia/Tokyo","locale":"ja-JP","traits":{"email":"old@example.com"}}`)
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"email":"new@example.com","language":"en"}}`))
		track(`{"device":{"token":"t2"},"timezone":"Europe/Lisbon","locale":"pt-PT","traits":{"email":"old@example.com"}}`)
		track(`{"device":{"token":"t1"}}`)
		want := map[string]any{
			"email": "new@example.com", "language": "en", "timezone": "Europe/Lisbon", "push_token": []any{"t1", "t2"},
			"from_device": map[string]any{"timezone": "Europe/Lisbon", "language": "ja-JP"},
		}
		if diff := cmp.Diff(want, h.customer("ana").Traits); diff != "" {
			t.Error(diff)
		}
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"push_token":["t3"]},"context":{"device":{"token":"t1"}}}`))
		if got := h.customer("ana").Traits["push_token"]; !cmp.Equal(got, any([]any{"t3"})) {
			t.Errorf("the call's own traits do not win: %v", got)
		}
	})
}

func TestMailReportsAreJudgedAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	got := h.call("/v1/mail/events", `[{"type":"open","key":"`+key+`","timestamp":1526923399},{"type":"open","timestamp":"soon"},
		{"type":"click","key":"`+key+`","url":"https://a.example.com/\u0000","timestamp":"2026-03-02 09:00:00"},
			{"event":"open","key":"`+key+`"},
		null,{"type":"bounce","key":"`+key+`","reason":"`+pad(1100)+`"},{"type":"Delivered","key":"`+key+`"}]`)
	var out api.MailEventsResponse
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK || out.Accepted != 4 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var refused []string
	for _, r := range out.Rejected {
		refused = append(refused, fmt.Sprint(r.Index, " ", r.Code))
	}
	if diff := cmp.Diff([]string{"1 bad_time", "3 missing", "4 bad_value"}, refused); diff != "" {
		t.Error(diff)
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+agentToken).body
	if !strings.Contains(metrics, `tabi_rejected_calls_total{door="mail",reason="bad_time"} 1`) {
		t.Error("the refused reports are not counted")
	}
}

func TestBackfillTeachesAndEntersNobody(t *testing.T) {
	eachHouse(t, func(h *house) {
		byState := enginetest.Cart(enginetest.Named("gold"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When, d.Goal = nil, `customer.tier == "gold"`, nil
		})
		content := enginetest.Content([]*journey.Definition{enginetest.Cart(), byState}, enginetest.Reminder())
		if _, err := h.store.Catalog.Publish(t.Context(), instant, content); err != nil {
			t.Fatal(err)
		}
		live := h.accepted(h.call("/v1/track", `{"userId":"ana","event":"Cart Updated"}`))
		if len(live.Receipts[0].Entered) != 1 {
			t.Fatalf("nobody entered: %+v", live)
		}
		h.accepted(h.call("/v1/identify", `{"userId":"ana","traits":{"city":"Kyoto"}}`))
		history := h.accepted(h.call("/v1/batch", `{"context":{"backfill":true},"batch":[
			{"type":"identify","userId":"ana","traits":{"city":"Oslo","tier":"gold"},"timestamp":"2023-01-01T00:00:00Z"},
			{"type":"identify","userId":"ben","traits":{"city":"Oslo","tier":"gold"},"timestamp":"2023-01-01T00:00:00Z"},
			{"type":"identify","userId":"ben","traits":{"city":"Rome"},"timestamp":"2024-01-01T00:00:00Z"},
			{"type":"track","userId":"ana","event":"Order Completed","timestamp":"2023-02-01T00:00:00Z"},
			{"type":"track","userId":"ben","event":"Cart Updated","timestamp":"2023-02-01T00:00:00Z"}]}`))
		for i, r := range history.Receipts {
			if len(r.Entered) != 0 || r.DeliveredTo != 0 {
				t.Errorf("%d: %+v", i, r)
			}
		}
		if diff := cmp.Diff(map[string]any{"city": "Kyoto", "tier": "gold"}, h.customer("ana").Traits); diff != "" {
			t.Errorf("history overwrote what is newer: %s", diff)
		}
		if diff := cmp.Diff(map[string]any{"city": "Rome", "tier": "gold"}, h.customer("ben").Traits); diff != "" {
			t.Error(diff)
		}
		after := h.accepted(h.call("/v1/track", `{"userId":"ben","event":"Looked"}`))
		if len(after.Receipts[0].Entered) != 0 {
			t.Errorf("the first live event entered what history made true: %+v", after)
		}
		if n := len(h.events("ben")); n != 4 {
			t.Errorf("%d events are known of ben", n)
		}
	})
}

// TestGoodCallsAreKeptBesideAnything breaks elements of a batch at random: the good ones beside them are always kept.
func TestGoodCallsAreKeptBesideAnything(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	n := 0
	value := rapid.SampledFrom([]string{
		`null`, `[]`, `{}`, `""`, `"a"`, `7`, `-0`, `1e30`, `9007199254740993`, `true`, `"\u0000"`, `"\ud800"`, `"undefined"`, `[[]]`,
		`{"a":{"b":[]}}`,
		`"2026"`, `1772445600000`, `"\ufeff"`, `"anon:x"`, `"tabi.x"`, `" "`, `{"traits":[],"device":{"token":[]}}`, `{"backfill":[]}`,
	})
	key := rapid.SampledFrom([]string{"type", "userId", "anonymousId", "messageId", "event", "properties", "traits", "context",
		"timestamp", "sentAt",
		"previousId", "groupId", "name", "originalTimestamp", "\\u0000"})
	kind := rapid.SampledFrom([]string{"track", "identify", "page", "screen", "alias", "group", "TRACK", "x"})
	rapid.Check(t, func(t *rapid.T) {
		n++
		var odd strings.Builder
		fmt.Fprintf(&odd, `{"type":%q`, kind.Draw(t, "kind"))
		for range rapid.IntRange(0, 6).Draw(t, "fields") {
			fmt.Fprintf(&odd, `,"%s":%s`, key.Draw(t, "key"), value.Draw(t, "value"))
		}
		odd.WriteString("}")
		element := odd.String()
		if rapid.IntRange(0, 9).Draw(t, "bare") == 0 {
			element = value.Draw(t, "element")
		}
		good := func(at int) string {
			return fmt.Sprintf(`{"type":"track","userId":"good","event":"Ping","messageId":"g%d-%d"}`, n, at)
		}
		got := h.call("/v1/batch", `{"batch":[`+good(0)+`,`+element+`,`+good(2)+`]}`)
		var out api.Accepted
		if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK || len(out.MessageIDs) != 3 ||
			out.MessageIDs[0] == "" || out.MessageIDs[2] == "" {
			t.Fatalf("%s: %d %s", element, got.status, got.body)
		}
		if (out.MessageIDs[1] == "") != (len(out.Rejected) == 1) {
			t.Fatalf("%s is neither accepted nor refused: %s", element, got.body)
		}
	})
}
