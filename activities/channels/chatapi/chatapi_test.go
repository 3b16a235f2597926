package chatapi

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

const (
	secret = "8c570fa6dd201bb328f1c1eac23a96d8"
	user   = "U4af4980629f0a1b2c3d4e5f60718293a"
	phone  = "106540352242922"
)

// opener opens the receiver of the provider that the keys are of.
func opener(keys provider.Keys) func(*testing.T, func() time.Time) webhook.Receiver {
	return func(t *testing.T, now func() time.Time) webhook.Receiver {
		t.Helper()
		receivers, _, err := provider.Receivers(Providers(), provider.Env{Keys: keys, Now: now}, "https://tabi.example.com/")
		if err != nil || len(receivers) != 1 {
			t.Fatalf("%d receivers: %v", len(receivers), err)
		}
		for _, r := range receivers {
			return r
		}
		return nil
	}
}

// lineBody is the body of a webhook with one event, of a user unless more says otherwise.
func lineBody(kind, more string) []byte {
	return []byte(`{"destination":"U00000000000000000000000000000001","events":[{"type":"` + kind + `","mode":"active",
		"timestamp":1692251666727,"source":{"type":"user","userId":"` + user + `"},"webhookEventId":"01H810YECXQQZ37VAXPF6H9E6T",
		"deliveryContext":{"isRedelivery":false}` + more + `}]}`)
}

// The bodies are those of https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects.
func TestLineReports(t *testing.T) {
	t.Parallel()
	of := func(kind channel.ReportKind, change ...func(*channel.Report)) []channel.Report {
		r := channel.Report{
			Kind: kind, Channel: "line", Address: user, ID: "line/01H810YECXQQZ37VAXPF6H9E6T", At: time.UnixMilli(1692251666727),
		}
		for _, f := range change {
			f(&r)
		}
		return []channel.Report{r}
	}
	const token = `,"replyToken":"38ef843bde154d9b91c21320ffd17a0f"`
	two := bytes.Replace(lineBody("follow", token), []byte(`]}`), []byte(`,{"type":"unfollow","mode":"active","timestamp":1692251666727,
		"source":{"type":"user","userId":"`+user+`"},"webhookEventId":"01H810YECXQQZ37VAXPF6H9E6T"},
		{"type":"join","mode":"active","source":{"type":"group","groupId":"C4af4980629f0a1b2c3d4e5f60718293a"}}]}`), 1)
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Open:      opener(provider.Keys{LineSecret: secret}),
		SignsBody: true,
		Sign: func(_ *testing.T, body []byte, _ time.Time) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/v1/providers/line", bytes.NewReader(body))
			r.Header.Set("X-Line-Signature", base64.StdEncoding.EncodeToString(mac([]byte(secret), body)))
			return r
		},
		Forge: func(r *http.Request) {
			r.Header.Set("X-Line-Signature", base64.StdEncoding.EncodeToString(make([]byte, 32)))
		},
		Recorded: []channeltest.Recorded{
			{Name: "text", Body: lineBody("message", token+`,"message":{"id":"444573844083572737","type":"text","quoteToken":"q3Plxr4AgKd",
				"text":"@All @example Good Morning!! (love)","quotedMessageId":"468789577898262530"}`),
				Want: of(channel.Replied, func(r *channel.Report) {
					r.Text, r.InReplyTo = "@All @example Good Morning!! (love)", "468789577898262530"
				})},
			{Name: "sticker", Body: lineBody("message", token+`,"message":{"type":"sticker","id":"1501597916","stickerId":"52002738",
				"packageId":"11537","stickerResourceType":"ANIMATION","keywords":["cony","sally"]}`),
				Want: of(channel.Replied, func(r *channel.Report) { r.Form = "sticker" })},
			{Name: "image", Body: lineBody("message", token+`,"message":{"type":"image","id":"354718705033693859",
				"contentProvider":{"type":"line"}}`), Want: of(channel.Replied, func(r *channel.Report) { r.Form = "image" })},
			{Name: "location", Body: lineBody("message", token+`,"message":{"id":"325708","type":"location","title":"my location",
				"address":"日本、〒102-8282 東京都千代田区紀尾井町1番3号","latitude":35.67966,"longitude":139.73669}`),
				Want: of(channel.Replied, func(r *channel.Report) {
					r.Form, r.Text = "location", "my location 日本、〒102-8282 東京都千代田区紀尾井町1番3号"
				})},
			{Name: "postback", Body: lineBody("postback", token+`,"postback":{"data":"storeId=12345"}`),
				Want: of(channel.Replied, func(r *channel.Report) { r.Form, r.Data = "button", "storeId=12345" })},
			{Name: "follow", Body: lineBody("follow", token+`,"follow":{"isUnblocked":false}`), Want: of(channel.Followed)},
			{Name: "unblocked", Body: lineBody("follow", token+`,"follow":{"isUnblocked":true}`), Want: of(channel.Followed)},
			{Name: "blocked", Body: lineBody("unfollow", ""), Want: of(channel.Blocked)},
			{Name: "linked", Body: lineBody("accountLink", token+`,"link":{"result":"ok","nonce":"xxx"}`),
				Want: of(channel.Linked, func(r *channel.Report) { r.Data = "xxx" })},
			{Name: "not linked", Body: lineBody("accountLink", `,"link":{"result":"failed","nonce":"xxx"}`), Ignored: 1},
			{Name: "group", Body: bytes.Replace(lineBody("message", `,"message":{"type":"text","text":"a"}`), []byte(`"type":"user"`),
				[]byte(`"type":"group","groupId":"C1"`), 1), Ignored: 1},
			{Name: "standby", Body: bytes.Replace(lineBody("follow", ""), []byte("active"), []byte("standby"), 1), Ignored: 1},
			{Name: "several", Body: two, Want: append(of(channel.Followed), of(channel.Blocked)...), Ignored: 1},
			{Name: "the console verifies", Body: []byte(`{"destination":"xxxxxxxxxx","events":[]}`), Answer: "OK"},
		},
		Unknown: lineBody("videoPlayComplete", `,"videoPlayComplete":{"trackingId":"track-id"}`),
	})
}

