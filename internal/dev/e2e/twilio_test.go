package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels/smsapi"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
)

const (
	smsNumber = "+819012345678"

	asking = `journey: asking
entry: {event: Order Delivered}
timeout: 30d
steps:
  - id: question
    ask: question
    via: sms
    timeout: 20d
    replies:
      - {any: true, then: [{send: thanks, via: sms}, {exit: answered}]}
`
	askingMessage = `message: question
sms: {text: "Did it arrive well?"}
`
	askingThanks = `message: thanks
sms: {text: "Thank you"}
`
)

// twilioWebhook posts a form as Twilio does, and returns the status of the answer.
func (h *installation) twilioWebhook(token string, pairs ...string) int {
	h.Helper()
	form := url.Values{"AccountSid": {phones.TwilioAccount}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	address := h.url + "/v1/providers/twilio"
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		h.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", phones.TwilioSignature(token, address, form))
	status, _ := do(h, req)
	return status
}

// A question goes out by Twilio, Twilio reports its fate, and the reply continues the run. Twilio repeats all of it.
func TestConversationByTwilio(t *testing.T) {
	t.Parallel()
	server := phones.Twilio(t)
	h := open(t, settings{
		files: map[string]string{
			"asking.yaml": asking, "messages/question.yaml": askingMessage, "messages/thanks.yaml": askingThanks,
		},
		more: func(c *app.Config) {
			c.Channels.SMSURL = "twilio://" + phones.TwilioAccount + "?from=" + url.QueryEscape(phones.TwilioFrom) + "&api=" +
				url.QueryEscape(server.URL)
			c.Provide(smsapi.TwilioToken, phones.TwilioToken)
		},
	})
	h.identify("ana", map[string]any{"phone": smsNumber, "consent": map[string]any{"marketing": true}})
	h.track("ana", "Order Delivered", "", nil)
	e := h.parked("asking/ana", "question")
	send, err := h.Store.Messages.Send(context.Background(), e.ID+"/question/1")
	if err != nil || !strings.HasPrefix(send.ProviderID, "SM") {
		t.Fatalf("the ledger has %+v, %v", send, err)
	}
	delivered := []string{"MessageSid", send.ProviderID, "SmsSid", send.ProviderID, "MessageStatus", "delivered", "To", smsNumber,
		"From", phones.TwilioFrom}
	reply := []string{"MessageSid", "SM00000000000000000000000000000001", "SmsStatus", "received", "From", smsNumber,
		"To", phones.TwilioFrom, "Body", "はい"}
	stop := []string{"MessageSid", "SM00000000000000000000000000000002", "SmsStatus", "received", "From", smsNumber,
		"To", phones.TwilioFrom, "Body", "STOP"}
	for _, forged := range [][]string{delivered, reply, stop} {
		if status := h.twilioWebhook("the-token-of-another", forged...); status != http.StatusUnauthorized {
			t.Errorf("a forged webhook is answered %d", status)
		}
	}
	for _, webhook := range [][]string{delivered, delivered, reply, reply} {
		if status := h.twilioWebhook(phones.TwilioToken, webhook...); status != http.StatusOK {
			t.Errorf("%v is answered %d", webhook, status)
		}
	}
	h.ended("asking/ana", "answered")
	if status := h.twilioWebhook(phones.TwilioToken, stop...); status != http.StatusOK {
		t.Errorf("STOP is answered %d", status)
	}
	await(t, "the events of the customer", func() error {
		all, err := h.Store.Analytics.Timeline(t.Context(), "ana", 100)
		if err != nil {
			return err
		}
		count := map[string]int{}
		for _, line := range all {
			if line.Kind == "event" {
				count[line.Title]++
			}
		}
		if count["Message Delivered"] != 1 || count["Message Received"] < 1 {
			return errors.New("no delivery or no reply")
		}
		return nil
	})
	c, err := h.Store.Customers.Get(context.Background(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.OptedOut, []string{smsNumber}) {
		t.Errorf("after STOP these have opted out: %v", c.OptedOut)
	}
	var texts []string
	for _, m := range server.Messages() {
		texts = append(texts, m.Text)
	}
	same(t, "the texts", texts, []string{"Did it arrive well?", "Thank you"})
}
