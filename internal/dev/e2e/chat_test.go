package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

const (
	lineSecret = "8c570fa6dd201bb328f1c1eac23a96d8"
	lineUser   = "U4af4980629f0a1b2c3d4e5f60718293a"

	welcome = `journey: welcome
entry: {event: Channel Followed, when: event.channel == "line"}
goal: {event: Order Completed}
steps:
  - id: question
    ask: welcome
    via: line
    timeout: 30d
    replies:
      - {any: true, then: [{send: thanks, via: line}, {exit: answered}]}
`
	welcomeMessage = `message: welcome
line: {text: "Hello! May we write to you?", buttons: [{title: "Yes, please"}]}
`
	thanksMessage = `message: thanks
line: {text: Thank you}
`
)

// lineWebhook posts an event as LINE does.
func (h *installation) lineWebhook(id, kind, more string) {
	h.Helper()
	body := fmt.Sprintf(`{"destination":"U00000000000000000000000000000001","events":[{"type":%q,"mode":"active","timestamp":%d,
		"source":{"type":"user","userId":%q},"webhookEventId":%q,"deliveryContext":{"isRedelivery":false}%s}]}`,
		kind, time.Now().UnixMilli(), lineUser, id, more)
	mac := hmac.New(sha256.New, []byte(lineSecret))
	mac.Write([]byte(body))
	h.reports("line", body, "X-Line-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// reports posts what a provider reports, with its signature.
func (h *installation) reports(provider, body, header, signature string) {
	h.Helper()
	req, err := http.NewRequest(http.MethodPost, h.url+"/v1/providers/"+provider, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	req.Header.Set(header, signature)
	got, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	_ = got.Body.Close()
	if got.StatusCode != http.StatusOK {
		h.Fatalf("the webhook is answered %d", got.StatusCode)
	}
}

// Who follows the account is welcomed, answers by a button, and the run that asked continues. LINE delivers the webhook twice.
func TestConversationInLine(t *testing.T) {
	t.Parallel()
	sink, err := devsinks.Start(devsinks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	h := open(t, settings{
		files: map[string]string{
			"welcome.yaml": welcome, "messages/welcome.yaml": welcomeMessage, "messages/thanks.yaml": thanksMessage,
		},
		more: func(c *app.Config) {
			c.Provide(chatapi.LineToken, sink.ChatToken())
			c.Provide(chatapi.LineURL, sink.LineURL())
			c.Provide(chatapi.LineSecret, lineSecret)
		},
	})
	received := func(text string) devsinks.Chat {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := sink.WaitChat(ctx, func(c devsinks.Chat) bool { return c.Text == text })
		if err != nil {
			t.Fatalf("no message says %q: %v", text, err)
		}
		return c
	}
	h.lineWebhook("01FOLLOW", "follow", `,"follow":{"isUnblocked":false}`)
	h.lineWebhook("01FOLLOW", "follow", `,"follow":{"isUnblocked":false}`)
	asked := received("Hello! May we write to you?")
	if asked.To != lineUser || len(asked.Buttons) != 1 || asked.Buttons[0].Title != "Yes, please" {
		t.Errorf("asked %+v", asked)
	}
	h.lineWebhook("01ANSWER", "message", `,"message":{"type":"text","id":"1","text":"Yes, please"}`)
	received("Thank you")
	h.lineWebhook("01ANSWER", "message", `,"message":{"type":"text","id":"1","text":"Yes, please"}`)
	// Blocked: nothing more goes there, also after a server has said who it is.
	h.lineWebhook("01BLOCK", "unfollow", "")
	h.identify("ana", map[string]any{"line_id": lineUser})
	h.settled()
	c, err := h.Store.Customers.Get(context.Background(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.OptedOut) != 1 || c.OptedOut[0] != lineUser {
		t.Errorf("after the block: %+v", c)
	}
	if n := len(sink.Chats()); n != 2 {
		t.Errorf("%d messages went out, want 2", n)
	}
}