// whatsappBody is the body of a webhook with one change.
func whatsappBody(field, value string) []byte {
	return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"field":"` + field + `","value":{
		"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"` + phone + `"},
		"contacts":[{"profile":{"name":"Sheena Nelson"},"wa_id":"16505551234"}],` + value + `}}]}]}`)
}

func whatsappRequest(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/providers/whatsapp", bytes.NewReader(body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac([]byte(secret), body)))
	return r
}

// The bodies are those of https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks.
func TestWhatsAppReports(t *testing.T) {
	t.Parallel()
	const wamid = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI3MTE5MjVBOTE3MDk5QUVFM0YA"
	at := time.Unix(1750263773, 0)
	of := func(kind channel.ReportKind, id string, change ...func(*channel.Report)) []channel.Report {
		r := channel.Report{Kind: kind, Channel: "whatsapp", Address: "+16505551234", ID: "whatsapp/" + id, At: at}
		for _, f := range change {
			f(&r)
		}
		return []channel.Report{r}
	}
	message := func(more string) []byte {
		return whatsappBody("messages", `"messages":[{"from":"16505551234","id":"`+wamid+`","timestamp":"1750263773",`+more+`}]`)
	}
	status := func(status, more string) []byte {
		return whatsappBody("messages", `"statuses":[{"id":"`+wamid+`","status":"`+status+`","timestamp":"1750263773",
			"recipient_id":"16505551234","biz_opaque_callback_data":"e1/hello/1","pricing":{"billable":true}`+more+`}]`)
	}
	failed := func(code, title string) []byte {
		return status("failed", `,"errors":[{"code":`+code+`,"title":"`+title+`","message":"`+title+`","error_data":{"details":"why"}}]`)
	}
	sent := func(r *channel.Report) { r.Key, r.ProviderID = "e1/hello/1", wamid }
	preference := func(value string) []byte {
		return whatsappBody("user_preferences", `"user_preferences":[{"wa_id":"16505551234","detail":"User requested to `+value+`",
			"category":"marketing_messages","value":"`+value+`","timestamp":1750263773}]`)
	}
	const choice = `"context":{"from":"15550783881","id":"wamid.asked"},`
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Open:      opener(provider.Keys{WhatsAppSecret: secret, WhatsAppVerify: "verify-me-please", WhatsAppPhone: phone}),
		SignsBody: true,
		Sign:      func(_ *testing.T, body []byte, _ time.Time) *http.Request { return whatsappRequest(body) },
		Forge:     func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) },
		Recorded: []channeltest.Recorded{
			{Name: "text", Body: message(`"type":"text","text":{"body":"Does it come in another color?"}`),
				Want: of(channel.Replied, wamid, func(r *channel.Report) { r.Text = "Does it come in another color?" })},
			{Name: "button of a template", Body: message(choice + `"type":"button","button":{"payload":"no-more","text":"Not now"}`),
				Want: of(channel.Replied, wamid, func(r *channel.Report) {
					r.Form, r.Text, r.Data, r.InReplyTo = "button", "Not now", "no-more", "wamid.asked"
				})},
			{Name: "reply button", Body: message(choice + `"type":"interactive","interactive":{"type":"button_reply",
				"button_reply":{"id":"cancel-button","title":"Cancel it"}}`),
				Want: of(channel.Replied, wamid, func(r *channel.Report) {
					r.Form, r.Text, r.Data, r.InReplyTo = "button", "Cancel it", "cancel-button", "wamid.asked"
				})},
			{Name: "list", Body: message(`"type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"priority_express",
				"title":"Priority Mail Express","description":"Next Day"}}`), Want: of(channel.Replied, wamid, func(r *channel.Report) {
				r.Form, r.Text, r.Data = "button", "Priority Mail Express", "priority_express"
			})},
			{Name: "image", Body: message(`"type":"image","image":{"caption":"Broken","mime_type":"image/jpeg","sha256":"81d","id":"1"}`),
				Want: of(channel.Replied, wamid, func(r *channel.Report) { r.Form, r.Text = "image", "Broken" })},
			{Name: "location", Body: message(`"type":"location","location":{"address":"1071 5th Ave","latitude":40.78,"longitude":-73.95,
				"name":"Guggenheim"}`), Want: of(channel.Replied, wamid, func(r *channel.Report) {
				r.Form, r.Text = "location", "Guggenheim 1071 5th Ave"
			})},
			{Name: "sticker", Body: message(`"type":"sticker","sticker":{"mime_type":"image/webp","id":"1","animated":false}`),
				Want: of(channel.Replied, wamid, func(r *channel.Report) { r.Form = "sticker" })},
			{Name: "stop", Body: message(`"type":"text","text":{"body":"STOP."}`),
				Want: of(channel.Blocked, wamid, func(r *channel.Report) { r.Text = "STOP." })},
			{Name: "start", Body: message(`"type":"text","text":{"body":"start"}`),
				Want: of(channel.Followed, wamid, func(r *channel.Report) { r.Text = "start" })},
			{Name: "reaction", Body: message(`"type":"reaction","reaction":{"message_id":"wamid.x","emoji":"\uD83D\uDE00"}`), Ignored: 1},
			{Name: "unsupported", Body: message(`"type":"unsupported","errors":[{"code":131051,"title":"x"}]`), Ignored: 1},
			{Name: "sent", Body: status("sent", ""), Ignored: 1},
			{Name: "delivered", Body: status("delivered", ""), Want: of(channel.Delivered, wamid+"/delivered", sent)},
			{Name: "read", Body: status("read", ""), Want: of(channel.Read, wamid+"/read", sent)},
			{Name: "not on WhatsApp", Body: failed("131026", "Message undeliverable"),
				Want: of(channel.Bounced, wamid+"/failed", sent, func(r *channel.Report) {
					r.Class, r.Reason = channel.Hard, "WhatsApp: 131026 Message undeliverable: why"
				})},
			{Name: "stopped marketing", Body: failed("131050", "Stopped"),
				Want: of(channel.Blocked, wamid+"/failed", sent, func(r *channel.Report) { r.Reason = "WhatsApp: 131050 Stopped: why" })},
			{Name: "not delivered by Meta's choice", Body: failed("131049", "Healthy"),
				Want: of(channel.Failed, wamid+"/failed", sent, func(r *channel.Report) { r.Reason = "WhatsApp: 131049 Healthy: why" })},
			{Name: "marketing stopped", Body: preference("stop"), Want: of(channel.Blocked, "preference/16505551234/1750263773/stop")},
			{Name: "marketing resumed", Body: preference("resume"), Want: of(channel.Followed, "preference/16505551234/1750263773/resume")},
			{Name: "another number of the app", Ignored: 1,
				Body: bytes.Replace(message(`"type":"text","text":{"body":"a"}`), []byte(phone), []byte("1"), 1)},
		},
		Unknown: whatsappBody("message_template_status_update", `"event":"APPROVED","message_template_id":594425479261596`),
	})
}

// Meta checks the address by a challenge with the verify token.
func TestWhatsAppChallenge(t *testing.T) {
	t.Parallel()
	r := opener(provider.Keys{WhatsAppSecret: secret, WhatsAppVerify: "verify-me-please"})(t, time.Now)
	get := func(query string) (channel.Received, error) {
		return r.Receive(httptest.NewRequest(http.MethodGet, "/v1/providers/whatsapp?"+query, nil), nil)
	}
	got, err := get("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify-me-please")
	if err != nil || got.Answer != "1158201444" {
		t.Errorf("got %+v %v", got, err)
	}
	for _, query := range []string{
		"", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=other", "hub.challenge=1&hub.verify_token=verify-me-please",
	} {
		if got, err := get(query); !errors.Is(err, channel.ErrSignature) || got.Answer != "" {
			t.Errorf("%q: got %+v %v", query, got, err)
		}
	}
}

// A setting that is missing is named.
func TestMissingSettings(t *testing.T) {
	t.Parallel()
	for _, p := range Providers() {
		for _, s := range p.Settings {
			if s.Use&provider.Reports == 0 || s.Optional {
				continue
			}
			keys := provider.Keys{}
			for _, other := range p.Settings {
				keys[other.Name] = "a-long-enough-value"
			}
			delete(keys, s.Name)
			_, all, err := provider.Receivers([]provider.Provider{p}, provider.Env{Keys: keys, Now: time.Now}, "")
			if err != nil || len(all) != 1 || all[0].Accepts || len(all[0].Missing) != 1 || all[0].Missing[0] != s.Name {
				t.Errorf("%s without %s: %+v %v", p.Name, s.Name, all, err)
			}
		}
	}
}

func TestLineLink(t *testing.T) {
	t.Parallel()
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		if strings.Contains(r.URL.Path, "missing") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"message":"no user missing"}`))
			return
		}
		_, _ = w.Write([]byte(`{"linkToken":"NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY"}`))
	}))
	defer server.Close()
	keys := provider.Keys{LineToken: "token", LineURL: server.URL}
	got, err := LineLink(t.Context(), server.Client(), keys, user, "nonce+/=")
	want := server.URL + "/dialog/bot/accountLink?linkToken=NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY&nonce=nonce%2B%2F%3D"
	if err != nil || got != want {
		t.Errorf("got %s %v", got, err)
	}
	if want := "POST /v2/bot/user/" + user + "/linkToken Bearer token"; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	if _, err := LineLink(t.Context(), server.Client(), keys, "missing", "n"); err == nil || strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
	_, err = LineLink(t.Context(), server.Client(), provider.Keys{}, user, "n")
	if err == nil || !strings.Contains(err.Error(), LineToken) {
		t.Errorf("got %v", err)
	}
}
