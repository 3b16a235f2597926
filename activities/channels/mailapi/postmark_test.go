package mailapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
)

// The bodies are those of https://postmarkapp.com/developer/webhooks.

func TestPostmarkReports(t *testing.T) {
	t.Parallel()
	id := "883953f4-6105-42a2-a16a-77a8eac79483"
	at := time.Date(2019, 11, 5, 16, 33, 54, 0, time.UTC)
	of := func(kind channel.ReportKind) channel.Report {
		return channel.Report{
			Kind: kind, Channel: "email", Key: "e1/hello/1", ProviderID: id, Address: "john@example.com", At: at,
		}
	}
	bounce := of(channel.Bounced)
	bounce.ID, bounce.Class = "postmark/4323372036854775807", channel.Hard
	bounce.Reason = "smtp;550 5.1.1 The email account that you tried to reach does not exist"
	soft := bounce
	soft.ID, soft.Class, soft.Reason = "postmark/17", channel.Soft, "The mailbox is full"
	complaint := of(channel.Complained)
	complaint.ID = "postmark/42"
	click := of(channel.Clicked)
	click.URL = "https://example.com/cart"
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Open: opener(provider.Keys{postmarkWebhook: "tabi:a-long-password"}),
		Sign: func(_ *testing.T, body []byte, _ time.Time) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/v1/providers/postmark", bytes.NewReader(body))
			r.SetBasicAuth("tabi", "a-long-password")
			return r
		},
		Forge: func(r *http.Request) { r.SetBasicAuth("tabi", "another-password") },
		Recorded: []channeltest.Recorded{
			{Name: "delivery", Body: recorded(t, "postmark-delivery.json"), Want: []channel.Report{of(channel.Delivered)}},
			{Name: "open", Body: recorded(t, "postmark-open.json"), Want: []channel.Report{of(channel.Opened)}},
			{Name: "click", Body: recorded(t, "postmark-click.json"), Want: []channel.Report{click}},
			{Name: "hard bounce", Body: recorded(t, "postmark-bounce.json"), Want: []channel.Report{bounce}},
			{Name: "soft bounce", Body: recorded(t, "postmark-bounce-soft.json"), Want: []channel.Report{soft}},
			{Name: "spam complaint", Body: recorded(t, "postmark-complaint.json"), Want: []channel.Report{complaint}},
			{Name: "opt-out", Body: recorded(t, "postmark-subscription.json"), Want: []channel.Report{of(channel.Unsubscribed)}},
			{Name: "opt-in again", Body: recorded(t, "postmark-subscription-again.json"), Ignored: 1},
			{Name: "suppression by a bounce", Body: recorded(t, "postmark-subscription-bounce.json"), Ignored: 1},
		},
		Unknown: []byte(`{"RecordType":"SMTPApiError","MessageID":"x"}`),
	})
}
