package mailapi

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/mailproviders"
)

// The bodies in testdata are those of the providers' documentation, with a ledger key where a mail of tabi has it.

// now is the time of these tests.
var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// posted returns a request with headers.
func posted(body []byte, header http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/providers/x", bytes.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	return r
}

// as returns a copy of a report, changed.
func as(r channel.Report, change func(*channel.Report)) []channel.Report {
	change(&r)
	return []channel.Report{r}
}

func TestResendReports(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	of := channel.Report{
		ID: "resend/msg_1", Channel: "email", Key: "e1/hello/1", ProviderID: "56761188-7520-42d8-8898-ff6fc54ce618",
		Address: "delivered@example.com", At: time.Date(2024, 11, 22, 23, 41, 12, 126e6, time.UTC), Kind: channel.Delivered,
	}
	kind := func(k channel.ReportKind) []channel.Report { return as(of, func(r *channel.Report) { r.Kind = k }) }
	bounce := func(class channel.BounceClass, reason string) []channel.Report {
		return as(of, func(r *channel.Report) { r.Kind, r.Class, r.Reason = channel.Bounced, class, reason })
	}
	one := func(name string, want []channel.Report) channeltest.Recorded {
		r := channeltest.Recorded{Name: name, Body: recorded(t, "resend-"+name+".json"), Want: want}
		if want == nil {
			r.Ignored = 1
		}
		return r
	}
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Now: now, Open: opener(provider.Keys{resendWebhook: secret}), SignsBody: true, SignsTime: true,
		Sign: func(_ *testing.T, body []byte, at time.Time) *http.Request {
			return posted(body, mailproviders.Resend(secret, "msg_1", body, at, "v1,b2xkIHNlY3JldA=="))
		},
		Forge: func(r *http.Request) { r.Header.Set("Svix-Signature", "v1,AAAA v2,BBBB") },
		Recorded: []channeltest.Recorded{
			one("delivered", kind(channel.Delivered)), one("opened", kind(channel.Opened)), one("complained", kind(channel.Complained)),
			one("clicked", as(of, func(r *channel.Report) { r.Kind, r.URL = channel.Clicked, "https://example.com/cart" })),
			one("bounced", bounce(channel.Hard, "Permanent/Suppressed: The recipient's email address is on the suppression list because "+
				"it has a recent history of producing hard bounces.")),
			one("bounced-transient", bounce(channel.Soft, "Transient/MailboxFull: The recipient's inbox was full.")),
			one("suppressed", bounce(channel.Hard, "OnAccountSuppressionList: Resend has suppressed sending to this address because it is "+
				"on the account-level suppression list.")),
			one("failed", as(of, func(r *channel.Report) { r.Kind, r.Reason = channel.Failed, "reached_daily_quota" })),
			one("list-of-tags", kind(channel.Delivered)), one("sent", nil), one("delayed", nil),
		},
		Unknown: recorded(t, "resend-contact.json"),
	})
}

