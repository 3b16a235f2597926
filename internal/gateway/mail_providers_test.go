package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	shipped "github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/channels/mailapi"
	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/mailproviders"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// mailWorld is a provider that sends mails and reports.
type mailWorld struct {
	url  string // of TABI_EMAIL_URL, before the endpoint
	keys provider.Keys
	http http.RoundTripper // by which the receiver fetches certificates
	// report returns a request about a mail: its body and headers. kind is delivered, clicked or bounced; id is of the report.
	report func(m mailproviders.Mail, kind, id string, at time.Time) ([]byte, http.Header)
}

func jsonOf(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// mailWorlds are the providers by name.
func mailWorlds() map[string]mailWorld {
	type object = map[string]any
	const (
		webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		signingKey    = "a-signing-key-of-mailgun"
		topic         = "arn:aws:sns:eu-west-1:123456789012:reports"
		link          = "https://shop.example.com/cart"
		gone          = "550 5.1.1 user unknown"
	)
	grid, sns := mailproviders.NewSendGrid(), mailproviders.NewSNS(topic, "2")
	return map[string]mailWorld{
		"resend": {
			url: "resend://?", keys: provider.Keys{"TABI_RESEND_KEY": mailproviders.Key, "TABI_RESEND_WEBHOOK_SECRET": webhookSecret},
			report: func(m mailproviders.Mail, kind, id string, at time.Time) ([]byte, http.Header) {
				body := jsonOf(object{"type": "email." + kind, "created_at": at.Format(time.RFC3339), "data": object{
					"email_id": m.ID, "to": []string{m.To}, "click": object{"link": link},
					"bounce": object{"type": "Permanent", "subType": "General", "message": gone},
				}})
				return body, mailproviders.Resend(webhookSecret, id, body, at, "")
			},
		},
		"sendgrid": {
			url: "sendgrid://?", keys: provider.Keys{
				"TABI_SENDGRID_KEY": mailproviders.Key, "TABI_SENDGRID_WEBHOOK_KEY": grid.VerificationKey(),
			},
			report: func(m mailproviders.Mail, kind, id string, at time.Time) ([]byte, http.Header) {
				event := map[string]string{"delivered": "delivered", "clicked": "click", "bounced": "bounce"}[kind]
				body := jsonOf([]object{{
					"event": event, "email": m.To, "timestamp": at.Unix(), "sg_event_id": id, "sg_message_id": m.ID + ".filter0001",
					"tabi-key": m.Key, "url": link, "reason": gone, "type": "bounce",
				}})
				return body, grid.Headers(body, at)
			},
		},
		"postmark": {
			url: "postmark://?", keys: provider.Keys{
				"TABI_POSTMARK_TOKEN": mailproviders.Key, "TABI_POSTMARK_WEBHOOK": "tabi:a-long-password",
			},
			report: func(m mailproviders.Mail, kind, _ string, at time.Time) ([]byte, http.Header) {
				record := map[string]string{"delivered": "Delivery", "clicked": "Click", "bounced": "Bounce"}[kind]
				when := at.Format(time.RFC3339)
				body := object{
					"RecordType": record, "MessageID": m.ID, "Metadata": object{"tabi-key": m.Key}, "Recipient": m.To, "Email": m.To,
					"DeliveredAt": when, "ReceivedAt": when, "BouncedAt": when, "OriginalLink": link, "Type": "HardBounce", "Details": gone,
				}
				r := httptest.NewRequest(http.MethodPost, "/", nil)
				r.SetBasicAuth("tabi", "a-long-password")
				return jsonOf(body), r.Header
			},
		},
		"mailgun": {
			url: "mailgun://mg.example.com?", keys: provider.Keys{
				"TABI_MAILGUN_KEY": mailproviders.Key, "TABI_MAILGUN_SIGNING_KEY": signingKey,
			},
			report: func(m mailproviders.Mail, kind, id string, at time.Time) ([]byte, http.Header) {
				event := map[string]string{"bounced": "failed"}[kind]
				if event == "" {
					event = kind
				}
				return mailproviders.Mailgun(signingKey, jsonOf(object{
					"event": event, "id": id, "timestamp": float64(at.Unix()), "severity": "permanent", "reason": "bounce",
					"recipient": m.To, "url": link, "user-variables": object{"tabi-key": m.Key},
					"message":         object{"headers": object{"message-id": m.ID}},
					"delivery-status": object{"code": 550, "message": "5.1.1 user unknown"},
				}), "token-"+id, at), nil
			},
		},
		"ses": {
			url: "ses://eu-west-1?", http: sns, keys: provider.Keys{
				"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": mailproviders.Key, "TABI_SES_TOPIC": topic,
			},
			report: func(m mailproviders.Mail, kind, id string, at time.Time) ([]byte, http.Header) {
				event := map[string]string{"delivered": "Delivery", "clicked": "Click", "bounced": "Bounce"}[kind]
				when := at.Format(time.RFC3339)
				return sns.Body("Notification", string(jsonOf(object{
					"eventType": event, "mail": object{"messageId": m.ID, "destination": []string{m.To}},
					"delivery": object{"timestamp": when}, "click": object{"timestamp": when, "link": link},
					"bounce": object{
						"bounceType": "Permanent", "bounceSubType": "General", "timestamp": when, "feedbackId": id,
						"bouncedRecipients": []object{{"emailAddress": m.To, "diagnosticCode": gone}},
					},
				})), at, nil), nil
			},
		},
	}
}

// A mail goes out by a provider's API, and what the provider reports becomes events of the customer, once, in whatever order; a hard
// bounce kills the address.
func TestMailProvidersThereAndBack(t *testing.T) {
	worlds := mailWorlds()
	enginetest.Each(t, func(s *enginetest.Suite) {
		t := s.T
		wall := func() time.Time { return instant }
		var receives []provider.Provider
		keys := provider.Keys{}
		for name, w := range worlds {
			for _, p := range mailapi.Providers() {
				if p.Name == name {
					receives = append(receives, p)
				}
			}
			for variable, value := range w.keys {
				keys[variable] = value
			}
		}
		receivers, _, err := provider.Receivers(receives, provider.Env{
			Keys: keys, Now: wall, Client: &http.Client{Transport: worlds["ses"].http},
		}, "https://tabi.example.com")
		s.Must(err)
		g, err := New(Config{
			Rooms: roomsOf(s.Engine), Ping: s.Database.Ping, Secrets: secrets, LinkSecrets: secrets, PublicURL: "https://tabi.example.com",
			Receivers: receivers,
		})
		s.Must(err)
		g.Now, g.Wall = func() time.Time { return enginetest.Noon }, wall
		post := func(name string, body []byte, header http.Header) string {
			r := httptest.NewRequest(http.MethodPost, "/v1/providers/"+name, strings.NewReader(string(body)))
			for field, values := range header {
				r.Header[field] = values
			}
			rec := httptest.NewRecorder()
			g.Handler().ServeHTTP(rec, r)
			return fmt.Sprint(rec.Code, " ", rec.Body)
		}

		s.Publish(enginetest.Carts(), enginetest.Reminder())
		for name, w := range worlds {
			server := mailproviders.Start(name)
			defer server.End()
			opened, err := shipped.Shipped().Open(shipped.Config{
				EmailURL: w.url + "endpoint=" + server.URL, MailFrom: "Shop <shop@example.com>", Keys: keys,
			})
			s.Must(err)
			defer func() { _ = shipped.Shipped().Close(opened) }()

			who := "customer-" + name
			mailbox := who + "@example.com"
			e := s.EnterCart(who)
			key := e.ID + "/nudge/1"
			r := s.Reserve(e, key, enginetest.Wall, enginetest.Props{"email": mailbox, "consent": enginetest.Props{"marketing": true}})
			got := opened["email"].Send(s.Ctx, channel.Message{
				Key: key, Address: mailbox, Fields: map[string]string{"subject": "Your cart", "html": "<p>Hello</p>"},
			})
			if got.Outcome != channel.Sent || len(server.Mails(key)) != 1 {
				t.Errorf("%s: %+v", name, got)
				continue
			}
			s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{
				Status: contract.StatusSent, ProviderID: got.ProviderID,
			}))

			at := instant.Add(-time.Minute)
			for round, kinds := range [][]string{{"clicked", "delivered"}, {"delivered", "clicked"}, {"bounced"}, {"bounced"}} {
				for _, kind := range kinds {
					body, header := w.report(server.Mails(key)[0], kind, "r-"+name+"-"+kind, at)
					if answer := post(name, body, header); !strings.HasPrefix(answer, `200 {"success":true,"accepted":1`) {
						t.Errorf("%s, round %d, %s: %s", name, round, kind, answer)
					}
				}
				if dead := len(s.Customer(who).Bounced) > 0; dead != (round > 1) {
					t.Errorf("%s, round %d: dead is %t", name, round, dead)
				}
			}
			found := map[string]int{}
			timeline, err := s.Analytics.Timeline(s.Ctx, who, 100)
			s.Must(err)
			for _, line := range timeline {
				if line.Kind == "event" {
					found[line.Title]++
				}
			}
			for _, event := range []string{"Email Delivered", "Email Link Clicked", "Email Bounced"} {
				if found[event] != 1 {
					t.Errorf("%s: %d times %s", name, found[event], event)
				}
			}
			if sent := s.SendOf(key); sent.ProviderID != got.ProviderID {
				t.Errorf("%s: the ledger has %q, the provider %q", name, sent.ProviderID, got.ProviderID)
			}

			// A forged request changes nothing.
			body, header := w.report(server.Mails(key)[0], "delivered", "forged", at)
			body = []byte(strings.ReplaceAll(string(body), "ignature", "ignatur3"))
			for field := range header {
				header[field] = []string{"x"}
			}
			if answer := post(name, body, header); !strings.HasPrefix(answer, "401") {
				t.Errorf("%s: a forged request: %s", name, answer)
			}
		}
	})
}
