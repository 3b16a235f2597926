package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/message"
)

const (
	whatsappSecret = "d3b07384d113edec49eaa6238ad5ff00"

	answering = `journey: answering
entry: {event: Message Received, when: event.channel == "whatsapp"}
goal: {event: Order Completed}
steps:
  - {id: answer, send: answer, via: whatsapp, category: transactional}
`
	answerMessage = `message: answer
whatsapp: {template: we_answer, language: en, values: ["{{ event.text }}"], text: "You wrote: {{ event.text }}"}
`
)

// whatsappWebhook posts a text of a customer as Meta does.
func (h *installation) whatsappWebhook(phone, from, text string, at time.Time) {
	h.Helper()
	body := fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{
		"messaging_product":"whatsapp","metadata":{"display_phone_number":"81","phone_number_id":%q},"messages":[
		{"from":%q,"id":"wamid.%s","timestamp":"%d","type":"text","text":{"body":%q}}]}}]}]}`, phone, from, from, at.Unix(), text)
	mac := hmac.New(sha256.New, []byte(whatsappSecret))
	mac.Write([]byte(body))
	h.reports("whatsapp", body, "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// Who has just written by WhatsApp is answered by a text. Who wrote a day ago, or has by Meta's count, gets the template.
func TestAnswersInWhatsApp(t *testing.T) {
	t.Parallel()
	sink, err := devsinks.Start(devsinks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	h := open(t, settings{
		files: map[string]string{"answering.yaml": answering, "messages/answer.yaml": answerMessage},
		more: func(c *app.Config) {
			c.Provide(chatapi.WhatsAppToken, sink.ChatToken())
			c.Provide(chatapi.WhatsAppURL, sink.WhatsAppURL())
			c.Provide(chatapi.WhatsAppPhone, sink.WhatsAppPhone())
			c.Provide(chatapi.WhatsAppSecret, whatsappSecret)
			c.Provide(chatapi.WhatsAppVerify, "verify")
		},
	})
	now := clock.Now(h.clock)
	for _, one := range []struct {
		from           string
		at             time.Time
		open           bool // the window, at Meta
		text, template string
		reason         string
	}{
		{"819011111111", now, true, "You wrote: Hello", "", "SESSION"},
		{"819022222222", now, false, "", "we_answer", ""},
		{"819033333333", now.Add(-25 * time.Hour), true, "", "we_answer", ""},
	} {
		if one.open {
			sink.WhatsAppWrote("+"+one.from, time.Now())
		}
		h.whatsappWebhook(sink.WhatsAppPhone(), one.from, "Hello", one.at)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		got, err := sink.WaitChat(ctx, func(c devsinks.Chat) bool { return c.To == "+"+one.from })
		cancel()
		if err != nil || got.Text != one.text || got.Template != one.template {
			t.Errorf("%s was sent %+v, %v", one.from, got, err)
		}
		await(h, "the ledger has the send to "+one.from, func() error {
			sends, err := h.Store.Messages.Sends(t.Context(), message.SendFilter{Customer: "anon:whatsapp:+" + one.from})
			if err != nil || len(sends) != 1 || sends[0].Reason != one.reason || sends[0].Status != "sent" {
				return fmt.Errorf("the ledger has %+v, %v", sends, err)
			}
			return nil
		})
	}
	if n := len(sink.Chats()); n != 3 {
		t.Errorf("%d messages went out, want 3", n)
	}
}