func TestSendGridReports(t *testing.T) {
	t.Parallel()
	s, other := mailproviders.NewSendGrid(), mailproviders.NewSendGrid()
	of := func(n string, change func(*channel.Report)) channel.Report {
		r := channel.Report{
			ID: "sendgrid/ev" + n, Channel: "email", Key: "e1/hello/1", ProviderID: "14c5d75ce93", Address: "example@test.com",
			At: time.Unix(1513299569, 0),
		}
		change(&r)
		return r
	}
	kind := func(n string, k channel.ReportKind) channel.Report {
		return of(n, func(r *channel.Report) { r.Kind = k })
	}
	bounce := func(n string, class channel.BounceClass, reason string) channel.Report {
		return of(n, func(r *channel.Report) { r.Kind, r.Class, r.Reason = channel.Bounced, class, reason })
	}
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Now: now, Open: opener(provider.Keys{sendgridWebhook: s.VerificationKey()}),
		SignsBody: true, SignsTime: true, Window: sendgridWindow,
		Sign: func(_ *testing.T, body []byte, at time.Time) *http.Request { return posted(body, s.Headers(body, at)) },
		Forge: func(r *http.Request) {
			for name, values := range other.Headers(recorded(t, "sendgrid-batch.json"), now) {
				r.Header[name] = values
			}
		},
		Recorded: []channeltest.Recorded{{
			Name: "a batch", Body: recorded(t, "sendgrid-batch.json"), Ignored: 4,
			Want: []channel.Report{
				kind("02", channel.Delivered), kind("03", channel.Opened),
				of("04", func(r *channel.Report) { r.Kind, r.Machine = channel.Opened, true }),
				of("05", func(r *channel.Report) { r.Kind, r.URL = channel.Clicked, "http://www.sendgrid.com/" }),
				bounce("06", channel.Hard, "5.1.1 550 5.1.1 The email account that you tried to reach does not exist"),
				bounce("07", channel.Soft, "5.7.1 550 5.7.1 message refused as spam"),
				bounce("08", channel.Soft, "5.0.0 500 unknown recipient"),
				bounce("09", channel.Hard, "Bounced Address"),
				of("10", func(r *channel.Report) {
					r.Kind, r.Reason = channel.Failed, "Spam Content (if spam checker app enabled)"
				}),
				of("11", func(r *channel.Report) { r.Kind, r.Reason = channel.Unsubscribed, "Unsubscribed Address" }),
				kind("12", channel.Complained), kind("13", channel.Unsubscribed), kind("14", channel.Unsubscribed),
			},
		}},
		Unknown: []byte(`[{"event":"account_status_change","type":"compliance_suspend"}]`),
	})
}

func TestMailgunReports(t *testing.T) {
	t.Parallel()
	const key = "a-signing-key-of-mailgun"
	of := channel.Report{
		ID: "mailgun/CPgfbmQMTCKtHW6uIWtuVe", Channel: "email", Key: "e1/hello/1", ProviderID: "20130503182626.18666.16540@mg.example.com",
		Address: "alice@example.com", At: time.UnixMilli(1521472262908), Kind: channel.Delivered,
	}
	kind := func(k channel.ReportKind) []channel.Report { return as(of, func(r *channel.Report) { r.Kind = k }) }
	bounce := func(class channel.BounceClass, reason string) []channel.Report {
		return as(of, func(r *channel.Report) { r.Kind, r.Class, r.Reason = channel.Bounced, class, reason })
	}
	one := func(name string, want []channel.Report) channeltest.Recorded {
		r := channeltest.Recorded{Name: name, Body: recorded(t, "mailgun-"+name+".json"), Want: want}
		if want == nil {
			r.Ignored = 1
		}
		return r
	}
	var tokens atomic.Int64
	open := opener(provider.Keys{mailgunWebhook: key})
	channeltest.ExerciseReceiver(t, channeltest.Webhook{
		Now: now, Open: open, SignsTime: true, Window: mailgunWindow,
		Sign: func(_ *testing.T, event []byte, at time.Time) *http.Request {
			return posted(mailproviders.Mailgun(key, event, "token-"+strconv.FormatInt(tokens.Add(1), 10), at), nil)
		},
		Forge: func(r *http.Request) {
			body := mailproviders.Mailgun("another-key-of-mailgun", recorded(t, "mailgun-delivered.json"), "t", now)
			*r = *posted(body, nil)
		},
		Recorded: []channeltest.Recorded{
			one("delivered", kind(channel.Delivered)), one("opened", kind(channel.Opened)), one("complained", kind(channel.Complained)),
			one("unsubscribed", kind(channel.Unsubscribed)),
			one("opened-bot", as(of, func(r *channel.Report) { r.Kind, r.Machine = channel.Opened, true })),
			one("clicked", as(of, func(r *channel.Report) { r.Kind, r.URL = channel.Clicked, "http://mailgun.com" })),
			one("failed-permanent", bounce(channel.Hard, "550 5.1.1 The email account that you tried to reach does not exist")),
			one("failed-policy", bounce(channel.Soft, "550 5.7.1 blocked by policy")),
			one("failed-suppressed", bounce(channel.Hard, "605 Not delivering to previously bounced address")),
			one("failed-temporary", nil), one("accepted", nil),
			one("no-variables", as(of, func(r *channel.Report) { r.Key = "" })),
		},
		Unknown: []byte(`{"event":"list_member_uploaded"}`),
	})

	// The signature does not cover the report, so a token is good for one report.
	r := open(t, func() time.Time { return now })
	delivered, clicked := recorded(t, "mailgun-delivered.json"), recorded(t, "mailgun-clicked.json")
	for i, try := range []struct {
		event []byte
		want  error
	}{{delivered, nil}, {delivered, nil}, {clicked, channel.ErrSignature}} {
		body := mailproviders.Mailgun(key, try.event, "one token", now)
		if _, err := r.Receive(posted(body, nil), body); !errors.Is(err, try.want) {
			t.Errorf("try %d: %v, want %v", i, err, try.want)
		}
	}
}

// sesOf opens the receiver of a topic.
func sesOf(s *mailproviders.SNS) func(*testing.T, func() time.Time) webhook.Receiver {
	return func(t *testing.T, at func() time.Time) webhook.Receiver {
		t.Helper()
		r, err := sesReceiver(provider.Env{Keys: provider.Keys{sesTopic: s.Topic}, Now: at, Client: &http.Client{Transport: s}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

const topic = "arn:aws:sns:eu-west-1:123456789012:reports"

func TestSESReports(t *testing.T) {
	t.Parallel()
	of := channel.Report{
		Channel: "email", Key: "e1/a step/1", ProviderID: "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
		Address: "recipient@example.com", At: time.Date(2017, 8, 5, 0, 41, 2, 669e6, time.UTC),
	}
	const feedback = "ses/01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000"
	kind := func(k channel.ReportKind) []channel.Report { return as(of, func(r *channel.Report) { r.Kind = k }) }
	bounce := func(class channel.BounceClass, reason, key string) []channel.Report {
		return as(of, func(r *channel.Report) {
			r.ID, r.Kind, r.Class, r.Reason, r.Key = feedback, channel.Bounced, class, reason, key
		})
	}
	for _, version := range []string{"1", "2"} {
		t.Run("signature "+version, func(t *testing.T) {
			t.Parallel()
			s, other := mailproviders.NewSNS(topic, version), mailproviders.NewSNS(topic, version)
			one := func(name string, want []channel.Report) channeltest.Recorded {
				r := channeltest.Recorded{Name: name, Body: recorded(t, "ses-"+name+".json"), Want: want}
				if want == nil {
					r.Ignored = 1
				}
				return r
			}
			channeltest.ExerciseReceiver(t, channeltest.Webhook{
				Now: now, Open: sesOf(s), SignsBody: true, SignsTime: true, Window: snsWindow,
				Sign: func(_ *testing.T, body []byte, at time.Time) *http.Request {
					return posted(s.Body("Notification", string(body), at, nil), http.Header{"Content-Type": {"text/plain; charset=UTF-8"}})
				},
				Forge: func(r *http.Request) {
					*r = *posted(other.Body("Notification", string(recorded(t, "ses-delivery.json")), now, nil), nil)
				},
				Recorded: []channeltest.Recorded{
					one("delivery", kind(channel.Delivered)), one("open", kind(channel.Opened)),
					one("notification-delivery", as(of, func(r *channel.Report) { r.Kind, r.Key = channel.Delivered, "" })),
					one("click", as(of, func(r *channel.Report) {
						r.Kind, r.URL = channel.Clicked, "http://docs.aws.amazon.com/ses/latest/DeveloperGuide/send-email-smtp.html"
					})),
					one("bounce", bounce(channel.Hard, "Permanent/General: smtp; 550 5.1.1 user unknown", of.Key)),
					one("bounce-transient", bounce(channel.Soft, "Transient/MailboxFull", of.Key)),
					one("notification-bounce", bounce(channel.Hard, "Permanent/Suppressed", "")),
					one("complaint", as(of, func(r *channel.Report) { r.ID, r.Kind, r.Reason = feedback, channel.Complained, "abuse" })),
					one("subscription", as(of, func(r *channel.Report) {
						r.ID, r.Kind = "ses/22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", channel.Unsubscribed
					})),
					one("complaint-not-spam", nil), one("delay", nil), one("subscription-topic", nil),
				},
				Unknown: []byte(`{"eventType":"Send","mail":{}}`),
			})
			r := sesOf(s)(t, func() time.Time { return now })
			for name, reason := range map[string]string{
				"reject": "Bad content", "rendering-failure": "Attribute 'attributeName' is not present in the rendering data.",
			} {
				body := s.Body("Notification", string(recorded(t, "ses-"+name+".json")), now, nil)
				got, err := r.Receive(posted(body, nil), body)
				if err != nil || len(got.Reports) != 1 || got.Reports[0].Reason != reason || !got.Reports[0].At.Equal(now) ||
					got.Reports[0].Kind != channel.Failed {
					t.Errorf("%s: %+v %v", name, got, err)
				}
			}
		})
	}
}

// Only Amazon's hosts are called, and only for the topic that the setting names: strangers can send any address.
func TestSNSIsNotMadeToCallOthers(t *testing.T) {
	t.Parallel()
	s := mailproviders.NewSNS(topic, "2")
	r := sesOf(s)(t, func() time.Time { return now })
	receive := func(body []byte) (channel.Received, error) { return r.Receive(posted(body, nil), body) }
	for name, change := range map[string]func(map[string]string){
		"another host": func(f map[string]string) {
			f["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"
		},
		"a query": func(f map[string]string) {
			f["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com/x.pem?Action=GetTopicAttributes"
		},
		"another path": func(f map[string]string) { f["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com/x.txt" },
		"a user": func(f map[string]string) {
			f["SigningCertURL"] = "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem"
		},
		"in clear": func(f map[string]string) {
			f["SigningCertURL"] = strings.Replace(mailproviders.SNSCertificate, "https", "http", 1)
		},
		"a bucket":        func(f map[string]string) { f["SigningCertURL"] = "https://s3.eu-west-1.amazonaws.com/evil/x.pem" },
		"another topic":   func(f map[string]string) { f["TopicArn"] = "arn:aws:sns:eu-west-1:123456789012:evil" },
		"no time":         func(f map[string]string) { f["Timestamp"] = "" },
		"another version": func(f map[string]string) { f["SignatureVersion"] = "3" },
	} {
		if _, err := receive(s.Body("Notification", "{}", now, change)); !errors.Is(err, channel.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	evil := func(f map[string]string) { f["SubscribeURL"] = "https://evil.example/?Action=ConfirmSubscription" }
	_, refused := receive(s.Body("SubscriptionConfirmation", "x", now, evil))
	if !errors.Is(refused, channel.ErrSignature) || len(s.Confirmed()) > 0 {
		t.Errorf("a subscription at another host: %v, %v", refused, s.Confirmed())
	}
	got, err := receive(s.Body("SubscriptionConfirmation", "You have chosen to subscribe to the topic", now, nil))
	if err != nil || len(got.Ignored) != 1 || len(s.Confirmed()) != 1 || s.Confirmed()[0] != mailproviders.SNSSubscribe {
		t.Errorf("a subscription: %+v %v, confirmed %v", got, err, s.Confirmed())
	}
	got, err = receive(s.Body("Notification", "Successfully validated SNS topic for Amazon SES event publishing.", now, nil))
	if err != nil || len(got.Ignored) != 1 {
		t.Errorf("a notice in words: %+v %v", got, err)
	}
	s.Away(true)
	fresh := sesOf(s)(t, func() time.Time { return now })
	body := s.Body("Notification", "{}", now, nil)
	if _, err := fresh.Receive(posted(body, nil), body); !errors.Is(err, channel.ErrUnavailable) {
		t.Errorf("Amazon is away: %v", err)
	}
}
